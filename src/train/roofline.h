/* How fast this machine can be at best, as far as training is concerned. */
#ifndef SN_TRAIN_ROOFLINE_H
#define SN_TRAIN_ROOFLINE_H

#include "base/status.h"

typedef struct sn_roofline {
    double flops; /* per second: fp32 multiply-adds on vectors, each counted as two */
    double bytes; /* per second, read and written, when copying what no cache holds */
} sn_roofline;

/* Measures with this many threads; takes about a second. */
sn_status sn_roofline_measure(int threads, sn_roofline *roofline, sn_error *error);

#endif
