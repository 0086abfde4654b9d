/* The planner as a pure function: a description of a layer, lanes and costs in, a kernel and its
 * plan out. Nothing is prepared or run, so every instruction set's list is tested on any machine.
 */
#include "infer/amx_tile.h"
#include "infer/kernels.h"
#include "infer/planner.h"
#include "suites.h"

#include <string.h>

/* ---- lists of made-up kernels, which cannot be prepared or run ---- */

static bool accepts_all(const sn_infer_layer *layer) {
    (void)layer;
    return true;
}

static bool accepts_none(const sn_infer_layer *layer) {
    (void)layer;
    return false;
}

static bool plan_for(const sn_infer_request *request, double cost_ns, sn_infer_plan *plan) {
    *plan = (sn_infer_plan){.lanes = request->lanes, .cost_ns = cost_ns};
    plan->conv.scheme.form = request->form;
    return true;
}

static bool plan_at_2(const sn_infer_layer *layer, const sn_infer_request *request,
                      sn_infer_plan *plan) {
    (void)layer;
    return plan_for(request, 2, plan);
}

static bool plan_at_1(const sn_infer_layer *layer, const sn_infer_request *request,
                      sn_infer_plan *plan) {
    (void)layer;
    return plan_for(request, 1, plan);
}

/* Has no form but the dense one. */
static bool plan_dense_only(const sn_infer_layer *layer, const sn_infer_request *request,
                            sn_infer_plan *plan) {
    (void)layer;
    return (request->form == SN_INFER_FORM_AUTO || request->form == SN_INFER_FORM_DENSE) &&
           plan_for(request, 0, plan);
}

static bool plan_nothing(const sn_infer_layer *layer, const sn_infer_request *request,
                         sn_infer_plan *plan) {
    (void)layer;
    (void)request;
    memset(plan, 0, sizeof *plan); /* costs 0, and does not count */
    return false;
}

static bool plan_is_not_called(const sn_infer_layer *layer, const sn_infer_request *request,
                               sn_infer_plan *plan) {
    (void)layer;
    (void)request;
    (void)plan;
    ck_abort_msg("planned a layer that the kernel does not accept");
    return false;
}

static const sn_infer_kernel
    slow = {.name = "slow", .accepts = accepts_all, .plan = plan_at_2},
    fast = {.name = "fast", .accepts = accepts_all, .plan = plan_at_1},
    equal = {.name = "equal", .accepts = accepts_all, .plan = plan_at_1},
    picky = {.name = "picky", .accepts = accepts_none, .plan = plan_is_not_called},
    lacking = {.name = "lacking", .accepts = accepts_all, .plan = plan_nothing},
    dense = {.name = "dense", .accepts = accepts_all, .plan = plan_dense_only},
    resort = {
        .name = "resort", .last_resort = true, .accepts = accepts_all, .plan = plan_dense_only};

static const sn_infer_layer any_layer = {.opcode = SN_INFER_OP_CONV};

static const char *chosen(const sn_infer_kernel *const *kernels, sn_infer_form form) {
    const sn_infer_request request = {.lanes = 8, .form = form};
    sn_infer_choice choice;
    return sn_infer_plan_layer(kernels, &any_layer, &request, &choice) ? choice.kernel->name : NULL;
}

START_TEST(the_cheapest_plan_wins_wherever_it_stands) {
    const sn_infer_kernel *const first[] = {&fast, &slow, NULL}, *const last[] = {&slow, &fast,
                                                                                  NULL};
    ck_assert_str_eq(chosen(first, SN_INFER_FORM_AUTO), "fast");
    ck_assert_str_eq(chosen(last, SN_INFER_FORM_AUTO), "fast");
}
END_TEST

START_TEST(the_first_of_equal_plans_wins) {
    const sn_infer_kernel *const one[] = {&slow, &fast, &equal, NULL};
    const sn_infer_kernel *const other[] = {&slow, &equal, &fast, NULL};
    ck_assert_str_eq(chosen(one, SN_INFER_FORM_AUTO), "fast");
    ck_assert_str_eq(chosen(other, SN_INFER_FORM_AUTO), "equal");
}
END_TEST

START_TEST(who_does_not_accept_or_has_no_plan_is_left_out) {
    const sn_infer_kernel *const kernels[] = {&picky, &lacking, &slow, NULL};
    const sn_infer_kernel *const none[] = {&picky, &lacking, NULL}, *const empty[] = {NULL};
    ck_assert_str_eq(chosen(kernels, SN_INFER_FORM_AUTO), "slow");
    ck_assert_ptr_null(chosen(none, SN_INFER_FORM_AUTO));
    ck_assert_ptr_null(chosen(empty, SN_INFER_FORM_AUTO));
}
END_TEST

/* `dense` and `resort` cost 0, so that they win where they have the form. */
START_TEST(a_last_resort_runs_what_has_not_the_form_that_is_forced) {
    const sn_infer_kernel *const others[] = {&slow, &dense, &resort, NULL};
    const sn_infer_kernel *const alone[] = {&picky, &dense, &resort, NULL};
    const sn_infer_kernel *const without[] = {&picky, &dense, NULL};
    sn_infer_choice choice;
    ck_assert_str_eq(chosen(others, SN_INFER_FORM_AUTO), "dense");
    ck_assert_str_eq(chosen(others, SN_INFER_FORM_SHARED), "slow");
    ck_assert_str_eq(chosen(alone, SN_INFER_FORM_SHARED), "resort");
    ck_assert_str_eq(chosen(alone, SN_INFER_FORM_DENSE), "dense");
    ck_assert_ptr_null(chosen(without, SN_INFER_FORM_SHARED));
    const sn_infer_request request = {.lanes = 8, .form = SN_INFER_FORM_SHARED};
    ck_assert(sn_infer_plan_layer(alone, &any_layer, &request, &choice));
    ck_assert_int_eq((int)choice.plan.conv.scheme.form, SN_INFER_FORM_DENSE);
}
END_TEST

START_TEST(options_become_a_request) {
    static const sn_infer_costs typical = {.add = 1}, given = {.add = 2};
    sn_infer_options options = {
        .form = SN_INFER_FORM_SHARED, .signs = SN_INFER_SIGNS_DIGITS, .group = 3};
    sn_infer_request request = sn_infer_request_of(&options, 16, &typical);
    ck_assert_int_eq((int)request.lanes, 16);
    ck_assert_int_eq((int)request.form, SN_INFER_FORM_SHARED);
    ck_assert_int_eq((int)request.signs, SN_INFER_SIGNS_DIGITS);
    ck_assert_int_eq((int)request.group, 3);
    ck_assert(request.costs.add == 1);
    options.costs = &given;
    request = sn_infer_request_of(&options, 16, &typical);
    ck_assert(request.costs.add == 2);
}
END_TEST

/* ---- the lists of the library ---- */

enum { CHANNELS = 16, FILTERS = 16, TAPS = 9, WEIGHTS = CHANNELS * TAPS, MOST = 1 << 16 };

static unsigned char weights[MOST], signs[MOST];

/* Bits of density 5 / 16, the same on every machine. */
static void draw_bits(unsigned char *bits, size_t count) {
    uint32_t state = 1;
    memset(bits, 0, MOST);
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        if (state >> 28 < 5)
            bits[i / 8] |= (unsigned char)(1u << i % 8);
    }
}

/* A 3x3 convolution of a 32x32 picture, as the reader would describe it. */
static sn_infer_layer conv_of(uint32_t weight_kind) {
    draw_bits(weights, FILTERS * WEIGHTS);
    memset(signs, 0, sizeof signs);
    return (sn_infer_layer){.opcode = SN_INFER_OP_CONV,
                            .weight_kind = weight_kind,
                            .in = {CHANNELS, 32, 32},
                            .out = {FILTERS, 32, 32},
                            .kernel_height = 3,
                            .kernel_width = 3,
                            .stride = 1,
                            .padding = 1,
                            .region_channels = CHANNELS,
                            .regions = 1,
                            .weights_per_filter = WEIGHTS,
                            .packed_weights = weights,
                            .packed_signs = signs};
}

static sn_infer_layer integer_conv_of(uint32_t weight_kind) {
    sn_infer_layer layer = conv_of(weight_kind);
    layer.input_scale = 0.25F;
    return layer;
}

static uint64_t set_bits(void) {
    uint64_t count = 0;
    for (size_t i = 0; i < FILTERS * WEIGHTS; i++)
        count += sn_infer_bit(weights, i);
    return count;
}

static const sn_infer_costs costs = {
    .add = 0.19F, .list = 1, .miss = 4.5F, .transition = 0.45F, .multiply = 0.19F, .copy = 0.9F};

static sn_infer_choice plan(const sn_infer_kernel *const *kernels, const sn_infer_layer *layer,
                            uint32_t lanes, sn_infer_form form) {
    const sn_infer_request request = {.lanes = lanes, .costs = costs, .form = form};
    sn_infer_choice choice;
    ck_assert(sn_infer_plan_layer(kernels, layer, &request, &choice));
    ck_assert_int_eq((int)choice.plan.lanes, (int)lanes);
    return choice;
}

static void check_kernel(const sn_infer_kernel *const *kernels, const sn_infer_layer *layer,
                         sn_infer_form form, const char *expected) {
    ck_assert_str_eq(plan(kernels, layer, 16, form).kernel->name, expected);
}

START_TEST(descriptions_have_their_kernels) {
    const sn_infer_layer fp32 = conv_of(SN_INFER_WEIGHTS_FP32),
                         bits = conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY),
                         ternary = conv_of(SN_INFER_WEIGHTS_TERNARY),
                         integers = integer_conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY);
    const sn_infer_kernel *const *const lists[] = {sn_infer_vector_kernels};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        check_kernel(lists[i], &fp32, SN_INFER_FORM_AUTO, "dense");
        check_kernel(lists[i], &bits, SN_INFER_FORM_AUTO, "walk");
        check_kernel(lists[i], &ternary, SN_INFER_FORM_AUTO, "walk");
        check_kernel(lists[i], &integers, SN_INFER_FORM_AUTO, "short walk");
    }
    check_kernel(sn_infer_scalar_kernels, &integers, SN_INFER_FORM_AUTO, "walk");
}
END_TEST

START_TEST(other_layers_have_their_kernels) {
    const sn_infer_shape shape = {8, 16, 16};
    sn_infer_layer layer = {
        .in = shape, .out = {8, 8, 8}, .kernel_height = 2, .kernel_width = 2, .stride = 2};
    layer.opcode = SN_INFER_OP_MAX_POOL;
    check_kernel(sn_infer_vector_kernels, &layer, SN_INFER_FORM_SHARED, "pooling");
    layer.opcode = SN_INFER_OP_AVERAGE_POOL;
    check_kernel(sn_infer_vector_kernels, &layer, SN_INFER_FORM_AUTO, "pooling");
    layer = (sn_infer_layer){.in = shape, .out = shape, .opcode = SN_INFER_OP_SUM};
    check_kernel(sn_infer_vector_kernels, &layer, SN_INFER_FORM_SPARSE, "sum");
    layer.opcode = SN_INFER_OP_SHIFT_CLAMP;
    check_kernel(sn_infer_vector_kernels, &layer, SN_INFER_FORM_AUTO, "shift and clamp");
    layer.opcode = SN_INFER_OP_GLOBAL_AVERAGE_POOL;
    check_kernel(sn_infer_vector_kernels, &layer, SN_INFER_FORM_AUTO, "mean");
    layer.opcode = SN_INFER_OP_LINEAR;
    layer.weight_kind = SN_INFER_WEIGHTS_FP32;
    check_kernel(sn_infer_vector_kernels, &layer, SN_INFER_FORM_AUTO, "linear");
    layer.weight_kind = SN_INFER_WEIGHTS_BINARY; /* no kernel for it yet */
    const sn_infer_request request = {.lanes = 8, .costs = costs};
    sn_infer_choice choice;
    ck_assert(!sn_infer_plan_layer(sn_infer_vector_kernels, &layer, &request, &choice));
}
END_TEST

START_TEST(forms_are_forced) {
    const sn_infer_layer bits = conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY),
                         ternary = conv_of(SN_INFER_WEIGHTS_TERNARY),
                         integers = integer_conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY);
    const sn_infer_kernel *const *const list = sn_infer_vector_kernels;
    for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++) {
        const sn_infer_choice choice = plan(list, &bits, 16, (sn_infer_form)form);
        ck_assert_int_eq((int)choice.plan.conv.scheme.form, form);
        ck_assert_str_eq(choice.kernel->name, form == SN_INFER_FORM_DENSE ? "dense" : "walk");
    }
    check_kernel(list, &ternary, SN_INFER_FORM_COMPLEMENT, "dense"); /* has no complement */
    check_kernel(list, &integers, SN_INFER_FORM_COMPLEMENT, "walk"); /* nor have 16 bits */
    check_kernel(list, &integers, SN_INFER_FORM_SPARSE, "short walk");
    check_kernel(list, &integers, SN_INFER_FORM_DENSE, "dense");
    sn_infer_request request = {.lanes = 16, .costs = costs, .group = 5};
    sn_infer_choice choice;
    ck_assert(sn_infer_plan_layer(list, &bits, &request, &choice));
    ck_assert_int_eq((int)choice.plan.conv.group, 5);
    request.form = SN_INFER_FORM_SHARED;
    ck_assert(sn_infer_plan_layer(list, &ternary, &request, &choice)); /* four at most */
    ck_assert_str_eq(choice.kernel->name, "dense");
}
END_TEST

/* They are in the list of one instruction set only, and have no cost model: they win there. */
START_TEST(amx_tiles_take_what_their_bytes_hold) {
#if SN_INFER_HAS_AMX
    sn_infer_layer layer = integer_conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY);
    check_kernel(sn_infer_amx_kernels, &layer, SN_INFER_FORM_AUTO, "AMX tiles");
    check_kernel(sn_infer_amx_kernels, &layer, SN_INFER_FORM_DENSE, "AMX tiles");
    check_kernel(sn_infer_amx_kernels, &layer, SN_INFER_FORM_SHARED, "short walk");
    check_kernel(sn_infer_vector_kernels, &layer, SN_INFER_FORM_DENSE, "dense");
    layer.input_centered = true;
    check_kernel(sn_infer_amx_kernels, &layer, SN_INFER_FORM_AUTO, "short walk");
    layer = conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY);
    check_kernel(sn_infer_amx_kernels, &layer, SN_INFER_FORM_AUTO, "walk");
    layer = integer_conv_of(SN_INFER_WEIGHTS_TERNARY);
    check_kernel(sn_infer_amx_kernels, &layer, SN_INFER_FORM_COMPLEMENT, "dense");
#endif
}
END_TEST

/* Only additions cost: blocks * additions * rows of them. */
START_TEST(costs_are_those_of_the_plan) {
    const sn_infer_layer layer = conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY);
    const sn_infer_request request = {
        .lanes = 16, .costs = {.add = 2}, .form = SN_INFER_FORM_SPARSE};
    sn_infer_choice choice;
    ck_assert(sn_infer_plan_layer(sn_infer_vector_kernels, &layer, &request, &choice));
    const sn_infer_plan *p = &choice.plan;
    ck_assert_uint_eq(p->conv.additions, set_bits());
    ck_assert(!p->conv.window_sums);
    ck_assert_uint_eq(p->bands.rows * p->bands.count * p->bands.layout.to.columns * 16, 32 * 32);
    ck_assert(p->cost_ns == (double)(set_bits() * 2 * (32 * 32 / 16)));
}
END_TEST

START_TEST(plans_follow_costs) {
    const sn_infer_layer layer = integer_conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY);
    static const struct {
        sn_infer_costs costs;
        const char *kernel;
    } cases[] = {{{.add = 1, .list = 1, .transition = 1}, "dense"},
                 {{.add = 1, .multiply = 1}, "short walk"},
                 {{.multiply = 1, .copy = 1}, "walk"}}; /* 16 bits are copied three times */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sn_infer_request request = {.lanes = 8, .costs = cases[i].costs};
        sn_infer_choice choice;
        ck_assert(sn_infer_plan_layer(sn_infer_vector_kernels, &layer, &request, &choice));
        ck_assert_str_eq(choice.kernel->name, cases[i].kernel);
    }
}
END_TEST

/* Of all forms and groups that can be forced, none costs less than the plan, and one costs as much.
 */
START_TEST(no_forced_plan_is_cheaper) {
    const sn_infer_layer layers[] = {conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY),
                                     integer_conv_of(SN_INFER_WEIGHTS_BINARY)};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const double cost =
            plan(sn_infer_vector_kernels, &layers[i], 8, SN_INFER_FORM_AUTO).plan.cost_ns;
        double least = 0;
        for (int form = SN_INFER_FORM_DENSE; form < SN_INFER_FORM_COUNT; form++)
            for (uint32_t group = 1; group <= 8; group++) {
                const sn_infer_request request = {
                    .lanes = 8, .costs = costs, .form = (sn_infer_form)form, .group = group};
                sn_infer_choice choice;
                ck_assert(
                    sn_infer_plan_layer(sn_infer_vector_kernels, &layers[i], &request, &choice));
                if (least == 0 || choice.plan.cost_ns < least)
                    least = choice.plan.cost_ns;
            }
        ck_assert(cost == least);
    }
}
END_TEST

/* The same in, the same out, whatever was in memory before. */
START_TEST(planning_is_pure) {
    const sn_infer_layer layer = conv_of(SN_INFER_WEIGHTS_SIGNED_BINARY);
    const sn_infer_request request = {.lanes = 8, .costs = costs};
    sn_infer_choice one, two;
    memset(&one, 0, sizeof one);
    memset(&two, 0xff, sizeof two);
    ck_assert(sn_infer_plan_layer(sn_infer_vector_kernels, &layer, &request, &one));
    ck_assert(sn_infer_plan_layer(sn_infer_vector_kernels, &layer, &request, &two));
    ck_assert_ptr_eq(one.kernel, two.kernel);
    ck_assert(one.plan.cost_ns == two.plan.cost_ns);
    ck_assert_uint_eq(one.plan.prepared, two.plan.prepared);
    ck_assert_uint_eq(one.plan.work, two.plan.work);
    ck_assert_uint_eq(one.plan.conv.words, two.plan.conv.words);
    ck_assert_uint_eq(one.plan.conv.additions, two.plan.conv.additions);
    ck_assert_uint_eq(one.plan.conv.group, two.plan.conv.group);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("infer planner");
    TCase *tests = tcase_create("planner");
    tcase_add_test(tests, the_cheapest_plan_wins_wherever_it_stands);
    tcase_add_test(tests, the_first_of_equal_plans_wins);
    tcase_add_test(tests, who_does_not_accept_or_has_no_plan_is_left_out);
    tcase_add_test(tests, a_last_resort_runs_what_has_not_the_form_that_is_forced);
    tcase_add_test(tests, options_become_a_request);
    tcase_add_test(tests, descriptions_have_their_kernels);
    tcase_add_test(tests, other_layers_have_their_kernels);
    tcase_add_test(tests, forms_are_forced);
    tcase_add_test(tests, amx_tiles_take_what_their_bytes_hold);
    tcase_add_test(tests, costs_are_those_of_the_plan);
    tcase_add_test(tests, plans_follow_costs);
    tcase_add_test(tests, no_forced_plan_is_cheaper);
    tcase_add_test(tests, planning_is_pure);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
