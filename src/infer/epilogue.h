/* Inside the runtime: what follows the sums of a layer. */
#ifndef SN_INFER_EPILOGUE_H
#define SN_INFER_EPILOGUE_H

#include "infer/layer.h"

/* values[count] of channel k, in place. A NaN stays one. */
static inline void sn_infer_activate(const sn_infer_epilogue *epilogue, uint32_t k, float *values,
                                     size_t count) {
    switch (epilogue->activation) {
    case SN_INFER_ACTIVATION_RELU:
        for (size_t i = 0; i < count; i++)
            values[i] = values[i] < 0 ? 0 : values[i];
        break;
    case SN_INFER_ACTIVATION_HARDTANH:
        for (size_t i = 0; i < count; i++) {
            const float low = values[i] < -1 ? -1 : values[i];
            values[i] = low > 1 ? 1 : low;
        }
        break;
    case SN_INFER_ACTIVATION_PRELU: {
        const float slope = epilogue->slope[k];
        for (size_t i = 0; i < count; i++)
            values[i] = values[i] < 0 ? slope * values[i] : values[i];
        break;
    }
    default:
        break;
    }
}

/* scale * sum + bias for count sums of channel k, in place. */
static inline void sn_infer_scale(const sn_infer_epilogue *epilogue, uint32_t k, float *values,
                                  size_t count) {
    const float scale = epilogue->scale[k], bias = epilogue->bias[k];
    for (size_t i = 0; i < count; i++)
        values[i] = scale * values[i] + bias;
}

/* y = activation(scale * sum + bias), likewise. */
static inline void sn_infer_finish(const sn_infer_epilogue *epilogue, uint32_t k, float *values,
                                   size_t count) {
    sn_infer_scale(epilogue, k, values, count);
    sn_infer_activate(epilogue, k, values, count);
}

#endif
