/* What the model format says beyond instructions and fields: metadata, kinds of weights, residuals,
 * where payloads lie. Fields are damaged in test_model.c. */
#include "base/memory.h"
#include "damage.h"
#include "infer/metadata.h"
#include "infer/reader.h"
#include "naive.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>

static sn_infer_record record_at(const unsigned char *bytes, uint32_t index) {
    sn_infer_record record;
    sn_infer_load_words(&record, bytes + sizeof(sn_infer_header) + index * sizeof record,
                        sizeof record / 4);
    return record;
}

/* ---- metadata ---- */

static const char *const class_names[3] = {"cat", "d\xc3\xb6g", "\xf0\x9f\x90\xb8 frog"};

/* Two channels, three classes, all metadata. */
static unsigned char *with_metadata(size_t *size) {
    const float mean[2] = {0.25F, -0.5F}, deviation[2] = {2, 0.125F};
    twin t;
    twin_init(&t, 2, 3, 3, 1);
    const sn_packer_value logits = twin_add_linear(&t, 0, 3, SN_PACKER_LINEAR);
    ck_assert_int_eq(sn_packer_set_normalisation(t.packer, mean, deviation, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_class_names(t.packer, class_names, 3, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_name(t.packer, "net", NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_dataset(t.packer, "pets", NULL), SN_OK);
    unsigned char *packed = twin_pack(&t, logits, size);
    twin_free(&t);
    return packed;
}

START_TEST(metadata_come_back) {
    size_t size;
    unsigned char *packed = with_metadata(&size), *moved = malloc(size + 3);
    for (int shift = 0; shift < 4; shift++) {
        float mean[2], deviation[2];
        sn_infer_info info;
        unsigned char *at = moved + (shift < 3 ? shift : 3);
        memmove(at, packed, size);
        ck_assert_int_eq(sn_infer_inspect(at, size, NULL, &info), SN_INFER_OK);
        ck_assert(sn_infer_normalisation(at, mean, deviation));
        ck_assert(mean[0] == 0.25F && mean[1] == -0.5F);
        ck_assert(deviation[0] == 2 && deviation[1] == 0.125F);
        for (int i = 0; i < 3; i++)
            ck_assert_str_eq(sn_infer_class_name(at, i), class_names[i]);
        ck_assert_ptr_null(sn_infer_class_name(at, 3));
        ck_assert_ptr_null(sn_infer_class_name(at, -1));
        ck_assert_str_eq(sn_infer_network_name(at), "net");
        ck_assert_str_eq(sn_infer_dataset_name(at), "pets");
    }
    free(moved);
    sn_free(packed);
}
END_TEST

START_TEST(metadata_may_be_absent) {
    twin t;
    twin_init(&t, 2, 3, 3, 1);
    size_t size;
    void *packed = twin_pack(&t, twin_add_linear(&t, 0, 3, SN_PACKER_LINEAR), &size);
    float mean[2], deviation[2];
    ck_assert(!sn_infer_normalisation(packed, mean, deviation));
    ck_assert_ptr_null(sn_infer_class_name(packed, 0));
    ck_assert_str_eq(sn_infer_network_name(packed), "");
    ck_assert_str_eq(sn_infer_dataset_name(packed), "");
    sn_free(packed);
    twin_free(&t);
}
END_TEST

START_TEST(damaged_metadata_is_refused) {
    size_t size;
    unsigned char *good = with_metadata(&size);
    const size_t floats = sizeof(sn_infer_header) + sizeof(sn_infer_record), texts = floats + 16;
    /* "net" 0-3, "pets" 4-8, "cat" 9-12, "dög" 13-17, frog 18-27 */
    ck_assert_str_eq((char *)good + texts + 13, class_names[1]);
    const struct {
        size_t at;
        unsigned char value;
    } cases[] = {
        {floats + 3, 0x7e}, /* a large mean is fine, see below */
        {texts + 3, 'x'},   /* two texts become one */
        {texts + 10, 0},    /* one becomes two */
        {texts + 13, 0},    /* an empty name */
        {texts + 27, '.'},  /* the last one has no end */
        {texts + 9, 0x80},  /* a continuation without a beginning */
        {texts + 14, 0xc1}, /* longer than needed */
        {texts + 15, 'o'},  /* cut off */
        {texts + 14, 0xe0}, /* likewise */
        {texts + 19, 0x80}, /* four bytes for less than 0x10000 */
        {texts + 18, 0xf4}, /* beyond Unicode */
        {texts + 18, 0xf8}, /* five bytes */
        {texts, '\n'},      /* control characters */
        {texts, 0x7f},      {texts + 13, 0x1b},
    };
    ck_assert_int_eq(verdict(good, size, texts, 'N'), SN_INFER_OK);
    ck_assert_int_eq(verdict(good, size, cases[0].at, cases[0].value), SN_INFER_OK);
    for (size_t i = 1; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(verdict(good, size, cases[i].at, cases[i].value) == SN_INFER_CORRUPT,
                      "case %zu", i);

    static const uint32_t numbers[] = {0x7f800000, 0xff800000, 0x7fc00001};
    for (size_t i = 0; i < 4 + 2; i++) {
        sn_infer_info info;
        unsigned char *word = good + floats + 4 * (i < 4 ? i : i - 2);
        const uint32_t old = sn_infer_load_word(word);
        for (size_t j = 0; j < 3; j++) {
            sn_infer_store_word(word, i < 4 ? numbers[j] : j ? 0 : 0xbf800000);
            fix_checksum(good, size);
            ck_assert_msg(sn_infer_inspect(good, size, NULL, &info) == SN_INFER_CORRUPT,
                          "number %zu as %zu", i, j);
        }
        sn_infer_store_word(word, old);
        fix_checksum(good, size);
        ck_assert_int_eq(sn_infer_inspect(good, size, NULL, &info), SN_INFER_OK);
    }
    sn_free(good);
}
END_TEST

START_TEST(names_are_utf8_without_controls) {
    static const struct {
        const char *text;
        bool is_name;
    } cases[] = {{"", true},
                 {"plain text ~", true},
                 {"\xc2\xa0", true},
                 {"\xc2\x9f", false}, /* a control character of Latin-1 */
                 {"\xdf\xbf", true},
                 {"\xc0\x80", false}, /* NUL in two bytes */
                 {"\xe0\xa0\x80", true},
                 {"\xe0\x9f\xbf", false},
                 {"\xed\x9f\xbf", true},
                 {"\xed\xa0\x80", false}, /* half a UTF-16 pair */
                 {"\xee\x80\x80", true},
                 {"\xf0\x90\x80\x80", true},
                 {"\xf0\x8f\xbf\xbf", false},
                 {"\xf4\x8f\xbf\xbf", true},
                 {"\xf4\x90\x80\x80", false},
                 {"a\xe2\x82", false},
                 {"\xff", false},
                 {"tab\t", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(sn_infer_is_name((const unsigned char *)cases[i].text,
                                       strlen(cases[i].text)) == cases[i].is_name,
                      "case %zu", i);
    unsigned char longest[SN_INFER_MAX_TEXT + 1];
    memset(longest, 'a', sizeof longest);
    ck_assert(sn_infer_is_name(longest, SN_INFER_MAX_TEXT));
    ck_assert(!sn_infer_is_name(longest, SN_INFER_MAX_TEXT + 1));
}
END_TEST

/* ---- weights ---- */

START_TEST(binary_and_ternary) {
    static const int shapes[][3] = {{1, 1, 1}, {3, 3, 5}, {8, 3, 4}, {5, 1, 9}};
    for (int weights = TWIN_BINARY; weights <= TWIN_TERNARY; weights++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int with = 0; with < 2; with++) {
                const int channels = shapes[s][0], kernel = shapes[s][1];
                twin t;
                twin_init(&t, channels, 7, 6, s);
                twin_conv conv = {shapes[s][2], kernel,         kernel, 1, (kernel - 1) / 2, 0,
                                  false,        SN_PACKER_RELU, false};
                twin_extra extra = {.weights = TWIN_BINARY};
                extra.weights = weights == TWIN_BINARY ? TWIN_BINARY : TWIN_TERNARY;
                const sn_packer_value shortcut = twin_add_conv_extra(&t, 0, &conv, &extra);
                extra.residual = with ? &shortcut : NULL;
                const sn_packer_value y = twin_add_conv_extra(&t, 0, &conv, &extra);
                twin_check(&t, y, 1e-5, "binary or ternary convolution");
                conv.stride = 2;
                extra.residual = NULL;
                twin_check(&t, twin_add_conv_extra(&t, y, &conv, &extra), 1e-5,
                           "likewise, stride 2");
                twin_free(&t);
            }
}
END_TEST

/* One filter over 3 x 1 x 3 weights: + - 0 0 + - - 0 +. */
static const int8_t nine[9] = {1, -1, 0, 0, 1, -1, -1, 0, 1};
static const sn_packer_conv nine_conv = {
    .filters = 1, .kernel_height = 1, .kernel_width = 3, .stride = 1};
static const sn_packer_epilogue plain = {.activation = SN_PACKER_LINEAR};

static unsigned char *pack_nine(bool ternary, size_t *size) {
    int8_t weights[9];
    sn_packer *packer;
    sn_packer_value value;
    void *packed;
    for (int i = 0; i < 9; i++)
        weights[i] = (int8_t)(ternary || nine[i] ? nine[i] : -1);
    ck_assert_int_eq(sn_packer_create(3, 1, 4, &packer, &value, NULL), SN_OK);
    ck_assert_int_eq((ternary ? sn_packer_add_conv_ternary : sn_packer_add_conv_binary)(
                         packer, value, &nine_conv, weights, &plain, &value, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, value, &packed, size, NULL), SN_OK);
    sn_packer_free(packer);
    return packed;
}

static void first_layer(const unsigned char *packed, size_t size, sn_infer_layer *layer) {
    sn_infer_reader reader;
    ck_assert_int_eq(sn_infer_reader_begin(&reader, packed, size), SN_INFER_OK);
    ck_assert_int_eq(sn_infer_reader_next(&reader, layer), SN_INFER_OK);
}

START_TEST(bits_are_where_the_document_says) {
    sn_infer_layer layer;
    sn_infer_info info;
    size_t size;
    unsigned char *packed = pack_nine(true, &size);
    first_layer(packed, size, &layer);
    ck_assert_uint_eq(layer.weight_kind, SN_INFER_WEIGHTS_TERNARY);
    ck_assert_uint_eq(layer.packed_weights[0], 0x73);
    ck_assert_uint_eq(layer.packed_weights[1], 0x01);
    ck_assert_uint_eq(layer.packed_signs[0], 0x62);
    ck_assert_uint_eq(layer.packed_signs[1], 0x00);
    ck_assert_uint_eq(layer.effectual_weights, 6);
    ck_assert_uint_eq(layer.payload_bytes, 4 + 4 + 4 + 4);
    ck_assert_int_eq(sn_infer_inspect(packed, size, NULL, &info), SN_INFER_OK);
    ck_assert_uint_eq(info.quantized_weights, 9);
    ck_assert_uint_eq(info.effectual_weights, 6);
    const size_t mask = (size_t)(layer.packed_weights - packed);
    const size_t sign = (size_t)(layer.packed_signs - packed);
    ck_assert_int_eq(verdict(packed, size, sign, 0x22), SN_INFER_OK);      /* another sign */
    ck_assert_int_eq(verdict(packed, size, sign, 0x66), SN_INFER_CORRUPT); /* a signed zero */
    ck_assert_int_eq(verdict(packed, size, mask, 0x33), SN_INFER_CORRUPT); /* likewise */
    ck_assert_int_eq(verdict(packed, size, mask + 1, 0x03), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, sign + 1, 0x02), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, mask + 2, 1), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, sign + 3, 1), SN_INFER_CORRUPT);
    sn_free(packed);

    packed = pack_nine(false, &size);
    first_layer(packed, size, &layer);
    ck_assert_uint_eq(layer.weight_kind, SN_INFER_WEIGHTS_BINARY);
    ck_assert_uint_eq(layer.packed_weights[0], 0x11);
    ck_assert_uint_eq(layer.packed_weights[1], 0x01);
    ck_assert_ptr_null(layer.packed_signs);
    ck_assert_uint_eq(layer.effectual_weights, 9);
    ck_assert_uint_eq(layer.payload_bytes, 4 + 4 + 4);
    ck_assert_int_eq(sn_infer_inspect(packed, size, NULL, &info), SN_INFER_OK);
    ck_assert_uint_eq(info.quantized_weights, 9);
    ck_assert_uint_eq(info.effectual_weights, 9);
    const size_t bits = (size_t)(layer.packed_weights - packed);
    ck_assert_int_eq(verdict(packed, size, bits, 0xff), SN_INFER_OK);
    ck_assert_int_eq(verdict(packed, size, bits + 1, 0x02), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, bits + 2, 1), SN_INFER_CORRUPT);
    sn_free(packed);
}
END_TEST

/* ---- regions ---- */

/* Three filters over five channels and a window of one row of two. */
static unsigned char *pack_regions(int region_channels, const int8_t *sign, size_t *size) {
    const sn_packer_conv conv = {.filters = 3, .kernel_height = 1, .kernel_width = 2, .stride = 1};
    uint8_t mask[3 * 5 * 2];
    sn_packer *packer;
    sn_packer_value value;
    void *packed;
    for (size_t i = 0; i < sizeof mask; i++)
        mask[i] = i % 3 == 0;
    const sn_packer_signed_binary weights = {mask, sign, true, region_channels};
    ck_assert_int_eq(sn_packer_create(5, 1, 4, &packer, &value, NULL), SN_OK);
    ck_assert_int_eq(
        sn_packer_add_conv_signed_binary(packer, value, &conv, &weights, &plain, &value, NULL),
        SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, value, &packed, size, NULL), SN_OK);
    sn_packer_free(packer);
    return packed;
}

static const size_t region_field =
    sizeof(sn_infer_header) + offsetof(sn_infer_record, region_channels);

/* Regions of 2, 2 and 1 channels, nine signs: + - - + + - + + -. */
START_TEST(signs_of_regions) {
    static const int8_t sign[9] = {1, -1, -1, 1, 1, -1, 1, 1, -1};
    size_t size;
    sn_infer_layer layer;
    unsigned char *packed = pack_regions(2, sign, &size);
    ck_assert_uint_eq(record_at(packed, 0).region_channels, 2);
    first_layer(packed, size, &layer);
    ck_assert_uint_eq(layer.region_channels, 2);
    ck_assert_uint_eq(layer.regions, 3);
    ck_assert_uint_eq(layer.packed_signs[0], 0x26);
    ck_assert_uint_eq(layer.packed_signs[1], 0x01);
    /* three masks of two bytes, two bytes of signs, both rounded up, scales, biases */
    ck_assert_uint_eq(layer.payload_bytes, 8 + 4 + 12 + 12);
    ck_assert_uint_eq(header_of(packed).version, SN_INFER_FORMAT_VERSION);
    const size_t signs = (size_t)(layer.packed_signs - packed);
    ck_assert_int_eq(verdict(packed, size, signs, 0xff), SN_INFER_OK);
    ck_assert_int_eq(verdict(packed, size, signs + 1, 0), SN_INFER_OK);
    for (int bit = 1; bit < 8; bit++) /* of a tenth sign, and more */
        ck_assert_int_eq(verdict(packed, size, signs + 1, (unsigned char)(1 << bit)),
                         SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, signs + 2, 1), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, signs + 3, 1), SN_INFER_CORRUPT);

    /* Smaller regions have more signs, for which there is room here; larger ones fewer. */
    ck_assert_int_eq(verdict(packed, size, region_field, 1), SN_INFER_OK);
    ck_assert_int_eq(verdict(packed, size, region_field, 3), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, region_field, 0), SN_INFER_CORRUPT);
    /* A whole filter has one representation. */
    ck_assert_int_eq(verdict(packed, size, region_field, 5), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, region_field, 6), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, region_field + 3, 0x80), SN_INFER_CORRUPT);
    sn_free(packed);
}
END_TEST

START_TEST(whole_filters_have_one_representation) {
    static const int8_t sign[3] = {-1, 1, -1};
    static const int sizes[] = {5, 6, INT32_MAX};
    size_t size, other_size;
    sn_infer_info info;
    unsigned char *whole = pack_regions(0, sign, &size);
    ck_assert_uint_eq(record_at(whole, 0).region_channels, 0);
    for (int i = 0; i < 3; i++) {
        unsigned char *other = pack_regions(sizes[i], sign, &other_size);
        ck_assert_uint_eq(other_size, size);
        ck_assert_mem_eq(other, whole, size);
        sn_free(other);
    }
    /* No sign beyond the third, so that these are good as well. */
    for (unsigned char region = 5; region < 8; region++)
        ck_assert_int_eq(verdict(whole, size, region_field, region), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(whole, size, region_field, 4), SN_INFER_OK);
    ck_assert_int_eq(sn_infer_inspect(whole, size, NULL, &info), SN_INFER_OK);
    sn_free(whole);
}
END_TEST

/* In layers without one-bit or ternary weights this value of the field is refused. */
static void expect_of_few_bits_only(size_t field, unsigned char value) {
    size_t size;
    unsigned char *linear = with_metadata(&size);
    ck_assert_int_eq(verdict(linear, size, field, value), SN_INFER_CORRUPT);
    sn_free(linear);
    twin t;
    twin_init(&t, 3, 4, 4, 1);
    const twin_conv full = {2, 3, 3, 1, 1, -1, false, SN_PACKER_LINEAR, false};
    const sn_packer_value values[] = {
        twin_add_conv(&t, 0, &full), twin_add_sum(&t, 0, 0, SN_PACKER_LINEAR),
        twin_add_pool(&t, 0, true, 2, 2, 0), twin_add_global_pool(&t, 0)};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        unsigned char *packed = twin_pack(&t, values[i], &size);
        ck_assert_int_eq(verdict(packed, size, field, value), SN_INFER_CORRUPT);
        sn_free(packed);
    }
    twin_free(&t);
}

/* Other weights and layers have none. */
START_TEST(regions_of_signed_binary_only) {
    size_t size;
    for (int ternary = 0; ternary < 2; ternary++) {
        unsigned char *packed = pack_nine(ternary, &size);
        ck_assert_int_eq(verdict(packed, size, region_field, 1), SN_INFER_CORRUPT);
        sn_free(packed);
    }
    expect_of_few_bits_only(region_field, 1);
}
END_TEST

/* Whether or not a kernel can run them, layers with an integer input are read. */
START_TEST(input_scales_are_read) {
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        size_t size;
        unsigned char *packed = pack_nine(true, &size);
        unsigned char *record = packed + sizeof(sn_infer_header);
        const uint32_t flags = is_signed ? SN_INFER_FLAG_INPUT_SIGNED : 0;
        const float scale = 0.03125F;
        sn_infer_layer layer;
        sn_infer_reader reader;
        sn_infer_store_word(record + offsetof(sn_infer_record, flags), flags);
        sn_infer_store_words(record + offsetof(sn_infer_record, input_scale), &scale, 1);
        fix_checksum(packed, size);
        ck_assert_int_eq(sn_infer_reader_begin(&reader, packed, size), SN_INFER_OK);
        const sn_infer_status status = sn_infer_reader_next(&reader, &layer);
        ck_assert(status == SN_INFER_OK || status == SN_INFER_UNSUPPORTED);
        ck_assert(layer.input_scale == scale);
        ck_assert_int_eq(layer.input_signed, is_signed);
        sn_free(packed);
    }
}
END_TEST

/* ---- centred inputs ---- */

static unsigned char *pack_centered_input(int kind, bool rounds, size_t *size) {
    sn_packer_conv conv = nine_conv;
    const int8_t codes[9] = {1, -1, 1, 1, 1, -1, -1, 1, 1}, sign[1] = {-1};
    const uint8_t mask[9] = {1, 0, 0, 1};
    const sn_packer_signed_binary bits = {mask, sign, false, 0};
    sn_packer *packer;
    sn_packer_value image, out;
    void *packed;
    conv.input_centered = true;
    conv.input_signed = rounds;
    conv.input_scale = rounds ? 0.5F : 0;
    ck_assert_int_eq(sn_packer_create(3, 1, 4, &packer, &image, NULL), SN_OK);
    ck_assert_int_eq(
        kind == SN_INFER_WEIGHTS_BINARY
            ? sn_packer_add_conv_binary(packer, image, &conv, codes, &plain, &out, NULL)
        : kind == SN_INFER_WEIGHTS_TERNARY
            ? sn_packer_add_conv_ternary(packer, image, &conv, codes, &plain, &out, NULL)
            : sn_packer_add_conv_signed_binary(packer, image, &conv, &bits, &plain, &out, NULL),
        SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, out, &packed, size, NULL), SN_OK);
    sn_packer_free(packer);
    return packed;
}

static const size_t flags_field = sizeof(sn_infer_header) + offsetof(sn_infer_record, flags);

START_TEST(centered_inputs_are_read) {
    for (int kind = SN_INFER_WEIGHTS_SIGNED_BINARY; kind <= SN_INFER_WEIGHTS_TERNARY; kind++)
        for (int rounds = 0; rounds < 2; rounds++) {
            size_t size;
            sn_infer_layer layer;
            unsigned char *packed = pack_centered_input(kind, rounds, &size);
            const unsigned char flags = rounds ? 8 + 4 : 8;
            ck_assert_uint_eq(record_at(packed, 0).flags, flags);
            ck_assert_uint_eq(header_of(packed).version, 2);
            first_layer(packed, size, &layer);
            ck_assert(layer.input_centered && !layer.centered);
            ck_assert_int_eq(layer.input_signed, rounds);
            /* Either the weights or the input. */
            ck_assert_int_eq(verdict(packed, size, flags_field, flags + 1), SN_INFER_CORRUPT);
            ck_assert_int_eq(verdict(packed, size, flags_field, flags - 8), SN_INFER_OK);
            ck_assert_int_eq(verdict(packed, size, flags_field, flags + 32), SN_INFER_UNSUPPORTED);
            sn_free(packed);
        }
}
END_TEST

/* No layer but convolutions, and of those none with full-precision weights. */
START_TEST(centered_inputs_of_quantized_convolutions_only) {
    expect_of_few_bits_only(flags_field, 8);
}
END_TEST

/* ---- residuals and slots ---- */

/* A residual block whose second convolution adds the shortcut. */
static sn_packer_value add_block(twin *t, sn_packer_value x, int channels, int stride) {
    const twin_conv first = {channels, 3, 3, stride, 1, 0.4, true, SN_PACKER_RELU, false};
    const twin_conv shortcut = {channels, 1, 1, stride, 0, -1, false, SN_PACKER_LINEAR, false};
    twin_conv second = first;
    second.stride = 1;
    second.activation = SN_PACKER_PRELU;
    const sn_packer_value y = twin_add_conv(t, x, &first);
    if (stride > 1)
        x = twin_add_conv(t, x, &shortcut);
    const twin_extra extra = {.residual = &x};
    return twin_add_conv_extra(t, y, &second, &extra);
}

START_TEST(residual_network) {
    twin t;
    twin_init(&t, 3, 16, 16, 5);
    const twin_conv stem = {8, 3, 3, 1, 1, -1, false, SN_PACKER_RELU, false};
    sn_packer_value x = twin_add_conv(&t, 0, &stem);
    for (int block = 0; block < 3; block++)
        x = add_block(&t, x, 8, 1);
    size_t size;
    void *packed = twin_pack(&t, x, &size);
    ck_assert_uint_eq(header_of(packed).slot_count, 1 + 2);
    for (uint32_t i = 0; i < 3; i++) {
        const sn_infer_record record = record_at(packed, 2 + 2 * i);
        ck_assert_uint_eq(record.flags, SN_INFER_FLAG_CENTERED | SN_INFER_FLAG_RESIDUAL);
        ck_assert_uint_eq(record.output, record.input_b);
    }
    sn_free(packed);
    twin_check(&t, x, 1e-4, "residual blocks");

    x = add_block(&t, add_block(&t, x, 16, 2), 16, 1);
    packed = twin_pack(&t, x, &size);
    ck_assert_uint_eq(header_of(packed).slot_count, 1 + 3);
    sn_free(packed);
    twin_check(&t, x, 1e-4, "with a convolution as shortcut");
    twin_free(&t);
}
END_TEST

/* The image as residual; one that is read again; one that is the input too. */
START_TEST(residuals_that_must_stay) {
    twin t;
    twin_init(&t, 4, 6, 7, 9);
    const twin_conv conv = {4, 3, 3, 1, 1, -1, false, SN_PACKER_HARDTANH, false};
    const sn_packer_value image = 0;
    const twin_extra to_image = {.residual = &image};
    const sn_packer_value a = twin_add_conv_extra(&t, 0, &conv, &to_image);
    const twin_extra to_a = {.residual = &a};
    const sn_packer_value b = twin_add_conv_extra(&t, a, &conv, &to_a);
    const sn_packer_value c = twin_add_conv_extra(&t, b, &conv, &to_a);
    twin_check(&t, twin_add_sum(&t, c, a, SN_PACKER_LINEAR), 1e-4, "residuals");
    const twin_extra to_c = {.residual = &c};
    twin_check(&t, twin_add_conv_extra(&t, c, &conv, &to_c), 1e-4, "its own residual");
    twin_free(&t);
}
END_TEST

START_TEST(bad_residuals_are_refused) {
    twin t;
    twin_init(&t, 4, 6, 6, 9);
    const twin_conv conv = {4, 3, 3, 1, 1, -1, false, SN_PACKER_LINEAR, false};
    const sn_packer_value a = twin_add_conv(&t, 0, &conv);
    const twin_extra extra = {.residual = &a};
    const sn_packer_value b = twin_add_conv_extra(&t, 0, &conv, &extra);
    const sn_packer_value pooled = twin_add_pool(&t, b, true, 2, 2, 0);
    size_t size;
    unsigned char *packed = twin_pack(&t, twin_add_global_pool(&t, pooled), &size);
    const size_t second = sizeof(sn_infer_header) + sizeof(sn_infer_record);
    const size_t third = second + sizeof(sn_infer_record);
    const size_t in_b = offsetof(sn_infer_record, input_b);
    const size_t in_a = offsetof(sn_infer_record, input_a);
    const size_t flags = offsetof(sn_infer_record, flags);
    sn_infer_record record = record_at(packed, 1);
    ck_assert_uint_eq(record.output, record.input_b);
    ck_assert_int_eq(verdict(packed, size, second + in_b, 0), SN_INFER_OK);      /* the image */
    ck_assert_int_eq(verdict(packed, size, second + in_b, 2), SN_INFER_CORRUPT); /* unwritten */
    ck_assert_int_eq(verdict(packed, size, second + in_b, 200), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, second + in_a, 1), SN_INFER_CORRUPT);  /* overwritten */
    ck_assert_int_eq(verdict(packed, size, second + flags, 0), SN_INFER_CORRUPT); /* b is left */
    ck_assert_int_eq(verdict(packed, size, third + flags, SN_INFER_FLAG_RESIDUAL),
                     SN_INFER_CORRUPT);
    sn_free(packed);
    twin_free(&t);
}
END_TEST

/* ---- shifts ---- */

START_TEST(shifts_have_sections) {
    static const float shift[2] = {0.5F, -3}, one[1] = {7};
    sn_packer *packer;
    sn_packer_value image, clamped, output;
    unsigned char *packed;
    size_t size;
    sn_packer_epilogue end = plain;
    end.shift = one;
    ck_assert_int_eq(sn_packer_create(2, 1, 3, &packer, &image, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_add_shift_clamp(packer, image, shift, &clamped, NULL), SN_OK);
    const sn_packer_conv conv = {.filters = 1, .kernel_height = 1, .kernel_width = 1, .stride = 1};
    ck_assert_int_eq(sn_packer_add_conv_binary(packer, clamped, &conv, nine, &end, &output, NULL),
                     SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, output, (void **)&packed, &size, NULL), SN_OK);
    const sn_infer_record first = record_at(packed, 0), second = record_at(packed, 1);
    ck_assert_uint_eq(first.opcode, 7);
    ck_assert_uint_eq(sn_infer_join(first.payload_bytes), 8);
    ck_assert_uint_eq(second.flags, 16);
    ck_assert_uint_eq(sn_infer_join(second.payload_bytes), 4 + 3 * 4);
    float found[2];
    sn_infer_load_words(found, packed + sn_infer_join(first.payload_offset), 2);
    ck_assert(found[0] == shift[0] && found[1] == shift[1]);
    sn_infer_load_words(found, packed + sn_infer_join(second.payload_offset) + 12, 1);
    ck_assert(found[0] == one[0]);

    const size_t clamp = sizeof(sn_infer_header), behind = clamp + sizeof(sn_infer_record);
    const size_t flags = offsetof(sn_infer_record, flags);
    ck_assert_int_eq(verdict(packed, size, clamp + flags, 16), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, behind + flags, 0), SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, behind + flags, 32), SN_INFER_UNSUPPORTED);
    ck_assert_int_eq(verdict(packed, size, clamp + offsetof(sn_infer_record, activation), 1),
                     SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, clamp + offsetof(sn_infer_record, stride), 1),
                     SN_INFER_CORRUPT);
    ck_assert_int_eq(verdict(packed, size, clamp + offsetof(sn_infer_record, input_b), 1),
                     SN_INFER_CORRUPT);
    /* A mean has no shifts to read. */
    ck_assert_int_eq(verdict(packed, size, clamp, SN_INFER_OP_GLOBAL_AVERAGE_POOL),
                     SN_INFER_CORRUPT);
    sn_free(packed);
    sn_packer_free(packer);
}
END_TEST

/* ---- where things lie ---- */

START_TEST(payloads_are_aligned) {
    twin t;
    twin_init(&t, 3, 12, 12, 5);
    size_t size;
    const sn_packer_value output = twin_add_resnet(&t, 8, 1, 0.4, true);
    unsigned char *packed = twin_pack(&t, output, &size);
    const sn_infer_header header = header_of(packed);
    uint64_t end = sizeof header + header.instruction_count * sizeof(sn_infer_record) + 2;
    size_t gaps = 0;
    for (uint32_t i = 0; i < header.instruction_count; i++) {
        const sn_infer_record record = record_at(packed, i);
        const uint64_t start = sn_infer_join(record.payload_offset);
        if (sn_infer_join(record.payload_bytes) == 0)
            continue;
        ck_assert_uint_eq(start % 64, 0);
        ck_assert_uint_lt(start - end, 64);
        for (uint64_t at = end; at < start; at++, gaps++)
            ck_assert_int_eq(verdict(packed, size, (size_t)at, 1), SN_INFER_CORRUPT);
        end = start + sn_infer_join(record.payload_bytes);
    }
    ck_assert_uint_eq(end, size);
    ck_assert_uint_gt(gaps, 100);
    sn_free(packed);
    twin_free(&t);
}
END_TEST

/* The checksum finds every single flipped bit. */
START_TEST(flipped_bits_are_found) {
    size_t size;
    unsigned char *packed = with_metadata(&size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        sn_infer_info info;
        packed[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert_msg(sn_infer_inspect(packed, size, NULL, &info) != SN_INFER_OK, "bit %zu", bit);
        packed[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    sn_free(packed);
}
END_TEST

/* ---- the packer ---- */

#define CHECK_REFUSED(call, text)                                                                  \
    do {                                                                                           \
        sn_error error = {0};                                                                      \
        ck_assert_int_eq((call), SN_ERROR_ARGUMENT);                                               \
        ck_assert_msg(strstr(error.message, (text)), "'%s' lacks '%s'", error.message, (text));    \
    } while (0)

START_TEST(packer_refuses) {
    sn_packer *packer;
    sn_packer_value image, out;
    void *packed;
    size_t size;
    int8_t weights[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    ck_assert_int_eq(sn_packer_create(3, 1, 4, &packer, &image, NULL), SN_OK);
    sn_packer_conv conv = nine_conv;
    sn_packer_epilogue end = plain;
#define BINARY()  sn_packer_add_conv_binary(packer, image, &conv, weights, &end, &out, &error)
#define TERNARY() sn_packer_add_conv_ternary(packer, image, &conv, weights, &end, &out, &error)
    weights[7] = 0;
    CHECK_REFUSED(BINARY(), "weights[7] is 0");
    weights[7] = 2;
    CHECK_REFUSED(TERNARY(), "weights[7] is 2");
    weights[7] = 1;
    CHECK_REFUSED(sn_packer_add_conv_ternary(packer, image, &conv, NULL, &end, &out, &error),
                  "no weights");
    conv.input_scale = -1;
    CHECK_REFUSED(BINARY(), "input scale -1");
    conv.input_scale = INFINITY;
    CHECK_REFUSED(BINARY(), "input scale inf");
    conv = nine_conv;
    conv.input_signed = true;
    CHECK_REFUSED(BINARY(), "signed input");
    conv = nine_conv;
    const sn_packer_value unknown = 1;
    end.residual = &unknown;
    CHECK_REFUSED(BINARY(), "value 1");
    end.residual = &image;
    CHECK_REFUSED(TERNARY(), "residual's 3 x 1 x 4");
    static const float bad_shift[3] = {0, 0, NAN};
    end = plain;
    end.shift = bad_shift + 2;
    CHECK_REFUSED(BINARY(), "shift[0] is not finite");
    CHECK_REFUSED(sn_packer_add_shift_clamp(packer, image, bad_shift, &out, &error),
                  "shift[2] is not finite");
    CHECK_REFUSED(sn_packer_add_shift_clamp(packer, image, NULL, &out, &error), "no shifts");
    end.shift = bad_shift;
    CHECK_REFUSED(sn_packer_add_linear(packer, image, 1, (float[12]){0}, &end, &out, &error),
                  "residual or a shift");
    static const uint8_t mask[9] = {0};
    int8_t sign[2] = {1, 1};
    sn_packer_signed_binary bits = {mask, sign, false, -1};
    conv = nine_conv;
    end = plain;
#define BITS() sn_packer_add_conv_signed_binary(packer, image, &conv, &bits, &end, &out, &error)
    CHECK_REFUSED(BITS(), "-1 channels of a region");
    bits.centered = conv.input_centered = true;
    CHECK_REFUSED(BITS(), "not both");
    CHECK_REFUSED(sn_packer_add_conv_fp32(packer, image, &conv, (float[9]){0}, &end, &out, &error),
                  "centred input");
    bits.centered = conv.input_centered = false;
    bits.region_channels = 2;
    sign[1] = 2; /* of two regions */
    CHECK_REFUSED(BITS(), "sign[1] is 2");
    bits.region_channels = 3;
    ck_assert_int_eq(
        sn_packer_add_conv_signed_binary(packer, image, &conv, &bits, &end, &out, NULL), SN_OK);
    end.residual = &image;
    const float row[12] = {0};
    CHECK_REFUSED(sn_packer_add_linear(packer, image, 1, row, &end, &out, &error), "residual");

    float mean[3] = {0}, deviation[3] = {1, 1, 1};
    mean[2] = NAN;
    CHECK_REFUSED(sn_packer_set_normalisation(packer, mean, deviation, &error), "channel 2");
    mean[2] = 0;
    deviation[1] = 0;
    CHECK_REFUSED(sn_packer_set_normalisation(packer, mean, deviation, &error), "channel 1 is 0");
    CHECK_REFUSED(sn_packer_set_name(packer, "a\nb", &error), "control");
    CHECK_REFUSED(sn_packer_set_dataset(packer, "caf\xe9", &error), "UTF-8");
    const char *names[2] = {"a", ""};
    CHECK_REFUSED(sn_packer_set_class_names(packer, names, 2, &error), "class 1");
    names[1] = "b";
    ck_assert_int_eq(sn_packer_set_class_names(packer, names, 2, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_name(packer, "once", NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_name(packer, "twice", NULL), SN_OK);
    ck_assert_int_eq(sn_packer_add_linear(packer, image, 3, (float[36]){0}, &plain, &out, NULL),
                     SN_OK);
    CHECK_REFUSED(sn_packer_finish(packer, out, &packed, &size, &error), "names for 2 classes");
    ck_assert_int_eq(sn_packer_set_class_names(packer, NULL, 0, NULL), SN_OK);
    ck_assert_int_eq(sn_packer_finish(packer, out, &packed, &size, NULL), SN_OK);
    ck_assert_str_eq(sn_infer_network_name(packed), "twice");
    sn_free(packed);
    CHECK_REFUSED(sn_packer_set_layer_name(packer, image, "image", &error), "value 0");
    CHECK_REFUSED(sn_packer_set_layer_name(packer, 99, "none", &error), "value 99");
    CHECK_REFUSED(sn_packer_set_layer_name(packer, out, "caf\xe9", &error), "UTF-8");
    ck_assert_int_eq(sn_packer_set_layer_name(packer, out, "fc", NULL), SN_OK);
    ck_assert_int_eq(sn_packer_add_linear(packer, out, 3, (float[9]){0}, &plain, &out, NULL),
                     SN_OK);
    CHECK_REFUSED(sn_packer_finish(packer, out, &packed, &size, &error), "1 of 2 layers");
    sn_packer_free(packer);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer format");
    TCase *tests = tcase_create("format");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, metadata_come_back);
    tcase_add_test(tests, metadata_may_be_absent);
    tcase_add_test(tests, damaged_metadata_is_refused);
    tcase_add_test(tests, names_are_utf8_without_controls);
    tcase_add_test(tests, binary_and_ternary);
    tcase_add_test(tests, bits_are_where_the_document_says);
    tcase_add_test(tests, signs_of_regions);
    tcase_add_test(tests, whole_filters_have_one_representation);
    tcase_add_test(tests, regions_of_signed_binary_only);
    tcase_add_test(tests, input_scales_are_read);
    tcase_add_test(tests, centered_inputs_are_read);
    tcase_add_test(tests, centered_inputs_of_quantized_convolutions_only);
    tcase_add_test(tests, residual_network);
    tcase_add_test(tests, residuals_that_must_stay);
    tcase_add_test(tests, bad_residuals_are_refused);
    tcase_add_test(tests, shifts_have_sections);
    tcase_add_test(tests, payloads_are_aligned);
    tcase_add_test(tests, flipped_bits_are_found);
    tcase_add_test(tests, packer_refuses);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
