#include "data/png_reader.h"

#include "base/memory.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* On broken files libpng leaves its functions with longjmp. Everything that must survive the jump
 * is here, in the frame of a function that has not called setjmp. */
typedef struct reader {
    const char *path;
    FILE *file;
    png_structp png;
    png_infop info;
    int width, height;
    int value_size; /* bytes: 1 or 2 */
    uint8_t *rgba;  /* [height][width][4] values */
    char message[128];
} reader;

enum { SIGNATURE_SIZE = 8, RGBA = 4, RGB = 3 };

static void on_error(png_structp png, png_const_charp message) {
    reader *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png; /* by default libpng prints them */
    (void)message;
}

static void reader_close(reader *r) {
    png_destroy_read_struct(&r->png, &r->info, NULL);
    sn_free(r->rgba);
    if (r->file)
        fclose(r->file);
}

static sn_status reader_open(reader *r, sn_error *error) {
    r->file = fopen(r->path, "rb");
    SN_RETURN_IF(!r->file, error, SN_ERROR_IO, "%s: %s", r->path, strerror(errno));
    uint8_t signature[SIGNATURE_SIZE] = {0};
    const size_t got = fread(signature, 1, SIGNATURE_SIZE, r->file);
    SN_RETURN_IF(ferror(r->file), error, SN_ERROR_IO, "%s: %s", r->path, strerror(errno));
    SN_RETURN_IF(got < SIGNATURE_SIZE || png_sig_cmp(signature, 0, SIGNATURE_SIZE), error,
                 SN_ERROR_DATA, "%s: is not a PNG picture", r->path);
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    SN_RETURN_IF(!r->info, error, SN_ERROR_MEMORY, "%s: no memory to read it", r->path);
    return SN_OK;
}

/* False with r->message when the file is broken. */
static bool read_header(reader *r) {
    if (setjmp(png_jmpbuf(r->png)))
        return false;
    png_init_io(r->png, r->file);
    png_set_sig_bytes(r->png, SIGNATURE_SIZE);
    png_set_user_limits(r->png, SN_PNG_MAX_SIDE, SN_PNG_MAX_SIDE);
    png_read_info(r->png, r->info);
    r->width = (int)png_get_image_width(r->png, r->info);
    r->height = (int)png_get_image_height(r->png, r->info);
    r->value_size = png_get_bit_depth(r->png, r->info) == 16 ? 2 : 1;
    return true;
}

/* False with r->message when the file is broken. */
static bool read_pixels(reader *r, png_bytepp rows) {
    if (setjmp(png_jmpbuf(r->png)))
        return false;
    png_set_expand(r->png); /* palettes, few bits, transparent colours */
    png_set_gray_to_rgb(r->png);
    png_set_add_alpha(r->png, 0xffff, PNG_FILLER_AFTER);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    if (png_get_rowbytes(r->png, r->info) != (size_t)r->width * RGBA * (size_t)r->value_size)
        png_error(r->png, "is of an unknown kind");
    png_read_image(r->png, rows);
    png_read_end(r->png, NULL);
    return true;
}

static sn_status open_picture(reader *r, sn_error *error) {
    SN_TRY(reader_open(r, error));
    SN_RETURN_IF(!read_header(r), error, SN_ERROR_DATA,
                 "%s: broken PNG picture (%s); at most %d x %d pixels are read", r->path,
                 r->message, SN_PNG_MAX_SIDE, SN_PNG_MAX_SIDE);
    return SN_OK;
}

sn_status sn_png_size(const char *path, int *width, int *height, sn_error *error) {
    reader r = {.path = path};
    const sn_status status = open_picture(&r, error);
    *width = r.width;
    *height = r.height;
    reader_close(&r);
    return status;
}

/* Values of 16 bits, high byte first, to the nearest of 8 bits, in place. */
static void reduce_to_bytes(reader *r, sn_png_facts *facts) {
    const size_t count = (size_t)r->width * (size_t)r->height * RGBA;
    for (size_t i = 0; i < count; i++) {
        const unsigned value = (unsigned)r->rgba[2 * i] << 8 | r->rgba[2 * i + 1];
        if (i % RGBA < RGB && value > facts->largest)
            facts->largest = (uint16_t)value;
        r->rgba[i] = (uint8_t)((value + 128) / 257);
    }
}

/* What alpha did to the picture; rgb[3][plane] is the result. */
static void look_at_alpha(const reader *r, const uint8_t *rgb, sn_png_facts *facts) {
    const size_t plane = (size_t)r->width * (size_t)r->height;
    bool one_colour = true, one_alpha = true;
    for (size_t p = 0; p < plane; p++) {
        one_alpha = one_alpha && r->rgba[p * RGBA + RGB] == r->rgba[RGB];
        for (size_t c = 0; c < RGB; c++)
            one_colour = one_colour && rgb[c * plane + p] == rgb[c * plane];
    }
    facts->transparent = one_alpha && r->rgba[RGB] == 0;
    facts->drawn_in_alpha = one_colour && !one_alpha;
}

/* Interleaved rows with alpha to planes over black. */
static void composite(const reader *r, uint8_t *rgb) {
    const size_t plane = (size_t)r->width * (size_t)r->height;
    for (size_t p = 0; p < plane; p++)
        for (size_t c = 0; c < RGB; c++) {
            const unsigned value = r->rgba[p * RGBA + c], alpha = r->rgba[p * RGBA + RGB];
            rgb[c * plane + p] = (uint8_t)((value * alpha + 127) / 255);
        }
}

static sn_status read_picture(reader *r, int width, int height, uint8_t *rgb, sn_png_facts *facts,
                              sn_error *error) {
    SN_TRY(open_picture(r, error));
    SN_RETURN_IF(r->width != width || r->height != height, error, SN_ERROR_DATA,
                 "%s: has %d x %d pixels, not %d x %d", r->path, r->width, r->height, width,
                 height);
    const size_t row_size = (size_t)width * RGBA * (size_t)r->value_size;
    r->rgba = sn_alloc_array((size_t)height, row_size);
    png_bytepp rows = sn_alloc_array((size_t)height, sizeof *rows);
    bool complete = false;
    if (r->rgba && rows) {
        for (size_t y = 0; y < (size_t)height; y++)
            rows[y] = r->rgba + y * row_size;
        complete = read_pixels(r, rows);
    }
    const bool memory = r->rgba && rows;
    sn_free(rows);
    SN_RETURN_IF(!memory, error, SN_ERROR_MEMORY, "%s: no memory to read it", r->path);
    SN_RETURN_IF(!complete, error, SN_ERROR_DATA, "%s: broken PNG picture (%s)", r->path,
                 r->message);
    *facts = (sn_png_facts){.sixteen_bits = r->value_size == 2};
    if (facts->sixteen_bits)
        reduce_to_bytes(r, facts);
    composite(r, rgb);
    look_at_alpha(r, rgb, facts);
    return SN_OK;
}

sn_status sn_png_read(const char *path, int width, int height, uint8_t *rgb, sn_png_facts *facts,
                      sn_error *error) {
    reader r = {.path = path};
    const sn_status status = read_picture(&r, width, height, rgb, facts, error);
    reader_close(&r);
    return status;
}
