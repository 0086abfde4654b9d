/* Every op in double precision against signed central differences of sum(y dy), for every operand
 * that has a gradient, whether its gradient is overwritten or added to. Where an op is not
 * differentiable, y is its surrogate's. */
#include "op_trial.h"

#include "autograd/op.h"
#include "base/rng.h"
#include "suites.h"

#include <math.h>
#include <stdlib.h>

_Static_assert(sizeof(sn_real) == sizeof(double), "finite differences need double precision");

static double objective(op_trial *trial, double *y) {
    double sum = 0;
    if (trial->entry->surrogate) {
        trial->entry->surrogate(trial->c, trial->value, y);
        for (size_t i = 0; trial->setting.twice && i < trial->y_count; i++)
            y[i] *= 2;
    } else {
        op_trial_forward(trial, y);
    }
    for (size_t i = 0; i < trial->y_count; i++)
        sum += y[i] * trial->dy[i];
    return sum;
}

static double difference(op_trial *trial, int k, size_t i, double *y) {
    static const double step = 1e-5;
    const double x = trial->value[k][i];
    trial->value[k][i] = x + step;
    const double above = objective(trial, y);
    trial->value[k][i] = x - step;
    const double below = objective(trial, y);
    trial->value[k][i] = x;
    return (above - below) / (2 * step);
}

/* Compares `samples` elements, all of them when there are fewer. */
static void check_operand(op_trial *trial, int k, const double *gradient, size_t samples,
                          double *y) {
    char text[TRIAL_TEXT_SIZE];
    const size_t count = trial->count[k];
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += gradient[i] * gradient[i] / (double)count;
    const double typical = sqrt(square);
    sn_rng rng;
    sn_rng_init(&rng, 2, SN_RNG_TEST, count);
    for (size_t s = 0; s < samples && s < count; s++) {
        const size_t i = count <= samples ? s : (size_t)sn_rng_below(&rng, count);
        const double want = difference(trial, k, i, y);
        ck_assert_msg(fabs(gradient[i] - want) <= 1e-6 * fmax(fabs(want), typical) + 1e-9,
                      "gradient %d[%zu] is %.12g, differences say %.12g: %s", k, i, gradient[i],
                      want, op_trial_text(trial, text));
    }
}

static void check_case(const op_entry *entry, const op_case *c, trial_setting setting,
                       size_t samples) {
    op_trial *trial = op_trial_create(entry, c, setting);
    double *gradient[MAX_OPERANDS], *y = new_numbers(trial->y_count);
    new_gradients(trial, gradient);
    op_trial_forward(trial, y);
    op_trial_backward(trial, gradient);
    for (int k = 0; k < MAX_OPERANDS; k++)
        if (trial->wanted[k])
            check_operand(trial, k, gradient[k], samples, y);
    free_gradients(gradient);
    free(y);
    op_trial_free(trial);
}

/* In lane layouts, overwriting and adding. */
static void check_layouts(const op_entry *entry, const op_case *c, size_t samples) {
    for (int layout = SN_LAYOUT_BLOCKED; layout <= SN_LAYOUT_INTERLEAVED; layout++)
        for (int twice = 0; twice <= 1; twice++)
            check_case(entry, c,
                       (trial_setting){.threads = 1 + twice,
                                       .parameters = !twice,
                                       .twice = twice,
                                       .layout = (sn_layout)layout},
                       samples);
}

START_TEST(test_gradient) {
    const char *name = sn_op_at((size_t)_i)->name;
    const op_entry *entry = op_entry_find(name);
    ck_assert_msg(entry != NULL, "op %s has no entry in op_cases.c", name);
    op_case *cases = calloc(MAX_CASES, sizeof *cases);
    ck_assert_ptr_nonnull(cases);
    const size_t count = entry->cases(cases);
    const size_t samples = count > 40 ? 6 : 24; /* a sweep over many shapes needs fewer of each */
    size_t checked = 0;
    for (size_t i = 0; i < count; i++) {
        if (cases[i].eval)
            continue;
        checked++;
        check_case(entry, &cases[i], (trial_setting){.threads = 1}, samples);
        check_case(entry, &cases[i],
                   (trial_setting){.threads = 2, .parameters = true, .twice = true}, samples);
        check_case(entry, &cases[i], (trial_setting){.threads = 3, .twice = true}, samples / 2);
        if (sn_op_at((size_t)_i)->any_layout)
            check_layouts(entry, &cases[i], 3);
        /* Each operand in turn without a gradient, then all of them. */
        for (unsigned k = 0; k < MAX_OPERANDS; k++)
            if (op_operand_kind(entry, (int)k) == OPERAND_DATA ||
                op_operand_kind(entry, (int)k) == OPERAND_WEIGHT)
                check_case(entry, &cases[i], (trial_setting){.threads = 1, .unwanted = 1u << k}, 2);
        check_case(entry, &cases[i], (trial_setting){.threads = 1, .unwanted = ~0u}, 0);
    }
    ck_assert_msg(checked > 0, "op %s has no case with a gradient", name);
    free(cases);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("op gradients");
    TCase *tcase = tcase_create("differences");
    tcase_set_timeout(tcase, 600);
    tcase_add_loop_test(tcase, test_gradient, 0, op_count());
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
