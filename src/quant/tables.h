/* The tables that quant.c lists, each defined in a file of its own. */
#ifndef SN_QUANT_TABLES_H
#define SN_QUANT_TABLES_H

#include "quant/quant.h"

#define SN_QUANTIZER(name) extern const sn_quantizer sn_quantizer_##name;
#include "quant/quantizers.def"
#undef SN_QUANTIZER

extern const sn_estimator sn_estimator_auto;
extern const sn_estimator sn_estimator_ede;
extern const sn_estimator sn_estimator_ede_standardized;
extern const sn_estimator sn_estimator_ste;

#endif
