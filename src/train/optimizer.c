#include "train/optimizer.h"

#include "base/memory.h"

#include <stdlib.h>
#include <tgmath.h>

enum { MAX_SLOTS = 2 };

/* A stretch of the flat array with one weight decay. */
typedef struct segment {
    size_t offset, count;
    double decay;
    double squares; /* of its gradients, summed */
} segment;

struct sn_optimizer {
    sn_optimizer_options options;
    sn_parameters *parameters;
    int threads;
    segment *segments;
    size_t segment_count;
    sn_real *slots[MAX_SLOTS]; /* momentum, or first and second moments */
    uint64_t steps;
    sn_real clip; /* factor of the gradients in the next step */
};

const char *sn_optimizer_name(int index) {
    static const char *const names[] = {
        [SN_OPTIMIZER_SGD] = "sgd", [SN_OPTIMIZER_ADAM] = "adam", [SN_OPTIMIZER_ADAMW] = "adamw"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

const char *sn_optimizer_slot_name(const sn_optimizer *optimizer, int slot) {
    static const char *const sgd[] = {"momentum", NULL, NULL};
    static const char *const adam[] = {"exp_avg", "exp_avg_sq", NULL};
    return optimizer->options.kind == SN_OPTIMIZER_SGD ? sgd[slot] : adam[slot];
}

static double decay_of(const sn_optimizer_options *options, sn_role role) {
    if (role == SN_ROLE_WEIGHT)
        return options->decay_weight;
    if (role == SN_ROLE_SCALE)
        return 0;
    return role == SN_ROLE_LATENT ? options->decay_latent : options->decay_others;
}

sn_status sn_optimizer_create(const sn_optimizer_options *options, sn_parameters *parameters,
                              int threads, sn_optimizer **optimizer, sn_error *error) {
    sn_optimizer *made = calloc(1, sizeof *made);
    SN_RETURN_IF(!made, error, SN_ERROR_MEMORY, "out of memory for the optimizer");
    *optimizer = made;
    made->options = *options;
    made->parameters = parameters;
    made->threads = threads;
    made->clip = 1;
    made->segments = calloc(sn_parameters_count(parameters), sizeof *made->segments);
    bool complete = made->segments != NULL;
    for (int i = 0; i < MAX_SLOTS && sn_optimizer_slot_name(made, i); i++) {
        made->slots[i] = sn_alloc_array(sn_parameters_length(parameters), sizeof(sn_real));
        complete = complete && made->slots[i];
    }
    if (!complete) {
        sn_optimizer_free(made);
        *optimizer = NULL;
        return sn_error_set(error, SN_ERROR_MEMORY, "out of memory for the optimizer's state");
    }
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        if (sn_role_is_trained(entry->role))
            made->segments[made->segment_count++] =
                (segment){.offset = entry->offset,
                          .count = entry->count,
                          .decay = decay_of(options, entry->role)};
    }
    return SN_OK;
}

void sn_optimizer_free(sn_optimizer *optimizer) {
    if (!optimizer)
        return;
    for (int i = 0; i < MAX_SLOTS; i++)
        sn_free(optimizer->slots[i]);
    free(optimizer->segments);
    free(optimizer);
}

static void step_sgd(const sn_optimizer *optimizer, const segment *s, double learning_rate) {
    sn_real *w = sn_parameters_values(optimizer->parameters) + s->offset;
    const sn_real *gradient = sn_parameters_gradients(optimizer->parameters) + s->offset;
    sn_real *v = optimizer->slots[0] + s->offset;
    const sn_real rate = (sn_real)learning_rate, decay = (sn_real)s->decay;
    const sn_real momentum = (sn_real)optimizer->options.momentum;
    const sn_real clip = optimizer->clip;
    const bool nesterov = optimizer->options.nesterov;
    for (size_t i = 0; i < s->count; i++) {
        const sn_real g = clip * gradient[i] + decay * w[i];
        v[i] = momentum * v[i] + g;
        w[i] -= rate * (nesterov ? g + momentum * v[i] : v[i]);
    }
}

static void step_adam(const sn_optimizer *optimizer, const segment *s, double learning_rate) {
    const sn_optimizer_options *options = &optimizer->options;
    sn_real *w = sn_parameters_values(optimizer->parameters) + s->offset;
    const sn_real *gradient = sn_parameters_gradients(optimizer->parameters) + s->offset;
    sn_real *m = optimizer->slots[0] + s->offset, *v = optimizer->slots[1] + s->offset;
    const bool decoupled = options->kind == SN_OPTIMIZER_ADAMW;
    const sn_real decay = decoupled ? 0 : (sn_real)s->decay;
    const sn_real shrink = decoupled ? (sn_real)(1 - learning_rate * s->decay) : 1;
    const sn_real beta1 = (sn_real)options->beta1, beta2 = (sn_real)options->beta2;
    const double steps = (double)optimizer->steps;
    const sn_real rate = (sn_real)(learning_rate / (1 - pow(options->beta1, steps)));
    const sn_real correction = (sn_real)(1 / sqrt(1 - pow(options->beta2, steps)));
    const sn_real epsilon = (sn_real)options->epsilon, clip = optimizer->clip;
    for (size_t i = 0; i < s->count; i++) {
        const sn_real g = clip * gradient[i] + decay * w[i];
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        w[i] = w[i] * shrink - rate * m[i] / (sqrt(v[i]) * correction + epsilon);
    }
}

static double sum_of_squares(const sn_real *values, size_t count) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sum;
}

double sn_optimizer_clip(sn_optimizer *optimizer, double largest) {
    const sn_real *gradients = sn_parameters_gradients(optimizer->parameters);
    double squares = 0;
#pragma omp parallel for num_threads(optimizer->threads) schedule(dynamic)
    for (size_t i = 0; i < optimizer->segment_count; i++) {
        segment *s = &optimizer->segments[i];
        s->squares = sum_of_squares(gradients + s->offset, s->count);
    }
    for (size_t i = 0; i < optimizer->segment_count; i++)
        squares += optimizer->segments[i].squares;
    const double norm = sqrt(squares);
    optimizer->clip = norm > largest && isfinite(norm) ? (sn_real)(largest / norm) : 1;
    return norm;
}

void sn_optimizer_step(sn_optimizer *optimizer, double learning_rate) {
    optimizer->steps++;
#pragma omp parallel for num_threads(optimizer->threads) schedule(dynamic)
    for (size_t i = 0; i < optimizer->segment_count; i++) {
        if (optimizer->options.kind == SN_OPTIMIZER_SGD)
            step_sgd(optimizer, &optimizer->segments[i], learning_rate);
        else
            step_adam(optimizer, &optimizer->segments[i], learning_rate);
    }
    optimizer->clip = 1;
}

sn_real *sn_optimizer_slot(sn_optimizer *optimizer, int slot) {
    return optimizer->slots[slot];
}

uint64_t sn_optimizer_steps(const sn_optimizer *optimizer) {
    return optimizer->steps;
}

void sn_optimizer_set_steps(sn_optimizer *optimizer, uint64_t steps) {
    optimizer->steps = steps;
}
