/* Pooling over windows and over whole channels. */
#include "infer/layer.h"

/* The part of a window that lies inside the picture; never empty, since padding < kernel. */
typedef struct span {
    size_t first, end;
} span;

static span clip_window(size_t position, uint32_t stride, uint32_t kernel, uint32_t padding,
                        uint32_t side) {
    const size_t start = position * stride, end = start + kernel; /* in the padded picture */
    return (span){start > padding ? start - padding : 0,
                  end - padding < side ? end - padding : side};
}

static float window_max(const float *image, size_t pitch, span rows, span columns) {
    float best = image[rows.first * pitch + columns.first];
    for (size_t y = rows.first; y < rows.end; y++)
        for (size_t x = columns.first; x < columns.end; x++)
            if (image[y * pitch + x] > best)
                best = image[y * pitch + x];
    return best;
}

static float window_sum(const float *image, size_t pitch, span rows, span columns) {
    float sum = 0;
    for (size_t y = rows.first; y < rows.end; y++)
        for (size_t x = columns.first; x < columns.end; x++)
            sum += image[y * pitch + x];
    return sum;
}

static inline void pool(const sn_infer_layer *layer, const float *in, float *out,
                        float (*reduce)(const float *, size_t, span, span), float scale) {
    const size_t pitch = layer->in.width, plane = (size_t)layer->in.height * pitch;
    for (uint32_t c = 0; c < layer->out.channels; c++, in += plane)
        for (uint32_t y = 0; y < layer->out.height; y++) {
            const span rows = clip_window(y, layer->stride, layer->kernel_height, layer->padding,
                                          layer->in.height);
            for (uint32_t x = 0; x < layer->out.width; x++) {
                const span columns = clip_window(x, layer->stride, layer->kernel_width,
                                                 layer->padding, layer->in.width);
                *out++ = reduce(in, pitch, rows, columns) * scale;
            }
        }
}

static bool accepts_max(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_MAX_POOL;
}

static void run_max(const sn_infer_layer *layer, const float *a, const float *b, float *out,
                    void *work) {
    (void)b;
    (void)work;
    pool(layer, a, out, window_max, 1.0f);
}

static bool accepts_average(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_AVERAGE_POOL;
}

/* The padding counts: every window is divided by its whole size. */
static void run_average(const sn_infer_layer *layer, const float *a, const float *b, float *out,
                        void *work) {
    (void)b;
    (void)work;
    pool(layer, a, out, window_sum, 1.0f / (float)(layer->kernel_height * layer->kernel_width));
}

static bool accepts_global(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_GLOBAL_AVERAGE_POOL;
}

static void run_global(const sn_infer_layer *layer, const float *a, const float *b, float *out,
                       void *work) {
    (void)b;
    (void)work;
    const size_t pixels = (size_t)layer->in.height * layer->in.width;
    for (uint32_t c = 0; c < layer->out.channels; c++, a += pixels) {
        double sum = 0; /* a picture may have millions of pixels */
        for (size_t i = 0; i < pixels; i++)
            sum += (double)a[i];
        out[c] = (float)(sum / (double)pixels);
    }
}

const sn_infer_kernel sn_infer_max_pool = {
    .name = "max_pool", .accepts = accepts_max, .run = run_max};
const sn_infer_kernel sn_infer_average_pool = {
    .name = "average_pool", .accepts = accepts_average, .run = run_average};
const sn_infer_kernel sn_infer_global_average_pool = {
    .name = "global_average_pool", .accepts = accepts_global, .run = run_global};
