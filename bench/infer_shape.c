#include "infer_shape.h"

#include <stdio.h>
#include <string.h>

enum { IN_SEVEN = 1, IN_RESNET20 = 2, IN_RESNET18 = 4, IN_ALL = 7 };

typedef struct entry {
    bench_shape shape;
    int groups;
} entry;

static const entry table[] = {
    {{"16ch-32x32", 16, 32, 32, 16, 3, 1, 1, false}, IN_SEVEN | IN_RESNET20},
    {{"32ch-16x16", 32, 16, 16, 32, 3, 1, 1, false}, IN_SEVEN | IN_RESNET20},
    {{"64ch-8x8", 64, 8, 8, 64, 3, 1, 1, false}, IN_SEVEN | IN_RESNET20},
    {{"64ch-56x56", 64, 56, 56, 64, 3, 1, 1, false}, IN_SEVEN | IN_RESNET18},
    {{"128ch-28x28", 128, 28, 28, 128, 3, 1, 1, false}, IN_SEVEN | IN_RESNET18},
    {{"256ch-14x14", 256, 14, 14, 256, 3, 1, 1, false}, IN_SEVEN | IN_RESNET18},
    {{"512ch-7x7", 512, 7, 7, 512, 3, 1, 1, false}, IN_SEVEN | IN_RESNET18},

    {{"first-32x32", 3, 32, 32, 16, 3, 1, 1, true}, IN_RESNET20},
    {{"16to32ch-32x32-s2", 16, 32, 32, 32, 3, 2, 1, false}, IN_RESNET20},
    {{"32to64ch-16x16-s2", 32, 16, 16, 64, 3, 2, 1, false}, IN_RESNET20},
    {{"shortcut-16to32ch", 16, 32, 32, 32, 1, 2, 0, true}, IN_RESNET20},
    {{"shortcut-32to64ch", 32, 16, 16, 64, 1, 2, 0, true}, IN_RESNET20},

    {{"first-224x224", 3, 224, 224, 64, 7, 2, 3, true}, IN_RESNET18},
    {{"64to128ch-56x56-s2", 64, 56, 56, 128, 3, 2, 1, false}, IN_RESNET18},
    {{"128to256ch-28x28-s2", 128, 28, 28, 256, 3, 2, 1, false}, IN_RESNET18},
    {{"256to512ch-14x14-s2", 256, 14, 14, 512, 3, 2, 1, false}, IN_RESNET18},
    {{"shortcut-64to128ch", 64, 56, 56, 128, 1, 2, 0, true}, IN_RESNET18},
    {{"shortcut-128to256ch", 128, 28, 28, 256, 1, 2, 0, true}, IN_RESNET18},
    {{"shortcut-256to512ch", 256, 14, 14, 512, 1, 2, 0, true}, IN_RESNET18},
};

enum { ENTRIES = sizeof table / sizeof *table, WORD_SIZE = 64, WORDS_SIZE = 1024 };

static const struct {
    const char *name;
    int bits;
} groups[] = {
    {"seven", IN_SEVEN}, {"resnet20", IN_RESNET20}, {"resnet18", IN_RESNET18}, {"all", IN_ALL}};

enum { GROUPS = sizeof groups / sizeof *groups };

static bool word_names(const char *word, size_t length, const entry *e) {
    for (size_t i = 0; i < GROUPS; i++)
        if (strlen(groups[i].name) == length && memcmp(word, groups[i].name, length) == 0)
            return (e->groups & groups[i].bits) != 0;
    return strlen(e->shape.name) == length && memcmp(word, e->shape.name, length) == 0;
}

static bool list_names(const char *list, const entry *e) {
    for (;;) {
        const size_t length = strcspn(list, ",");
        if (word_names(list, length, e))
            return true;
        if (!list[length])
            return false;
        list += length + 1;
    }
}

const bench_shape *bench_shape_at(const char *list, size_t index) {
    for (size_t i = 0; i < ENTRIES; i++)
        if (list_names(list, &table[i]) && index-- == 0)
            return &table[i].shape;
    return NULL;
}

const char *bench_shape_unknown(const char *list) {
    static char unknown[WORD_SIZE];
    for (;;) {
        const size_t length = strcspn(list, ",");
        bool known = false;
        for (size_t i = 0; i < ENTRIES; i++)
            known = known || word_names(list, length, &table[i]);
        if (!known) {
            snprintf(unknown, sizeof unknown, "%.*s", (int)length, list);
            return unknown;
        }
        if (!list[length])
            return NULL;
        list += length + 1;
    }
}

bool bench_shape_is_of_seven(const char *name) {
    for (size_t i = 0; i < ENTRIES; i++)
        if (strcmp(table[i].shape.name, name) == 0)
            return (table[i].groups & IN_SEVEN) != 0;
    return false;
}

const char *bench_shape_words(void) {
    static char words[WORDS_SIZE];
    size_t used = 0;
    for (size_t i = 0; i < GROUPS + ENTRIES; i++)
        used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", i ? ", " : "",
                                 i < GROUPS ? groups[i].name : table[i - GROUPS].shape.name);
    return words;
}
