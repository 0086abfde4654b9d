/* What reports print: rows of fields. A field is described once, and its rows come out as a table
 * of text, as JSON or as CSV. */
#ifndef SN_CLI_ROWS_H
#define SN_CLI_ROWS_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum sn_output { SN_OUTPUT_TEXT, SN_OUTPUT_JSON, SN_OUTPUT_CSV } sn_output;

/* "text", "json", "csv"; NULL past the last. */
const char *sn_output_name(int index);

typedef enum sn_value_kind {
    SN_VALUE_BLANK,  /* nothing: an empty cell, not in JSON */
    SN_VALUE_ABSENT, /* "-" in text, not in JSON */
    SN_VALUE_NULL,   /* "-" in text, null in JSON */
    SN_VALUE_TEXT,
    SN_VALUE_COUNT,
    SN_VALUE_REAL,
    SN_VALUE_FLAG,
    SN_VALUE_SIZES /* such as 16x32x32: an array in JSON */
} sn_value_kind;

enum { SN_VALUE_SIZES_MOST = 3, SN_VALUE_TEXT_SIZE = 96 };

typedef struct sn_value {
    sn_value_kind kind;
    const char *text; /* outlives the value; NULL: it is in `own` */
    char own[SN_VALUE_TEXT_SIZE];
    int64_t count; /* also whether a flag is set, and the number of sizes */
    double real;
    int sizes[SN_VALUE_SIZES_MOST];
} sn_value;

sn_value sn_value_blank(void);
sn_value sn_value_absent(void);
sn_value sn_value_null(void);
sn_value sn_value_text(const char *text); /* NULL: sn_value_null */
sn_value sn_value_text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
sn_value sn_value_count(uint64_t count);
sn_value sn_value_real(double real);
sn_value sn_value_flag(bool flag);
sn_value sn_value_sizes(int count, int a, int b, int c);

typedef struct sn_field {
    const char
        *key; /* in JSON and CSV; "a.b" is member b of an object a in JSON. NULL: text only */
    const char *title; /* of the column of text; NULL: not in text */
    sn_value (*get)(const void *row, int part);
    int part; /* for get, where it serves several fields */
    /* Of text alone. */
    double unit;       /* numbers are divided by it; 0: they are not */
    int decimals;      /* of real numbers, and of counts that are divided */
    bool dash_zero;    /* 0 is "-" */
    const char *group; /* stands above neighbours that have an equal one; or NULL */
    int width, gap;    /* at least so wide; blanks before it, 0: 1 */
    bool left;         /* aligned, but for numbers */
    bool keep;         /* also without anything but "-" below the title */
} sn_field;

/* A field that text does not show. */
#define SN_DATA(key_, get_, part_)                                                                 \
    { .key = (key_), .get = (get_), .part = (part_) }

typedef struct sn_rows {
    const sn_field *fields;
    size_t field_count;
    const void *rows;
    size_t row_size, row_count;
    bool rule; /* in text, before the last row */
} sn_rows;

/* A table of text. Columns with nothing but "-" in them are left out. SN_ERROR_MEMORY. */
sn_status sn_rows_text(const sn_rows *rows, FILE *out, sn_error *error);

/* A heading with the keys, and a line for each row (RFC 4180, but for line ends). */
void sn_rows_csv(const sn_rows *rows, FILE *out);

/* An array of objects; NULL when memory is out or a text is not UTF-8. */
json_t *sn_rows_json(const sn_rows *rows);

/* The rows for programs: an array in JSON or, in CSV, lines. Not for text. Errors as for
 * sn_rows_print_json. */
sn_status sn_rows_print_data(const sn_rows *rows, sn_output format, FILE *out, sn_error *error);

/* One row as an object; NULL as above. */
json_t *sn_row_json(const sn_field *fields, size_t field_count, const void *row);

/* Prints JSON, indented, and releases it. SN_ERROR_DATA for NULL: memory is out, or a text is not
 * UTF-8. */
sn_status sn_rows_print_json(json_t *json, FILE *out, sn_error *error);

#endif
