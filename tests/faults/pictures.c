/* Makes a small folder data set: DIR/{train,test}/{dark,bright,striped}/N.png, 8 x 8 pixels.
 * usage: pictures DIR TRAIN TEST, the pictures of a class in each split */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "base/rng.h"

#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, CLASSES = 3, CHANNELS = 3 };

static const char *const classes[CLASSES] = {"bright", "dark", "striped"};

static void draw(int class, uint64_t index, png_byte pixels[SIDE * SIDE * CHANNELS]) {
    sn_rng rng;
    sn_rng_init(&rng, (uint64_t) class, SN_RNG_TEST, index);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE * CHANNELS; x++) {
            const int level = class == 0 ? 160 : class == 1 ? 60 : y % 2 ? 160 : 60;
            pixels[y * SIDE * CHANNELS + x] = (png_byte)(level + (int)sn_rng_below(&rng, 64));
        }
}

static bool make_class(const char *directory, const char *split, int class, int count) {
    char folder[2048], path[4096];
    snprintf(folder, sizeof folder, "%s/%s/%s", directory, split, classes[class]);
    if (sn_file_make_directory(folder, NULL) != SN_OK)
        return false;
    for (int i = 0; i < count; i++) {
        png_byte pixels[SIDE * SIDE * CHANNELS];
        png_image image = {
            .version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = PNG_FORMAT_RGB};
        draw(class, (uint64_t)i + (strcmp(split, "test") == 0 ? 100000 : 0), pixels);
        snprintf(path, sizeof path, "%s/%d.png", folder, i);
        if (!png_image_write_to_file(&image, path, 0, pixels, 0, NULL))
            return false;
    }
    return true;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: pictures DIR TRAIN TEST\n");
        return 2;
    }
    for (int class = 0; class < CLASSES; class ++)
        if (!make_class(argv[1], "train", class, atoi(argv[2])) ||
            !make_class(argv[1], "test", class, atoi(argv[3]))) {
            fprintf(stderr, "pictures: cannot write to %s\n", argv[1]);
            return 1;
        }
    return 0;
}
