#include "cli/show_list.h"

#include "data/dataset.h"
#include "layers/model.h"
#include "quant/quant.h"

#include <stdio.h>

static const char *quantizer_summary(int index) {
    return sn_quantizer_at(index)->summary;
}

static const char *quantizer_reference(int index) {
    return sn_quantizer_at(index)->reference;
}

static const char *estimator_summary(int index) {
    return sn_estimator_at(index)->summary;
}

static const char *estimator_reference(int index) {
    return sn_estimator_at(index)->reference;
}

typedef const char *(*text_at)(int index);

void sn_show_list(void) {
    static const struct {
        const char *heading;
        text_at name, summary, reference;
    } tables[] = {
        {"--quant", sn_quantizer_name, quantizer_summary, quantizer_reference},
        {"--estimator", sn_estimator_name, estimator_summary, estimator_reference},
        {"--arch", sn_arch_name, sn_arch_summary, sn_arch_reference},
        {"--dataset", sn_dataset_name, sn_dataset_summary, sn_dataset_reference},
    };
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        printf("%s%s\n", t ? "\n" : "", tables[t].heading);
        for (int i = 0; tables[t].name(i); i++)
            printf("  %-22s  %-54s  %s\n", tables[t].name(i), tables[t].summary(i),
                   tables[t].reference(i));
    }
}
