#define _XOPEN_SOURCE 700 /* POSIX 2008, with realpath */
#include "base/file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 30,      /* bytes per write: some systems refuse more than 2 GiB */
    FIRST_READ = 1 << 16, /* bytes to begin with when the size is not known */
    TEMPORARY_TRIES = 100,
    SHOWN = 700 /* bytes of a path in a message, so that the reason still fits */
};

/* "cannot VERB 'PATH': REASON" for the current errno. */
static sn_status io_error(sn_error *error, const char *verb, const char *path) {
    char reason[128];
    const int code = errno;
    if (strerror_r(code, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", code);
    return sn_error_set(error, SN_ERROR_IO, "cannot %s '%.*s': %s", verb, SHOWN, path, reason);
}

static sn_status memory_error(sn_error *error, const char *path) {
    return sn_error_set(error, SN_ERROR_MEMORY, "out of memory for '%.*s'", SHOWN, path);
}

/* Makes a new empty file whose name begins with `stem`. The name is written to `name`, which has
 * room for `size` bytes. Returns the descriptor, or -1 with errno. */
static int open_temporary(const char *stem, char *name, size_t size) {
    for (int i = 0; i < TEMPORARY_TRIES; i++) {
        snprintf(name, size, "%s.%ld-%d.tmp", stem, (long)getpid(), i);
        const int file = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

static bool write_all(int file, const unsigned char *data, size_t size) {
    while (size > 0) {
        const ssize_t written = write(file, data, size < CHUNK ? size : CHUNK);
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = ENOSPC; /* a system that writes nothing and gives no reason */
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* Whether the file holds these bytes and no more. */
static bool read_back(int file, const unsigned char *data, size_t size) {
    unsigned char block[1 << 14];
    size_t done = 0;
    if (lseek(file, 0, SEEK_SET) != 0)
        return false;
    for (;;) {
        const ssize_t count = read(file, block, sizeof block);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        const bool end = count == 0 && done == size;
        if (end)
            return true;
        if (count == 0 || (size_t)count > size - done ||
            memcmp(block, data + done, (size_t)count) != 0) {
            errno = EIO;
            return false;
        }
        done += (size_t)count;
    }
}

/* Makes the renaming survive a power cut. Some file systems cannot; the file is written all the
 * same, so that is not an error. */
static void flush_directory_of(const char *path) {
    const char *const slash = strrchr(path, '/');
    char *const directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!directory)
        return;
    const int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (file >= 0) {
        (void)fsync(file);
        close(file);
    }
}

/* Removes an unfinished file; keeps the errno that says why it is unfinished. */
static void discard(const char *name) {
    const int code = errno;
    unlink(name);
    errno = code;
}

/* The path may be new or a regular file. */
static sn_status require_replaceable(const char *path, sn_error *error) {
    struct stat info;
    if (stat(path, &info) != 0)
        return errno == ENOENT ? SN_OK : io_error(error, "write", path);
    SN_RETURN_IF(S_ISDIR(info.st_mode), error, SN_ERROR_IO, "cannot write '%.*s': is a directory",
                 SHOWN, path);
    SN_RETURN_IF(!S_ISREG(info.st_mode), error, SN_ERROR_IO,
                 "cannot write '%.*s': is not a regular file", SHOWN, path);
    return SN_OK;
}

static sn_status write_beside(const char *path, const void *data, size_t size, sn_error *error) {
    const size_t room = strlen(path) + 64;
    char *const temporary = malloc(room);
    if (!temporary)
        return memory_error(error, path);
    sn_status status = SN_OK;
    const int file = open_temporary(path, temporary, room);
    if (file < 0) {
        status = io_error(error, "write", path);
    } else {
        bool good = write_all(file, data, size) && fsync(file) == 0 && read_back(file, data, size);
        if (!good) {
            const int code = errno;
            close(file);
            errno = code;
        } else {
            good = close(file) == 0;
        }
        if (!good || rename(temporary, path) != 0) {
            discard(temporary);
            status = io_error(error, "write", path);
        } else {
            flush_directory_of(path);
        }
    }
    free(temporary);
    return status;
}

sn_status sn_file_write(const char *path, const void *data, size_t size, sn_error *error) {
    SN_TRY(require_replaceable(path, error));
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISLNK(info.st_mode))
        return write_beside(path, data, size, error);
    char *const target = realpath(path, NULL);
    if (!target)
        return io_error(error, "write", path);
    const sn_status status = write_beside(target, data, size, error);
    free(target);
    return status;
}

sn_status sn_file_replace(const char *temporary, const char *path, sn_error *error) {
    sn_status status = require_replaceable(path, error);
    if (status == SN_OK) {
        const int file = open(temporary, O_RDONLY | O_CLOEXEC);
        bool good = file >= 0 && fsync(file) == 0;
        if (file >= 0) {
            const int code = errno;
            close(file);
            errno = code;
        }
        good = good && rename(temporary, path) == 0;
        if (!good)
            status = io_error(error, "write", path);
    }
    if (status == SN_OK)
        flush_directory_of(path);
    else
        unlink(temporary);
    return status;
}

/* Reads until the end into a block that grows. Reads at most limit + 1 bytes; the last one only
 * shows that the file is too large. */
static sn_status read_all(int file, const char *path, size_t limit, uintmax_t expected,
                          unsigned char **data, size_t *size, sn_error *error) {
    size_t room =
        expected < limit ? (size_t)expected + 1 : limit; /* + 1: to meet the end without growing */
    size_t used = 0;
    unsigned char *block = sn_alloc(room + 1);
    if (!block)
        return memory_error(error, path);
    for (;;) {
        unsigned char beyond;
        const bool full = used == limit;
        const size_t wanted = full ? 1 : room - used < CHUNK ? room - used : CHUNK;
        const ssize_t count = read(file, full ? &beyond : block + used, wanted);
        if (count < 0 && errno == EINTR)
            continue;
        if (count == 0)
            break;
        if (count < 0 || full) {
            sn_free(block);
            return count < 0 ? io_error(error, "read", path)
                             : sn_error_set(error, SN_ERROR_DATA, "'%.*s' has more than %zu bytes",
                                            SHOWN, path, limit);
        }
        used += (size_t)count;
        if (used == room && room < limit) {
            room = room > limit / 2 ? limit : room * 2;
            unsigned char *const larger = sn_alloc(room + 1);
            if (larger)
                memcpy(larger, block, used);
            sn_free(block);
            if (!larger)
                return memory_error(error, path);
            block = larger;
        }
    }
    block[used] = '\0';
    *data = block;
    *size = used;
    return SN_OK;
}

sn_status sn_file_read(const char *path, size_t limit, unsigned char **data, size_t *size,
                       sn_error *error) {
    *data = NULL;
    *size = 0;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return io_error(error, "read", path);
    if (limit == SIZE_MAX)
        limit = SIZE_MAX - 1; /* room for the NUL */
    struct stat info;
    const bool sized = fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
    const uintmax_t expected = sized ? (uintmax_t)info.st_size : FIRST_READ;
    sn_status status;
    if (sized && expected > limit)
        status = sn_error_set(error, SN_ERROR_DATA, "'%.*s' has %ju bytes; at most %zu are read",
                              SHOWN, path, expected, limit);
    else
        status = read_all(file, path, limit, expected, data, size, error);
    close(file);
    return status;
}

/* mkdir that accepts an existing directory. mkdir("/") may say EEXIST or EROFS, so it looks instead
 * of reading errno. */
static bool make_one(const char *path) {
    if (mkdir(path, 0777) == 0)
        return true;
    const int code = errno;
    struct stat info;
    const bool found = stat(path, &info) == 0;
    if (found && S_ISDIR(info.st_mode))
        return true;
    errno = found ? ENOTDIR : code;
    return false;
}

sn_status sn_file_make_directory(const char *path, sn_error *error) {
    SN_RETURN_IF(path[0] == '\0', error, SN_ERROR_IO,
                 "cannot make a directory whose name is empty");
    char *const prefix = strdup(path);
    if (!prefix)
        return memory_error(error, path);
    sn_status status = SN_OK;
    for (char *end = prefix; status == SN_OK && *end;) {
        /* The prefix before the next slash that follows a name. */
        while (*end == '/')
            end++;
        while (*end && *end != '/')
            end++;
        const char kept = *end;
        *end = '\0';
        if (!make_one(prefix))
            status = io_error(error, "make directory", prefix);
        *end = kept;
    }
    free(prefix);
    return status;
}

sn_status sn_file_check_directory(const char *path, sn_error *error) {
    const size_t room = strlen(path) + 64;
    char *const stem = malloc(room);
    char *const name = malloc(room + 32);
    sn_status status = SN_OK;
    if (!stem || !name) {
        status = memory_error(error, path);
    } else {
        snprintf(stem, room, "%s/.writable", path);
        const int file = open_temporary(stem, name, room + 32);
        if (file < 0) {
            status = io_error(error, "write into directory", path);
        } else {
            close(file);
            unlink(name);
        }
    }
    free(name);
    free(stem);
    return status;
}
