#include "data/picture.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* After stdio.h, which it needs. */
#include <jerror.h>
#include <jpeglib.h>

/* libjpeg leaves its functions through error_exit. Everything that must survive the jump lives
 * here, in the frame of a function that has not called setjmp. */
typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr manager;
    jmp_buf leave;
    bool no_memory;
    char message[JMSG_LENGTH_MAX];
    uint8_t *row; /* [width][components] */
} reader;

static void on_error(j_common_ptr common) {
    reader *r = common->client_data;
    common->err->format_message(common, r->message);
    r->no_memory = common->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(r->leave, 1);
}

/* Level -1 is a warning: damaged data, but for two kinds that harm nothing. */
static void on_message(j_common_ptr common, int level) {
    const int code = common->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM)
        on_error(common);
}

static void on_output(j_common_ptr common) {
    (void)common; /* by default libjpeg prints */
}

/* False with r->message when the file is damaged. */
static bool read_header(reader *r, FILE *file) {
    if (setjmp(r->leave))
        return false;
    jpeg_create_decompress(&r->jpeg);
    jpeg_stdio_src(&r->jpeg, file);
    jpeg_save_markers(&r->jpeg, JPEG_APP0 + 1, 0xffff); /* EXIF */
    jpeg_read_header(&r->jpeg, TRUE);
    const J_COLOR_SPACE space = r->jpeg.jpeg_color_space;
    r->jpeg.out_color_space = space == JCS_CMYK || space == JCS_YCCK ? JCS_CMYK : JCS_RGB;
    jpeg_calc_output_dimensions(&r->jpeg);
    return true;
}

/* Adobe stores CMYK inverted: 255 is no ink. */
static void place_row(const reader *r, bool inverted, size_t y, sn_picture *picture) {
    const size_t width = (size_t)picture->width, plane = width * (size_t)picture->height;
    const size_t components = (size_t)r->jpeg.output_components;
    for (size_t x = 0; x < width; x++)
        for (size_t c = 0; c < SN_PICTURE_CHANNELS; c++) {
            const uint8_t *pixel = r->row + x * components;
            unsigned value = pixel[c];
            if (components == 4) {
                const unsigned ink = inverted ? value : 255 - value;
                const unsigned black = inverted ? pixel[3] : 255U - pixel[3];
                value = (ink * black + 127) / 255;
            }
            picture->rgb[c * plane + y * width + x] = (uint8_t)value;
        }
}

static bool read_rows(reader *r, sn_picture *picture) {
    if (setjmp(r->leave))
        return false;
    jpeg_start_decompress(&r->jpeg);
    const bool inverted = r->jpeg.saw_Adobe_marker;
    while (r->jpeg.output_scanline < r->jpeg.output_height) {
        JSAMPROW rows[1] = {r->row};
        const size_t y = r->jpeg.output_scanline;
        if (jpeg_read_scanlines(&r->jpeg, rows, 1) == 1)
            place_row(r, inverted, y, picture);
    }
    jpeg_finish_decompress(&r->jpeg);
    return true;
}

static int orientation_of(const reader *r) {
    for (jpeg_saved_marker_ptr m = r->jpeg.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif", 4) == 0)
            return sn_exif_orientation(m->data, m->data_length);
    return 1;
}

static sn_status refuse(const reader *r, const char *path, sn_error *error) {
    SN_RETURN_IF(r->no_memory, error, SN_ERROR_MEMORY, "%s: no memory to read it", path);
    return sn_error_set(error, SN_ERROR_DATA, "%s: damaged JPEG picture (%s)", path, r->message);
}

static sn_status read_picture(reader *r, FILE *file, const char *path, sn_picture *picture,
                              sn_error *error) {
    if (!read_header(r, file))
        return refuse(r, path, error);
    SN_TRY(sn_picture_allocate(path, r->jpeg.output_width, r->jpeg.output_height, picture, error));
    const int orientation = orientation_of(r); /* markers go with jpeg_finish_decompress */
    r->row = sn_alloc_array(r->jpeg.output_width, (size_t)r->jpeg.out_color_components);
    SN_RETURN_IF(!r->row, error, SN_ERROR_MEMORY, "%s: no memory to read it", path);
    if (!read_rows(r, picture))
        return refuse(r, path, error);
    return sn_picture_orient(path, orientation, picture, error);
}

sn_status sn_jpeg_read(FILE *file, const char *path, sn_picture *picture, sn_error *error) {
    reader *r = sn_alloc(sizeof *r);
    SN_RETURN_IF(!r, error, SN_ERROR_MEMORY, "%s: no memory to read it", path);
    r->jpeg.err = jpeg_std_error(&r->manager);
    r->jpeg.client_data = r;
    r->manager.error_exit = on_error;
    r->manager.emit_message = on_message;
    r->manager.output_message = on_output;
    const sn_status status = read_picture(r, file, path, picture, error);
    jpeg_destroy_decompress(&r->jpeg);
    sn_free(r->row);
    sn_free(r);
    return status;
}
