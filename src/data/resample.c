#include "data/resample.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* Which inputs make an output: first[i], count[i] of them, with weights that add up to 1. */
typedef struct taps {
    int *first, *count;
    float *weight; /* [outputs][most] */
    int most;
} taps;

sn_box sn_box_centred(int picture_width, int picture_height, int width, int height) {
    const double w = picture_width, h = picture_height;
    sn_box box = {0, 0, w, h};
    if (w * height > h * width)
        box.width = h * width / height;
    else
        box.height = w * height / width;
    box.left = (w - box.width) / 2;
    box.top = (h - box.height) / 2;
    return box;
}

static void taps_clear(taps *t) {
    sn_free(t->first);
    sn_free(t->count);
    sn_free(t->weight);
}

/* Of one axis: `length` pixels from `start` become `outputs`. False: no memory. */
static bool taps_make(taps *t, int inputs, double start, double length, int outputs) {
    const double scale = length / outputs, support = scale > 1 ? scale : 1;
    t->most = (int)ceil(support) * 2 + 1;
    t->first = sn_alloc_array((size_t)outputs, sizeof *t->first);
    t->count = sn_alloc_array((size_t)outputs, sizeof *t->count);
    t->weight = sn_alloc_array((size_t)outputs * (size_t)t->most, sizeof *t->weight);
    if (!t->first || !t->count || !t->weight)
        return false;
    for (int i = 0; i < outputs; i++) {
        const double centre = start + (i + 0.5) * scale;
        int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > inputs ? inputs : end;
        double sum = 0;
        float *weight = t->weight + (size_t)i * (size_t)t->most;
        for (int k = 0; k < end - first; k++) {
            const double distance = fabs((first + k + 0.5 - centre) / support);
            weight[k] = distance < 1 ? (float)(1 - distance) : 0;
            sum += (double)weight[k];
        }
        for (int k = 0; k < end - first; k++)
            weight[k] = (float)((double)weight[k] / sum);
        t->first[i] = first;
        t->count[i] = end - first;
    }
    return true;
}

static void resample_rows(const uint8_t *from, int width, int rows, const taps *t, int outputs,
                          float *to) {
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < outputs; x++) {
            const uint8_t *pixel = from + (size_t)y * (size_t)width + t->first[x];
            const float *weight = t->weight + (size_t)x * (size_t)t->most;
            float sum = 0;
            for (int k = 0; k < t->count[x]; k++)
                sum += weight[k] * (float)pixel[k];
            *to++ = sum;
        }
}

/* `from` begins with row `first_row`. */
static void resample_columns(const float *from, int first_row, int width, const taps *t,
                             int outputs, float *sums, uint8_t *to) {
    for (int y = 0; y < outputs; y++) {
        for (int x = 0; x < width; x++)
            sums[x] = 0.5F;
        for (int k = 0; k < t->count[y]; k++) {
            const float weight = t->weight[(size_t)y * (size_t)t->most + (size_t)k];
            const float *row = from + (size_t)(t->first[y] - first_row + k) * (size_t)width;
            for (int x = 0; x < width; x++)
                sums[x] += weight * row[x];
        }
        for (int x = 0; x < width; x++)
            *to++ = sums[x] >= 255 ? 255 : (uint8_t)sums[x];
    }
}

sn_status sn_resample(const uint8_t *from, int planes, int picture_width, int picture_height,
                      const sn_box *box, int width, int height, uint8_t *to, sn_error *error) {
    taps across = {0}, down = {0};
    float *rows = sn_alloc_array((size_t)picture_height * (size_t)width, sizeof *rows);
    float *sums = sn_alloc_array((size_t)width, sizeof *sums);
    const bool memory = rows && sums &&
                        taps_make(&across, picture_width, box->left, box->width, width) &&
                        taps_make(&down, picture_height, box->top, box->height, height);
    for (int p = 0; memory && p < planes; p++) {
        const size_t plane = (size_t)picture_width * (size_t)picture_height;
        const int first_row = down.first[0];
        const int end_row = down.first[height - 1] + down.count[height - 1];
        resample_rows(from + (size_t)p * plane + (size_t)first_row * (size_t)picture_width,
                      picture_width, end_row - first_row, &across, width, rows);
        resample_columns(rows, first_row, width, &down, height, sums,
                         to + (size_t)p * (size_t)width * (size_t)height);
    }
    taps_clear(&across);
    taps_clear(&down);
    sn_free(rows);
    sn_free(sums);
    SN_RETURN_IF(!memory, error, SN_ERROR_MEMORY, "no memory to resize a picture to %d x %d", width,
                 height);
    return SN_OK;
}
