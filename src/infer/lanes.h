/* Inside the runtime: four floats at a time, the vector that every x86-64 and ARMv8 has. Compilers
 * do not reliably keep an array of sums in registers across a loop over taps; they do keep these.
 */
#ifndef SN_INFER_LANES_H
#define SN_INFER_LANES_H

#include <string.h>

enum { SN_INFER_LANES = 4 };

#if defined(__GNUC__)

typedef float sn_infer_lanes __attribute__((vector_size(16)));

static inline sn_infer_lanes sn_infer_lanes_add(sn_infer_lanes a, sn_infer_lanes b) {
    return a + b;
}

static inline sn_infer_lanes sn_infer_lanes_scale(sn_infer_lanes a, float factor) {
    return a * factor;
}

#else

typedef struct sn_infer_lanes {
    float values[SN_INFER_LANES];
} sn_infer_lanes;

static inline sn_infer_lanes sn_infer_lanes_add(sn_infer_lanes a, sn_infer_lanes b) {
    for (int i = 0; i < SN_INFER_LANES; i++)
        a.values[i] += b.values[i];
    return a;
}

static inline sn_infer_lanes sn_infer_lanes_scale(sn_infer_lanes a, float factor) {
    for (int i = 0; i < SN_INFER_LANES; i++)
        a.values[i] *= factor;
    return a;
}

#endif

static inline sn_infer_lanes sn_infer_lanes_load(const float *from) {
    sn_infer_lanes lanes;
    memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

static inline void sn_infer_lanes_store(float *to, sn_infer_lanes lanes) {
    memcpy(to, &lanes, sizeof lanes);
}

static inline sn_infer_lanes sn_infer_lanes_zero(void) {
    const float zeros[SN_INFER_LANES] = {0};
    return sn_infer_lanes_load(zeros);
}

#endif
