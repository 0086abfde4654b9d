#include "data/picture.h"

#include "base/memory.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

/* libpng leaves its functions with longjmp on broken files. Everything that must survive the jump
 * lives here, in the frame of a function that has not called setjmp. */
typedef struct reader {
    FILE *file;
    png_structp png;
    png_infop info;
    png_uint_32 width, height;
    int value_size; /* bytes: 1 or 2 */
    int orientation;
    uint8_t *rgba; /* [height][width][4] values */
    char message[SN_PICTURE_MESSAGE_SIZE];
} reader;

enum { RGBA = 4, RGB = SN_PICTURE_CHANNELS };

static void on_error(png_structp png, png_const_charp message) {
    reader *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png; /* by default libpng prints them */
    (void)message;
}

/* False with r->message when the file is broken. */
static bool read_header(reader *r) {
    if (setjmp(png_jmpbuf(r->png)))
        return false;
    png_init_io(r->png, r->file);
    png_set_user_limits(r->png, SN_PICTURE_MAX_SIDE, SN_PICTURE_MAX_SIDE);
    png_read_info(r->png, r->info);
    r->width = png_get_image_width(r->png, r->info);
    r->height = png_get_image_height(r->png, r->info);
    r->value_size = png_get_bit_depth(r->png, r->info) == 16 ? 2 : 1;
    return true;
}

static void find_orientation(reader *r) {
    png_uint_32 size = 0;
    png_bytep data = NULL;
    if (png_get_eXIf_1(r->png, r->info, &size, &data) == PNG_INFO_eXIf && data)
        r->orientation = sn_exif_orientation(data, size);
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
    png_read_end(r->png, r->info);
    find_orientation(r);
    return true;
}

/* Values of 16 bits, high byte first, to the nearest of 8 bits, in place. */
static void reduce_to_bytes(reader *r, sn_picture_facts *facts) {
    const size_t count = (size_t)r->width * r->height * RGBA;
    for (size_t i = 0; i < count; i++) {
        const unsigned value = (unsigned)r->rgba[2 * i] << 8 | r->rgba[2 * i + 1];
        if (i % RGBA < RGB && value > facts->largest)
            facts->largest = (uint16_t)value;
        r->rgba[i] = (uint8_t)((value + 128) / 257);
    }
}

/* What alpha does to the picture; rgb[3][plane] is what came of it. */
static void look_at_alpha(const reader *r, sn_picture *picture) {
    const size_t plane = (size_t)r->width * r->height;
    bool one_colour = true, one_alpha = true;
    for (size_t p = 0; p < plane; p++) {
        one_alpha = one_alpha && r->rgba[p * RGBA + RGB] == r->rgba[RGB];
        for (size_t c = 0; c < RGB; c++)
            one_colour = one_colour && picture->rgb[c * plane + p] == picture->rgb[c * plane];
    }
    picture->facts.transparent = one_alpha && r->rgba[RGB] == 0;
    picture->facts.drawn_in_alpha = one_colour && !one_alpha;
}

/* Interleaved rows with alpha to planes over the background. */
static void composite(const reader *r, sn_colour background, sn_picture *picture) {
    const size_t plane = (size_t)r->width * r->height;
    for (size_t p = 0; p < plane; p++)
        for (size_t c = 0; c < RGB; c++) {
            const unsigned value = r->rgba[p * RGBA + c], alpha = r->rgba[p * RGBA + RGB];
            picture->rgb[c * plane + p] =
                (uint8_t)((value * alpha + background.value[c] * (255 - alpha) + 127) / 255);
        }
}

static sn_status damaged(const reader *r, const char *path, sn_error *error) {
    return sn_error_set(error, SN_ERROR_DATA, "%s: broken PNG picture (%s)", path, r->message);
}

static sn_status read_all_rows(reader *r, const char *path, sn_error *error) {
    const size_t row_size = (size_t)r->width * RGBA * (size_t)r->value_size;
    r->rgba = sn_alloc_array(r->height, row_size);
    png_bytepp rows = sn_alloc_array(r->height, sizeof *rows);
    bool complete = false;
    const bool memory = r->rgba && rows;
    if (memory) {
        for (size_t y = 0; y < r->height; y++)
            rows[y] = r->rgba + y * row_size;
        complete = read_pixels(r, rows);
    }
    sn_free(rows);
    SN_RETURN_IF(!memory, error, SN_ERROR_MEMORY, "%s: no memory to read it", path);
    return complete ? SN_OK : damaged(r, path, error);
}

static sn_status read_picture(reader *r, const char *path, sn_colour background,
                              sn_picture *picture, sn_error *error) {
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    SN_RETURN_IF(!r->info, error, SN_ERROR_MEMORY, "%s: no memory to read it", path);
    SN_RETURN_IF(!read_header(r), error, SN_ERROR_DATA,
                 "%s: broken PNG picture (%s); sides can be 1 to %d pixels", path, r->message,
                 SN_PICTURE_MAX_SIDE);
    SN_TRY(sn_picture_allocate(path, r->width, r->height, picture, error));
    SN_TRY(read_all_rows(r, path, error));
    picture->facts.sixteen_bits = r->value_size == 2;
    if (r->value_size == 2)
        reduce_to_bytes(r, &picture->facts);
    composite(r, background, picture);
    look_at_alpha(r, picture);
    return sn_picture_orient(path, r->orientation, picture, error);
}

sn_status sn_png_read(FILE *file, const char *path, sn_colour background, sn_picture *picture,
                      sn_error *error) {
    reader r = {.file = file, .orientation = 1};
    const sn_status status = read_picture(&r, path, background, picture, error);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    sn_free(r.rgba);
    return status;
}
