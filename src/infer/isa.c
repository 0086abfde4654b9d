/* Names of instruction sets and forms, and which there are. */
#include "infer/signet.h"

const char *sn_infer_isa_name(int isa) {
    static const char *const names[SN_INFER_ISA_COUNT] = {
        [SN_INFER_ISA_AUTO] = "auto", [SN_INFER_ISA_PORTABLE] = "portable",
        [SN_INFER_ISA_AVX2] = "avx2", [SN_INFER_ISA_AVX512] = "avx512",
        [SN_INFER_ISA_NEON] = "neon", [SN_INFER_ISA_AMX] = "amx",
    };
    return isa >= 0 && isa < SN_INFER_ISA_COUNT ? names[isa] : NULL;
}

const char *sn_infer_form_name(int form) {
    static const char *const names[SN_INFER_FORM_COUNT] = {
        [SN_INFER_FORM_AUTO] = "auto",
        [SN_INFER_FORM_DENSE] = "dense",
        [SN_INFER_FORM_SPARSE] = "sparse",
        [SN_INFER_FORM_SHARED] = "shared",
        [SN_INFER_FORM_COMPLEMENT] = "complement",
    };
    return form >= 0 && form < SN_INFER_FORM_COUNT ? names[form] : NULL;
}

bool sn_infer_isa_available(sn_infer_isa isa) {
    return isa == SN_INFER_ISA_AUTO || isa == SN_INFER_ISA_PORTABLE;
}
