#include "data/picture.h"

#include "base/memory.h"

#include <errno.h>
#include <libexif/exif-data.h>
#include <string.h>

void sn_picture_clear(sn_picture *picture) {
    sn_free(picture->rgb);
    *picture = (sn_picture){0};
}

sn_status sn_picture_allocate(const char *path, unsigned long width, unsigned long height,
                              sn_picture *picture, sn_error *error) {
    SN_RETURN_IF(width < 1 || width > SN_PICTURE_MAX_SIDE || height < 1 ||
                     height > SN_PICTURE_MAX_SIDE || width * height > SN_PICTURE_MAX_PIXELS,
                 error, SN_ERROR_DATA,
                 "%s: has %lu x %lu pixels; sides can be 1 to %d, and pictures have at most %d "
                 "million pixels",
                 path, width, height, SN_PICTURE_MAX_SIDE, SN_PICTURE_MAX_PIXELS / 1000000);
    picture->width = (int)width;
    picture->height = (int)height;
    picture->rgb = sn_alloc_array(width * height, SN_PICTURE_CHANNELS);
    SN_RETURN_IF(!picture->rgb, error, SN_ERROR_MEMORY, "%s: no memory to read it", path);
    return SN_OK;
}

/* The eight orientations: whether rows and columns change places, then which run backwards. */
typedef struct turn {
    bool transpose, flip_x, flip_y; /* of the picture as it is shown */
} turn;

static const turn turns[9] = {
    [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false}, [6] = {true, true, false}, [7] = {true, true, true},
    [8] = {true, false, true},
};

static void turn_plane(const uint8_t *from, int width, int height, turn t, uint8_t *to) {
    const int shown_width = t.transpose ? height : width;
    const int shown_height = t.transpose ? width : height;
    for (int y = 0; y < shown_height; y++)
        for (int x = 0; x < shown_width; x++) {
            const int column = t.flip_x ? shown_width - 1 - x : x;
            const int row = t.flip_y ? shown_height - 1 - y : y;
            *to++ = t.transpose ? from[(size_t)column * (size_t)width + (size_t)row]
                                : from[(size_t)row * (size_t)width + (size_t)column];
        }
}

sn_status sn_picture_orient(const char *path, int orientation, sn_picture *picture,
                            sn_error *error) {
    if (orientation < 2 || orientation > 8)
        return SN_OK;
    const size_t plane = (size_t)picture->width * (size_t)picture->height;
    uint8_t *shown = sn_alloc_array(plane, SN_PICTURE_CHANNELS);
    SN_RETURN_IF(!shown, error, SN_ERROR_MEMORY, "%s: no memory to turn it", path);
    const turn t = turns[orientation];
    for (size_t c = 0; c < SN_PICTURE_CHANNELS; c++)
        turn_plane(picture->rgb + c * plane, picture->width, picture->height, t, shown + c * plane);
    sn_free(picture->rgb);
    picture->rgb = shown;
    if (t.transpose) {
        const int width = picture->width;
        picture->width = picture->height;
        picture->height = width;
    }
    picture->facts.rotated = true;
    return SN_OK;
}

int sn_exif_orientation(const uint8_t *data, size_t size) {
    static const uint8_t mark[6] = {'E', 'x', 'i', 'f', 0, 0};
    uint8_t *marked = NULL; /* libexif wants the mark, a PNG chunk comes without */
    if (size > UINT16_MAX - sizeof mark)
        return 1;
    if (size < sizeof mark || memcmp(data, mark, sizeof mark) != 0) {
        marked = sn_alloc(size + sizeof mark);
        if (!marked)
            return 1;
        memcpy(marked, mark, sizeof mark);
        memcpy(marked + sizeof mark, data, size);
        data = marked;
        size += sizeof mark;
    }
    ExifData *exif = exif_data_new_from_data(data, (unsigned)size);
    const ExifEntry *entry =
        exif ? exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION) : NULL;
    int orientation = 1;
    if (entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
        orientation = exif_get_short(entry->data, exif_data_get_byte_order(exif));
    if (exif)
        exif_data_unref(exif);
    sn_free(marked);
    return orientation;
}

static sn_status read_any(FILE *file, const char *path, sn_colour background, sn_picture *picture,
                          sn_error *error) {
    static const uint8_t png[4] = {0x89, 'P', 'N', 'G'}, jpeg[3] = {0xff, 0xd8, 0xff};
    uint8_t start[4] = {0};
    const size_t got = fread(start, 1, sizeof start, file);
    SN_RETURN_IF(ferror(file) || fseek(file, 0, SEEK_SET), error, SN_ERROR_IO, "%s: %s", path,
                 strerror(errno));
    if (got == sizeof start && memcmp(start, png, sizeof png) == 0)
        return sn_png_read(file, path, background, picture, error);
    if (got == sizeof start && memcmp(start, jpeg, sizeof jpeg) == 0)
        return sn_jpeg_read(file, path, picture, error);
    return sn_error_set(error, SN_ERROR_DATA, "%s: is %s", path,
                        got ? "neither a PNG nor a JPEG picture" : "empty");
}

sn_status sn_picture_read(const char *path, sn_colour background, sn_picture *picture,
                          sn_error *error) {
    *picture = (sn_picture){0};
    FILE *file = fopen(path, "rb");
    SN_RETURN_IF(!file, error, SN_ERROR_IO, "%s: %s", path, strerror(errno));
    const sn_status status = read_any(file, path, background, picture, error);
    fclose(file);
    if (status != SN_OK)
        sn_picture_clear(picture);
    return status;
}
