/* Writes a grey picture of noise: make_picture FILE.png SIDE SEED [BITS]. With BITS, 9 to 16, it is
 * one of 16 bits whose values have no more than BITS. */
#include <png.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_SIDE = 1000 };

static void write_rows(png_structp png, int side, unsigned seed, int bits) {
    uint8_t row[2 * MAX_SIDE];
    const unsigned mask = (1U << bits) - 1;
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            seed = seed * 1664525U + 1013904223U;
            const unsigned value = seed >> 12 & mask;
            if (bits > 8) {
                row[2 * x] = (uint8_t)(value >> 8);
                row[2 * x + 1] = (uint8_t)value;
            } else {
                row[x] = (uint8_t)value;
            }
        }
        png_write_row(png, row);
    }
}

int main(int argc, char **argv) {
    if (argc < 4)
        return EXIT_FAILURE;
    const int side = atoi(argv[2]), bits = argc > 4 ? atoi(argv[4]) : 8;
    FILE *file = fopen(argv[1], "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!file || !info || side < 1 || side > MAX_SIDE || setjmp(png_jmpbuf(png)))
        return EXIT_FAILURE;
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)side, (png_uint_32)side, bits > 8 ? 16 : 8,
                 PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    write_rows(png, side, (unsigned)atoi(argv[3]), bits);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
