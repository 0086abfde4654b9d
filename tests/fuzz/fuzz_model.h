/* The fuzz target, as libFuzzer and the driver call it. */
#ifndef SN_TESTS_FUZZ_MODEL_H
#define SN_TESTS_FUZZ_MODEL_H

#include <stddef.h>

/* libFuzzer's entry: the bytes as they are, then with a checksum that fits. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* The bytes as they are; returns sn_infer_inspect's status. Aborts when a promise is broken. */
int fuzz_model(const unsigned char *bytes, size_t size);

/* Makes the checksum right where the bytes have one. */
void fuzz_fix_checksum(unsigned char *bytes, size_t size);

#endif
