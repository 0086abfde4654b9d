/* The names of layers in a model. */
#include "base/memory.h"
#include "damage.h"
#include "infer/metadata.h"
#include "naive.h"
#include "suites.h"

static const char *const class_names[3] = {"cat", "d\xc3\xb6g", "\xf0\x9f\x90\xb8 frog"};

/* Two layers of which the model says the names, between other names. */
static unsigned char *with_layer_names(bool with_classes, size_t *size) {
    twin t;
    twin_init(&t, 2, 3, 3, 1);
    const sn_packer_value unread = twin_add_linear(&t, 0, 5, SN_PACKER_LINEAR);
    const sn_packer_value first = twin_add_linear(&t, 0, 4, SN_PACKER_LINEAR);
    const sn_packer_value logits = twin_add_linear(&t, first, 3, SN_PACKER_LINEAR);
    ck_assert_int_eq(sn_packer_set_layer_name(t.packer, unread, "unread", NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_layer_name(t.packer, first, "old", NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_layer_name(t.packer, first, "layer1.0", NULL), SN_OK);
    ck_assert_int_eq(sn_packer_set_layer_name(t.packer, logits, "fc", NULL), SN_OK);
    if (with_classes)
        ck_assert_int_eq(sn_packer_set_class_names(t.packer, class_names, 3, NULL), SN_OK);
    unsigned char *packed = twin_pack(&t, logits, size);
    twin_free(&t);
    return packed;
}

/* As files are from before there were names of layers. */
START_TEST(layer_names_may_be_absent) {
    size_t size;
    twin t;
    twin_init(&t, 2, 3, 3, 1);
    const sn_packer_value logits = twin_add_linear(&t, 0, 3, SN_PACKER_LINEAR);
    ck_assert_int_eq(sn_packer_set_class_names(t.packer, class_names, 3, NULL), SN_OK);
    void *packed = twin_pack(&t, logits, &size);
    ck_assert_uint_eq(header_of(packed).flags, SN_INFER_HEADER_CLASSES);
    ck_assert_ptr_null(sn_infer_layer_name(packed, 0));
    ck_assert_str_eq(sn_infer_class_name(packed, 0), class_names[0]);
    sn_free(packed);
    twin_free(&t);
}
END_TEST

START_TEST(layer_names_come_back) {
    for (int with_classes = 0; with_classes <= 1; with_classes++) {
        size_t size;
        unsigned char *packed = with_layer_names(with_classes, &size);
        ck_assert_uint_eq(header_of(packed).instruction_count, 2);
        ck_assert_str_eq(sn_infer_layer_name(packed, 0), "layer1.0");
        ck_assert_str_eq(sn_infer_layer_name(packed, 1), "fc");
        ck_assert_ptr_null(sn_infer_layer_name(packed, 2));
        ck_assert_ptr_null(sn_infer_layer_name(packed, -1));
        ck_assert_str_eq(sn_infer_network_name(packed), "");
        for (int i = 0; i < 3; i++)
            if (with_classes)
                ck_assert_str_eq(sn_infer_class_name(packed, i), class_names[i]);
            else
                ck_assert_ptr_null(sn_infer_class_name(packed, i));
        ck_assert_ptr_null(sn_infer_class_name(packed, 3));
        sn_free(packed);
    }
}
END_TEST

/* Damaged in one byte: names that are none, too few of them, too many. */
START_TEST(damaged_layer_names_are_refused) {
    size_t size;
    unsigned char *good = with_layer_names(true, &size);
    const size_t texts = sizeof(sn_infer_header) + 2 * sizeof(sn_infer_record);
    const size_t flags = offsetof(sn_infer_header, flags);
    const size_t count = offsetof(sn_infer_header, instruction_count);
    const size_t bytes = offsetof(sn_infer_header, text_bytes);
    /* two empty names 0-1, "layer1.0" 2-10, "fc" 11-13, "cat" 14-17 */
    ck_assert_str_eq((char *)good + texts + 11, "fc");
    const struct {
        size_t at;
        unsigned char value;
        sn_infer_status status;
    } cases[] = {
        {texts + 3, 'b', SN_INFER_OK},
        {texts + 3, 0x80, SN_INFER_CORRUPT}, /* no UTF-8 */
        {texts + 3, '\n', SN_INFER_CORRUPT}, /* a control character */
        {texts + 11, 0, SN_INFER_CORRUPT},   /* an empty name */
        {texts + 10, 'x', SN_INFER_CORRUPT}, /* two names become one */
        {texts + 6, 0, SN_INFER_CORRUPT},    /* one becomes two */
        {flags, SN_INFER_HEADER_CLASSES, SN_INFER_CORRUPT},
        {flags, SN_INFER_HEADER_LAYERS, SN_INFER_CORRUPT},
        {flags, 0, SN_INFER_CORRUPT},
        {flags, 8 | SN_INFER_HEADER_LAYERS | SN_INFER_HEADER_CLASSES, SN_INFER_UNSUPPORTED},
        {bytes, 14, SN_INFER_CORRUPT},
        {count, 1, SN_INFER_CORRUPT},
        {count + 3, 0xff, SN_INFER_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(verdict(good, size, cases[i].at, cases[i].value) == cases[i].status,
                      "case %zu", i);
    sn_free(good);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer layer names");
    TCase *tests = tcase_create("layer names");
    tcase_add_test(tests, layer_names_may_be_absent);
    tcase_add_test(tests, layer_names_come_back);
    tcase_add_test(tests, damaged_layer_names_are_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK);
}
