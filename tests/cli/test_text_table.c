#include "cli/text_table.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

static const sn_text_column columns[] = {
    {.title = "name", .left = true},         {.group = "a long group", .title = "x"},
    {.group = "a long group", .title = "y"}, {.title = "kind", .left = true},
    {.group = "g", .title = "none"},         {.group = "g", .title = "some"},
};

static void set(sn_text_table *table, size_t row, size_t column, const char *text) {
    snprintf(sn_text_table_cell(table, row, column), SN_TEXT_CELL_SIZE, "%s", text);
}

static char *printed(const sn_text_table *table) {
    FILE *file = tmpfile();
    char *text = calloc(1, 4096);
    sn_text_table_print(table, file);
    rewind(file);
    ck_assert_uint_gt(fread(text, 1, 4095, file), 0);
    fclose(file);
    return text;
}

START_TEST(columns_are_as_wide_as_their_cells) {
    sn_text_table table;
    ck_assert_int_eq(sn_text_table_create(columns, 6, 3, &table, NULL), SN_OK);
    set(&table, 0, 0, "first.layer");
    set(&table, 0, 1, "1");
    set(&table, 0, 2, "22.5");
    set(&table, 0, 3, "k");
    set(&table, 1, 0, "b");
    set(&table, 1, 5, "3");
    set(&table, 2, 0, "total");
    set(&table, 2, 2, "7");
    char *text = printed(&table);
    ck_assert_str_eq(text, "            a long group         g\n"
                           "name              x    y kind some\n"
                           "first.layer       1 22.5 k\n"
                           "b                                3\n"
                           "----------------------------------\n"
                           "total                  7\n");
    free(text);
    sn_text_table_free(&table);
}
END_TEST

/* A plain table: no groups, no rule, a wide column with a gap before it, and an empty one that
 * stays. */
START_TEST(columns_have_a_width_and_a_gap) {
    static const sn_text_column plain[] = {{.title = "name", .left = true},
                                           {.title = "a", .width = 5, .gap = 2},
                                           {.title = "gone"},
                                           {.title = "note", .left = true, .keep = true}};
    sn_text_table table;
    ck_assert_int_eq(sn_text_table_create(plain, 4, 2, &table, NULL), SN_OK);
    set(&table, 0, 0, "first");
    set(&table, 0, 1, "1");
    set(&table, 1, 1, "12");
    table.no_rule = true;
    char *text = printed(&table);
    ck_assert_str_eq(text, "name       a note\n"
                           "first      1\n"
                           "          12\n");
    free(text);
    sn_text_table_free(&table);
}
END_TEST

START_TEST(too_many_columns) {
    sn_text_table table;
    ck_assert_int_eq(sn_text_table_create(columns, 1000, 1, &table, NULL), SN_ERROR_INTERNAL);
    sn_text_table_free(&table);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("text table");
    TCase *tests = tcase_create("text table");
    tcase_add_test(tests, columns_are_as_wide_as_their_cells);
    tcase_add_test(tests, columns_have_a_width_and_a_gap);
    tcase_add_test(tests, too_many_columns);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK);
}
