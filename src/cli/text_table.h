/* A table as text: columns as wide as what is in them. */
#ifndef SN_CLI_TEXT_TABLE_H
#define SN_CLI_TEXT_TABLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

enum { SN_TEXT_CELL_SIZE = 128 };

typedef struct sn_text_column {
    const char *group; /* stands above neighbours that have an equal one; or NULL */
    const char *title;
    bool left;      /* aligned; otherwise right */
    int width, gap; /* at least so wide; blanks before it, 0: 1 */
    bool keep;      /* also without anything below the title */
} sn_text_column;

typedef char sn_text_cell[SN_TEXT_CELL_SIZE];

typedef struct sn_text_table {
    const sn_text_column *columns; /* [column_count], the caller's */
    size_t column_count, row_count;
    sn_text_cell *cells; /* [row_count][column_count], empty at first */
    bool no_rule;
} sn_text_table;

/* Free it also after an error. SN_ERROR_MEMORY. */
sn_status sn_text_table_create(const sn_text_column *columns, size_t column_count, size_t row_count,
                               sn_text_table *table, sn_error *error);
void sn_text_table_free(sn_text_table *table);

/* Where to write what stands in a row. */
char *sn_text_table_cell(sn_text_table *table, size_t row, size_t column);

/* Leaves out columns with nothing below their title, unless `keep` is set. Prints a rule before the
 * last row, unless `no_rule` is set. No line ends in blanks. */
void sn_text_table_print(const sn_text_table *table, FILE *out);

#endif
