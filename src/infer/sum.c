/* Sum of two activations, the end of a residual block. */
#include "infer/epilogue.h"

static bool accepts(const sn_infer_layer *layer) {
    return layer->opcode == SN_INFER_OP_SUM;
}

static void run(const sn_infer_layer *layer, const float *a, const float *b, float *out,
                void *work) {
    (void)work;
    const size_t pixels = (size_t)layer->out.height * layer->out.width;
    for (uint32_t c = 0; c < layer->out.channels; c++, a += pixels, b += pixels, out += pixels) {
        for (size_t i = 0; i < pixels; i++)
            out[i] = a[i] + b[i];
        sn_infer_activate(&layer->epilogue, c, out, pixels);
    }
}

const sn_infer_kernel sn_infer_sum = {.name = "sum", .accepts = accepts, .run = run};
