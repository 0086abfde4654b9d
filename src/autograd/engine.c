#include "autograd/graph.h"

#if SN_HAS_ONEDNN
#include "autograd/onednn.h"
#endif

#include <stddef.h>

const char *sn_engine_name(int index) {
    static const char *const names[] = {[SN_ENGINE_AUTO] = "auto",
                                        [SN_ENGINE_GEMM] = "gemm",
                                        [SN_ENGINE_ONEDNN] = "onednn",
                                        [SN_ENGINE_WINOGRAD] = "winograd"};
    return index >= 0 && index < SN_ENGINE_COUNT ? names[index] : NULL;
}

const char *sn_precision_name(int index) {
    static const char *const names[] = {[SN_PRECISION_FP32] = "fp32", [SN_PRECISION_BF16] = "bf16"};
    return index >= 0 && index < SN_PRECISION_COUNT ? names[index] : NULL;
}

bool sn_engine_is_built(sn_engine engine) {
    return engine != SN_ENGINE_ONEDNN || SN_HAS_ONEDNN;
}

sn_engine sn_engine_resolve(sn_engine engine, sn_precision precision) {
    if (engine != SN_ENGINE_AUTO)
        return engine;
#if SN_HAS_ONEDNN
    if (precision == SN_PRECISION_BF16 && sn_onednn_has_amx())
        return SN_ENGINE_ONEDNN;
#endif
    (void)precision;
    return SN_ENGINE_WINOGRAD;
}
