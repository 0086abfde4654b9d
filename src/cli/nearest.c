#include "cli/nearest.h"

#include <string.h>

enum {
    NAME_SIZE = 64, /* bytes of a name that are compared */
    FAR = 1000      /* too far to be meant */
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many insertions, deletions, substitutions and swaps of neighbours turn a into b (optimal
 * string alignment). Long names are cut, which is good enough for a suggestion. */
static size_t edit_distance(const char *a, const char *b) {
    size_t cost[3][NAME_SIZE + 1]; /* rows i - 2, i - 1 and i of the table, in turn */
    const size_t rows = smaller(strlen(a), NAME_SIZE);
    const size_t columns = smaller(strlen(b), NAME_SIZE);
    for (size_t j = 0; j <= columns; j++)
        cost[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *const row = cost[i % 3];
        const size_t *const above = cost[(i + 2) % 3];
        const size_t *const two_above = cost[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            row[j] = smaller(above[j], row[j - 1]) + 1;
            row[j] = smaller(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smaller(row[j], two_above[j - 2] + 1);
        }
    }
    return cost[rows % 3][columns];
}

/* A name cut short ("weight" for weight-decay) is as good as one wrong letter. */
static size_t name_distance(const char *typed, const char *name) {
    const size_t length = strlen(typed);
    if (length >= 3 && strncmp(typed, name, length) == 0)
        return 1;
    const size_t distance = edit_distance(typed, name);
    return distance <= 1 + length / 3 ? distance : FAR;
}

const char *sn_nearest_name(const char *typed,
                            const char *(*name_at)(const void *context, size_t index),
                            const void *context) {
    const char *best = NULL, *name;
    size_t best_distance = FAR;
    for (size_t i = 0; (name = name_at(context, i)) != NULL; i++) {
        const size_t distance = name_distance(typed, name);
        if (distance < best_distance) {
            best_distance = distance;
            best = name;
        }
    }
    return best;
}
