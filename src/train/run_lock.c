#define _DEFAULT_SOURCE /* flock, gethostname */
#include "train/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 100, HOLDER_SIZE = 128 };

/* How long a holder may take to go: one that was just killed still has to be cleared away. */
enum { PATIENCE_MS = 1000, PAUSE_MS = 20 };

/* "process 123 on NAME", as the holder wrote it; "" when that cannot be read. */
static void read_holder(int file, char holder[HOLDER_SIZE]) {
    const ssize_t count = pread(file, holder, HOLDER_SIZE - 1, 0);
    holder[count > 0 ? count : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
}

/* Only for messages, so that it does not matter whether it can be written. */
static void write_holder(int file) {
    char host[64] = "", holder[HOLDER_SIZE];
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    const int length = snprintf(holder, sizeof holder, "process %ld%s%s\n", (long)getpid(),
                                host[0] ? " on " : "", host);
    if (ftruncate(file, 0) != 0 || pwrite(file, holder, (size_t)length, 0) != length)
        return;
}

/* Whether the file that was locked is still the one of that name: a holder that ends removes it. */
static bool is_current(int file, const char *path) {
    struct stat mine, there;
    return fstat(file, &mine) == 0 && stat(path, &there) == 0 && mine.st_dev == there.st_dev &&
           mine.st_ino == there.st_ino;
}

/* Like flock, but does not give up at once. */
static bool lock_file(int file) {
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    for (int waited = 0; flock(file, LOCK_EX | LOCK_NB) != 0; waited += PAUSE_MS) {
        if (errno != EWOULDBLOCK || waited >= PATIENCE_MS)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static sn_status refuse(const char *directory, int file, sn_error *error) {
    char holder[HOLDER_SIZE] = "";
    const int code = errno;
    if (code == EWOULDBLOCK)
        read_holder(file, holder);
    close(file);
    SN_RETURN_IF(code != EWOULDBLOCK, error, SN_ERROR_IO, "%s/lock: cannot be locked: %s",
                 directory, strerror(code));
    return sn_error_set(error, SN_ERROR_IO, "%s: another process is training this run%s%s",
                        directory, holder[0] ? ": " : "", holder);
}

sn_status sn_run_lock_take(const char *directory, sn_run_lock *lock, sn_error *error) {
    lock->file = -1;
    snprintf(lock->path, sizeof lock->path, "%s/lock", directory);
    for (int i = 0; i < TRIES; i++) {
        const int file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        SN_RETURN_IF(file < 0, error, SN_ERROR_IO, "%s: cannot open: %s", lock->path,
                     strerror(errno));
        if (!lock_file(file))
            return refuse(directory, file, error);
        if (is_current(file, lock->path)) {
            write_holder(file);
            lock->file = file;
            return SN_OK;
        }
        close(file);
    }
    return sn_error_set(error, SN_ERROR_IO, "%s: other processes come and go in this run",
                        directory);
}

void sn_run_lock_release(sn_run_lock *lock) {
    if (lock->file < 0)
        return;
    unlink(lock->path);
    close(lock->file);
    lock->file = -1;
}
