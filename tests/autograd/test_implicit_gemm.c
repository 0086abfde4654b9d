/* Convolutions by implicit GEMM against the definition. */
#include "autograd/implicit_gemm.h"

#include "lane_trial.h"
#include "suites.h"

static sn_implicit_gemm of(const lane_case *c) {
    return (sn_implicit_gemm){.channels = c->channels,
                              .filters = c->filters,
                              .height = c->height,
                              .width = c->width,
                              .rows = c->rows,
                              .columns = c->columns,
                              .stride = c->stride,
                              .padding = c->padding,
                              .out_height = c->out_height,
                              .out_width = c->out_width,
                              .plain = c->plain,
                              .x = c->x,
                              .y = c->y};
}

static size_t forward_count(const lane_case *c) {
    const sn_implicit_gemm w = of(c);
    return sn_implicit_gemm_forward_count(&w);
}

static size_t backward_count(const lane_case *c) {
    const sn_implicit_gemm w = of(c);
    return sn_implicit_gemm_backward_count(&w);
}

static size_t workspace(const lane_case *c) {
    const sn_implicit_gemm w = of(c);
    return sn_implicit_gemm_workspace(&w);
}

static size_t weight_items(const lane_case *c) {
    const sn_implicit_gemm w = of(c);
    return sn_implicit_gemm_weight_items(&w);
}

static size_t join_items(const lane_case *c) {
    const sn_implicit_gemm w = of(c);
    return sn_implicit_gemm_join_items(&w);
}

static void weights(const lane_case *c, const sn_real *weight, size_t first, size_t last,
                    sn_real *u_forward, sn_real *u_backward) {
    const sn_implicit_gemm w = of(c);
    sn_implicit_gemm_weights(&w, weight, first, last, u_forward, u_backward);
}

static void forward(const lane_case *c, size_t images, const void *x, const sn_real *u, void *y,
                    void *workspace) {
    const sn_implicit_gemm w = of(c);
    sn_implicit_gemm_forward(&w, images, x, u, y, workspace);
}

static void backward_data(const lane_case *c, size_t images, const void *dy, const sn_real *u,
                          void *dx, bool add, void *workspace) {
    const sn_implicit_gemm w = of(c);
    sn_implicit_gemm_backward_data(&w, images, dy, u, dx, add, workspace);
}

static void backward_weights(const lane_case *c, size_t images, const void *x, const void *dy,
                             sn_real *du, void *workspace) {
    const sn_implicit_gemm w = of(c);
    sn_implicit_gemm_backward_weights(&w, images, x, dy, du, workspace);
}

static void join(const lane_case *c, const sn_thread_sums *du, size_t first, size_t last,
                 sn_real *dweight, bool add) {
    const sn_implicit_gemm w = of(c);
    sn_implicit_gemm_join_weights(&w, du, first, last, dweight, add);
}

/* The terms of the definition, each rounded in its product and in every addition. */
static lane_error of_terms(size_t terms) {
    return (lane_error){(double)terms, (double)terms};
}

static lane_error forward_error(const lane_case *c) {
    return of_terms(c->channels * c->rows * c->columns);
}

static lane_error backward_data_error(const lane_case *c) {
    return of_terms(c->filters * c->rows * c->columns);
}

/* Two sums at most are added up. */
static lane_error backward_weights_error(const lane_case *c) {
    return of_terms(c->images * c->out_height * c->out_width + 2);
}

static const lane_engine engine = {forward_count,
                                   backward_count,
                                   workspace,
                                   weight_items,
                                   join_items,
                                   weights,
                                   forward,
                                   backward_data,
                                   backward_weights,
                                   join,
                                   forward_error,
                                   backward_data_error,
                                   backward_weights_error};

static lane_case case_of(size_t images, size_t channels, size_t filters, size_t height,
                         size_t width, size_t window, size_t stride) {
    return (lane_case){.images = images,
                       .channels = channels,
                       .filters = filters,
                       .height = height,
                       .width = width,
                       .rows = window,
                       .columns = window,
                       .stride = stride,
                       .padding = window / 2};
}

START_TEST(test_strides_and_windows) {
    const size_t windows[] = {1, 2, 3, 5, 7};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        for (size_t stride = 1; stride <= 3; stride++) {
            lane_trial_everywhere(&engine, case_of(2, 8, 16, 8, 8, windows[i], stride));
            lane_trial_everywhere(&engine, case_of(2, 16, 24, 7, 5, windows[i], stride));
        }
}
END_TEST

START_TEST(test_small_images) {
    for (size_t height = 1; height <= 3; height++)
        for (size_t width = 1; width <= 3; width++)
            for (size_t stride = 1; stride <= 3; stride++)
                lane_trial_everywhere(&engine, case_of(3, 8, 8, height, width, 3, stride));
}
END_TEST

START_TEST(test_any_padding) {
    lane_case c = case_of(2, 8, 16, 6, 9, 3, 2);
    for (c.padding = 0; c.padding <= 3; c.padding++)
        lane_trial_everywhere(&engine, c);
    c.rows = 1;
    c.columns = 4;
    lane_trial_everywhere(&engine, c);
}
END_TEST

START_TEST(test_any_channels) {
    const size_t channels[] = {1, 3, 7, 9, 17, 33};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        lane_trial_everywhere(&engine, case_of(2, channels[i], channels[5 - i], 5, 6, 3, 2));
        lane_trial_everywhere(&engine, case_of(2, channels[i], 16, 4, 4, 1, 2));
    }
}
END_TEST

/* Blocks of outputs that end within a row, and that span several images. */
START_TEST(test_many_blocks) {
    lane_trial_everywhere(&engine, case_of(2, 16, 8, 23, 41, 1, 1));
    lane_trial_everywhere(&engine, case_of(25, 96, 40, 5, 4, 3, 2));
}
END_TEST

START_TEST(test_plain_input) {
    const size_t filters[] = {16, 8, 13};
    for (size_t i = 0; i < 3; i++)
        for (size_t stride = 1; stride <= 3; stride++) {
            lane_case c = case_of(3, 1 + 2 * i, filters[i], 9, 21, 3, stride);
            c.plain = true;
            lane_trial_everywhere(&engine, c);
            c.height = c.width = 2;
            lane_trial_everywhere(&engine, c);
            c.rows = c.columns = 7;
            c.padding = 3;
            lane_trial_everywhere(&engine, c);
            c.height = 17;
            c.width = 30;
            lane_trial_everywhere(&engine, c);
        }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("implicit gemm");
    TCase *tcase = tcase_create("passes");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_strides_and_windows);
    tcase_add_test(tcase, test_small_images);
    tcase_add_test(tcase, test_any_padding);
    tcase_add_test(tcase, test_any_channels);
    tcase_add_test(tcase, test_many_blocks);
    tcase_add_test(tcase, test_plain_input);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
