/* The instruction sets that this build and processor have. */
#include "infer/isa.h"

#define SN_INFER_ISA(constant, name, is_automatic) sn_infer_isa_finder sn_infer_find_##name;
#include "infer/isas.def"
#undef SN_INFER_ISA

typedef struct entry {
    sn_infer_isa isa;
    bool is_automatic; /* AUTO may take it */
    const char *name;
    sn_infer_isa_finder *find;
} entry;

static const entry entries[] = {
#define SN_INFER_ISA(constant, name, is_automatic)                                                 \
    {SN_INFER_ISA_##constant, is_automatic, #name, sn_infer_find_##name},
#include "infer/isas.def"
#undef SN_INFER_ISA
};
enum { ENTRIES = sizeof entries / sizeof *entries };

static_assert(ENTRIES == SN_INFER_ISA_COUNT - 1, "every sn_infer_isa but AUTO has a line");

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
    for (int i = 0; i < ENTRIES; i++)
        if ((int)entries[i].isa == isa)
            return entries[i].name;
    return isa == SN_INFER_ISA_AUTO ? "auto" : NULL;
}

const char *sn_infer_form_name(int form) {
    return form >= 0 && form < SN_INFER_FORM_COUNT ? form_names[form] : NULL;
}

const char *sn_infer_signs_name(int signs) {
    return signs >= 0 && signs < SN_INFER_SIGNS_COUNT ? signs_names[signs] : NULL;
}

const sn_infer_isa_ops *sn_infer_isa_find(sn_infer_isa isa) {
    for (int i = 0; i < ENTRIES; i++) {
        const entry *e = &entries[i];
        const sn_infer_isa_ops *found = NULL;
        if (isa == SN_INFER_ISA_AUTO ? e->is_automatic : e->isa == isa)
            found = e->find();
        if (found)
            return found;
    }
    return NULL;
}

bool sn_infer_isa_available(sn_infer_isa isa) {
    return sn_infer_isa_find(isa) != NULL;
}
