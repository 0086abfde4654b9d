/* Runs the fuzz target without libFuzzer: on files named as arguments, or on models made here, each
 * as it is, then with deterministic damage, for some seconds. */
#include "base/file.h"
#include "base/memory.h"
#include "fuzz_model.h"
#include "infer/format.h"
#include "naive.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>

enum { MODELS = 4, ROUNDS = 12000 };

typedef struct corpus {
    unsigned char *bytes;
    size_t size;
} corpus;

/* All opcodes and activations, metadata, a residual in place, filters of several regions. */
static sn_packer_value add_mixture(twin *t) {
    static const float numbers[4] = {0.5F, 0.25F, 1, 2};
    static const char *const names[3] = {"one", "tw\xc3\xb6", "three"};
    twin_conv conv = {5, 3, 3, 1, 1, 0.4, true, SN_PACKER_PRELU, false};
    twin_extra regions = {.region_channels = 1};
    const sn_packer_value a = twin_add_conv_extra(t, 0, &conv, &regions);
    conv.density = -1;
    const twin_extra extra = {.residual = &a, .shifted = true};
    sn_packer_value x = twin_add_shift_clamp(t, twin_add_conv_extra(t, a, &conv, &extra));
    x = twin_add_pool(t, x, true, 3, 2, 1);
    x = twin_add_sum(t, x, x, SN_PACKER_HARDTANH);
    x = twin_add_pool(t, x, false, 2, 1, 0);
    conv = (twin_conv){6, 3, 1, 2, 1, 0.5, false, SN_PACKER_RELU, false};
    regions.region_channels = 3;
    x = twin_add_global_pool(t, twin_add_conv_extra(t, x, &conv, &regions));
    sn_packer_set_normalisation(t->packer, numbers, numbers + 2, NULL);
    sn_packer_set_class_names(t->packer, names, 3, NULL);
    sn_packer_set_name(t->packer, "mixture", NULL);
    sn_packer_set_dataset(t->packer, "none", NULL);
    return twin_add_linear(t, x, 3, SN_PACKER_LINEAR);
}

/* Binary and ternary convolutions with residuals that have to stay. */
static sn_packer_value add_coded(twin *t) {
    const twin_conv conv = {2, 3, 3, 1, 1, 0, false, SN_PACKER_RELU, false};
    const sn_packer_value image = 0;
    twin_extra extra = {.weights = TWIN_BINARY, .residual = &image};
    const sn_packer_value a = twin_add_conv_extra(t, 0, &conv, &extra);
    extra = (twin_extra){.weights = TWIN_TERNARY, .residual = &a};
    const sn_packer_value b = twin_add_conv_extra(t, a, &conv, &extra);
    return twin_add_sum(t, b, a, SN_PACKER_PRELU);
}

static corpus make_model(int which) {
    corpus made;
    twin t;
    twin_init(&t, which == 2 ? 3 : 2, 9, 8, (uint64_t)which);
    sn_packer_value output;
    if (which == 0)
        output = add_mixture(&t);
    else if (which == 1)
        output = add_coded(&t);
    else if (which == 2)
        output = twin_add_resnet(&t, 4, 1, 0.4, true);
    else
        output = twin_add_pool(&t, 0, true, 1, 1, 0); /* no payload at all */
    made.bytes = twin_pack(&t, output, &made.size);
    twin_free(&t);
    return made;
}

static uint32_t boundary(sn_rng *rng, uint32_t old) {
    static const uint32_t values[] = {
        0,     1,          2,          3,          4,          5,          7,         8,     63,
        64,    254,        255,        256,        257,        32767,      32768,     65535, 65536,
        65537, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x7f800000, 0x7fc00000};
    switch (sn_rng_below(rng, 4)) {
    case 0:
        return old + 1;
    case 1:
        return old - 1;
    case 2:
        return old ^ (uint32_t)1 << sn_rng_below(rng, 32);
    default:
        return values[sn_rng_below(rng, sizeof values / sizeof *values)];
    }
}

/* Damages a copy; returns its size. */
static size_t damage(sn_rng *rng, unsigned char *bytes, size_t size) {
    sn_infer_header header;
    sn_infer_load_words(&header, bytes, sizeof header / 4);
    const size_t head = sizeof header + header.instruction_count * sizeof(sn_infer_record);
    if (sn_rng_below(rng, 8) == 0) { /* cut off, and half of the time the header agrees */
        const size_t cut = sn_rng_below(rng, size);
        const uint32_t total[2] = {(uint32_t)cut, 0};
        if (cut >= sizeof header && sn_rng_below(rng, 2))
            sn_infer_store_words(bytes + offsetof(sn_infer_header, total_bytes), total, 2);
        return cut;
    }
    const int changes = 1 + (int)sn_rng_below(rng, 3);
    for (int i = 0; i < changes; i++) {
        const size_t at = sn_rng_below(rng, size);
        unsigned char *word = bytes + 4 * sn_rng_below(rng, head / 4);
        switch (sn_rng_below(rng, 4)) {
        case 0:
            bytes[at] ^= (unsigned char)(1 << sn_rng_below(rng, 8));
            break;
        case 1:
            bytes[at] = (unsigned char)sn_rng_below(rng, 256);
            break;
        default:
            sn_infer_store_word(word, boundary(rng, sn_infer_load_word(word)));
        }
    }
    return size;
}

static int run_files(int count, char **paths) {
    for (int i = 0; i < count; i++) {
        unsigned char *bytes;
        size_t size;
        sn_error error;
        if (sn_file_read(paths[i], INT32_MAX, &bytes, &size, &error) != SN_OK) {
            fprintf(stderr, "%s\n", error.message);
            return EXIT_FAILURE;
        }
        LLVMFuzzerTestOneInput(bytes, size);
        sn_free(bytes);
    }
    return EXIT_SUCCESS;
}

START_TEST(damaged_models) {
    corpus models[MODELS];
    int statuses[SN_INFER_STATUS_COUNT] = {0};
    for (int i = 0; i < MODELS; i++) {
        models[i] = make_model(i);
        ck_assert_int_eq(fuzz_model(models[i].bytes, models[i].size), SN_INFER_OK);
        LLVMFuzzerTestOneInput(models[i].bytes, models[i].size);
    }
    for (int round = 0; round < ROUNDS; round++) {
        const corpus *model = &models[round % MODELS];
        sn_rng rng;
        sn_rng_init(&rng, 1, SN_RNG_TEST, (uint64_t)round);
        unsigned char *copy = malloc(model->size);
        memcpy(copy, model->bytes, model->size);
        const size_t size = damage(&rng, copy, model->size);
        unsigned char *bad = malloc(size ? size : 1); /* of this size: reading beyond it is seen */
        memcpy(bad, copy, size);
        if (sn_rng_below(&rng, 50))
            fuzz_fix_checksum(bad, size);
        statuses[fuzz_model(bad, size)]++;
        free(bad);
        free(copy);
    }
    for (int i = 0; i < MODELS; i++)
        sn_free(models[i].bytes);
    printf("%d rounds:", (int)ROUNDS);
    for (int i = 0; i < SN_INFER_STATUS_COUNT; i++)
        printf(" %d %s;", statuses[i], sn_infer_status_text((sn_infer_status)i));
    printf("\n");
    /* It is worth something only while damage reaches the deep checks and beyond. */
    ck_assert_int_gt(statuses[SN_INFER_OK], ROUNDS / 50);
    ck_assert_int_gt(statuses[SN_INFER_CORRUPT], ROUNDS / 10);
    ck_assert_int_gt(statuses[SN_INFER_UNSUPPORTED], ROUNDS / 100);
}
END_TEST

int main(int argc, char **argv) {
    if (argc > 1)
        return run_files(argc - 1, argv + 1);
    Suite *suite = suite_create("fuzz model");
    TCase *tests = tcase_create("fuzz");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, damaged_models);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
