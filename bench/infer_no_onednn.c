/* Where oneDNN is not installed. */
#include "infer_baseline.h"

const char *bench_onednn_name(bench_onednn_kind kind) {
    (void)kind;
    return "oneDNN";
}

const char *bench_onednn_about(void) {
    return "not built in";
}

const char *bench_onednn_lacks(bench_onednn_kind kind) {
    (void)kind;
    return "oneDNN is not built in";
}

sn_status bench_onednn_create(const bench_baseline_setup *setup, bench_onednn_kind kind,
                              bench_contestant *made, sn_error *error) {
    (void)setup;
    (void)kind;
    (void)error;
    *made = (bench_contestant){0};
    return SN_OK;
}
