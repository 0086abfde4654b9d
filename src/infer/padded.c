#include "infer/padded.h"

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

sn_infer_padded sn_infer_padded_layout(const sn_infer_layer *layer) {
    const uint32_t stride = layer->stride;
    sn_infer_padded padded = {
        .row_phases = smaller(stride, layer->kernel_height),
        .column_phases = smaller(stride, layer->kernel_width),
        .rows = layer->out.height + (layer->kernel_height - 1) / stride,
        .pitch = larger((layer->in.width + layer->padding + stride - 1) / stride, layer->out.width),
    };
    /* A window at the right border reads past the pitch: into the left border of the next row, or
     * into this tail after the last row. */
    const uint32_t reach = layer->out.width + (layer->kernel_width - 1) / stride;
    const uint32_t tail = reach > padded.pitch ? reach - padded.pitch : 0;
    padded.phase_size = (uint64_t)padded.rows * padded.pitch + tail;
    padded.channel_size = padded.phase_size * padded.row_phases * padded.column_phases;
    padded.elements = padded.channel_size * layer->in.channels + SN_INFER_PADDED_SLACK;
    padded.positions = (uint64_t)(layer->out.height - 1) * padded.pitch + layer->out.width;
    return padded;
}

uint64_t sn_infer_padded_offset(const sn_infer_padded *padded, uint32_t stride, uint32_t c,
                                uint32_t r, uint32_t q) {
    const uint32_t phase = r % stride * padded->column_phases + q % stride;
    return c * padded->channel_size + phase * padded->phase_size +
           (uint64_t)(r / stride) * padded->pitch + q / stride;
}

/* One row of one column phase: to[i] = row[i * stride + phase - padding], 0 outside of the row. */
static void fill_row(const sn_infer_layer *layer, const float *row, uint32_t phase, float *to,
                     uint32_t pitch) {
    const uint32_t stride = layer->stride, padding = layer->padding, width = layer->in.width;
    /* from the smallest i with i * stride + phase >= padding, likewise to padding + width */
    const uint32_t first =
        padding > phase ? smaller((padding - phase + stride - 1) / stride, pitch) : 0;
    const uint32_t end = padding + width > phase
                             ? smaller((padding + width - phase + stride - 1) / stride, pitch)
                             : 0;
    const uint32_t last = larger(first, end);
    memset(to, 0, first * sizeof *to);
    if (stride == 1 && last > first)
        memcpy(to + first, row + first + phase - padding, (last - first) * sizeof *to);
    else
        for (size_t i = first; i < last; i++)
            to[i] = row[i * stride + phase - padding];
    memset(to + last, 0, (pitch - last) * sizeof *to);
}

void sn_infer_padded_fill(const sn_infer_padded *padded, const sn_infer_layer *layer,
                          const float *in, float *copy) {
    const uint32_t height = layer->in.height, width = layer->in.width;
    const size_t row_elements = (size_t)padded->rows * padded->pitch;
    float *phase = copy;
    for (uint32_t c = 0; c < layer->in.channels; c++) {
        const float *image = in + (size_t)c * height * width;
        for (uint32_t py = 0; py < padded->row_phases; py++) {
            for (uint32_t px = 0; px < padded->column_phases; px++, phase += padded->phase_size) {
                for (uint32_t j = 0; j < padded->rows; j++) {
                    const uint32_t y = j * layer->stride + py; /* in the padded picture */
                    float *to = phase + (size_t)j * padded->pitch;
                    if (y < layer->padding || y >= layer->padding + height)
                        memset(to, 0, padded->pitch * sizeof *to);
                    else
                        fill_row(layer, image + (size_t)(y - layer->padding) * width, px, to,
                                 padded->pitch);
                }
                memset(phase + row_elements, 0,
                       (size_t)(padded->phase_size - row_elements) * sizeof *phase);
            }
        }
    }
    memset(phase, 0, SN_INFER_PADDED_SLACK * sizeof *phase);
}

void sn_infer_padded_store(const sn_infer_padded *padded, const sn_infer_layer *layer,
                           uint64_t first, const float *values, size_t count, float *out) {
    const size_t width = layer->out.width, pitch = padded->pitch;
    if (count > padded->positions - first)
        count = (size_t)(padded->positions - first);
    size_t y = (size_t)(first / pitch), x = (size_t)(first % pitch);
    for (size_t i = 0; i < count; y++, x = 0) {
        const size_t run = pitch - x < count - i ? pitch - x : count - i;
        const size_t pixels = x >= width ? 0 : run < width - x ? run : width - x;
        float *to = out + y * width + x;
        for (size_t j = 0; j < pixels; j++)
            to[j] = values[i + j];
        i += run;
    }
}

void sn_infer_padded_add(const sn_infer_padded *padded, const sn_infer_layer *layer, uint64_t first,
                         float *values, size_t count, const float *in) {
    const size_t width = layer->out.width, pitch = padded->pitch;
    for (size_t i = 0; i < count && first + i < padded->positions; i++) {
        const size_t y = (size_t)(first + i) / pitch, x = (size_t)(first + i) % pitch;
        if (x < width)
            values[i] += in[y * width + x];
    }
}
