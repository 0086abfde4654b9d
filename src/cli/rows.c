#include "cli/rows.h"

#include "cli/text_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TITLES = 32 };

const char *sn_output_name(int index) {
    static const char *const names[] = {"text", "json", "csv"};
    return index >= 0 && index <= SN_OUTPUT_CSV ? names[index] : NULL;
}

/* ---- values ---- */

sn_value sn_value_blank(void) {
    return (sn_value){.kind = SN_VALUE_BLANK};
}

sn_value sn_value_absent(void) {
    return (sn_value){.kind = SN_VALUE_ABSENT};
}

sn_value sn_value_null(void) {
    return (sn_value){.kind = SN_VALUE_NULL};
}

sn_value sn_value_text(const char *text) {
    return (sn_value){.kind = text ? SN_VALUE_TEXT : SN_VALUE_NULL, .text = text};
}

sn_value sn_value_text_of(const char *format, ...) {
    sn_value value = {.kind = SN_VALUE_TEXT};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value.own, sizeof value.own, format, arguments);
    va_end(arguments);
    return value;
}

sn_value sn_value_count(uint64_t count) {
    return (sn_value){.kind = SN_VALUE_COUNT, .count = (int64_t)count};
}

sn_value sn_value_real(double real) {
    return (sn_value){.kind = SN_VALUE_REAL, .real = real};
}

sn_value sn_value_flag(bool flag) {
    return (sn_value){.kind = SN_VALUE_FLAG, .count = flag};
}

sn_value sn_value_sizes(int count, int a, int b, int c) {
    return (sn_value){.kind = SN_VALUE_SIZES, .count = count, .sizes = {a, b, c}};
}

static const char *text_of(const sn_value *value) {
    return value->text ? value->text : value->own;
}

/* "16x32x32" */
static void join_sizes(const sn_value *value, int64_t count, char *text, size_t size) {
    size_t used = 0;
    for (int64_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%d", i ? "x" : "", value->sizes[i]);
}

/* ---- text ---- */

static bool is_zero(const sn_value *value) {
    return (value->kind == SN_VALUE_COUNT && value->count == 0) ||
           (value->kind == SN_VALUE_REAL && !(value->real > 0));
}

static void show_count(const sn_field *field, const sn_value *value, char *cell) {
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)value->count);
    /* Among texts a number stays on the right. */
    snprintf(cell, SN_TEXT_CELL_SIZE, "%*s", field->left ? field->width : 0, number);
}

static void show(const sn_field *field, const sn_value *value, char *cell) {
    const double unit = field->unit > 0 ? field->unit : 1;
    if (field->dash_zero && is_zero(value)) {
        snprintf(cell, SN_TEXT_CELL_SIZE, "-");
        return;
    }
    switch (value->kind) {
    case SN_VALUE_BLANK:
        cell[0] = '\0';
        return;
    case SN_VALUE_ABSENT:
    case SN_VALUE_NULL:
        snprintf(cell, SN_TEXT_CELL_SIZE, "-");
        return;
    case SN_VALUE_TEXT:
        snprintf(cell, SN_TEXT_CELL_SIZE, "%s", text_of(value));
        return;
    case SN_VALUE_COUNT:
        if (field->unit > 0)
            snprintf(cell, SN_TEXT_CELL_SIZE, "%.*f", field->decimals, (double)value->count / unit);
        else
            show_count(field, value, cell);
        return;
    case SN_VALUE_REAL:
        snprintf(cell, SN_TEXT_CELL_SIZE, "%.*f", field->decimals, value->real / unit);
        return;
    case SN_VALUE_FLAG:
        snprintf(cell, SN_TEXT_CELL_SIZE, "%s", value->count ? "yes" : "no");
        return;
    case SN_VALUE_SIZES: { /* a vector has one size */
        const bool is_vector = value->count == 3 && value->sizes[1] == 1 && value->sizes[2] == 1;
        join_sizes(value, is_vector ? 1 : value->count, cell, SN_TEXT_CELL_SIZE);
        return;
    }
    }
}

static const void *row_at(const sn_rows *rows, size_t index) {
    return (const char *)rows->rows + index * rows->row_size;
}

/* Whether the column says something. */
static bool is_filled(sn_text_table *table, size_t column) {
    for (size_t row = 0; row < table->row_count; row++) {
        const char *cell = sn_text_table_cell(table, row, column);
        if (cell[0] && strcmp(cell, "-") != 0)
            return true;
    }
    return false;
}

static void fill_column(const sn_rows *rows, const sn_field *field, size_t column,
                        sn_text_table *table) {
    for (size_t row = 0; row < rows->row_count; row++) {
        const sn_value value = field->get(row_at(rows, row), field->part);
        show(field, &value, sn_text_table_cell(table, row, column));
    }
    if (field->keep || is_filled(table, column))
        return;
    for (size_t row = 0; row < rows->row_count; row++)
        sn_text_table_cell(table, row, column)[0] = '\0';
}

sn_status sn_rows_text(const sn_rows *rows, FILE *out, sn_error *error) {
    sn_text_column columns[MOST_TITLES] = {{0}};
    const sn_field *shown[MOST_TITLES];
    size_t count = 0;
    sn_text_table table;
    for (size_t i = 0; i < rows->field_count; i++) {
        const sn_field *field = &rows->fields[i];
        if (!field->title)
            continue;
        SN_RETURN_IF(count == MOST_TITLES, error, SN_ERROR_INTERNAL,
                     "a table of more than %d columns", MOST_TITLES);
        columns[count] = (sn_text_column){field->group, field->title, field->left,
                                          field->width, field->gap,   field->keep};
        shown[count++] = field;
    }
    const sn_status status = sn_text_table_create(columns, count, rows->row_count, &table, error);
    if (status == SN_OK) {
        for (size_t column = 0; column < count; column++)
            fill_column(rows, shown[column], column, &table);
        table.no_rule = !rows->rule;
        sn_text_table_print(&table, out);
    }
    sn_text_table_free(&table);
    return status;
}

/* ---- CSV ---- */

static void put_quoted(const char *text, FILE *out) {
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (const char[]){*text, '\0'}, out);
    putc('"', out);
}

static void put_value(const sn_value *value, FILE *out) {
    char sizes[SN_VALUE_TEXT_SIZE];
    switch (value->kind) {
    case SN_VALUE_BLANK:
    case SN_VALUE_ABSENT:
    case SN_VALUE_NULL:
        return;
    case SN_VALUE_TEXT:
        put_quoted(text_of(value), out);
        return;
    case SN_VALUE_COUNT:
        fprintf(out, "%lld", (long long)value->count);
        return;
    case SN_VALUE_REAL:
        fprintf(out, "%.9g", value->real);
        return;
    case SN_VALUE_FLAG:
        fputs(value->count ? "true" : "false", out);
        return;
    case SN_VALUE_SIZES:
        join_sizes(value, value->count, sizes, sizeof sizes);
        fputs(sizes, out);
        return;
    }
}

void sn_rows_csv(const sn_rows *rows, FILE *out) {
    const char *separator = "";
    for (size_t i = 0; i < rows->field_count; i++)
        if (rows->fields[i].key) {
            fprintf(out, "%s%s", separator, rows->fields[i].key);
            separator = ",";
        }
    putc('\n', out);
    for (size_t row = 0; row < rows->row_count; row++) {
        separator = "";
        for (size_t i = 0; i < rows->field_count; i++) {
            const sn_field *field = &rows->fields[i];
            if (!field->key)
                continue;
            const sn_value value = field->get(row_at(rows, row), field->part);
            fputs(separator, out);
            put_value(&value, out);
            separator = ",";
        }
        putc('\n', out);
    }
}

/* ---- JSON ---- */

static json_t *pack_sizes(const sn_value *value) {
    json_t *array = json_array();
    for (int64_t i = 0; array && i < value->count; i++)
        if (json_array_append_new(array, json_integer(value->sizes[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* NULL when there is nothing to pack, or no memory. */
static json_t *pack_value(const sn_value *value) {
    switch (value->kind) {
    case SN_VALUE_BLANK:
    case SN_VALUE_ABSENT:
        break;
    case SN_VALUE_NULL:
        return json_null();
    case SN_VALUE_TEXT:
        return json_string(text_of(value));
    case SN_VALUE_COUNT:
        return json_integer(value->count);
    case SN_VALUE_REAL:
        return json_real(value->real);
    case SN_VALUE_FLAG:
        return json_boolean(value->count);
    case SN_VALUE_SIZES:
        return pack_sizes(value);
    }
    return NULL;
}

/* The object that a key with dots leads to, made where it is not there; *key is what is left. */
static json_t *descend(json_t *object, const char **key) {
    const char *dot;
    while (object && (dot = strchr(*key, '.')) != NULL) {
        char name[SN_VALUE_TEXT_SIZE];
        snprintf(name, sizeof name, "%.*s", (int)(dot - *key), *key);
        if (!json_object_get(object, name) && json_object_set_new(object, name, json_object()) != 0)
            return NULL;
        object = json_object_get(object, name);
        *key = dot + 1;
    }
    return object;
}

static bool add_member(json_t *root, const sn_field *field, const void *row) {
    const sn_value value = field->get(row, field->part);
    const char *key = field->key;
    if (value.kind == SN_VALUE_BLANK)
        return true;
    json_t *object = descend(root, &key);
    if (value.kind == SN_VALUE_ABSENT)
        return object != NULL;
    return object && json_object_set_new(object, key, pack_value(&value)) == 0;
}

json_t *sn_row_json(const sn_field *fields, size_t field_count, const void *row) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < field_count; i++)
        if (fields[i].key && !add_member(object, &fields[i], row)) {
            json_decref(object);
            return NULL;
        }
    return object;
}

json_t *sn_rows_json(const sn_rows *rows) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < rows->row_count; i++)
        if (json_array_append_new(
                array, sn_row_json(rows->fields, rows->field_count, row_at(rows, i))) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

sn_status sn_rows_print_json(json_t *json, FILE *out, sn_error *error) {
    if (json) {
        json_dumpf(json, out,
                   JSON_INDENT(2) | JSON_REAL_PRECISION(9)); /* stdout is checked later */
        putc('\n', out);
    }
    json_decref(json);
    SN_RETURN_IF(!json, error, SN_ERROR_DATA,
                 "cannot make JSON: no memory, or a text is not UTF-8");
    return SN_OK;
}

sn_status sn_rows_print_data(const sn_rows *rows, sn_output format, FILE *out, sn_error *error) {
    if (format == SN_OUTPUT_JSON)
        return sn_rows_print_json(sn_rows_json(rows), out, error);
    sn_rows_csv(rows, out);
    return SN_OK;
}
