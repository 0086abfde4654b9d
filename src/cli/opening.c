#include "cli/opening.h"

#include "layers/quantize.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROW_SIZE = 2 * SN_OPTION_TEXT_SIZE, IMBALANCE = 10 };

typedef struct row_text {
    size_t used;
    char text[ROW_SIZE];
} row_text;

__attribute__((format(printf, 2, 3))) static void say(row_text *row, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->text + row->used, sizeof row->text - row->used, format, arguments);
    va_end(arguments);
    row->used = strlen(row->text);
}

/* ---- the data ---- */

static void say_data(const sn_opening *o, row_text *row) {
    const sn_input_info *input = sn_trainer_input(o->trainer);
    const char *name = sn_dataset_name(o->config->dataset);
    const bool is_drawn = sn_dataset_is_drawn(o->config->dataset);
    const sn_trainer_images images = sn_trainer_images_of(o->trainer);
    say(row, "%s%s%s: %zu training", name, is_drawn ? "" : " in ",
        is_drawn ? "" : o->data_directory, images.train);
    if (images.valid)
        say(row, ", %zu validation (these choose best.h5)", images.valid);
    say(row, " and %zu test images, %dx%dx%d", images.test, input->channels, input->height,
        input->width);
}

static void say_classes(const sn_opening *o, row_text *row) {
    const sn_input_info *input = sn_trainer_input(o->trainer);
    char name[SN_CLASS_NAME_SIZE];
    sn_class_name(o->train, input->smallest_class, name);
    say(row, "%d, the smallest is %s with %" PRIu64 " training images", input->classes, name,
        input->smallest_images);
}

static void say_ignored(const sn_opening *o, row_text *row) {
    const char *train = sn_dataset_ignored(o->train), *test = sn_dataset_ignored(o->test);
    if (train[0])
        say(row, "%s (training)", train);
    if (test[0])
        say(row, "%s%s (test)", train[0] ? ", " : "", test);
}

static void say_pixels(const sn_opening *o, row_text *row) {
    const sn_input_info *input = sn_trainer_input(o->trainer);
    say(row, "mean");
    for (int c = 0; c < input->channels; c++)
        say(row, " %.3f", (double)input->statistics.mean[c]);
    say(row, ", deviation");
    for (int c = 0; c < input->channels; c++)
        say(row, " %.3f", (double)input->statistics.deviation[c]);
    say(row, "%s", o->config->teacher[0] ? " (the teacher's)" : "");
}

/* ---- the network ---- */

/* Weights by the bits that each takes in a model file. */
typedef struct weight_bits {
    uint64_t one, two;
} weight_bits;

static weight_bits count_bits(const sn_layers *layers) {
    weight_bits bits = {0, 0};
    for (int i = 0; i < layers->count; i++) {
        const sn_layer *layer = &layers->at[i];
        if (!layer->quantizer)
            continue;
        const sn_code code =
            sn_quantizer_at(sn_quantize_options(layer->quantizer)->quantizer)->code;
        if (sn_code_has_few_bits(code))
            *(code == SN_CODE_TERNARY ? &bits.two : &bits.one) +=
                sn_shape_count(sn_tensor_shape(layer->weight));
    }
    return bits;
}

static uint64_t count_trainable(const sn_parameters *parameters) {
    uint64_t count = 0;
    for (size_t i = 0; i < sn_parameters_count(parameters); i++) {
        const sn_parameter *entry = sn_parameters_at(parameters, i);
        count += sn_role_is_trained(entry->role) ? entry->count : 0;
    }
    return count;
}

static void say_network(const sn_opening *o, row_text *row) {
    const sn_train_config *config = o->config;
    const weight_bits bits = count_bits(&sn_trainer_training(o->trainer)->layers);
    say(row, "%s", sn_arch_name(config->arch));
    if (config->width != 1)
        say(row, " of width %g", config->width);
    say(row, ", %s", sn_activation_name(config->activation));
    if (config->act != SN_ACT_FP32)
        say(row, ", activations %s", sn_act_name(config->act));
    say(row, ": %" PRIu64 " parameters, %" PRIu64 " one-bit weights",
        count_trainable(sn_trainer_parameters(o->trainer)), bits.one);
    if (bits.two)
        say(row, ", %" PRIu64 " two-bit weights", bits.two);
}

/* Options of the quantizer that make a difference to it. */
static void say_weights(const sn_opening *o, row_text *row) {
    const sn_quant_options *quant = &o->config->quant;
    const sn_quantizer *quantizer = sn_quantizer_at(quant->quantizer);
    say(row, "%s", quantizer->name);
    if (quantizer->quantize) {
        say(row, ": estimator %s", sn_estimator_name(quant->estimator));
        if (!quantizer->zero_free)
            say(row, ", delta ratio %g", quant->delta_ratio);
        if (sn_code_has_few_bits(quantizer->code))
            say(row, ", center %s", sn_center_name(quant->center));
        say(row, ", scale %s", sn_scale_rule_name(quant->scale_rule));
    }
    if (quantizer->sign_evidence) {
        say(row, ", signs %s", sn_sign_rule_name(quant->sign_rule));
        if (quant->sign_rule == SN_SIGNS_FIXED)
            say(row, " (%g positive)", quant->positive_fraction);
        if (quant->region_channels)
            say(row, ", region %" PRIu64, quant->region_channels);
        else
            say(row, ", region filter");
    }
    if (o->config->layers[0])
        say(row, "; other layers: %s", o->config->layers);
}

/* ---- the run ---- */

static void say_training(const sn_opening *o, row_text *row) {
    const sn_train_config *config = o->config;
    const size_t steps = sn_trainer_steps_per_epoch(o->trainer);
    say(row,
        "%" PRIu64 " epoch%s of %zu step%s, batch %" PRIu64
        ", %s, learning rate %g, %s, seed %" PRIu64,
        config->epochs, config->epochs == 1 ? "" : "s", steps, steps == 1 ? "" : "s", config->batch,
        sn_optimizer_name((int)config->optimizer.kind), config->schedule.learning_rate,
        sn_schedule_name((int)config->schedule.kind), config->seed);
}

static void say_machine(const sn_opening *o, row_text *row) {
    const sn_train_config *config = o->config;
    say(row, "%" PRIu64 " thread%s, engine %s, %s, peak memory about %.0f MiB", config->threads,
        config->threads == 1 ? "" : "s", sn_engine_name(config->engine),
        sn_precision_name(config->precision), (double)o->peak_memory / 1048576);
}

static void say_resumed(const sn_opening *o, row_text *row) {
    const sn_train_state *state = sn_trainer_state(o->trainer);
    if (!sn_trainer_was_resumed(o->trainer))
        return;
    if (state->epoch == o->config->epochs && state->epoch == 1)
        say(row, "its only epoch is done already; --epochs N goes on");
    else if (state->epoch == o->config->epochs)
        say(row, "all %" PRIu64 " epochs are done already; --epochs N goes on", state->epoch);
    else
        say(row, "goes on with epoch %" PRIu64 " of %" PRIu64 ", step %" PRIu64 " of %zu",
            state->epoch + 1, o->config->epochs, state->step + 1,
            sn_trainer_steps_per_epoch(o->trainer));
}

static void say_output(const sn_opening *o, row_text *row) {
    say(row, "%s", sn_trainer_directory(o->trainer));
}

/* In this order; one that says nothing is left out. */
static const struct {
    const char *name;
    void (*say)(const sn_opening *opening, row_text *row);
} rows[] = {
    {"data", say_data},         {"classes", say_classes}, {"ignored", say_ignored},
    {"pixels", say_pixels},     {"network", say_network}, {"weights", say_weights},
    {"training", say_training}, {"machine", say_machine}, {"resumed", say_resumed},
    {"output", say_output},
};

void sn_opening_print(const sn_opening *opening) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        row_text row = {0};
        rows[i].say(opening, &row);
        sn_one_line(row.text);
        if (row.used > 0)
            printf("%-9s %s\n", rows[i].name, row.text);
    }
    fflush(stdout);
}

void sn_opening_warn(const sn_opening *opening) {
    const sn_input_info *input = sn_trainer_input(opening->trainer);
    if (input->largest_images <= IMBALANCE * input->smallest_images)
        return;
    char smallest[SN_CLASS_NAME_SIZE], largest[SN_CLASS_NAME_SIZE];
    sn_class_name(opening->train, input->smallest_class, smallest);
    sn_class_name(opening->train, input->largest_class, largest);
    fprintf(stderr,
            "train: warning: classes are imbalanced: %s has %" PRIu64
            " training images, %s %" PRIu64
            "; the network will hardly learn the small ones, and top-1 will hardly show it\n",
            smallest, input->smallest_images, largest, input->largest_images);
}
