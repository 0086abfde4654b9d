/* A fuzz target: any bytes as a picture of a folder data set. PNG chunks with a wrong checksum get
 * a right one, else nothing behind that check is reached. */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "base/option.h"
#include "data/dataset.h"
#include "data/picture.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST_PIXELS = 1 << 16, SIGNATURE = 8, FRAME = 12 };

/* DIR/{train,test}/{a,b}/1.png are one file. */
static const char *make_folder(void) {
    static const char *const folders[] = {"train/a", "train/b", "test/a", "test/b"};
    static bool made;
    for (size_t i = 0; !made && i < sizeof folders / sizeof *folders; i++) {
        char name[64];
        fuzz_expect(sn_file_make_directory(fuzz_path(folders[i]), NULL) == SN_OK);
        strcat(strcpy(name, folders[i]), "/1.png");
        fuzz_expect(symlink("../../picture", fuzz_path(name)) == 0);
    }
    made = true;
    return fuzz_path("picture");
}

static void read_picture(const uint8_t *data, size_t size) {
    const char *path = make_folder();
    sn_picture picture;
    sn_error error;
    fuzz_write(path, data, size, 0);
    if (sn_picture_read(path, (sn_colour){{0}}, &picture, &error) != SN_OK) {
        fuzz_expect(error.message[0] != '\0' && !picture.rgb);
        return;
    }
    const int width = picture.width, height = picture.height;
    sn_picture_clear(&picture);
    fuzz_expect(width > 0 && height > 0 && width <= SN_PICTURE_MAX_SIDE &&
                height <= SN_PICTURE_MAX_SIDE);
    if (width * height > MOST_PIXELS)
        return;
    sn_dataset *dataset = NULL;
    const int folder = sn_choice_find(sn_dataset_name, "folder");
    fuzz_expect(sn_dataset_open(folder, SN_SPLIT_TEST, fuzz_folder(), 0, &dataset, &error) ==
                SN_OK);
    fuzz_expect(sn_dataset_count(dataset) == 2 && sn_dataset_classes(dataset) == 2);
    fuzz_expect(sn_dataset_width(dataset) == width && sn_dataset_height(dataset) == height);
    const sn_pixel_statistics statistics = sn_dataset_statistics(dataset);
    fuzz_expect(statistics.deviation[0] > 0);
    sn_dataset_free(dataset);
}

static uint32_t load(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Length, kind, data and checksum, chunk after chunk. */
static void fix_checksums(uint8_t *data, size_t size) {
    for (size_t at = SIGNATURE; at + FRAME <= size;) {
        const size_t length = load(data + at);
        if (length > size - at - FRAME)
            return;
        const uint32_t sum = (uint32_t)crc32(0, data + at + 4, (uInt)(length + 4));
        for (int i = 0; i < 4; i++)
            data[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += FRAME + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = fuzz_text(data, size);
    read_picture(data, size);
    fix_checksums((uint8_t *)copy, size);
    if (size && memcmp(copy, data, size) != 0)
        read_picture((const uint8_t *)copy, size);
    free(copy);
    return 0;
}
