/* Every op in single precision against its naive version: shape, values, gradients, and the
 * statistics that forward moves. */
#include "op_trial.h"

#include "autograd/op.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>

/* Activations and their gradients are rounded to 8 bits, some of them several times. */
#define BF16_TOLERANCE 0.04

static void check_close(const op_trial *trial, const char *what, int k, const double *have,
                        const double *want, size_t count) {
    char text[TRIAL_TEXT_SIZE];
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(want[i]));
    const double tolerance = (trial->setting.bf16 ? BF16_TOLERANCE : 1e-5) * largest + 2e-6;
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(have[i] - want[i]) <= tolerance, "%s %d[%zu] is %.9g, not %.9g: %s",
                      what, k, i, have[i], want[i], op_trial_text(trial, text));
}

static void check_gradients(op_trial *trial) {
    double *have[MAX_OPERANDS], *want[MAX_OPERANDS];
    new_gradients(trial, have);
    new_gradients(trial, want);
    op_trial_backward(trial, have);
    trial->entry->backward(trial->c, trial->value, trial->dy, want);
    if (trial->setting.twice)
        trial->entry->backward(trial->c, trial->value, trial->dy, want);
    for (int k = 0; k < MAX_OPERANDS; k++)
        if (trial->wanted[k])
            check_close(trial, "gradient", k, have[k], want[k], trial->count[k]);
    free_gradients(have);
    free_gradients(want);
}

/* What forward leaves in the buffers of the graph; the naive version has updated trial->value. */
static void check_states(op_trial *trial) {
    for (int k = 0; k < MAX_OPERANDS; k++) {
        const operand_kind kind = op_operand_kind(trial->entry, k);
        const bool moves =
            kind == OPERAND_MEAN || kind == OPERAND_VARIANCE || kind == OPERAND_RANGE;
        if (!moves || !trial->value[k])
            continue;
        double *have = new_numbers(trial->count[k]);
        op_trial_read(trial, k, have);
        check_close(trial, "running statistic", k, have, trial->value[k], trial->count[k]);
        free(have);
    }
}

static void check_case(const op_entry *entry, const op_case *c, trial_setting setting) {
    op_trial *trial = op_trial_create(entry, c, setting);
    char text[TRIAL_TEXT_SIZE];
    const sn_shape shape = entry->shape(c);
    ck_assert_msg(sn_shape_equal(&shape, sn_tensor_shape(trial->y)),
                  "wrong shape of the output: %s", op_trial_text(trial, text));
    double *have = new_numbers(trial->y_count), *want = new_numbers(trial->y_count);
    op_trial_forward(trial, have);
    entry->forward(c, trial->value, want);
    for (size_t i = 0; i < trial->y_count && setting.twice; i++)
        want[i] *= 2;
    check_close(trial, "output", 0, have, want, trial->y_count);
    if (!setting.twice)
        check_states(trial);
    if (!c->eval)
        check_gradients(trial);
    free(have);
    free(want);
    op_trial_free(trial);
}

/* In every layout that the op may meet. */
static void check_layouts(const op_entry *entry, const op_case *c, int threads) {
    for (int layout = SN_LAYOUT_BLOCKED; layout <= SN_LAYOUT_INTERLEAVED; layout++)
        for (int bf16 = 0; bf16 <= 1; bf16++) {
            trial_setting setting = {
                .threads = threads, .parameters = true, .layout = (sn_layout)layout, .bf16 = bf16};
            check_case(entry, c, setting);
            setting.twice = true;
            setting.parameters = false;
            check_case(entry, c, setting);
        }
}

START_TEST(test_value) {
    const char *name = sn_op_at((size_t)_i)->name;
    const op_entry *entry = op_entry_find(name);
    ck_assert_msg(entry != NULL, "op %s has no entry in op_cases.c", name);
    const char *lacking = op_entry_lacks(entry);
    ck_assert_msg(!lacking, "%s: operand %s is not in both op and op_cases.c", name,
                  lacking ? lacking : "");
    op_case *cases = calloc(MAX_CASES, sizeof *cases);
    ck_assert_ptr_nonnull(cases);
    const size_t count = entry->cases(cases);
    ck_assert_uint_gt(count, 0);
    ck_assert_uint_le(count, MAX_CASES);
    for (size_t i = 0; i < count; i++) {
        for (int threads = 1; threads <= 3; threads++) {
            check_case(entry, &cases[i], (trial_setting){.threads = threads, .parameters = true});
            check_case(entry, &cases[i], (trial_setting){.threads = threads, .twice = true});
        }
        if (sn_op_at((size_t)_i)->any_layout)
            check_layouts(entry, &cases[i], 1 + (int)i % 3);
        if (cases[i].operand[0].rank == 4 && cases[i].operand[0].rank == cases[i].operand[5].rank)
            check_case(entry, &cases[i],
                       (trial_setting){.threads = 2,
                                       .layout = SN_LAYOUT_BLOCKED,
                                       .plain = 1u << (i % 2 ? 0 : 5)});
    }
    free(cases);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("op values");
    TCase *tcase = tcase_create("naive");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_value, 0, op_count());
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
