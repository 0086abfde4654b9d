/* The instruction sets that this build and processor have. */
#include "infer/isa.h"
#include "infer/amx_tile.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_X86 1
#else
#define HAS_X86 0
#endif
#if defined(__aarch64__) && defined(__GNUC__)
#define HAS_ARM 1
#else
#define HAS_ARM 0
#endif

extern const sn_infer_isa_ops sn_infer_isa_portable;
#if HAS_X86
extern const sn_infer_isa_ops sn_infer_isa_avx2, sn_infer_isa_avx512, sn_infer_isa_amx;

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
#ifdef SN_INFER_EMULATE_AMX
    return true; /* isa_avx512.c is compiled without AVX-512 then */
#endif
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}
#endif
#if HAS_ARM
extern const sn_infer_isa_ops sn_infer_isa_neon;
#endif

static const char *const isa_names[SN_INFER_ISA_COUNT] = {
    [SN_INFER_ISA_AUTO] = "auto", [SN_INFER_ISA_PORTABLE] = "portable",
    [SN_INFER_ISA_AVX2] = "avx2", [SN_INFER_ISA_AVX512] = "avx512",
    [SN_INFER_ISA_NEON] = "neon", [SN_INFER_ISA_AMX] = "amx",
};

static const char *const form_names[SN_INFER_FORM_COUNT] = {
    [SN_INFER_FORM_AUTO] = "auto",
    [SN_INFER_FORM_DENSE] = "dense",
    [SN_INFER_FORM_SPARSE] = "sparse",
    [SN_INFER_FORM_SHARED] = "shared",
    [SN_INFER_FORM_COMPLEMENT] = "complement",
};

static const char *const signs_names[SN_INFER_SIGNS_COUNT] = {
    [SN_INFER_SIGNS_AUTO] = "auto",
    [SN_INFER_SIGNS_CHUNKS] = "chunks",
    [SN_INFER_SIGNS_INVERTED] = "inverted",
    [SN_INFER_SIGNS_DIGITS] = "digits",
};

const char *sn_infer_isa_name(int isa) {
    return isa >= 0 && isa < SN_INFER_ISA_COUNT ? isa_names[isa] : NULL;
}

const char *sn_infer_form_name(int form) {
    return form >= 0 && form < SN_INFER_FORM_COUNT ? form_names[form] : NULL;
}

const char *sn_infer_signs_name(int signs) {
    return signs >= 0 && signs < SN_INFER_SIGNS_COUNT ? signs_names[signs] : NULL;
}

/* AUTO takes the first that is available. AMX is not in the list: it has run in emulation only so
 * far, and using it needs a permission of the system. */
static const sn_infer_isa fastest_first[] = {SN_INFER_ISA_AVX512, SN_INFER_ISA_AVX2,
                                             SN_INFER_ISA_NEON, SN_INFER_ISA_PORTABLE};

static const sn_infer_isa_ops *find_fastest(void) {
    for (size_t i = 0; i < sizeof fastest_first / sizeof *fastest_first; i++)
        if (sn_infer_isa_find(fastest_first[i]))
            return sn_infer_isa_find(fastest_first[i]);
    return NULL;
}

const sn_infer_isa_ops *sn_infer_isa_find(sn_infer_isa isa) {
    switch (isa) {
#ifndef SN_INFER_EMULATE_AMX /* else only what is not compiled as elsewhere */
    case SN_INFER_ISA_PORTABLE:
        return &sn_infer_isa_portable;
#if HAS_X86
    case SN_INFER_ISA_AVX2:
        return has_avx2() ? &sn_infer_isa_avx2 : NULL;
#endif
#endif
#if HAS_X86
    case SN_INFER_ISA_AVX512:
        return has_avx512() ? &sn_infer_isa_avx512 : NULL;
#if SN_INFER_HAS_AMX
    case SN_INFER_ISA_AMX:
        return has_avx512() && sn_infer_amx_available() ? &sn_infer_isa_amx : NULL;
#endif
#endif
#if HAS_ARM
    case SN_INFER_ISA_NEON:
        return &sn_infer_isa_neon;
#endif
    case SN_INFER_ISA_AUTO:
        return find_fastest();
    default:
        return NULL;
    }
}

bool sn_infer_isa_available(sn_infer_isa isa) {
    return sn_infer_isa_find(isa) != NULL;
}
