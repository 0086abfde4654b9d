#include "autograd/shape.h"

#include <limits.h>
#include <stdio.h>

size_t sn_shape_count(const sn_shape *shape) {
    size_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->size[i];
    return count;
}

bool sn_shape_is_valid(const sn_shape *shape) {
    if (shape->rank < 1 || shape->rank > SN_MAX_RANK)
        return false;
    size_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        const size_t size = shape->size[i];
        if (size < 1 || size > INT_MAX || size > SN_MAX_COUNT / count)
            return false;
        count *= size;
    }
    return true;
}

bool sn_shape_equal(const sn_shape *a, const sn_shape *b) {
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->size[i] != b->size[i])
            return false;
    return true;
}

const char *sn_shape_text(const sn_shape *shape, char text[SN_SHAPE_TEXT_SIZE]) {
    int used = snprintf(text, SN_SHAPE_TEXT_SIZE, "[");
    for (int i = 0; i < shape->rank && i < SN_MAX_RANK; i++)
        used += snprintf(text + used, SN_SHAPE_TEXT_SIZE - (size_t)used, "%s%zu", i ? ", " : "",
                         shape->size[i]);
    snprintf(text + used, SN_SHAPE_TEXT_SIZE - (size_t)used, "]");
    return text;
}
