#include "cli/rows.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

typedef struct item {
    const char *name;
    int kind; /* which values it has */
} item;

static sn_value get_name(const void *row, int part) {
    (void)part;
    return sn_value_text(((const item *)row)->name);
}

/* part chooses among what a field may say. */
static sn_value get_value(const void *row, int part) {
    const int kind = ((const item *)row)->kind;
    switch (part) {
    case 0:
        return kind ? sn_value_count(2500) : sn_value_count(0);
    case 1:
        return kind ? sn_value_real(1.5e6) : sn_value_null();
    case 2:
        return kind ? sn_value_sizes(3, 16, 8, 8) : sn_value_sizes(3, 10, 1, 1);
    case 3:
        return kind ? sn_value_flag(true) : sn_value_absent();
    case 4:
        return sn_value_null();
    default:
        return kind ? sn_value_text_of("%d, \"two\"", 1) : sn_value_blank();
    }
}

static const sn_field fields[] = {
    {"name", "name", get_name, .left = true},
    {"bytes", "kB", get_value, 0, .unit = 1e3, .decimals = 1},
    {NULL, "some", get_value, 0, .dash_zero = true},
    {"work.macs", "M MACs", get_value, 1, .unit = 1e6, .decimals = 2, .width = 8, .gap = 2},
    {"output", "output", get_value, .part = 2},
    {"work.known", "known", get_value, .part = 3},
    {"nothing", "nothing", get_value, .part = 4},
    SN_DATA("note", get_value, 5),
};

static const item items[] = {{"conv", 1}, {"fc", 0}};

static const sn_rows rows = {fields, sizeof fields / sizeof *fields, items, sizeof *items, 2, true};

static char *text_of(FILE *file) {
    char *text = calloc(1, 4096);
    rewind(file);
    ck_assert_uint_gt(fread(text, 1, 4095, file), 0);
    fclose(file);
    return text;
}

/* Units, dashes, sizes; a column of dashes alone is left out. */
START_TEST(as_text) {
    FILE *file = tmpfile();
    ck_assert_int_eq(sn_rows_text(&rows, file, NULL), SN_OK);
    char *text = text_of(file);
    ck_assert_str_eq(text, "name  kB some    M MACs output known\n"
                           "conv 2.5 2500      1.50 16x8x8   yes\n"
                           "------------------------------------\n"
                           "fc   0.0    -         -     10     -\n");
    free(text);
}
END_TEST

START_TEST(as_csv) {
    FILE *file = tmpfile();
    sn_rows_csv(&rows, file);
    char *text = text_of(file);
    ck_assert_str_eq(text, "name,bytes,work.macs,output,work.known,nothing,note\n"
                           "conv,2500,1500000,16x8x8,true,,\"1, \"\"two\"\"\"\n"
                           "fc,0,,10x1x1,,,\n");
    free(text);
}
END_TEST

/* Dots make objects; absent members are not there, but the object is. */
START_TEST(as_json) {
    json_t *array = sn_rows_json(&rows);
    char *text = json_dumps(array, JSON_COMPACT);
    ck_assert_str_eq(text, "[{\"name\":\"conv\",\"bytes\":2500,\"work\":{\"macs\":1500000.0,"
                           "\"known\":true},\"output\":[16,8,8],\"nothing\":null,"
                           "\"note\":\"1, \\\"two\\\"\"},"
                           "{\"name\":\"fc\",\"bytes\":0,\"work\":{\"macs\":null},"
                           "\"output\":[10,1,1],\"nothing\":null}]");
    free(text);
    json_decref(array);
}
END_TEST

START_TEST(json_refuses_what_is_not_utf8) {
    const item bad = {"caf\xe9", 1};
    ck_assert_ptr_null(sn_row_json(fields, 1, &bad));
    ck_assert_ptr_null(sn_rows_json(&(sn_rows){fields, 1, &bad, sizeof bad, 1, false}));
}
END_TEST

START_TEST(formats_have_names) {
    ck_assert_str_eq(sn_output_name(SN_OUTPUT_TEXT), "text");
    ck_assert_str_eq(sn_output_name(SN_OUTPUT_JSON), "json");
    ck_assert_str_eq(sn_output_name(SN_OUTPUT_CSV), "csv");
    ck_assert_ptr_null(sn_output_name(SN_OUTPUT_CSV + 1));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rows");
    TCase *tests = tcase_create("rows");
    tcase_add_test(tests, as_text);
    tcase_add_test(tests, as_csv);
    tcase_add_test(tests, as_json);
    tcase_add_test(tests, json_refuses_what_is_not_utf8);
    tcase_add_test(tests, formats_have_names);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK);
}
