#include "infer/walk_plan.h"
#include "infer/conv.h"

static const sn_infer_form forms[] = {SN_INFER_FORM_SPARSE, SN_INFER_FORM_SHARED,
                                      SN_INFER_FORM_COMPLEMENT};
static const sn_infer_signs ways[] = {SN_INFER_SIGNS_CHUNKS, SN_INFER_SIGNS_INVERTED,
                                      SN_INFER_SIGNS_DIGITS};

enum { FORMS = sizeof forms / sizeof *forms, WAYS = sizeof ways / sizeof *ways };

sn_infer_walk_part sn_infer_walk_plan_part(const sn_infer_layer *layer, const sn_infer_plan *plan,
                                           uint32_t chunk, uint32_t group) {
    const sn_infer_conv_plan *conv = &plan->conv;
    const sn_infer_scheme *scheme = &conv->scheme;
    const uint32_t first = group * conv->group;
    const uint32_t count = sn_infer_smaller(layer->out.channels - first, conv->group);
    const uint32_t channel = sn_infer_chunk_first(&conv->chunks, chunk);
    const uint32_t region = channel / layer->region_channels;
    return (sn_infer_walk_part){
        .layer = layer,
        .scheme = scheme,
        .layout = &plan->bands.layout,
        .group = conv->group,
        .first = first,
        .count = count,
        .turned = sn_infer_turned(layer, scheme, first, count),
        .subtracted = sn_infer_subtracted(layer, scheme, first, count, region),
        .channel = channel,
        .channel_end = sn_infer_chunk_end(&conv->chunks, chunk),
    };
}

/* ---- costs ---- */

/* The share of a layer's lists whose lengths the branch predictor has forgotten since the block
 * before: none of a few thousand lists, all of many more. The bounds are where times bend on Zen 3;
 * other processors of its years remember about as much. */
static double forgotten_share(uint64_t lists) {
    const double few = 8192, many = 16384;
    const double share = ((double)lists - few) / (many - few);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* Integers become floats after every chunk. Whole filters have the same few chunks in all forms, so
 * that only regions, which may have many, pay for it. */
static double predict_chunks(const sn_infer_layer *layer, const sn_infer_plan *plan,
                             const sn_infer_costs *costs) {
    const sn_infer_conv_plan *conv = &plan->conv;
    if (!conv->short_lanes || layer->regions == 1)
        return 0;
    const double blocks = (double)plan->bands.layout.to.columns * plan->bands.count;
    return 4 * (double)costs->add * blocks * conv->chunks.count * plan->bands.rows *
           (conv->groups * conv->group);
}

static double predict(const sn_infer_layer *layer, const sn_infer_plan *plan,
                      const sn_infer_costs *costs, uint64_t lists) {
    const sn_infer_conv_plan *conv = &plan->conv;
    const double blocks = (double)plan->bands.layout.to.columns * plan->bands.count;
    return sn_infer_conv_frame_ns(layer, plan, costs) + predict_chunks(layer, plan, costs) +
           blocks * ((double)conv->additions * plan->bands.rows * (double)costs->add +
                     (double)lists *
                         ((double)costs->list + forgotten_share(lists) * (double)costs->miss) +
                     (double)conv->transitions * plan->bands.rows * (double)costs->transition);
}

/* ---- candidates ---- */

static bool inverts(const sn_infer_layer *layer, const sn_infer_scheme *scheme) {
    return scheme->form != SN_INFER_FORM_COMPLEMENT && !sn_infer_has_digits(layer, scheme) &&
           scheme->signs != SN_INFER_SIGNS_INVERTED && sn_infer_inverting_pays(layer);
}

/* `plan` has bands, signs and chunks; completes it. */
static void plan_form(const sn_infer_layer *layer, const sn_infer_costs *costs, sn_infer_form form,
                      uint32_t group, sn_infer_plan *plan) {
    sn_infer_conv_plan *conv = &plan->conv;
    conv->scheme.form = form;
    conv->scheme.inverts = inverts(layer, &conv->scheme);
    conv->group = group;
    conv->groups = sn_infer_divide_up(layer->out.channels, group);
    conv->extra = form == SN_INFER_FORM_COMPLEMENT;
    conv->window_sums = sn_infer_needs_window_sums(layer, &conv->scheme);
    sn_infer_walk_size size = {0};
    for (uint32_t chunk = 0; chunk < conv->chunks.count; chunk++)
        for (uint32_t g = 0; g < conv->groups; g++) {
            const sn_infer_walk_part part = sn_infer_walk_plan_part(layer, plan, chunk, g);
            sn_infer_walk_write(&part, &size, NULL, NULL);
        }
    conv->words = size.words;
    conv->additions = size.additions;
    conv->transitions = size.transitions;
    conv->patterns = size.patterns;
    plan->cost_ns = predict(layer, plan, costs, size.lists);
}

/* Whether a layer with these weights has the form. */
static bool has_form(const sn_infer_layer *layer, const sn_infer_conv_plan *conv,
                     sn_infer_form form, uint32_t group) {
    if ((form == SN_INFER_FORM_SPARSE) != (group == 1))
        return false;
    if (form == SN_INFER_FORM_COMPLEMENT)
        /* The group's extra sum would not fit into 16 bits, and it is one for all regions. */
        return group >= 3 && !sn_infer_has_digits(layer, &conv->scheme) && !conv->short_lanes &&
               conv->scheme.signs != SN_INFER_SIGNS_CHUNKS;
    /* The inputs that a sparse filter does not want are mostly more than those it wants. */
    return form != SN_INFER_FORM_SPARSE || conv->scheme.signs != SN_INFER_SIGNS_INVERTED;
}

static bool allows(const sn_infer_request *request, sn_infer_form form, uint32_t group) {
    if (request->form != SN_INFER_FORM_AUTO && request->form != form)
        return false;
    return request->group == 0 || form == SN_INFER_FORM_SPARSE || request->group == group;
}

/* All forms and groups, with the signs and chunks of `base`; *found: there is a best one already.
 */
static void plan_forms(const sn_infer_layer *layer, const sn_infer_request *request,
                       const sn_infer_plan *base, bool *found, sn_infer_plan *best) {
    const uint32_t most = sn_infer_has_digits(layer, &base->conv.scheme)
                              ? SN_INFER_MAX_TERNARY_GROUP
                              : SN_INFER_MAX_GROUP;
    for (uint32_t group = 1; group <= most; group++)
        for (int i = 0; i < FORMS; i++) {
            if (!has_form(layer, &base->conv, forms[i], group) || !allows(request, forms[i], group))
                continue;
            sn_infer_plan plan = *base;
            plan_form(layer, &request->costs, forms[i], group, &plan);
            if (!*found || plan.cost_ns < best->cost_ns)
                *best = plan;
            *found = true;
        }
}

/* ---- sums of 16 bits ---- */

/* Inputs that filter k adds or subtracts in a chunk. */
static uint64_t chunk_terms(const sn_infer_layer *layer, const sn_infer_conv_plan *conv, uint32_t k,
                            uint32_t chunk) {
    const sn_infer_scheme *scheme = &conv->scheme;
    const uint64_t taps = sn_infer_taps(layer);
    const uint32_t end = sn_infer_chunk_end(&conv->chunks, chunk);
    const uint32_t turned = sn_infer_turned(layer, scheme, k, 1);
    const unsigned char *bits =
        layer->packed_weights + k * sn_infer_mask_bytes(layer->weights_per_filter);
    uint64_t count = 0;
    for (uint32_t c = sn_infer_chunk_first(&conv->chunks, chunk), stop; c < end; c = stop) {
        const uint32_t region = c / layer->region_channels;
        stop = sn_infer_smaller((region + 1) * layer->region_channels, end);
        uint64_t set = 0;
        for (uint64_t i = c * taps; i < stop * taps; i++)
            set += sn_infer_bit(bits, i);
        const bool inverted = !sn_infer_has_digits(layer, scheme) &&
                              sn_infer_inverted(layer, scheme, k, 1, region, turned);
        count += inverted ? (stop - c) * taps - set : set;
    }
    return count;
}

static uint64_t most_terms(const sn_infer_layer *layer, const sn_infer_conv_plan *conv) {
    uint64_t most = 0;
    for (uint32_t chunk = 0; chunk < conv->chunks.count; chunk++)
        for (uint32_t k = 0; k < layer->out.channels; k++) {
            const uint64_t terms = chunk_terms(layer, conv, k, chunk);
            most = terms > most ? terms : most;
        }
    return most;
}

/* Sums of 16 bits must hold the chunk's part of any filter's sum: makes chunks small enough. False
 * when one channel is too much already. */
static bool shrink_chunks(const sn_infer_layer *layer, sn_infer_conv_plan *conv) {
    uint64_t highest = layer->input_signed ? 127 : 255;
    if (layer->input_centered && layer->input_signed)
        highest = 254; /* -127 less a mean of 127; unsigned values and their mean lie in 0 .. 255 */
    if (sn_infer_taps(layer) * highest > INT16_MAX)
        return false;
    while (most_terms(layer, conv) * highest > INT16_MAX)
        conv->chunks =
            sn_infer_chunks_of(conv->chunks.channels, conv->chunks.slice, conv->chunks.size - 1);
    return true;
}

/* ---- all of it ---- */

static bool plan_bands(const sn_infer_layer *layer, uint32_t lanes, bool short_lanes,
                       sn_infer_plan *plan) {
    const uint32_t rows = sn_infer_shape_lanes(layer->out, lanes).rows;
    *plan = (sn_infer_plan){.lanes = lanes};
    if (!short_lanes)
        return sn_infer_bands_plan(layer, lanes, rows, &plan->bands);
    plan->conv.short_lanes = true;
    plan->conv.half = sn_infer_divide_up(rows, 2);
    return rows >= 2 && sn_infer_bands_plan(layer, lanes, plan->conv.half, &plan->bands);
}

/* With one way to take signs. */
static void plan_signs(const sn_infer_layer *layer, const sn_infer_request *request,
                       sn_infer_signs signs, sn_infer_plan plan, bool *found, sn_infer_plan *best) {
    sn_infer_conv_plan *conv = &plan.conv;
    const bool by_chunks = signs == SN_INFER_SIGNS_CHUNKS;
    conv->scheme.signs = signs;
    conv->chunks = sn_infer_conv_chunks(layer, &plan.bands,
                                        by_chunks ? layer->region_channels : layer->in.channels);
    if (conv->short_lanes) {
        /* Chunks are the same for all forms, so inverting is decided for all at once. */
        conv->scheme.form = SN_INFER_FORM_SPARSE;
        conv->scheme.inverts = inverts(layer, &conv->scheme);
        if (!shrink_chunks(layer, conv))
            return;
    }
    plan_forms(layer, request, &plan, found, best);
}

/* The sign of a whole filter is part of its gain: only regions have signs to plan. */
bool sn_infer_walk_plan(const sn_infer_layer *layer, const sn_infer_request *request,
                        bool short_lanes, sn_infer_plan *best) {
    bool found = false;
    sn_infer_plan plan;
    if (!plan_bands(layer, request->lanes, short_lanes, &plan))
        return false;
    if (layer->regions == 1)
        plan_signs(layer, request, SN_INFER_SIGNS_AUTO, plan, &found, best);
    for (int i = 0; layer->regions > 1 && i < WAYS; i++)
        if (request->signs == SN_INFER_SIGNS_AUTO || request->signs == ways[i])
            plan_signs(layer, request, ways[i], plan, &found, best);
    return found;
}
