#include "cli/show_list.h"

#include "data/dataset.h"
#include "layers/model.h"
#include "quant/quant.h"

#include <stdio.h>

static const char *quantizer_summary(int index) {
    return sn_quantizer_at(index)->summary;
}

static const char *quantizer_reference(int index) {
    return sn_quantizer_at(index)->reference;
}

static const char *estimator_summary(int index) {
    return sn_estimator_at(index)->summary;
}

static const char *estimator_reference(int index) {
    return sn_estimator_at(index)->reference;
}

typedef const char *(*text_at)(int index);

typedef struct kind {
    const char *option;
    text_at name, summary, reference;
} kind;

static const kind kinds[] = {
    {"quant", sn_quantizer_name, quantizer_summary, quantizer_reference},
    {"estimator", sn_estimator_name, estimator_summary, estimator_reference},
    {"arch", sn_arch_name, sn_arch_summary, sn_arch_reference},
    {"dataset", sn_dataset_name, sn_dataset_summary, sn_dataset_reference},
};

enum { KINDS = sizeof kinds / sizeof *kinds, MOST_ENTRIES = 128 };

typedef struct entry {
    const kind *kind;
    int index;
} entry;

enum { OPTION, NAME, SUMMARY, REFERENCE };

static sn_value get(const void *row, int part) {
    const entry *e = row;
    switch (part) {
    case OPTION:
        return sn_value_text(e->kind->option);
    case NAME:
        return sn_value_text(e->kind->name(e->index));
    case SUMMARY:
        return sn_value_text(e->kind->summary(e->index));
    default:
        return sn_value_text(e->kind->reference(e->index));
    }
}

static const sn_field fields[] = {
    SN_DATA("option", get, OPTION),
    SN_DATA("name", get, NAME),
    SN_DATA("summary", get, SUMMARY),
    SN_DATA("reference", get, REFERENCE),
};

/* Under headings, without titles. */
static void print_text(const entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const kind *k = entries[i].kind;
        if (entries[i].index == 0)
            printf("%s--%s\n", i ? "\n" : "", k->option);
        printf("  %-22s  %-54s  %s\n", k->name(entries[i].index), k->summary(entries[i].index),
               k->reference(entries[i].index));
    }
}

sn_status sn_show_list(sn_output format, sn_error *error) {
    entry entries[MOST_ENTRIES];
    size_t count = 0;
    for (size_t i = 0; i < KINDS; i++)
        for (int index = 0; kinds[i].name(index); index++) {
            SN_RETURN_IF(count == MOST_ENTRIES, error, SN_ERROR_INTERNAL,
                         "more than %d entries to list", MOST_ENTRIES);
            entries[count++] = (entry){&kinds[i], index};
        }
    const sn_rows rows = {fields, sizeof fields / sizeof *fields, entries, sizeof *entries, count,
                          false};
    if (format != SN_OUTPUT_TEXT)
        return sn_rows_print_data(&rows, format, stdout, error);
    print_text(entries, count);
    return SN_OK;
}
