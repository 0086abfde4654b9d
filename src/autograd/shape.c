#include "autograd/shape.h"

#include <stdio.h>

size_t sn_shape_count(const sn_shape *shape) {
    size_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->size[i];
    return count;
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
    int used = 0;
    for (int i = 0; i < shape->rank; i++)
        used += snprintf(text + used, SN_SHAPE_TEXT_SIZE - (size_t)used, "%s%zu", i ? ", " : "[",
                         shape->size[i]);
    snprintf(text + used, SN_SHAPE_TEXT_SIZE - (size_t)used, "]");
    return text;
}
