/* Whole networks, slot reuse, errors, and models damaged on purpose. */
#include "base/memory.h"
#include "damage.h"
#include "infer/format.h"
#include "naive.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>

static sn_packer_conv window(int filters, int kernel, int stride, int padding) {
    return (sn_packer_conv){.filters = filters,
                            .kernel_height = kernel,
                            .kernel_width = kernel,
                            .stride = stride,
                            .padding = padding};
}

START_TEST(resnet) {
    for (int kind = 0; kind < 3; kind++) {
        twin t;
        twin_init(&t, 3, 32, 32, 7);
        const sn_packer_value output =
            twin_add_resnet(&t, 16, 1 + kind % 2, kind ? 0.4 : -1, kind == 2);
        twin_check(&t, output, 1e-3, "resnet");
        twin_free(&t);
    }
}
END_TEST

/* Values that live long, short and not at all, read twice, and the image read late. */
START_TEST(slots) {
    twin t;
    twin_init(&t, 4, 9, 7, 11);
    twin_conv conv = {4, 3, 3, 1, 1, 0.4, true, SN_PACKER_LINEAR, false};
    const sn_packer_value early = twin_add_conv(&t, 0, &conv);
    twin_add_pool(&t, early, true, 3, 2, 1); /* nobody reads this one */
    sn_packer_value x = early, sum = early;
    for (int i = 0; i < 6; i++) {
        conv.density = i % 2 ? 0.4 : -1;
        const sn_packer_value y = twin_add_conv(&t, x, &conv);
        sum = twin_add_sum(&t, sum, y, SN_PACKER_HARDTANH);
        x = twin_add_sum(&t, y, i % 3 ? early : 0, SN_PACKER_PRELU);
    }
    sum = twin_add_sum(&t, sum, x, SN_PACKER_LINEAR);
    sum = twin_add_sum(&t, sum, early, SN_PACKER_LINEAR);
    sum = twin_add_sum(&t, 0, sum, SN_PACKER_LINEAR);
    twin_check(&t, sum, 1e-4, "slots");
    twin_check(&t, early, 1e-4, "a value in the middle");

    size_t bytes;
    void *packed = twin_pack(&t, sum, &bytes);
    sn_infer_header header;
    sn_infer_load_words(&header, packed, sizeof header / 4);
    ck_assert_uint_le(header.slot_count, 1 + 4); /* early, sum, x and one to write to */
    ck_assert_uint_eq(header.instruction_count, (uint32_t)(t.count - 1 - 1));
    sn_free(packed);
    twin_free(&t);
}
END_TEST

START_TEST(description) {
    const uint8_t mask[2 * 1 * 3 * 3] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    const int8_t sign[2] = {1, -1};
    const sn_packer_conv conv = window(2, 3, 2, 1);
    const sn_packer_signed_binary weights = {mask, sign, false, 0};
    const sn_packer_epilogue epilogue = {.activation = SN_PACKER_LINEAR};
    sn_packer *packer;
    sn_packer_value value;
    ck_assert_int_eq(sn_packer_create(1, 5, 7, &packer, &value, NULL), SN_OK);
    ck_assert_int_eq(
        sn_packer_add_conv_signed_binary(packer, value, &conv, &weights, &epilogue, &value, NULL),
        SN_OK);
    void *packed;
    size_t bytes;
    ck_assert_int_eq(sn_packer_finish(packer, value, &packed, &bytes, NULL), SN_OK);
    sn_infer_info info;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_OK);
    ck_assert_int_eq(info.channels, 1);
    ck_assert_int_eq(info.height, 5);
    ck_assert_int_eq(info.width, 7);
    ck_assert_int_eq(info.classes, 2 * 3 * 4);
    ck_assert_uint_eq(info.quantized_weights, 18);
    ck_assert_uint_eq(info.effectual_weights, 6);
    ck_assert_uint_eq(info.effectual_additions, 6 * 3 * 4);
    /* two masks of two bytes, one byte of signs rounded up, two scales, two biases */
    ck_assert_uint_eq(info.weight_bytes, 4 + 4 + 8 + 8);
    /* header, one instruction, two empty texts, zeros up to a multiple of 64 */
    ck_assert_uint_eq(bytes, 64 + 80 + 2 + 46 + info.weight_bytes);
    ck_assert_uint_eq(info.packed_bytes, bytes);
    sn_free(packed);
    sn_packer_free(packer);
}
END_TEST

START_TEST(memory_errors) {
    twin t;
    twin_init(&t, 2, 6, 6, 1);
    const twin_conv conv = {3, 3, 3, 1, 1, 0.5, true, SN_PACKER_RELU, false};
    const sn_packer_value output = twin_add_conv(&t, 0, &conv);
    size_t bytes;
    unsigned char *packed = twin_pack(&t, output, &bytes);
    sn_infer_info info;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_OK);
    unsigned char *memory = sn_alloc(info.model_memory + 64);
    unsigned char *scratch = sn_alloc(info.scratch_memory + 64);
    float logits[3 * 6 * 6];
    const sn_infer_model *model = NULL;
    ck_assert_int_eq(sn_infer_open(packed, bytes, NULL, memory, info.model_memory - 1, &model),
                     SN_INFER_SMALL_MEMORY);
    ck_assert_int_eq(sn_infer_open(packed, bytes, NULL, NULL, info.model_memory, &model),
                     SN_INFER_SMALL_MEMORY);
    ck_assert_int_eq(sn_infer_open(packed, bytes, NULL, memory + 4, info.model_memory, &model),
                     SN_INFER_MISALIGNED);
    ck_assert_ptr_null(model);
    ck_assert_int_eq(sn_infer_open(packed, bytes, NULL, memory, info.model_memory, &model),
                     SN_INFER_OK);
    ck_assert_int_eq(sn_infer_run(model, scratch, info.scratch_memory - 1, NULL, t.image, logits),
                     SN_INFER_SMALL_MEMORY);
    ck_assert_int_eq(sn_infer_run(model, scratch + 8, info.scratch_memory, NULL, t.image, logits),
                     SN_INFER_MISALIGNED);
    ck_assert_int_eq(sn_infer_run(model, scratch, info.scratch_memory, NULL, t.image, logits),
                     SN_INFER_OK);

    /* The packed bytes may lie anywhere, and more may follow. */
    unsigned char *moved = sn_alloc(bytes + 10);
    memcpy(moved + 3, packed, bytes);
    ck_assert_int_eq(sn_infer_inspect(moved + 3, bytes + 7, NULL, &info), SN_INFER_OK);
    ck_assert_uint_eq(info.packed_bytes, bytes);
    sn_free(moved);

    ck_assert_int_eq(sn_infer_inspect(NULL, 0, NULL, &info), SN_INFER_NOT_A_MODEL);
    for (size_t cut = 0; cut < bytes; cut++) {
        unsigned char *part = malloc(cut ? cut : 1);
        memcpy(part, packed, cut);
        ck_assert_int_eq(sn_infer_inspect(part, cut, NULL, &info), SN_INFER_TRUNCATED);
        free(part);
    }
    packed[bytes - 1] ^= 1;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_CORRUPT);
    packed[8]++;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_BAD_VERSION);
    packed[0]++;
    ck_assert_int_eq(sn_infer_inspect(packed, bytes, NULL, &info), SN_INFER_NOT_A_MODEL);
    for (int status = -1; status <= SN_INFER_STATUS_COUNT; status++)
        ck_assert_ptr_nonnull(sn_infer_status_text((sn_infer_status)status));
    sn_free(scratch);
    sn_free(memory);
    sn_free(packed);
    twin_free(&t);
}
END_TEST

/* Runs whatever was accepted, if it is small, in memory of exactly the announced size. */
static void run_accepted(const unsigned char *packed, size_t bytes, const sn_infer_info *info) {
    const uint64_t pixels = (uint64_t)info->channels * info->height * info->width;
    if (info->model_memory > 1 << 22 || info->scratch_memory > 1 << 22 || pixels > 1 << 20 ||
        info->effectual_additions > 1 << 24)
        return;
    void *memory = sn_alloc(info->model_memory), *scratch = sn_alloc(info->scratch_memory);
    float *image = calloc((size_t)pixels, sizeof *image);
    float *logits = calloc((size_t)info->classes, sizeof *logits);
    const sn_infer_model *model;
    ck_assert_int_eq(sn_infer_open(packed, bytes, NULL, memory, info->model_memory, &model),
                     SN_INFER_OK);
    ck_assert_int_eq(sn_infer_run(model, scratch, info->scratch_memory, NULL, image, logits),
                     SN_INFER_OK);
    free(logits);
    free(image);
    sn_free(scratch);
    sn_free(memory);
}

/* Small and interesting numbers for a field. */
static uint32_t interesting(sn_rng *rng, uint32_t old) {
    static const uint32_t values[] = {0,   1,   2,        3,          4,          5,         7,
                                      8,   254, 255,      256,        32768,      65535,     65536,
                                      257, 512, 1u << 16, 0x7fffffff, 0x80000000, 0xffffffff};
    const size_t count = sizeof values / sizeof values[0];
    switch (sn_rng_below(rng, 4)) {
    case 0:
        return old + 1;
    case 1:
        return old - 1;
    case 2:
        return old ^ (uint32_t)1 << sn_rng_below(rng, 32);
    default:
        return values[sn_rng_below(rng, count)];
    }
}

START_TEST(mutations) {
    twin t;
    twin_init(&t, 2, 9, 8, 3);
    twin_conv conv = {5, 3, 3, 1, 1, 0.4, true, SN_PACKER_PRELU, false};
    const sn_packer_value a = twin_add_conv(&t, 0, &conv);
    conv.density = -1;
    const sn_packer_value b = twin_add_conv(&t, a, &conv);
    sn_packer_value x = twin_add_sum(&t, a, b, SN_PACKER_PRELU);
    x = twin_add_pool(&t, x, true, 3, 2, 1);
    x = twin_add_pool(&t, x, false, 2, 1, 0);
    conv = (twin_conv){6, 3, 1, 2, 1, 0.5, false, SN_PACKER_RELU, false};
    x = twin_add_global_pool(&t, twin_add_conv(&t, x, &conv));
    x = twin_add_linear(&t, x, 3, SN_PACKER_LINEAR);
    size_t size;
    unsigned char *good = twin_pack(&t, x, &size);
    const size_t head = sizeof(sn_infer_header) + 8 * sizeof(sn_infer_record);

    sn_rng rng;
    sn_rng_init(&rng, 1, SN_RNG_TEST, 1);
    int accepted = 0, rejected[SN_INFER_STATUS_COUNT] = {0};
    for (int round = 0; round < 40000; round++) {
        /* A copy of exactly this size, so that reading beyond it is seen. */
        size_t count = size;
        const bool cut = sn_rng_below(&rng, 8) == 0;
        if (cut)
            count = sizeof(sn_infer_header) + sn_rng_below(&rng, size - sizeof(sn_infer_header));
        unsigned char *bad = malloc(count);
        memcpy(bad, good, count);
        if (cut) /* let the header agree */
            sn_infer_store_words(bad + 16, (const uint32_t[2]){(uint32_t)count, 0}, 2);
        const int changes = cut ? 0 : 1 + (int)sn_rng_below(&rng, 3);
        for (int i = 0; i < changes; i++) {
            if (sn_rng_below(&rng, 8) == 0) {
                bad[sn_rng_below(&rng, count)] = (unsigned char)sn_rng_below(&rng, 256);
            } else {
                unsigned char *word = bad + 4 * sn_rng_below(&rng, head / 4);
                sn_infer_store_word(word, interesting(&rng, sn_infer_load_word(word)));
            }
        }
        if (sn_rng_below(&rng, 50) != 0 &&
            sn_infer_join((const uint32_t[2]){sn_infer_load_word(bad + 16),
                                              sn_infer_load_word(bad + 20)}) == count)
            fix_checksum(bad, count);
        sn_infer_info info;
        const sn_infer_status status = sn_infer_inspect(bad, count, NULL, &info);
        if (status == SN_INFER_OK) {
            accepted++;
            run_accepted(bad, count, &info);
        }
        rejected[status]++;
        free(bad);
    }
    /* The test is worth something only while damage reaches the deep checks and beyond. */
    ck_assert_int_gt(accepted, 500);
    ck_assert_int_gt(rejected[SN_INFER_CORRUPT], 5000);
    ck_assert_int_gt(rejected[SN_INFER_UNSUPPORTED], 500);
    ck_assert_int_gt(rejected[SN_INFER_TRUNCATED], 50);
    sn_free(good);
    twin_free(&t);
}
END_TEST

/* One damaged field of a good model at a time. */
START_TEST(rejected_fields) {
    static const struct {
        size_t word; /* index into the bytes as words: 16 of the header, 20 of each record */
        uint32_t value;
        sn_infer_status status;
    } cases[] = {{3, 0, SN_INFER_CORRUPT},          /* no instructions */
                 {3, 0x10000000, SN_INFER_CORRUPT}, /* more than the bytes hold */
                 {8, 1, SN_INFER_CORRUPT},          /* slots */
                 {8, 257, SN_INFER_CORRUPT},
                 {9, 0, SN_INFER_CORRUPT}, /* output in the image's slot */
                 {9, 200, SN_INFER_CORRUPT},
                 {10, 5, SN_INFER_CORRUPT}, /* channels: weights no longer fit */
                 {11, 0, SN_INFER_CORRUPT},
                 {12, 40000, SN_INFER_CORRUPT},
                 {13, 8, SN_INFER_UNSUPPORTED}, /* unknown metadata */
                 {13, 1, SN_INFER_CORRUPT},     /* a deviation of 0 */
                 {13, 2, SN_INFER_CORRUPT},     /* names of classes that are not there */
                 {13, 4, SN_INFER_CORRUPT},     /* of layers, likewise */
                 {14, 0, SN_INFER_CORRUPT},     /* too few texts */
                 {14, 3, SN_INFER_CORRUPT},     /* too many */
                 {14, 0xffffffff, SN_INFER_CORRUPT},
                 {15, 1, SN_INFER_UNSUPPORTED},  /* reserved */
                 {16, 99, SN_INFER_UNSUPPORTED}, /* opcode */
                 {17, 9, SN_INFER_UNSUPPORTED},  /* weight kind */
                 {17, 0, SN_INFER_CORRUPT},
                 {17, 3, SN_INFER_CORRUPT},      /* centred binary */
                 {18, 1, SN_INFER_UNSUPPORTED},  /* plan */
                 {19, 32, SN_INFER_UNSUPPORTED}, /* flags */
                 {19, 17, SN_INFER_CORRUPT},     /* a shift that the payload lacks */
                 {19, 9, SN_INFER_CORRUPT},      /* centred weights and a centred input */
                 {19, 3, SN_INFER_CORRUPT},      /* a residual of another shape */
                 {19, 5, SN_INFER_CORRUPT},      /* a signed input that is no integer */
                 {20, 4, SN_INFER_UNSUPPORTED},  /* activation */
                 {21, 1, SN_INFER_CORRUPT},      /* reads what it writes */
                 {22, 1, SN_INFER_CORRUPT},      /* second input of a convolution */
                 {23, 0, SN_INFER_CORRUPT},      /* writes to the image */
                 {24, 6, SN_INFER_CORRUPT},      /* filters */
                 {25, 0, SN_INFER_CORRUPT},      /* kernel */
                 {25, 256, SN_INFER_CORRUPT},
                 {27, 0, SN_INFER_CORRUPT},   /* stride */
                 {28, 256, SN_INFER_CORRUPT}, /* padding */
                 {29, 2, SN_INFER_CORRUPT},   /* regions of all channels, or more */
                 {29, 3, SN_INFER_CORRUPT},
                 {29, 0xffffffff, SN_INFER_CORRUPT},
                 {30, 128, SN_INFER_CORRUPT}, /* payload on other bytes */
                 {30, 256, SN_INFER_CORRUPT}, /* with a gap */
                 {30, 193, SN_INFER_CORRUPT}, /* not aligned */
                 {31, 1, SN_INFER_CORRUPT},   /* beyond the end */
                 {32, 1, SN_INFER_CORRUPT},   /* payload of another size */
                 {33, 0xffffffff, SN_INFER_CORRUPT},
                 {34, 0x80000000, SN_INFER_CORRUPT}, /* input scale: -0, -1, infinity, NaN */
                 {34, 0xbf800000, SN_INFER_CORRUPT},
                 {34, 0x7f800000, SN_INFER_CORRUPT},
                 {34, 0x7fc00000, SN_INFER_CORRUPT},
                 {35, 1, SN_INFER_UNSUPPORTED},   /* reserved */
                 {36, 0x41, SN_INFER_CORRUPT},    /* one text instead of two */
                 {36, 0x10000, SN_INFER_CORRUPT}, /* bytes between texts and payload */
                 {47, 0x1000000, SN_INFER_CORRUPT},
                 {48, 0xffffff, SN_INFER_CORRUPT},   /* bits beyond a filter's last weight */
                 {48, 0x1000001, SN_INFER_CORRUPT},  /* bytes between mask and signs */
                 {49, 2, SN_INFER_CORRUPT},          /* the sign of a filter too many */
                 {49, 0x1000000, SN_INFER_CORRUPT}}; /* bytes between signs and scales */
    twin t;
    twin_init(&t, 2, 5, 5, 3);
    const twin_conv conv = {1, 3, 3, 1, 1, 0.4, true, SN_PACKER_RELU, false};
    size_t size;
    unsigned char *bytes = twin_pack(&t, twin_add_conv(&t, 0, &conv), &size);
    sn_infer_info info;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char *word = bytes + 4 * cases[i].word;
        const uint32_t old = sn_infer_load_word(word);
        sn_infer_store_word(word, cases[i].value);
        fix_checksum(bytes, size);
        ck_assert_msg(sn_infer_inspect(bytes, size, NULL, &info) == cases[i].status, "case %zu", i);
        sn_infer_store_word(word, old);
    }
    fix_checksum(bytes, size);
    ck_assert_int_eq(sn_infer_inspect(bytes, size, NULL, &info), SN_INFER_OK);
    sn_free(bytes);
    twin_free(&t);
}
END_TEST

/* The sum of the image and slot 1, in either order, may be written to slot 2 but not to slot 1. */
START_TEST(rejects_output_over_input) {
    twin t;
    twin_init(&t, 1, 4, 4, 3);
    const sn_packer_value pooled = twin_add_pool(&t, 0, true, 1, 1, 0);
    size_t size;
    unsigned char *bytes = twin_pack(&t, twin_add_sum(&t, pooled, 0, SN_PACKER_LINEAR), &size);
    unsigned char *sum = bytes + sizeof(sn_infer_header) + sizeof(sn_infer_record);
    ck_assert_uint_eq(sn_infer_load_word(sum + offsetof(sn_infer_record, input_a)), 1);
    for (uint32_t a = 0; a < 2; a++)
        for (uint32_t slot = 1; slot < 3; slot++) {
            sn_infer_info info;
            sn_infer_store_word(sum + offsetof(sn_infer_record, input_a), a);
            sn_infer_store_word(sum + offsetof(sn_infer_record, input_b), 1 - a);
            sn_infer_store_word(sum + offsetof(sn_infer_record, output), slot);
            sn_infer_store_word(bytes + offsetof(sn_infer_header, output_slot), slot);
            fix_checksum(bytes, size);
            ck_assert_int_eq(sn_infer_inspect(bytes, size, NULL, &info),
                             slot == 2 ? SN_INFER_OK : SN_INFER_CORRUPT);
        }
    sn_free(bytes);
    twin_free(&t);
}
END_TEST

#define CHECK_REFUSED(call, text)                                                                  \
    do {                                                                                           \
        sn_error error = {0};                                                                      \
        ck_assert_int_eq((call), SN_ERROR_ARGUMENT);                                               \
        ck_assert_int_eq(error.status, SN_ERROR_ARGUMENT);                                         \
        ck_assert_msg(strstr(error.message, (text)), "'%s' lacks '%s'", error.message, (text));    \
    } while (0)

START_TEST(packer_errors) {
    sn_packer *packer = NULL;
    sn_packer_value in, out;
    CHECK_REFUSED(sn_packer_create(0, 4, 4, &packer, &in, &error), "0 x 4 x 4");
    CHECK_REFUSED(sn_packer_create(65536, 32768, 4, &packer, &in, &error), "2^31");
    ck_assert_ptr_null(packer);
    ck_assert_int_eq(sn_packer_create(1, 4, 4, &packer, &in, NULL), SN_OK);
    float weights[9] = {0}, scale[1] = {1};
    uint8_t mask[9] = {0};
    int8_t sign[1] = {1};
    sn_packer_conv conv = window(1, 3, 1, 1);
    sn_packer_epilogue end = {.scale = scale, .activation = SN_PACKER_LINEAR};
    const sn_packer_signed_binary bits = {mask, sign, true, 0};
#define CONV() sn_packer_add_conv_fp32(packer, in, &conv, weights, &end, &out, &error)
#define BITS() sn_packer_add_conv_signed_binary(packer, in, &conv, &bits, &end, &out, &error)
    CHECK_REFUSED(sn_packer_add_conv_fp32(packer, 1, &conv, weights, &end, &out, &error),
                  "value 1");
    CHECK_REFUSED(sn_packer_add_conv_fp32(packer, -1, &conv, weights, &end, &out, &error), "-1");
    CHECK_REFUSED(sn_packer_add_conv_fp32(packer, in, &conv, NULL, &end, &out, &error), "weights");
    CHECK_REFUSED(sn_packer_add_conv_fp32(packer, in, &conv, weights, NULL, &out, &error),
                  "epilogue");
    conv.filters = 0;
    CHECK_REFUSED(CONV(), "0 filters");
    conv = window(1, 7, 1, 1);
    CHECK_REFUSED(CONV(), "does not fit");
    conv = window(1, 3, 0, 1);
    CHECK_REFUSED(BITS(), "stride 0");
    conv = window(1, 3, 1, -1);
    CHECK_REFUSED(CONV(), "padding -1");
    conv = window(1, 3, 1, 1);
    mask[4] = 2;
    CHECK_REFUSED(BITS(), "mask[4]");
    mask[4] = 1;
    sign[0] = 0;
    CHECK_REFUSED(BITS(), "sign[0]");
    weights[8] = NAN;
    CHECK_REFUSED(CONV(), "weights[8]");
    weights[8] = 0;
    scale[0] = INFINITY;
    CHECK_REFUSED(CONV(), "scale[0]");
    scale[0] = 1;
    end.activation = SN_PACKER_PRELU;
    CHECK_REFUSED(CONV(), "slopes");
    end.activation = (sn_packer_activation)9;
    CHECK_REFUSED(CONV(), "activation 9");
    end.activation = SN_PACKER_LINEAR;
    CHECK_REFUSED(sn_packer_add_max_pool(packer, in, 2, 1, 2, &out, &error), "padding 2");
    CHECK_REFUSED(sn_packer_add_average_pool(packer, in, 5, 1, 0, &out, &error), "does not fit");
    CHECK_REFUSED(sn_packer_add_linear(packer, in, 0, weights, &end, &out, &error), "0 outputs");
    void *packed;
    size_t bytes;
    CHECK_REFUSED(sn_packer_finish(packer, in, &packed, &bytes, &error), "output value 0");
    ck_assert_int_eq(sn_packer_add_max_pool(packer, in, 2, 2, 0, &out, NULL), SN_OK);
    CHECK_REFUSED(sn_packer_add_sum(packer, in, out, SN_PACKER_LINEAR, NULL, &out, &error),
                  "shapes differ");
    CHECK_REFUSED(sn_packer_finish(packer, 2, &packed, &bytes, &error), "output value 2");
    sn_packer_free(packer);
    sn_packer_free(NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer model");
    TCase *tests = tcase_create("model");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, resnet);
    tcase_add_test(tests, slots);
    tcase_add_test(tests, description);
    tcase_add_test(tests, memory_errors);
    tcase_add_test(tests, rejected_fields);
    tcase_add_test(tests, rejects_output_over_input);
    tcase_add_test(tests, mutations);
    tcase_add_test(tests, packer_errors);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
