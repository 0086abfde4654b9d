/* Winograd's convolution against the definition. */
#include "autograd/winograd.h"

#include "lane_trial.h"
#include "suites.h"

static sn_winograd of(const lane_case *c) {
    return (sn_winograd){c->channels, c->filters, c->height, c->width, c->x, c->y};
}

static size_t forward_count(const lane_case *c) {
    const sn_winograd w = of(c);
    return sn_winograd_forward_count(&w);
}

static size_t backward_count(const lane_case *c) {
    const sn_winograd w = of(c);
    return sn_winograd_backward_count(&w);
}

static size_t workspace(const lane_case *c) {
    const sn_winograd w = of(c);
    return sn_winograd_workspace(&w);
}

static size_t weight_items(const lane_case *c) {
    const sn_winograd w = of(c);
    return sn_winograd_weight_items(&w);
}

static size_t join_items(const lane_case *c) {
    const sn_winograd w = of(c);
    return sn_winograd_join_items(&w);
}

static void weights(const lane_case *c, const sn_real *weight, size_t first, size_t last,
                    sn_real *u_forward, sn_real *u_backward) {
    const sn_winograd w = of(c);
    sn_winograd_weights(&w, weight, first, last, u_forward, u_backward);
}

static void forward(const lane_case *c, size_t images, const void *x, const sn_real *u, void *y,
                    void *workspace) {
    const sn_winograd w = of(c);
    sn_winograd_forward(&w, images, x, u, y, workspace);
}

static void backward_data(const lane_case *c, size_t images, const void *dy, const sn_real *u,
                          void *dx, bool add, void *workspace) {
    const sn_winograd w = of(c);
    sn_winograd_backward_data(&w, images, dy, u, dx, add, workspace);
}

static void backward_weights(const lane_case *c, size_t images, const void *x, const void *dy,
                             sn_real *du, void *workspace) {
    const sn_winograd w = of(c);
    sn_winograd_backward_weights(&w, images, x, dy, du, workspace);
}

static void join(const lane_case *c, const sn_thread_sums *du, size_t first, size_t last,
                 sn_real *dweight, bool add) {
    const sn_winograd w = of(c);
    sn_winograd_join_weights(&w, du, first, last, dweight, add);
}

/* y = A^T [ G g G^T . B^T d B ] A for Winograd tiles of 2x2 (Lavin and Gray 2016, arXiv
 * 1509.09308). The magnitudes behind an output are those of |A^T| [ |G| |g| |G^T| . |B^T| |d| |B| ]
 * |A|: in one dimension the rows of |G| sum to 1, 3/2, 3/2, 1, those of |B^T| to 2, and |A^T| adds
 * up three products, 2 + 3 + 3 = 8. So there are 64 a channel, where the definition has 9. A term
 * is rounded in G twice in each dimension, in B^T once, in A^T twice, and once for each channel. */
static lane_error of_channels(size_t channels) {
    return (lane_error){(double)channels + 10, 64 * (double)channels};
}

static lane_error forward_error(const lane_case *c) {
    return of_channels(c->channels);
}

static lane_error backward_data_error(const lane_case *c) {
    return of_channels(c->filters);
}

/* dg = G^T [ B^T d B . A dy A^T ] G, summed over Winograd tiles. The rows of |A| sum to 1, 2, 2, 1;
 * those of |G^T| are 1, 1/2, 1/2, 0 and the like: 2 + 2 + 2 = 6 in one dimension, 36 a tile.
 * Roundings: B^T and A once in each dimension, G^T twice, one for each tile and each of two sums.
 */
static lane_error backward_weights_error(const lane_case *c) {
    const double tiles = (double)(c->images * ((c->height + 1) / 2) * ((c->width + 1) / 2));
    return (lane_error){tiles + 10, 36 * tiles};
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
                         size_t width) {
    return (lane_case){.images = images,
                       .channels = channels,
                       .filters = filters,
                       .height = height,
                       .width = width,
                       .rows = 3,
                       .columns = 3,
                       .stride = 1,
                       .padding = 1};
}

START_TEST(test_even_sizes) {
    lane_trial_everywhere(&engine, case_of(2, 16, 16, 8, 8));
    lane_trial_everywhere(&engine, case_of(3, 32, 16, 4, 6));
    lane_trial_everywhere(&engine, case_of(2, 8, 24, 2, 2));
}
END_TEST

START_TEST(test_odd_sizes) {
    const size_t sizes[][2] = {{1, 1}, {1, 2}, {2, 1}, {1, 6}, {3, 3}, {7, 7}, {5, 9}, {8, 5}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        lane_trial_everywhere(&engine, case_of(3, 16, 8, sizes[i][0], sizes[i][1]));
}
END_TEST

START_TEST(test_any_channels) {
    const size_t channels[] = {1, 3, 7, 9, 17, 33};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        lane_trial_everywhere(&engine, case_of(2, channels[i], channels[5 - i], 5, 6));
        lane_trial_everywhere(&engine, case_of(2, channels[i], 16, 4, 4));
    }
}
END_TEST

/* Blocks of Winograd tiles that end within an image, and that span several. */
START_TEST(test_many_blocks) {
    lane_trial_everywhere(&engine, case_of(2, 8, 16, 34, 33));
    lane_trial_everywhere(&engine, case_of(21, 96, 80, 5, 4));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("winograd");
    TCase *tcase = tcase_create("passes");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_even_sizes);
    tcase_add_test(tcase, test_odd_sizes);
    tcase_add_test(tcase, test_any_channels);
    tcase_add_test(tcase, test_many_blocks);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, CK_FORK_GETENV);
}
