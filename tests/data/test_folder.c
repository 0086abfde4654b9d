/* Folders of PNG pictures: every kind of picture, and every way to get them wrong. */
#define _POSIX_C_SOURCE 200809L

#include "data_tests.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[TEST_PATH_SIZE];

/* A picture as libpng writes it: rows of packed bytes as they are in the file. */
typedef struct picture {
    int width, height, depth, kind;
    bool interlaced;
    const uint8_t *rows;
    size_t row_size;
    const png_color *palette; /* of 2 */
    const uint8_t *alpha;     /* of the palette */
    const png_color_16 *hole; /* the colour that is transparent */
} picture;

static void full_path(const char *name, char path[2 * TEST_PATH_SIZE]) {
    snprintf(path, 2 * TEST_PATH_SIZE, "%s/%s", directory, name);
}

/* Makes the folders on the way, then opens the file. */
static FILE *create(const char *name) {
    char path[2 * TEST_PATH_SIZE];
    full_path(name, path);
    for (char *slash = path + strlen(directory) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    return file;
}

static void write_picture(const char *name, const picture *p) {
    FILE *file = create(name);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png)))
        ck_abort_msg("%s cannot be written", name);
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)p->width, (png_uint_32)p->height, p->depth, p->kind,
                 p->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (p->palette)
        png_set_PLTE(png, info, p->palette, 2);
    if (p->alpha)
        png_set_tRNS(png, info, p->alpha, 2, NULL);
    if (p->hole)
        png_set_tRNS(png, info, NULL, 0, p->hole);
    png_write_info(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        for (int y = 0; y < p->height; y++)
            png_write_row(png, p->rows + (size_t)y * p->row_size);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    ck_assert_int_eq(fclose(file), 0);
}

/* width x height pixels of one grey */
static void write_grey(const char *name, int width, int height, uint8_t value) {
    uint8_t rows[4097];
    ck_assert(width * height <= 4097);
    memset(rows, value, sizeof rows);
    write_picture(name, &(picture){.width = width,
                                   .height = height,
                                   .depth = 8,
                                   .kind = PNG_COLOR_TYPE_GRAY,
                                   .rows = rows,
                                   .row_size = (size_t)width});
}

static void write_bytes(const char *name, const void *bytes, size_t size) {
    FILE *file = create(name);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/* Two classes, a and b, in train and test; a has three pictures and b two. */
static void write_small_set(void) {
    write_grey("train/a/3.png", 4, 3, 13);
    write_grey("train/a/1.png", 4, 3, 11);
    write_grey("train/a/2.PNG", 4, 3, 12);
    write_grey("train/b/x.png", 4, 3, 21);
    write_grey("train/b/y.png", 4, 3, 22);
    write_grey("test/b/z.png", 4, 3, 41);
    write_grey("test/a/z.png", 4, 3, 31);
}

static void set_up(void) {
    make_directory(directory);
}

static void tear_down(void) {
    remove_directory(directory);
}

static void expect_order(const sn_dataset *dataset, const int *greys, size_t count) {
    ck_assert_uint_eq(sn_dataset_count(dataset), count);
    for (size_t i = 0; i < count; i++) {
        for (int p = 0; p < 3 * 4 * 3; p++)
            ck_assert_int_eq(sn_dataset_image(dataset, i)[p], greys[i]);
        ck_assert_int_eq(sn_dataset_label(dataset, i), greys[i] / 10 % 2 == 0);
    }
}

START_TEST(classes_take_turns) {
    static const int train[] = {11, 21, 12, 22, 13}, test[] = {31, 41};
    write_small_set();
    write_bytes("train/a/notes.txt", "no picture", 10);
    write_bytes("train/a/.hidden.png", "no picture", 10);
    write_bytes("train/README", "no class", 8);
    sn_dataset *dataset = open_dataset("folder", SN_SPLIT_TRAIN, directory, 0);
    ck_assert_int_eq(sn_dataset_classes(dataset), 2);
    ck_assert_str_eq(sn_dataset_class_name(dataset, 0), "a");
    ck_assert_str_eq(sn_dataset_class_name(dataset, 1), "b");
    ck_assert_int_eq(sn_dataset_channels(dataset), 3);
    ck_assert_int_eq(sn_dataset_height(dataset), 3);
    ck_assert_int_eq(sn_dataset_width(dataset), 4);
    expect_order(dataset, train, 5);
    sn_dataset_free(dataset);
    dataset = open_dataset("folder", SN_SPLIT_TRAIN, directory, 2);
    expect_order(dataset, train, 2);
    sn_dataset_free(dataset);
    dataset = open_dataset("folder", SN_SPLIT_TEST, directory, 100);
    expect_order(dataset, test, 2);
    sn_dataset_free(dataset);
}
END_TEST

/* Writes the picture as the only one of class a, 2 x 2, and compares what comes back. */
static void expect_pixels(const picture *p, const uint8_t expected[3][4]) {
    write_picture("train/a/1.png", p);
    write_grey("train/b/1.png", 2, 2, 0);
    sn_dataset *dataset = open_dataset("folder", SN_SPLIT_TRAIN, directory, 0);
    ck_assert_mem_eq(sn_dataset_image(dataset, 0), expected, 12);
    sn_dataset_free(dataset);
}

START_TEST(reads_grey) {
    static const uint8_t rows[] = {0, 100, 200, 255};
    expect_pixels(
        &(picture){2, 2, 8, PNG_COLOR_TYPE_GRAY, false, rows, 2, NULL, NULL, NULL},
        (const uint8_t[3][4]){{0, 100, 200, 255}, {0, 100, 200, 255}, {0, 100, 200, 255}});
}
END_TEST

START_TEST(reads_one_bit_grey) {
    static const uint8_t rows[] = {0x80, 0x40};
    expect_pixels(&(picture){2, 2, 1, PNG_COLOR_TYPE_GRAY, false, rows, 1, NULL, NULL, NULL},
                  (const uint8_t[3][4]){{255, 0, 0, 255}, {255, 0, 0, 255}, {255, 0, 0, 255}});
}
END_TEST

START_TEST(reads_colour) {
    static const uint8_t rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const uint8_t expected[3][4] = {{1, 4, 7, 10}, {2, 5, 8, 11}, {3, 6, 9, 12}};
    expect_pixels(&(picture){2, 2, 8, PNG_COLOR_TYPE_RGB, false, rows, 6, NULL, NULL, NULL},
                  expected);
    expect_pixels(&(picture){2, 2, 8, PNG_COLOR_TYPE_RGB, true, rows, 6, NULL, NULL, NULL},
                  expected);
}
END_TEST

START_TEST(reads_palettes) {
    static const png_color palette[] = {{10, 20, 30}, {200, 100, 50}};
    static const uint8_t rows[] = {0x40, 0x80}, alpha[] = {255, 51};
    expect_pixels(&(picture){2, 2, 1, PNG_COLOR_TYPE_PALETTE, false, rows, 1, palette, NULL, NULL},
                  (const uint8_t[3][4]){{10, 200, 200, 10}, {20, 100, 100, 20}, {30, 50, 50, 30}});
    /* 51 / 255 is one fifth */
    expect_pixels(&(picture){2, 2, 1, PNG_COLOR_TYPE_PALETTE, false, rows, 1, palette, alpha, NULL},
                  (const uint8_t[3][4]){{10, 40, 40, 10}, {20, 20, 20, 20}, {30, 10, 10, 30}});
}
END_TEST

START_TEST(composites_alpha_over_the_background) {
    static const uint8_t rows[] = {255, 100, 50, 255, 255, 100, 50, 0,
                                   255, 100, 50, 51,  255, 101, 51, 128};
    expect_pixels(&(picture){2, 2, 8, PNG_COLOR_TYPE_RGB_ALPHA, false, rows, 8, NULL, NULL, NULL},
                  (const uint8_t[3][4]){{255, 0, 51, 128}, {100, 0, 20, 51}, {50, 0, 10, 26}});
    static const uint8_t grey[] = {200, 255, 200, 51, 200, 0, 100, 51};
    expect_pixels(&(picture){2, 2, 8, PNG_COLOR_TYPE_GRAY_ALPHA, false, grey, 4, NULL, NULL, NULL},
                  (const uint8_t[3][4]){{200, 40, 0, 20}, {200, 40, 0, 20}, {200, 40, 0, 20}});
}
END_TEST

START_TEST(transparent_colours_are_black) {
    static const uint8_t grey[] = {9, 100, 200, 9}, colour[] = {1, 2, 3, 4, 5, 6, 4, 5, 7, 1, 2, 3};
    const png_color_16 grey_hole = {.gray = 9}, colour_hole = {.red = 4, .green = 5, .blue = 6};
    expect_pixels(&(picture){2, 2, 8, PNG_COLOR_TYPE_GRAY, false, grey, 2, NULL, NULL, &grey_hole},
                  (const uint8_t[3][4]){{0, 100, 200, 0}, {0, 100, 200, 0}, {0, 100, 200, 0}});
    expect_pixels(
        &(picture){2, 2, 8, PNG_COLOR_TYPE_RGB, false, colour, 6, NULL, NULL, &colour_hole},
        (const uint8_t[3][4]){{1, 0, 4, 1}, {2, 0, 5, 2}, {3, 0, 7, 3}});
}
END_TEST

START_TEST(reads_16_bits) {
    /* high byte first; 257 in 16 bits is 1 in 8 */
    static const uint8_t rows[] = {0,    0,    0xff, 0xff, 1,    1,  100,  100, 5,    5, 0,    0,
                                   0x80, 0x80, 0x40, 0x40, 0x20, 32, 0x10, 16,  0x08, 8, 0x04, 4};
    expect_pixels(&(picture){2, 2, 16, PNG_COLOR_TYPE_RGB, false, rows, 12, NULL, NULL, NULL},
                  (const uint8_t[3][4]){{0, 100, 128, 16}, {255, 5, 64, 8}, {1, 0, 32, 4}});
}
END_TEST

START_TEST(names_pictures_of_another_size) {
    write_small_set();
    write_grey("train/b/y.png", 3, 4, 22);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA,
                      "train/b/y.png: has 3 x 4 pixels", "train/a/1.png has 4 x 3");
    sn_dataset_free(open_dataset("folder", SN_SPLIT_TEST, directory, 0));
    write_grey("test/a/z.png", 8, 8, 22);
    expect_open_error("folder", SN_SPLIT_TEST, directory, SN_ERROR_DATA,
                      "test/a/z.png: has 8 x 8 pixels", "train/a/1.png has 4 x 3");
}
END_TEST

START_TEST(names_broken_pictures) {
    write_small_set();
    write_bytes("train/b/x.png", "GIF89a, or not even that", 24);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train/b/x.png",
                      "neither a PNG nor a JPEG");
    write_bytes("train/b/x.png", "", 0);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train/b/x.png",
                      "is empty");
}
END_TEST

/* Cut after any number of bytes, and with any one byte changed, a picture is refused or read, and
 * never a crash; cut it is always refused. */
START_TEST(survives_damaged_pictures) {
    write_small_set();
    char path[2 * TEST_PATH_SIZE];
    full_path("train/b/x.png", path);
    uint8_t bytes[1024];
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ck_assert(size > 60 && size < sizeof bytes);
    for (size_t kept = 0; kept < size; kept++) {
        write_bytes("train/b/x.png", bytes, kept);
        expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train/b/x.png",
                          kept ? "PNG" : "empty");
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x11;
        write_bytes("train/b/x.png", bytes, size);
        sn_dataset *dataset;
        const sn_status status =
            sn_dataset_open(dataset_index("folder"), SN_SPLIT_TRAIN, directory, 0, &dataset, NULL);
        ck_assert(status == SN_OK || status == SN_ERROR_DATA);
        sn_dataset_free(dataset);
        bytes[i] ^= 0x11;
    }
}
END_TEST

START_TEST(refuses_giant_pictures) {
    static uint8_t row[16385];
    picture wide = {16385, 1, 8, PNG_COLOR_TYPE_GRAY, false, row, sizeof row, NULL, NULL, NULL};
    picture high = {1, 16385, 8, PNG_COLOR_TYPE_GRAY, false, row, 0, NULL, NULL, NULL};
    write_small_set();
    write_picture("train/a/1.png", &wide);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train/a/1.png",
                      "sides can be 1 to 16384");
    write_picture("train/a/1.png", &high);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "train/a/1.png",
                      "sides can be 1 to 16384");
    wide.width = 16384; /* large enough to be another complaint */
    write_picture("train/a/1.png", &wide);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "4 x 3", "16384 x 1");
}
END_TEST

START_TEST(names_missing_and_extra_classes) {
    write_small_set();
    write_grey("train/c/1.png", 4, 3, 1);
    expect_open_error("folder", SN_SPLIT_TEST, directory, SN_ERROR_DATA, "/test: has no folder 'c'",
                      "same classes");
    write_grey("test/c/1.png", 4, 3, 1);
    sn_dataset_free(open_dataset("folder", SN_SPLIT_TEST, directory, 0));
    write_grey("test/aa/1.png", 4, 3, 1);
    expect_open_error("folder", SN_SPLIT_TEST, directory, SN_ERROR_DATA,
                      "/train: has no folder 'aa'", "same classes");
}
END_TEST

/* As someone has them who only evaluates. */
START_TEST(test_pictures_are_enough_to_test) {
    const int greys[] = {31, 41};
    write_grey("test/b/z.png", 4, 3, 41);
    write_grey("test/a/z.png", 4, 3, 31);
    sn_dataset *dataset = open_dataset("folder", SN_SPLIT_TEST, directory, 0);
    expect_order(dataset, greys, 2);
    sn_dataset_free(dataset);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_IO, "/train",
                      "DIR/train/CLASS/");
}
END_TEST

START_TEST(names_missing_folders) {
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_IO, "/train",
                      "DIR/train/CLASS/");
    expect_open_error("folder", SN_SPLIT_TRAIN, NULL, SN_ERROR_ARGUMENT, "directory", "train");
    write_grey("train/a/1.png", 4, 3, 1);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA, "has 1 folders",
                      "at least 2");
    write_bytes("train/b/README", "", 0);
    expect_open_error("folder", SN_SPLIT_TRAIN, directory, SN_ERROR_DATA,
                      "/train: ", "1 of 2 classes has no picture: b;");
    write_grey("train/b/1.png", 4, 3, 1);
    expect_open_error("folder", SN_SPLIT_TEST, directory, SN_ERROR_IO, "/test", "DIR/test/CLASS/");
}
END_TEST

/* ---- what is said besides ---- */

static sn_notes notes;
static sn_dataset_request request; /* what is asked for besides */

/* Opens a split; fails unless that ends with `status`. NULL after an error. */
static sn_dataset *open_noting(sn_split split, sn_status status, sn_error *error) {
    sn_dataset *dataset;
    notes = (sn_notes){0};
    request.dataset = dataset_index("folder");
    request.split = split;
    request.directory = directory;
    request.notes = &notes;
    ck_assert_int_eq(sn_dataset_read(&request, &dataset, error), status);
    return dataset;
}

/* Opening succeeds with one warning that has both parts in it. */
static void expect_warning(const char *part, const char *other_part) {
    sn_dataset_free(open_noting(SN_SPLIT_TRAIN, SN_OK, NULL));
    ck_assert_uint_eq(notes.count, 1);
    ck_assert_int_eq(notes.note[0].kind, SN_NOTE_WARNING);
    ck_assert_msg(strstr(notes.note[0].text, part) && strstr(notes.note[0].text, other_part),
                  "'%s' lacks '%s' or '%s'", notes.note[0].text, part, other_part);
}

START_TEST(ignored_files_are_counted_by_kind) {
    write_small_set();
    sn_dataset_free(open_noting(SN_SPLIT_TRAIN, SN_OK, NULL));
    ck_assert_uint_eq(notes.count, 0);
    write_bytes("train/a/7.bmp", "x", 1);
    write_bytes("train/b/3.BMP", "x", 1);
    write_bytes("train/b/Makefile", "x", 1);
    write_bytes("train/.thumbnails", "x", 1);
    write_bytes("train/loose.png", "x", 1);
    write_bytes("train/b/more/notes.txt", "x", 1);
    write_bytes("test/a/1.tif", "x", 1);
    sn_dataset *dataset = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    ck_assert_uint_eq(sn_dataset_count(dataset), 5);
    ck_assert_str_eq(sn_dataset_ignored(dataset),
                     "2 .bmp, 1 .txt, 1 beside classes, 1 hidden, 1 no extension");
    static const char *const parts[] = {
        "/train: 2 .bmp files are ignored, such as a/7.bmp; only PNG and JPEG pictures are read: "
        "convert",
        "/train: 1 file (.txt) is ignored, such as b/more/notes.txt; only *.png, *.jpg",
        "/train: 1 file beside the class folders is ignored, such as loose.png; a picture must",
        "/train: 1 file (no extension) is ignored, such as b/Makefile; only *.png"};
    ck_assert_uint_eq(notes.count, 4);
    for (size_t i = 0; i < notes.count; i++) {
        ck_assert_int_eq(notes.note[i].kind, SN_NOTE_WARNING);
        ck_assert_msg(strstr(notes.note[i].text, parts[i]) != NULL, "'%s' lacks '%s'",
                      notes.note[i].text, parts[i]);
    }
    sn_dataset_free(dataset);
    dataset = open_noting(SN_SPLIT_TEST, SN_OK, NULL);
    ck_assert_str_eq(sn_dataset_ignored(dataset), "1 .tif");
    ck_assert_uint_eq(notes.count, 1);
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(many_kinds_are_ignored_together) {
    write_small_set();
    for (char c = 'a'; c <= 'z'; c++) {
        char name[] = "train/a/1.x?";
        name[strlen(name) - 1] = c;
        write_bytes(name, "x", 1);
    }
    sn_dataset *dataset = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    const char *const end = strstr(sn_dataset_ignored(dataset), ", 15 others");
    ck_assert_ptr_nonnull(end);
    ck_assert_str_eq(end, ", 15 others");
    ck_assert_uint_eq(notes.count, 12);
    sn_dataset_free(dataset);
}
END_TEST

/* A picture of 2 x 1 values of 16 bits, beside others. */
static void write_deep(const char *name, unsigned first, unsigned second) {
    const uint8_t rows[] = {(uint8_t)(first >> 8), (uint8_t)first, (uint8_t)(second >> 8),
                            (uint8_t)second};
    write_picture(name,
                  &(picture){2, 1, 16, PNG_COLOR_TYPE_GRAY, false, rows, 4, NULL, NULL, NULL});
}

START_TEST(warns_of_few_bits_in_files_of_many) {
    write_deep("train/a/1.png", 0, 4095);
    write_deep("train/b/1.png", 4096, 4095);
    write_deep("train/b/2.png", 0, 0);
    expect_warning("/train: pictures of 16 bits that use only 12 of them: 1, such as a/1.png",
                   "values up to 4095 of 65535 are nearly black: multiply them by 16");
    write_deep("train/a/1.png", 3, 4096);
    sn_dataset_free(open_noting(SN_SPLIT_TRAIN, SN_OK, NULL));
    ck_assert_uint_eq(notes.count, 0);
    write_deep("train/b/2.png", 17, 255);
    expect_warning("use only 8 of them: 1, such as b/2.png", "multiply them by 257");
}
END_TEST

START_TEST(warns_of_what_transparency_hides) {
    static const uint8_t clear[] = {9, 0, 200, 0}, glyph[] = {0, 0, 0, 255},
                         over_black[] = {200, 0, 200, 255};
    picture p = {2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, false, clear, 4, NULL, NULL, NULL};
    write_picture("train/a/1.png", &p);
    write_grey("train/b/1.png", 2, 1, 7); /* of one colour, but meant to be */
    expect_warning("/train: fully transparent pictures: 1, such as a/1.png", "nothing is left");
    p.rows = glyph;
    write_picture("train/a/1.png", &p);
    expect_warning(
        "/train: pictures that show something by their transparency alone: 1, such as a/1.png",
        "--background");
    memset(request.background, 255, sizeof request.background);
    sn_dataset_free(open_noting(SN_SPLIT_TRAIN, SN_OK, NULL));
    ck_assert_uint_eq(notes.count, 0); /* black on white is to be seen */
    memset(request.background, 0, sizeof request.background);
    p.rows = over_black;
    write_picture("train/a/1.png", &p);
    sn_dataset_free(open_noting(SN_SPLIT_TRAIN, SN_OK, NULL));
    ck_assert_uint_eq(notes.count, 0);
}
END_TEST

START_TEST(lists_all_broken_pictures) {
    sn_error error;
    write_small_set();
    write_bytes("train/a/1.png", "no picture", 10); /* not even the first one hides the others */
    write_bytes("train/b/y.png", "", 0);
    write_grey("train/a/3.png", 3, 4, 1);
    ck_assert_ptr_null(open_noting(SN_SPLIT_TRAIN, SN_ERROR_DATA, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "/train: 3 of 5 pictures cannot be used"));
    ck_assert_ptr_nonnull(strstr(error.message, "train/a/1.png: is neither a PNG nor"));
    static const char *const parts[] = {"train/a/1.png: is neither a PNG nor",
                                        "train/b/y.png: is empty",
                                        "train/a/3.png: has 3 x 4 pixels, but "};
    ck_assert_uint_eq(notes.count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(notes.note[i].kind, SN_NOTE_FAULT);
        ck_assert_msg(strstr(notes.note[i].text, parts[i]) != NULL, "'%s' lacks '%s'",
                      notes.note[i].text, parts[i]);
    }
    for (int i = 10; i < 31; i++) {
        char name[] = "train/a/00.png";
        snprintf(name + 8, sizeof name - 8, "%d.png", i);
        write_bytes(name, "no picture", 10);
    }
    ck_assert_ptr_null(open_noting(SN_SPLIT_TRAIN, SN_ERROR_DATA, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "/train: 24 of 26 pictures"));
    ck_assert_uint_eq(notes.count, 21);
    ck_assert_ptr_nonnull(strstr(notes.note[20].text, "and 4 more"));
}
END_TEST

START_TEST(names_all_empty_classes) {
    write_small_set();
    write_bytes("train/c/1.bmp", "", 0);
    write_bytes("train/d/1.bmp", "", 0);
    sn_error error;
    ck_assert_ptr_null(open_noting(SN_SPLIT_TRAIN, SN_ERROR_DATA, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "2 of 4 classes have no picture: c, d;"));
    ck_assert_uint_eq(notes.count, 1); /* which says why */
    for (int i = 10; i < 40; i++) {
        char name[] = "train/class-00/1.bmp";
        snprintf(name + 12, sizeof name - 12, "%d/1.bmp", i);
        write_bytes(name, "", 0);
    }
    ck_assert_ptr_null(open_noting(SN_SPLIT_TRAIN, SN_ERROR_DATA, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "32 of 34 classes"));
    ck_assert_ptr_nonnull(strstr(error.message, "class-27, class-28 ...;"));
}
END_TEST

/* ---- pictures of any size and kind ---- */

/* The left half of each row is `left`, the right half `right`. */
static void write_halves(const char *name, int width, int height, uint8_t left, uint8_t right) {
    uint8_t rows[4096];
    ck_assert(width * height <= 4096);
    for (int i = 0; i < width * height; i++)
        rows[i] = i % width < width / 2 ? left : right;
    write_picture(name, &(picture){width, height, 8, PNG_COLOR_TYPE_GRAY, false, rows,
                                   (size_t)width, NULL, NULL, NULL});
}

START_TEST(pictures_of_any_size_become_one_size) {
    write_halves("train/a/1.png", 40, 20, 10, 250);
    write_halves("train/b/1.png", 8, 33, 40, 80);
    write_halves("test/a/1.png", 100, 30, 0, 0);
    write_halves("test/b/1.png", 2, 2, 30, 60);
    request.image_size = 4;
    sn_dataset *dataset = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    ck_assert_int_eq(sn_dataset_height(dataset), 4);
    ck_assert_int_eq(sn_dataset_width(dataset), 4);
    ck_assert_int_eq(sn_dataset_image(dataset, 0)[0], 10);
    ck_assert_int_eq(sn_dataset_image(dataset, 0)[3], 250);
    ck_assert_int_eq(sn_dataset_image(dataset, 1)[0], 40);
    ck_assert_int_eq(sn_dataset_image(dataset, 1)[47], 80);
    sn_dataset_free(dataset);
    dataset = open_noting(SN_SPLIT_TEST, SN_OK, NULL);
    ck_assert_int_eq(sn_dataset_width(dataset), 4);
    ck_assert_int_eq(sn_dataset_image(dataset, 1)[0], 30);
    ck_assert_int_eq(sn_dataset_image(dataset, 1)[3], 60);
    sn_dataset_free(dataset);
    request.image_size = -1;
    ck_assert_ptr_null(open_noting(SN_SPLIT_TRAIN, SN_ERROR_ARGUMENT, NULL));
    request.image_size = 4097;
    ck_assert_ptr_null(open_noting(SN_SPLIT_TRAIN, SN_ERROR_ARGUMENT, NULL));
    request.image_size = 0;
}
END_TEST

START_TEST(pictures_can_become_grey) {
    static const uint8_t colour[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 200, 200};
    static const uint8_t expected[4] = {76, 150, 29, 200};
    picture p = {2, 2, 8, PNG_COLOR_TYPE_RGB, false, colour, 6, NULL, NULL, NULL};
    write_picture("train/a/1.png", &p);
    write_grey("train/b/1.png", 2, 2, 7);
    request.channels = 1;
    sn_dataset *dataset = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    ck_assert_int_eq(sn_dataset_channels(dataset), 1);
    ck_assert_mem_eq(sn_dataset_image(dataset, 0), expected, 4);
    ck_assert_int_eq(sn_dataset_image(dataset, 1)[3], 7);
    sn_dataset_free(dataset);
    request.channels = 2;
    ck_assert_ptr_null(open_noting(SN_SPLIT_TRAIN, SN_ERROR_ARGUMENT, NULL));
    request.channels = 0;
}
END_TEST

START_TEST(folders_in_a_class_belong_to_it) {
    write_small_set();
    write_grey("train/a/more/deep/9.png", 4, 3, 15);
    write_grey("train/a/0/1.png", 4, 3, 17);
    sn_dataset *dataset = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    const int greys[] = {17, 21, 11, 22, 12, 13, 15}; /* by path within the class */
    expect_order(dataset, greys, 7);
    ck_assert_uint_eq(notes.count, 0);
    sn_dataset_free(dataset);
    char class_folder[2 * TEST_PATH_SIZE], link[2 * TEST_PATH_SIZE];
    full_path("train/a", class_folder);
    full_path("train/a/more/round", link);
    ck_assert_int_eq(symlink(class_folder, link), 0); /* never ends by itself */
    dataset = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    ck_assert_uint_eq(notes.count, 1);
    ck_assert_ptr_nonnull(strstr(notes.note[0].text, "more than 16 levels below the class"));
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(test_images_may_be_called_val) {
    const int greys[] = {31, 41};
    write_grey("train/a/1.png", 4, 3, 11);
    write_grey("train/b/1.png", 4, 3, 21);
    write_grey("valid/a/1.png", 4, 3, 31);
    write_grey("valid/b/1.png", 4, 3, 41);
    sn_dataset *dataset = open_noting(SN_SPLIT_TEST, SN_OK, NULL);
    expect_order(dataset, greys, 2);
    ck_assert_uint_eq(notes.count, 0);
    sn_dataset_free(dataset);
    write_grey("val/a/1.png", 4, 3, 33);
    write_grey("val/b/1.png", 4, 3, 45);
    dataset = open_noting(SN_SPLIT_TEST, SN_OK, NULL);
    ck_assert_int_eq(sn_dataset_image(dataset, 0)[0], 33);
    ck_assert_uint_eq(notes.count, 1);
    ck_assert_ptr_nonnull(
        strstr(notes.note[0].text, "/valid is not used; test images are those in"));
    sn_dataset_free(dataset);
}
END_TEST

START_TEST(bad_pictures_can_be_left_out) {
    sn_error error;
    const int greys[] = {21, 12, 22};
    write_small_set();
    write_bytes("train/a/1.png", "no picture", 10);
    write_bytes("train/a/3.png", "no picture", 10);
    request.skip_bad = true;
    sn_dataset *dataset = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    expect_order(dataset, greys, 3);
    ck_assert_uint_eq(notes.count, 1);
    ck_assert_int_eq(notes.note[0].kind, SN_NOTE_WARNING);
    ck_assert_ptr_nonnull(
        strstr(notes.note[0].text,
               "/train: 2 of 5 pictures cannot be read and are left out; the first: "));
    ck_assert_ptr_nonnull(strstr(notes.note[0].text, "/train/a/1.png: is neither a PNG nor"));
    sn_dataset_free(dataset);
    write_bytes("train/a/2.PNG", "no picture", 10);
    ck_assert_ptr_null(open_noting(SN_SPLIT_TRAIN, SN_ERROR_DATA, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "no picture of class 'a' can be read"));
    request.skip_bad = false;
}
END_TEST

static void count_progress(void *context, size_t done, size_t total) {
    size_t *seen = context;
    ck_assert_uint_eq(done, *seen + 1);
    ck_assert_uint_le(done, total);
    *seen = done;
}

/* Pixels, and the order of what is said, are those of one thread. */
START_TEST(threads_change_nothing) {
    write_small_set();
    for (int i = 10; i < 60; i++) {
        char name[] = "train/a/00.png";
        snprintf(name + 8, sizeof name - 8, "%d.png", i);
        write_halves(name, i, 80 - i, (uint8_t)i, (uint8_t)(200 - i));
        if (i % 7 == 0)
            write_bytes(name, "no picture", 10);
    }
    request.image_size = 16;
    request.skip_bad = true;
    size_t seen = 0;
    request.progress = count_progress;
    request.progress_context = &seen;
    sn_dataset *one = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    ck_assert_uint_eq(seen, 55);
    const sn_notes said = notes;
    request.threads = 5;
    seen = 0;
    sn_dataset *five = open_noting(SN_SPLIT_TRAIN, SN_OK, NULL);
    ck_assert_uint_eq(seen, 55);
    ck_assert_uint_eq(said.count, notes.count);
    ck_assert_str_eq(said.note[0].text, notes.note[0].text);
    ck_assert_uint_eq(sn_dataset_count(one), 55 - 7);
    ck_assert_uint_eq(sn_dataset_count(one), sn_dataset_count(five));
    for (size_t i = 0; i < sn_dataset_count(one); i++) {
        ck_assert_int_eq(sn_dataset_label(one, i), sn_dataset_label(five, i));
        ck_assert_mem_eq(sn_dataset_image(one, i), sn_dataset_image(five, i), 3 * 16 * 16);
    }
    sn_dataset_free(one);
    sn_dataset_free(five);
    request = (sn_dataset_request){0};
}
END_TEST

Suite *folder_suite(void) {
    Suite *suite = suite_create("folder");
    TCase *tests = tcase_create("folder");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, classes_take_turns);
    tcase_add_test(tests, reads_grey);
    tcase_add_test(tests, reads_one_bit_grey);
    tcase_add_test(tests, reads_colour);
    tcase_add_test(tests, reads_palettes);
    tcase_add_test(tests, composites_alpha_over_the_background);
    tcase_add_test(tests, transparent_colours_are_black);
    tcase_add_test(tests, reads_16_bits);
    tcase_add_test(tests, names_pictures_of_another_size);
    tcase_add_test(tests, names_broken_pictures);
    tcase_add_test(tests, survives_damaged_pictures);
    tcase_add_test(tests, refuses_giant_pictures);
    tcase_add_test(tests, names_missing_and_extra_classes);
    tcase_add_test(tests, test_pictures_are_enough_to_test);
    tcase_add_test(tests, names_missing_folders);
    tcase_add_test(tests, ignored_files_are_counted_by_kind);
    tcase_add_test(tests, many_kinds_are_ignored_together);
    tcase_add_test(tests, warns_of_few_bits_in_files_of_many);
    tcase_add_test(tests, warns_of_what_transparency_hides);
    tcase_add_test(tests, lists_all_broken_pictures);
    tcase_add_test(tests, names_all_empty_classes);
    tcase_add_test(tests, pictures_of_any_size_become_one_size);
    tcase_add_test(tests, pictures_can_become_grey);
    tcase_add_test(tests, folders_in_a_class_belong_to_it);
    tcase_add_test(tests, test_images_may_be_called_val);
    tcase_add_test(tests, bad_pictures_can_be_left_out);
    tcase_add_test(tests, threads_change_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
