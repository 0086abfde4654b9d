/* Pictures of every kind, and resampling. Expected values of sn_resample are those of PIL 9.4,
 * Image.resize(size, BILINEAR, box), which rounds once more on the way. */
#define _POSIX_C_SOURCE 200809L

#include "data/picture.h"
#include "data/resample.h"
#include "data_tests.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

static char directory[TEST_PATH_SIZE], path[2 * TEST_PATH_SIZE];

static const sn_colour white = {{255, 255, 255}};

static void set_up(void) {
    make_directory(directory);
    snprintf(path, sizeof path, "%s/picture", directory);
}

static void tear_down(void) {
    remove_directory(directory);
}

/* ---- JPEG ---- */

enum { WIDTH = 24, HEIGHT = 16 };

typedef struct jpeg_kind {
    J_COLOR_SPACE given, stored;
    int components;
    int orientation; /* 0: no EXIF data */
    bool progressive;
} jpeg_kind;

/* Orientation in an EXIF block with the smallest TIFF header there is. */
static size_t exif_bytes(int orientation, uint8_t bytes[32]) {
    const uint8_t block[32] = {'E', 'x',  'i', 'f', 0,
                               0,   'I',  'I', 42,  0,
                               8,   0,    0,   0,   1,
                               0,   0x12, 1,   3,   0,
                               1,   0,    0,   0,   (uint8_t)orientation,
                               0,   0,    0,   0,   0,
                               0,   0};
    memcpy(bytes, block, sizeof block);
    return sizeof block;
}

/* Left half of the upper half 200, else 40, in every component. */
static int sample(int x, int y) {
    return x < WIDTH / 2 && y < HEIGHT / 2 ? 200 : 40;
}

static void write_jpeg(const jpeg_kind *kind) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr manager;
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    jpeg.err = jpeg_std_error(&manager);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = kind->components;
    jpeg.in_color_space = kind->given;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, kind->stored);
    jpeg_set_quality(&jpeg, 100, TRUE);
    if (kind->progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (kind->orientation) {
        uint8_t exif[32];
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif,
                          (unsigned)exif_bytes(kind->orientation, exif));
    }
    for (int y = 0; y < HEIGHT; y++) {
        uint8_t row[WIDTH * 4];
        for (int i = 0; i < WIDTH * kind->components; i++)
            row[i] = (uint8_t)sample(i / kind->components, y);
        JSAMPROW rows[1] = {row};
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    ck_assert_int_eq(fclose(file), 0);
}

static void expect_near(int got, int wanted, int tolerance) {
    ck_assert_msg(abs(got - wanted) <= tolerance, "%d, not %d", got, wanted);
}

/* Reads the picture; the pixel at each of two corners must have the value. */
static void expect_corners(int width, int height, int upper_left, int lower_right) {
    sn_picture picture;
    sn_error error;
    const sn_status status = sn_picture_read(path, white, &picture, &error);
    ck_assert_msg(status == SN_OK, "%s", status == SN_OK ? "" : error.message);
    ck_assert_int_eq(picture.width, width);
    ck_assert_int_eq(picture.height, height);
    for (int c = 0; c < 3; c++) {
        const uint8_t *plane = picture.rgb + c * width * height;
        expect_near(plane[0], upper_left, 3);
        expect_near(plane[width * height - 1], lower_right, 3);
    }
    sn_picture_clear(&picture);
}

START_TEST(reads_every_kind_of_jpeg) {
    static const jpeg_kind kinds[] = {{JCS_RGB, JCS_YCbCr, 3, 0, false},
                                      {JCS_RGB, JCS_YCbCr, 3, 0, true},
                                      {JCS_RGB, JCS_RGB, 3, 0, false},
                                      {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, 0, false}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        write_jpeg(&kinds[i]);
        expect_corners(WIDTH, HEIGHT, 200, 40);
    }
    /* with Adobe's marker: 255 is no ink, and black takes its share of every colour */
    write_jpeg(&(jpeg_kind){JCS_CMYK, JCS_YCCK, 4, 0, false});
    expect_corners(WIDTH, HEIGHT, 200 * 200 / 255, 40 * 40 / 255);
    write_jpeg(&(jpeg_kind){JCS_CMYK, JCS_CMYK, 4, 0, false});
    expect_corners(WIDTH, HEIGHT, 200 * 200 / 255, 40 * 40 / 255);
}
END_TEST

/* The bright quarter is at the upper left of what is stored. Where it is shown: EXIF 2.3. */
START_TEST(turns_pictures_as_exif_says) {
    static const struct {
        int orientation, x, y; /* the quarter: 0 left or upper, 1 right or lower */
        bool sideways;
    } cases[] = {{1, 0, 0, false}, {2, 1, 0, false}, {3, 1, 1, false},
                 {4, 0, 1, false}, {5, 0, 0, true},  {6, 1, 0, true},
                 {7, 1, 1, true},  {8, 0, 1, true},  {9, 0, 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_jpeg(&(jpeg_kind){JCS_RGB, JCS_YCbCr, 3, cases[i].orientation, false});
        sn_picture picture;
        ck_assert_int_eq(sn_picture_read(path, white, &picture, NULL), SN_OK);
        const int width = cases[i].sideways ? HEIGHT : WIDTH,
                  height = cases[i].sideways ? WIDTH : HEIGHT;
        ck_assert_int_eq(picture.width, width);
        ck_assert_int_eq(picture.height, height);
        for (int y = 0; y < 2; y++)
            for (int x = 0; x < 2; x++)
                expect_near(picture.rgb[y * (height - 1) * width + x * (width - 1)],
                            x == cases[i].x && y == cases[i].y ? 200 : 40, 3);
        ck_assert(picture.facts.rotated == (cases[i].orientation > 1 && cases[i].orientation < 9));
        sn_picture_clear(&picture);
    }
}
END_TEST

/* Not only where a quarter is: which way rows and columns run. */
START_TEST(every_orientation_moves_every_pixel) {
    static const uint8_t stored[6] = {1, 2, 3, 4, 5, 6}; /* 2 rows of 3 */
    static const uint8_t shown[9][6] = {{0},
                                        [1] = {1, 2, 3, 4, 5, 6},
                                        [2] = {3, 2, 1, 6, 5, 4},
                                        [3] = {6, 5, 4, 3, 2, 1},
                                        [4] = {4, 5, 6, 1, 2, 3},
                                        [5] = {1, 4, 2, 5, 3, 6},
                                        [6] = {4, 1, 5, 2, 6, 3},
                                        [7] = {6, 3, 5, 2, 4, 1},
                                        [8] = {3, 6, 2, 5, 1, 4}};
    for (int orientation = 1; orientation <= 8; orientation++) {
        sn_picture picture = {0};
        ck_assert_int_eq(sn_picture_allocate("x", 3, 2, &picture, NULL), SN_OK);
        for (int c = 0; c < 3; c++)
            memcpy(picture.rgb + 6 * c, stored, 6);
        ck_assert_int_eq(sn_picture_orient("x", orientation, &picture, NULL), SN_OK);
        ck_assert_int_eq(picture.width, orientation > 4 ? 2 : 3);
        for (int c = 0; c < 3; c++)
            ck_assert_mem_eq(picture.rgb + 6 * c, shown[orientation], 6);
        sn_picture_clear(&picture);
    }
}
END_TEST

static void expect_error(sn_status status, const char *part) {
    sn_picture picture;
    sn_error error = {0};
    ck_assert_int_eq(sn_picture_read(path, white, &picture, &error), status);
    ck_assert_ptr_null(picture.rgb);
    ck_assert_msg(strstr(error.message, part) && strstr(error.message, path), "'%s' is not in: %s",
                  part, error.message);
}

START_TEST(refuses_what_is_no_whole_picture) {
    expect_error(SN_ERROR_IO, "No such file");
    FILE *file = fopen(path, "wb");
    ck_assert_int_eq(fclose(file), 0);
    expect_error(SN_ERROR_DATA, "is empty");
    file = fopen(path, "wb");
    fputs("GIF89a", file);
    ck_assert_int_eq(fclose(file), 0);
    expect_error(SN_ERROR_DATA, "neither a PNG nor a JPEG");
    write_jpeg(&(jpeg_kind){JCS_RGB, JCS_YCbCr, 3, 0, false});
    file = fopen(path, "rb");
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    fclose(file);
    ck_assert_int_eq(truncate(path, size - 20), 0);
    expect_error(SN_ERROR_DATA, "Premature end of JPEG file");
    ck_assert_int_eq(truncate(path, 30), 0);
    expect_error(SN_ERROR_DATA, "damaged JPEG picture");
    sn_picture none = {0};
    sn_error error;
    ck_assert_int_eq(sn_picture_allocate("x", 16385, 1, &none, &error), SN_ERROR_DATA);
    ck_assert_int_eq(sn_picture_allocate("x", 16384, 16384, &none, &error), SN_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "at most 67 million"));
}
END_TEST

/* ---- PNG ---- */

/* 2 x 1 pixels: opaque black, and transparent green. */
static void write_png(int orientation) {
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png)))
        ck_abort_msg("the PNG picture cannot be written");
    png_init_io(png, file);
    png_set_IHDR(png, info, 2, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    uint8_t exif[32];
    exif_bytes(orientation, exif);
    if (orientation)
        png_set_eXIf_1(png, info, 26, exif + 6);
    png_write_info(png, info);
    const uint8_t row[8] = {0, 0, 0, 255, 0, 200, 0, 0};
    png_write_row(png, row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(png_is_put_over_the_background_and_turned) {
    const sn_colour background = {{255, 128, 0}};
    sn_picture picture;
    write_png(0);
    ck_assert_int_eq(sn_picture_read(path, background, &picture, NULL), SN_OK);
    ck_assert_mem_eq(picture.rgb, ((uint8_t[]){0, 255, 0, 128, 0, 0}), 6);
    sn_picture_clear(&picture);
    write_png(8);
    ck_assert_int_eq(sn_picture_read(path, background, &picture, NULL), SN_OK);
    ck_assert_int_eq(picture.height, 2);
    ck_assert_mem_eq(picture.rgb, ((uint8_t[]){255, 0, 128, 0, 0, 0}), 6);
    sn_picture_clear(&picture);
}
END_TEST

/* ---- resampling ---- */

enum { FROM_WIDTH = 7, FROM_HEIGHT = 5 };

START_TEST(resamples_as_pil_does) {
    static const struct {
        int width, height;
        sn_box box;
        uint8_t expected[72];
    } cases[] = {
        {3, 2, {0, 0, 7, 5}, {98, 144, 145, 162, 135, 120}},
        {9, 8, {0, 0, 7, 5}, {0,   25,  53,  82,  111, 140, 169, 197, 222, 26,  54,  86,
                              119, 151, 184, 154, 137, 165, 63,  95,  133, 168, 193, 230,
                              135, 66,  99,  100, 136, 180, 184, 90,  133, 132, 140, 177,
                              136, 178, 191, 156, 68,  116, 121, 134, 175, 173, 220, 166,
                              84,  125, 179, 100, 47,  93,  210, 165, 126, 124, 183, 130,
                              95,  104, 155, 236, 119, 97,  160, 223, 87,  93,  156, 210}},
        {4, 3, {1.25, 0.5, 5.25, 3.75}, {97, 150, 182, 120, 183, 128, 129, 143, 152, 127, 137, 81}},
        {2, 2, {2, 1, 4, 4}, {147, 138, 139, 116}},
    };
    uint8_t from[2 * FROM_WIDTH * FROM_HEIGHT]; /* two planes that are alike */
    for (int i = 0; i < 2 * FROM_WIDTH * FROM_HEIGHT; i++) {
        const int x = i % FROM_WIDTH, y = i / FROM_WIDTH % FROM_HEIGHT;
        from[i] = (uint8_t)(x * 37 + y * 59 + x * y * 11);
    }
    uint8_t to[2 * 72];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int size = cases[i].width * cases[i].height;
        ck_assert_int_eq(sn_resample(from, 2, FROM_WIDTH, FROM_HEIGHT, &cases[i].box,
                                     cases[i].width, cases[i].height, to, NULL),
                         SN_OK);
        for (int p = 0; p < 2 * size; p++)
            expect_near(to[p], cases[i].expected[p % size], 1);
    }
    const sn_box all = {0, 0, 7, 5}, part = {2, 1, 3, 2};
    ck_assert_int_eq(sn_resample(from, 1, 7, 5, &all, 7, 5, to, NULL), SN_OK);
    ck_assert_mem_eq(to, from, 35);
    ck_assert_int_eq(sn_resample(from, 1, 7, 5, &part, 3, 2, to, NULL), SN_OK);
    ck_assert_mem_eq(to, from + 9, 3);
    ck_assert_mem_eq(to + 3, from + 16, 3);
}
END_TEST

START_TEST(centred_boxes_are_as_large_as_fits) {
    sn_box box = sn_box_centred(300, 200, 64, 64);
    ck_assert(box.left == 50 && box.top == 0 && box.width == 200 && box.height == 200);
    box = sn_box_centred(100, 201, 64, 64);
    ck_assert(box.left == 0 && box.top == 50.5 && box.width == 100 && box.height == 100);
    box = sn_box_centred(100, 50, 64, 32);
    ck_assert(box.left == 0 && box.top == 0 && box.width == 100 && box.height == 50);
}
END_TEST

Suite *picture_suite(void) {
    Suite *suite = suite_create("picture");
    TCase *tests = tcase_create("picture");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, reads_every_kind_of_jpeg);
    tcase_add_test(tests, turns_pictures_as_exif_says);
    tcase_add_test(tests, every_orientation_moves_every_pixel);
    tcase_add_test(tests, refuses_what_is_no_whole_picture);
    tcase_add_test(tests, png_is_put_over_the_background_and_turned);
    tcase_add_test(tests, resamples_as_pil_does);
    tcase_add_test(tests, centred_boxes_are_as_large_as_fits);
    suite_add_tcase(suite, tests);
    return suite;
}
