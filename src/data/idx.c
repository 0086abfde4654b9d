/* IDX files, as they are or compressed by gzip. An IDX file is 0, 0, the type of the values (8:
 * bytes), the number of dimensions, each dimension as 4 bytes with the highest first, and the
 * values.
 */
#define _POSIX_C_SOURCE 200809L

#include "data/idx.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { PATH_SIZE = 4096, MAX_SIDE = 4096, MAX_DIMENSIONS = 3 };

typedef struct idx_file {
    char path[PATH_SIZE];
    gzFile stream;
    size_t size[MAX_DIMENSIONS]; /* [dimensions] */
} idx_file;

/* The file `stem` with its kind of values, as "train-images" and "idx3-ubyte": there are two ways
 * to spell that, each also compressed. False when it is nowhere. */
static bool find_file(const sn_idx_set *set, const char *directory, const char *stem,
                      const char *kind, char path[PATH_SIZE]) {
    static const char *const spellings[] = {"%s/%s%s-%s", "%s/%s%s.%s", "%s/%s%s-%s.gz",
                                            "%s/%s%s.%s.gz"};
    for (size_t p = 0; p < sizeof set->places / sizeof *set->places; p++)
        for (size_t s = 0; s < sizeof spellings / sizeof *spellings; s++) {
            struct stat info;
            if (snprintf(path, PATH_SIZE, spellings[s], directory, set->places[p], stem, kind) <
                    PATH_SIZE &&
                stat(path, &info) == 0 && S_ISREG(info.st_mode))
                return true;
        }
    return false;
}

/* Reads exactly `size` bytes; `what` says of what. */
static sn_status read_bytes(idx_file *file, void *bytes, size_t size, const char *what,
                            sn_error *error) {
    uint8_t *to = bytes;
    for (size_t done = 0; done < size;) {
        const size_t left = size - done;
        const int got = gzread(file->stream, to + done, left < 1 << 20 ? (unsigned)left : 1 << 20);
        if (got <= 0) {
            int code = Z_OK;
            const char *reason = gzerror(file->stream, &code);
            SN_RETURN_IF(code == Z_ERRNO, error, SN_ERROR_IO, "%s: %s", file->path,
                         strerror(errno));
            SN_RETURN_IF(code != Z_OK && code != Z_BUF_ERROR && code != Z_STREAM_END, error,
                         SN_ERROR_DATA, "%s: is damaged (%s)", file->path, reason);
            return sn_error_set(error, SN_ERROR_DATA, "%s: is cut short, within its %s", file->path,
                                what);
        }
        done += (size_t)got;
    }
    return SN_OK;
}

/* Opens the file and reads its dimensions. `file->stream` is to be closed whatever comes out. */
static sn_status open_file(const sn_idx_set *set, const char *directory, const char *stem,
                           int dimensions, idx_file *file, sn_error *error) {
    char kind[16];
    snprintf(kind, sizeof kind, "idx%d-ubyte", dimensions);
    SN_RETURN_IF(!find_file(set, directory, stem, kind, file->path), error, SN_ERROR_IO,
                 "%s: there is no %s-%s, compressed or not, in %s or its folders %.*s and %s; "
                 "scripts/fetch %s gets the data set",
                 set->name, stem, kind, directory, (int)strlen(set->places[0]) - 1, set->places[0],
                 set->places[1], set->name);
    file->stream = gzopen(file->path, "rb");
    SN_RETURN_IF(!file->stream, error, errno ? SN_ERROR_IO : SN_ERROR_MEMORY, "%s: %s", file->path,
                 errno ? strerror(errno) : "no memory to read it");
    uint8_t head[4 + 4 * MAX_DIMENSIONS];
    SN_TRY(read_bytes(file, head, 4 + 4 * (size_t)dimensions, "header", error));
    SN_RETURN_IF(
        head[0] != 0 || head[1] != 0 || head[2] != 8 || head[3] != dimensions, error, SN_ERROR_DATA,
        "%s: begins with %02x %02x %02x %02x; an IDX file of bytes in %d dimensions begins "
        "with 00 00 08 %02x",
        file->path, head[0], head[1], head[2], head[3], dimensions, dimensions);
    for (int d = 0; d < dimensions; d++) {
        const uint8_t *b = head + 4 + 4 * d;
        file->size[d] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    }
    return SN_OK;
}

static sn_status check_sizes(const idx_file *images, const idx_file *labels, sn_error *error) {
    const size_t count = images->size[0], height = images->size[1], width = images->size[2];
    SN_RETURN_IF(count == 0, error, SN_ERROR_DATA, "%s: holds no image", images->path);
    SN_RETURN_IF(height < 1 || height > MAX_SIDE || width < 1 || width > MAX_SIDE, error,
                 SN_ERROR_DATA, "%s: images of %zu x %zu pixels; sides can be 1 to %d",
                 images->path, width, height, MAX_SIDE);
    SN_RETURN_IF(labels->size[0] != count, error, SN_ERROR_DATA,
                 "%s: has %zu labels, but %s has %zu images", labels->path, labels->size[0],
                 images->path, count);
    return SN_OK;
}

/* Nothing may follow the last value. */
static sn_status check_end(idx_file *file, sn_error *error) {
    uint8_t byte;
    SN_RETURN_IF(gzread(file->stream, &byte, 1) == 1, error, SN_ERROR_DATA,
                 "%s: goes on after the values that its header announces", file->path);
    return SN_OK;
}

static sn_status read_labels(idx_file *file, const sn_idx_set *set, sn_dataset *dataset,
                             sn_error *error) {
    for (size_t i = 0; i < dataset->count; i++) {
        uint8_t label;
        SN_TRY(read_bytes(file, &label, 1, "labels", error));
        SN_RETURN_IF(label >= SN_IDX_CLASSES, error, SN_ERROR_DATA,
                     "%s: image %zu has label %d; labels of %s are 0 to %d", file->path, i, label,
                     set->name, SN_IDX_CLASSES - 1);
        dataset->labels[i] = label;
    }
    return SN_OK;
}

static sn_status read_both(idx_file *images, idx_file *labels, const sn_idx_set *set,
                           const char *directory, sn_split split, size_t limit, sn_dataset *dataset,
                           sn_error *error) {
    const bool train = split == SN_SPLIT_TRAIN;
    SN_TRY(open_file(set, directory, train ? "train-images" : "t10k-images", 3, images, error));
    SN_TRY(open_file(set, directory, train ? "train-labels" : "t10k-labels", 1, labels, error));
    SN_TRY(check_sizes(images, labels, error));
    const size_t all = images->size[0], count = limit > 0 && limit < all ? limit : all;
    SN_TRY(sn_dataset_name_classes(dataset, set->classes, SN_IDX_CLASSES, error));
    SN_TRY(
        sn_dataset_allocate(dataset, count, 1, (int)images->size[1], (int)images->size[2], error));
    SN_TRY(read_bytes(images, dataset->pixels, count * images->size[1] * images->size[2], "images",
                      error));
    SN_TRY(read_labels(labels, set, dataset, error));
    if (count < all)
        return SN_OK;
    SN_TRY(check_end(images, error));
    return check_end(labels, error);
}

static void close_file(idx_file *file) {
    if (file->stream)
        gzclose_r(file->stream);
}

sn_status sn_idx_read(const sn_idx_set *set, const sn_dataset_request *request, sn_dataset *dataset,
                      sn_error *error) {
    const char *directory = request->directory;
    SN_RETURN_IF(!directory || !*directory, error, SN_ERROR_ARGUMENT,
                 "%s: needs the directory that holds its files; scripts/fetch %s gets them",
                 set->name, set->name);
    idx_file images = {.stream = NULL}, labels = {.stream = NULL};
    const sn_status status =
        read_both(&images, &labels, set, directory, request->split, request->limit, dataset, error);
    close_file(&images);
    close_file(&labels);
    return status;
}

bool sn_idx_is_there(const sn_idx_set *set, const char *directory) {
    char path[PATH_SIZE];
    return find_file(set, directory, "train-images", "idx3-ubyte", path) ||
           find_file(set, directory, "t10k-images", "idx3-ubyte", path);
}
