#include "cli/text_table.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 32 };

/* How wide each column is; 0: left out. */
typedef struct layout {
    size_t width[MAX_COLUMNS];
} layout;

sn_status sn_text_table_create(const sn_text_column *columns, size_t column_count, size_t row_count,
                               sn_text_table *table, sn_error *error) {
    *table = (sn_text_table){columns, column_count, row_count, NULL, false};
    SN_RETURN_IF(column_count > MAX_COLUMNS, error, SN_ERROR_INTERNAL,
                 "a table of %zu columns, at most %d", column_count, MAX_COLUMNS);
    table->cells = calloc(row_count * column_count, sizeof *table->cells);
    SN_RETURN_IF(!table->cells, error, SN_ERROR_MEMORY, "out of memory for a table");
    return SN_OK;
}

void sn_text_table_free(sn_text_table *table) {
    free(table->cells);
    table->cells = NULL;
}

char *sn_text_table_cell(sn_text_table *table, size_t row, size_t column) {
    return table->cells[row * table->column_count + column];
}

static const char *cell(const sn_text_table *table, size_t row, size_t column) {
    return table->cells[row * table->column_count + column];
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* The columns after `first` that are in its group. */
static size_t group_end(const sn_text_table *table, size_t first) {
    size_t end = first + 1;
    const char *group = table->columns[first].group;
    while (group && end < table->column_count && table->columns[end].group &&
           strcmp(table->columns[end].group, group) == 0)
        end++;
    return end;
}

static size_t gap_of(const sn_text_table *table, size_t column) {
    const int gap = table->columns[column].gap;
    return gap > 0 ? (size_t)gap : 1;
}

/* Of all columns of a group that are not left out, with the gaps between them. */
static size_t group_width(const sn_text_table *table, const layout *l, size_t first, size_t end) {
    size_t width = 0;
    for (size_t c = first; c < end; c++)
        if (l->width[c])
            width += l->width[c] + (width ? gap_of(table, c) : 0);
    return width;
}

static layout lay_out(const sn_text_table *table) {
    layout l = {{0}};
    for (size_t c = 0; c < table->column_count; c++) {
        for (size_t row = 0; row < table->row_count; row++)
            l.width[c] = larger(l.width[c], strlen(cell(table, row, c)));
        const sn_text_column *column = &table->columns[c];
        if (l.width[c] || column->keep)
            l.width[c] = larger(larger(l.width[c], strlen(column->title)), (size_t)column->width);
    }
    /* The first column that is there makes room for the name of the group. */
    for (size_t c = 0; c < table->column_count; c = group_end(table, c)) {
        const char *group = table->columns[c].group;
        const size_t end = group_end(table, c), width = group_width(table, &l, c, end);
        size_t first = c;
        while (first < end && !l.width[first])
            first++;
        if (group && first < end && strlen(group) > width)
            l.width[first] += strlen(group) - width;
    }
    return l;
}

/* Ends the line without the blanks that stand at its end. */
static void print_line(char *line, FILE *out) {
    size_t length = strlen(line);
    while (length && line[length - 1] == ' ')
        line[--length] = '\0';
    fprintf(out, "%s\n", line);
}

/* One row; of the titles, row is NULL. */
static void print_row(const sn_text_table *table, const layout *l, const sn_text_cell *row,
                      FILE *out) {
    char line[MAX_COLUMNS * SN_TEXT_CELL_SIZE] = "";
    int used = 0;
    for (size_t c = 0; c < table->column_count; c++) {
        const char *text = row ? row[c] : table->columns[c].title;
        const int width = (int)l->width[c], gap = used ? (int)gap_of(table, c) : 0;
        if (width)
            used += snprintf(line + used, sizeof line - (size_t)used,
                             table->columns[c].left ? "%*s%-*s" : "%*s%*s", gap, "", width, text);
    }
    print_line(line, out);
}

static void print_groups(const sn_text_table *table, const layout *l, FILE *out) {
    char line[MAX_COLUMNS * SN_TEXT_CELL_SIZE] = "";
    int used = 0;
    for (size_t c = 0; c < table->column_count; c = group_end(table, c)) {
        const char *group = table->columns[c].group;
        const int width = (int)group_width(table, l, c, group_end(table, c));
        if (width)
            used += snprintf(line + used, sizeof line - (size_t)used, "%*s%*s",
                             used ? (int)gap_of(table, c) : 0, "", width, group ? group : "");
    }
    print_line(line, out);
}

static bool has_groups(const sn_text_table *table) {
    for (size_t c = 0; c < table->column_count; c++)
        if (table->columns[c].group)
            return true;
    return false;
}

static void print_rule(const sn_text_table *table, const layout *l, FILE *out) {
    for (size_t i = group_width(table, l, 0, table->column_count); i > 0; i--)
        fputc('-', out);
    fputc('\n', out);
}

void sn_text_table_print(const sn_text_table *table, FILE *out) {
    const layout l = lay_out(table);
    if (has_groups(table))
        print_groups(table, &l, out);
    print_row(table, &l, NULL, out);
    for (size_t row = 0; row < table->row_count; row++) {
        if (row + 1 == table->row_count && !table->no_rule)
            print_rule(table, &l, out);
        print_row(table, &l, table->cells + row * table->column_count, out);
    }
}
