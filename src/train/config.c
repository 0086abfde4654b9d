#define _POSIX_C_SOURCE 200809L
#include "train/config.h"

#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(member) .offset = offsetof(sn_train_config, member)
#define COUNT(low, high, standard)                                                                 \
    .kind = SN_OPTION_COUNT, .value_name = "N", .minimum = (low), .maximum = (high),               \
    .fallback = (standard)
#define REAL(low, high, standard)                                                                  \
    .kind = SN_OPTION_REAL, .value_name = "X", .minimum = (low), .maximum = (high),                \
    .fallback = (standard)
#define CHOICE(names, standard)                                                                    \
    .kind = SN_OPTION_CHOICE, .value_name = "NAME", .choice_name = (names), .fallback = (standard)
/* 0 is "auto" alone, so that nobody asks for 0 pixels and gets some. */
#define PIXELS(standard)                                                                           \
    .kind = SN_OPTION_COUNT, .value_name = "N", .minimum = 1, .maximum = 65536,                    \
    .zero_name = "auto", .fallback = (standard)
#define TEXT(what) .kind = SN_OPTION_TEXT, .value_name = (what)

/* Conditions under which options have an effect (base/option.h). Rules of --layer start from the
 * options of the run, so that with them everything may have one. What only some quantizers and
 * estimators use is said, not refused: comparing them with one set of options is usual. */
#define QUANTIZED "quant!=fp32|layer"
#define WITH_EDE  QUANTIZED " estimator=ede,ede-standardized|layer"
#define WITH_ADAM "optimizer=adam,adamw"

/* Any whole number up to here is exact in JSON and in a double. */
#define LARGEST_SEED 9007199254740991.0

static const char *channels_name(int index) {
    static const char *const names[] = {"3", "1"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

enum { BACKGROUND_BLACK = 1 };

static const struct {
    const char *name;
    uint8_t level; /* of all three colours */
} backgrounds[] = {{"white", 255}, [BACKGROUND_BLACK] = {"black", 0}, {"grey", 128}};

static const char *background_name(int index) {
    return index >= 0 && index < (int)(sizeof backgrounds / sizeof *backgrounds)
               ? backgrounds[index].name
               : NULL;
}

static const char *on_bad_image_name(int index) {
    static const char *const names[] = {"fail", "skip"};
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

static const sn_option options[] = {
    {"dataset", FIELD(dataset), CHOICE(sn_dataset_name, "cifar10"), .group = "Data",
     .help = "data set; shapes needs no files"},
    {"data-dir", FIELD(data_dir), TEXT("DIR"), .tag = SN_CONFIG_CHANGEABLE, .group = "Data",
     .wants = "dataset!=shapes", .help = "where its files are; otherwise $SIGNET_DATA, then data/"},
    {"limit-train", FIELD(limit_train), COUNT(0, 1e9, "0"), .group = "Data",
     .help = "use only the first N training images; 0: all"},
    {"limit-test", FIELD(limit_test), COUNT(0, 1e9, "0"), .group = "Data",
     .help = "use only the first N test images; 0: all"},
    {"valid", FIELD(valid), REAL(0, 0.5, "0"), .group = "Data",
     .help =
         "share of the training images, of each class alike, that is held out to choose best.h5 "
         "by; 0: none, the test images choose it"},
    {"augment", FIELD(augment), CHOICE(sn_augment_name, "auto"), .group = "Data",
     .help = "random changes of training images: crop after padding, flip from left to right, "
             "cutout of a square; auto: crop+flip, or crop for digits, which have a left and a "
             "right"},
    {"no-augment", FIELD(no_augment), .kind = SN_OPTION_FLAG, .group = "Data",
     .excludes = "augment", .help = "the same as --augment none"},
    {"crop-padding", FIELD(crop_padding), PIXELS("auto"), .group = "Data",
     .needs = "augment=crop,crop+flip,crop+flip+cutout",
     .help = "crop: pixels of padding on each side; auto: an eighth of the shorter side, 4 at 32 "
             "pixels"},
    {"cutout", FIELD(cutout), PIXELS("auto"), .group = "Data", .needs = "augment=crop+flip+cutout",
     .help = "cutout: side of the square in pixels; auto: half the shorter side, 16 at 32 pixels"},

    {"image-size", FIELD(image_size), COUNT(0, 4096, "0"), .group = "Data",
     .needs = "dataset=folder",
     .help =
         "folder: the largest centred square of each picture is resized to N x N pixels; 0: all "
         "pictures have one size already"},
    {"channels", FIELD(channels), CHOICE(channels_name, "3"), .group = "Data",
     .needs = "dataset=folder", .help = "folder: 3: colours, 1: grey"},
    {"background", FIELD(background), CHOICE(background_name, "white"), .group = "Data",
     .needs = "dataset=folder", .help = "folder: what is behind transparent pictures"},
    {"on-bad-image", FIELD(on_bad_image), CHOICE(on_bad_image_name, "fail"), .group = "Data",
     .needs = "dataset=folder",
     .help = "folder: pictures that cannot be read are an error, or are left out and counted"},

    {"arch", FIELD(arch), CHOICE(sn_arch_name, "resnet20"), .group = "Network",
     .help = "architecture"},
    {"width", FIELD(width), REAL(0.01, 100, "1"), .group = "Network",
     .help = "multiplier for the number of filters"},
    {"activation", FIELD(activation), CHOICE(sn_activation_name, "relu"), .group = "Network",
     .help = "non-linearity; with PLUM's block, which has its own, that of the stem"},

    {"quant", FIELD(quant.quantizer), CHOICE(sn_quantizer_name, "signed-binary"),
     .group = "Quantization",
     .help = "quantizer of all convolutions but the first and 1x1 shortcuts"},
    {"estimator", FIELD(quant.estimator), CHOICE(sn_estimator_name, "auto"),
     .group = "Quantization", .wants = QUANTIZED,
     .help = "gradient estimator; auto: ede, or ste where the quantizer has several steps"},
    {"delta-ratio", FIELD(quant.delta_ratio), REAL(-1, 10, "-1"), .group = "Quantization",
     .wants = "quant=signed-binary,signed-binary-centered,ternary,ternary-b158,ternary-b158-median|"
              "layer",
     .help = "threshold as a share of a region's largest |weight|, for ternary of a filter's mean; "
             "negative: 0.05, for ternary 0.7"},
    {"positive-fraction", FIELD(quant.positive_fraction), REAL(0, 1, "0.5"),
     .group = "Quantization",
     .wants = "quant=signed-binary,signed-binary-centered|layer signs=fixed|layer",
     .help = "signs fixed: share of regions with weights {0,+a}"},
    {"region", FIELD(quant.region_channels), .kind = SN_OPTION_COUNT, .value_name = "N",
     .maximum = SN_REGION_MAX_CHANNELS, .zero_name = "filter", .fallback = "filter",
     .group = "Quantization",
     .help = "weights that share a sign: those of N input channels of a filter, or of a filter"},
    {"signs", FIELD(quant.sign_rule), CHOICE(sn_sign_rule_name, "fixed"), .group = "Quantization",
     .help = "of regions: the first of them positive, or by their initial weights; learned: they "
             "may change when the weights have"},
    {"signs-until", FIELD(quant.signs_until), REAL(0, 1, "0.5"), .group = "Quantization",
     .needs = "signs=learned|layer",
     .help = "signs learned: share of the training after which they stay"},
    {"scale", FIELD(quant.scale_rule), CHOICE(sn_scale_rule_name, "filter-mean"),
     .group = "Quantization", .wants = QUANTIZED,
     .help = "a: mean of the effectual |weights|, one, or trained; mean is filter-mean"},

    {"center", FIELD(quant.center), CHOICE(sn_center_name, "auto"), .group = "Quantization",
     .help = "what takes out the common mode: activations, the mean over channels of what a "
             "convolution reads; weights, the mean of a filter's weights; none: as published; "
             "auto: activations for signed-binary but with PLUM's block, else none"},

    {"ede-t-min", FIELD(quant.ede_t_min), REAL(1e-6, 1e6, "0.1"), .group = "Quantization",
     .wants = WITH_EDE, .help = "ede: sharpness t at the start of the run"},
    {"ede-t-max", FIELD(quant.ede_t_max), REAL(1e-6, 1e6, "10"), .group = "Quantization",
     .wants = WITH_EDE, .help = "ede: sharpness t at its end"},

    {"layer", FIELD(layers), .kind = SN_OPTION_LIST, .value_name = "RULE", .group = "Quantization",
     .help = "PATTERN=QUANT[,delta=X][,estimator=NAME][,scale=NAME][,positive=X][,region=N]"
             "[,signs=NAME][,center=NAME]: other quantization for convolutions whose name matches; "
             "may be repeated, "
             "the last match decides"},

    {"act", FIELD(act), CHOICE(sn_act_name, "fp32"), .group = "Quantization",
     .help = "what convolutions of one-bit or ternary weights read; int8: activations rounded to "
             "integers of 8 bits, in training as on the device"},

    {"epochs", FIELD(epochs), COUNT(1, 1e6, "100"), .tag = SN_CONFIG_CHANGEABLE,
     .group = "Optimisation", .help = "passes over the training images"},
    {"batch", FIELD(batch), COUNT(1, 65536, "128"), .group = "Optimisation",
     .help = "images per step"},
    {"optimizer", FIELD(optimizer.kind), CHOICE(sn_optimizer_name, "sgd"), .group = "Optimisation",
     .help = "optimizer"},
    {"lr", FIELD(schedule.learning_rate), REAL(0, 1000, "0"), .group = "Optimisation",
     .help = "learning rate; 0: 0.1 for sgd (vgg-small 0.02), 0.002 for adam and adamw"},
    {"schedule", FIELD(schedule.kind), CHOICE(sn_schedule_name, "cosine"), .group = "Optimisation",
     .help = "learning-rate schedule over the whole run"},
    {"warmup", FIELD(schedule.warmup), REAL(0, 1e6, "1"), .group = "Optimisation",
     .help = "epochs over which the rate first rises linearly"},
    {"step-epochs", FIELD(schedule.step_epochs), COUNT(0, 1e6, "0"), .group = "Optimisation",
     .needs = "schedule=step",
     .help = "schedule step: epochs between drops; 0: at 1/2 and 3/4 of the run"},
    {"step-factor", FIELD(schedule.step_factor), REAL(0, 1, "0.1"), .group = "Optimisation",
     .needs = "schedule=step", .help = "schedule step: factor of each drop"},
    {"momentum", FIELD(optimizer.momentum), REAL(0, 1, "0.9"), .group = "Optimisation",
     .needs = "optimizer=sgd", .help = "sgd: momentum, with Nesterov's correction"},
    {"plain-momentum", FIELD(plain_momentum), .kind = SN_OPTION_FLAG, .group = "Optimisation",
     .needs = "optimizer=sgd momentum", .help = "sgd: momentum without the correction"},
    {"beta1", FIELD(optimizer.beta1), REAL(0, 0.999999, "0.9"), .group = "Optimisation",
     .needs = WITH_ADAM, .help = "adam, adamw: decay of the first moment"},
    {"beta2", FIELD(optimizer.beta2), REAL(0, 0.999999, "0.999"), .group = "Optimisation",
     .needs = WITH_ADAM, .help = "adam, adamw: decay of the second moment"},
    {"epsilon", FIELD(optimizer.epsilon), REAL(1e-30, 1, "1e-08"), .group = "Optimisation",
     .needs = WITH_ADAM, .help = "adam, adamw: added to the root of the second moment"},
    {"weight-decay", FIELD(optimizer.decay_weight), REAL(0, 10, "0.0001"), .group = "Optimisation",
     .help = "decay of full-precision weights"},
    {"weight-decay-latent", FIELD(optimizer.decay_latent), REAL(-1, 10, "-1"),
     .group = "Optimisation", .wants = QUANTIZED,
     .help = "decay of latent weights; negative: as --weight-decay"},
    {"weight-decay-norm", FIELD(optimizer.decay_others), REAL(0, 10, "0"), .group = "Optimisation",
     .help = "decay of batch-norm, biases and slopes"},
    {"label-smoothing", FIELD(label_smoothing), REAL(0, 0.999, "0"), .group = "Optimisation",
     .help = "share of the target spread over all classes"},
    {"clip-grad", FIELD(clip_grad), REAL(0, 1e30, "0"), .group = "Optimisation",
     .help =
         "largest L2 norm of all gradients together; longer ones are scaled down to it; 0: off"},
    {"init", FIELD(init), TEXT("CKPT"), .group = "Optimisation",
     .help =
         "checkpoint whose weights the run starts from, with a schedule and an optimizer of its "
         "own; its quantization may be another"},
    {"teacher", FIELD(teacher), TEXT("CKPT"), .tag = SN_CONFIG_CHANGEABLE, .group = "Optimisation",
     .help = "checkpoint whose logits are learnt, too (knowledge distillation)"},
    {"distill-temperature", FIELD(distill_temperature), REAL(0.01, 1000, "4"),
     .group = "Optimisation", .needs = "teacher",
     .help = "teacher: both networks' logits are divided by it"},
    {"distill-weight", FIELD(distill_weight), REAL(0, 1, "0.9"), .group = "Optimisation",
     .needs = "teacher", .help = "teacher: its share of the loss, the labels having the rest"},
    {"ema", FIELD(ema), REAL(0, 0.999999, "0"), .group = "Optimisation",
     .help =
         "decay of a moving average of the weights, which is then evaluated and best.h5; 0: none"},

    {"seed", FIELD(seed), COUNT(0, LARGEST_SEED, "0"), .group = "Execution",
     .help = "same seed, threads, engine and precision, same bits"},
    {"threads", FIELD(threads), COUNT(0, 1024, "0"), .tag = SN_CONFIG_CHANGEABLE,
     .group = "Execution", .help = "threads; 0: one for each processor"},
    {"engine", FIELD(engine), CHOICE(sn_engine_name, "auto"), .group = "Execution",
     .help = "what computes convolutions; auto: the fastest here for the precision"},
    {"precision", FIELD(precision), CHOICE(sn_precision_name, "fp32"), .group = "Execution",
     .help = "of activations and their gradients; weights and statistics stay fp32"},

    {"checkpoint-minutes", FIELD(checkpoint_minutes), REAL(0, 1e6, "10"),
     .tag = SN_CONFIG_CHANGEABLE, .group = "Execution",
     .help = "minutes after which last.h5 is saved within an epoch; 0: only at the end of each"},

    {"out", FIELD(out), TEXT("DIR"), .group = "This invocation", .tag = SN_CONFIG_TRANSIENT,
     .help = "output folder; otherwise runs/DATASET-ARCH-QUANT-SEED[-n]"},
    {"resume", FIELD(resume), TEXT("DIR"), .group = "This invocation", .tag = SN_CONFIG_TRANSIENT,
     .help = "continue the run in this folder; of the run only epochs, threads, data-dir, teacher "
             "and checkpoint-minutes may change"},
    {"stop-after", FIELD(stop_after), COUNT(0, 1e6, "0"), .group = "This invocation",
     .tag = SN_CONFIG_TRANSIENT,
     .help = "stop cleanly after N epochs of this invocation; --resume goes on; 0: never"},
    {"profile", FIELD(profile), .kind = SN_OPTION_FLAG, .group = "This invocation",
     .tag = SN_CONFIG_TRANSIENT, .excludes = "resume out stop-after summary",
     .help = "train for a few seconds, print where the time goes and write nothing"},
    {"summary", FIELD(summary), .kind = SN_OPTION_FLAG, .group = "This invocation",
     .tag = SN_CONFIG_TRANSIENT, .excludes = "resume out stop-after",
     .help = "print layers, sizes and the memory that training needs; do not train"},
    {"list", FIELD(list), .kind = SN_OPTION_FLAG, .group = "This invocation",
     .tag = SN_CONFIG_TRANSIENT,
     .help = "print quantizers, estimators, architectures and data sets with their references"},
};

enum { OPTION_COUNT = sizeof options / sizeof *options };

_Static_assert(sizeof options / sizeof *options <= SN_CONFIG_MOST_OPTIONS,
               "more options than sn_train_config.given");

const sn_option *sn_config_table(size_t *count) {
    *count = OPTION_COUNT;
    return options;
}

void sn_config_resolve(sn_train_config *config) {
    if (config->schedule.learning_rate == 0)
        config->schedule.learning_rate = config->optimizer.kind == SN_OPTIMIZER_SGD
                                             ? sn_arch_learning_rate(config->arch)
                                             : 0.002;
    if (config->optimizer.decay_latent < 0)
        config->optimizer.decay_latent = config->optimizer.decay_weight;
    if (config->no_augment)
        config->augment = SN_AUGMENT_NONE;
    else if (config->augment == SN_AUGMENT_AUTO)
        config->augment =
            sn_dataset_has_sides(config->dataset) ? SN_AUGMENT_CROP : SN_AUGMENT_CROP_FLIP;
    config->no_augment = config->augment == SN_AUGMENT_NONE;
    if (config->threads == 0)
        config->threads = (uint64_t)omp_get_num_procs();
    config->quant.signed_inputs = sn_arch_has_signed_inputs(config->arch);
    sn_quant_resolve(&config->quant,
                     NULL); /* what does not fit the network's construction reports */
    config->optimizer.nesterov = !config->plain_momentum;
    config->engine =
        (int)sn_engine_resolve((sn_engine)config->engine, (sn_precision)config->precision);
}

sn_dataset_request sn_config_request(const sn_train_config *config) {
    sn_dataset_request request = {.dataset = config->dataset,
                                  .image_size = (int)config->image_size,
                                  .channels = config->channels ? 1 : 3,
                                  .skip_bad = config->on_bad_image == 1};
    memset(request.background, backgrounds[config->background].level, sizeof request.background);
    return request;
}

void sn_config_default(const sn_train_config *config, size_t index, sn_train_config *other) {
    const sn_option *option = &options[index];
    const char *fallback = option->fallback ? option->fallback : "";
    *other = *config;
    /* The table has no bad defaults. */
    sn_option_set(option, other, option->kind == SN_OPTION_FLAG ? "false" : fallback, NULL);
    /* The same option by another name has to go, too, or the two are one again. */
    if (option->offset == offsetof(sn_train_config, augment))
        other->no_augment = false;
    sn_config_resolve(other);
}

static const char format_text[] = "signet configuration 1";

/* Far beyond what pixels can have, and finite in float like its inverse. */
static const double MOST_STATISTIC = 1e9;

/* Numbers and flags as such, all else as text; likewise a 0 that only its other name stands for. */
static json_t *option_to_json(const sn_option *option, const sn_train_config *config) {
    const void *field = (const char *)config + option->offset;
    char text[SN_OPTION_TEXT_SIZE];
    switch (option->kind) {
    case SN_OPTION_FLAG:
        return json_boolean(*(const bool *)field);
    case SN_OPTION_COUNT:
        if (option->minimum > 0 && *(const uint64_t *)field == 0)
            break;
        return json_integer((json_int_t) * (const uint64_t *)field);
    case SN_OPTION_REAL:
        return json_real(*(const double *)field);
    case SN_OPTION_TEXT:
    case SN_OPTION_LIST:
    case SN_OPTION_CHOICE:
        break;
    }
    sn_option_format(option, config, text);
    return json_string(text);
}

/* How much data there was, in config.json. */
static const struct {
    const char *name;
    size_t offset; /* of an uint64_t */
} counts[] = {
    {"train_images", offsetof(sn_input_info, train_images)},
    {"test_images", offsetof(sn_input_info, test_images)},
    {"smallest_class_images", offsetof(sn_input_info, smallest_images)},
    {"largest_class_images", offsetof(sn_input_info, largest_images)},
};

enum { COUNTS = sizeof counts / sizeof *counts };

static json_t *input_to_json(const sn_input_info *input) {
    json_t *mean = json_array(), *deviation = json_array();
    bool complete = true;
    for (int c = 0; c < input->channels; c++) {
        const sn_pixel_statistics *s = &input->statistics;
        complete &= json_array_append_new(mean, json_real((double)s->mean[c])) == 0 &&
                    json_array_append_new(deviation, json_real((double)s->deviation[c])) == 0;
    }
    if (!complete) {
        json_decref(mean);
        json_decref(deviation);
        return NULL;
    }
    json_t *object = json_pack(
        "{s:i, s:i, s:i, s:i, s:o, s:o, s:i, s:i}", "classes", input->classes, "channels",
        input->channels, "height", input->height, "width", input->width, "mean", mean, "std",
        deviation, "smallest_class", input->smallest_class, "largest_class", input->largest_class);
    for (size_t i = 0; object && i < COUNTS; i++) {
        const void *value = (const char *)input + counts[i].offset;
        json_t *number = json_integer((json_int_t) * (const uint64_t *)value);
        if (json_object_set_new(object, counts[i].name, number) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *given_to_json(const sn_train_config *config) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < OPTION_COUNT; i++)
        if (config->given[i] && options[i].tag != SN_CONFIG_TRANSIENT &&
            json_array_append_new(array, json_string(options[i].name)) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *defaults_to_json(const sn_train_config *config) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < OPTION_COUNT; i++) {
        if (options[i].tag == SN_CONFIG_TRANSIENT)
            continue;
        sn_train_config other;
        sn_config_default(config, i, &other);
        if (json_object_set_new(object, options[i].name, option_to_json(&options[i], &other)) !=
            0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* Takes over `values` and `input`; NULL if anything could not be made. */
static json_t *make_root(const sn_train_config *config, json_t *values, json_t *input) {
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "format", format_text, "options", values, "given",
                     given_to_json(config), "defaults", defaults_to_json(config), "input", input);
}

/* For a value that JSON could not take. */
static sn_status refuse_value(const sn_option *option, const sn_train_config *config,
                              sn_error *error) {
    char text[SN_OPTION_TEXT_SIZE];
    sn_option_format(option, config, text);
    SN_RETURN_IF(sn_text_is_utf8(text), error, SN_ERROR_MEMORY,
                 "out of memory for the configuration");
    return sn_error_set(error, SN_ERROR_ARGUMENT,
                        "--%s: the value is not UTF-8 text, which config.json needs", option->name);
}

sn_status sn_config_to_json(const sn_train_config *config, const sn_input_info *input, char **text,
                            sn_error *error) {
    json_t *values = json_object();
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].tag == SN_CONFIG_TRANSIENT)
            continue;
        if (json_object_set_new(values, options[i].name, option_to_json(&options[i], config)) !=
            0) {
            json_decref(values);
            return refuse_value(&options[i], config, error);
        }
    }
    json_t *root = make_root(config, values, input_to_json(input));
    *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    SN_RETURN_IF(!*text, error, SN_ERROR_MEMORY, "out of memory for the configuration");
    return SN_OK;
}

static sn_status option_from_json(const sn_option *option, const json_t *value, const char *source,
                                  sn_train_config *config, sn_error *error) {
    char text[SN_OPTION_TEXT_SIZE];
    if (json_is_string(value))
        snprintf(text, sizeof text, "%s", json_string_value(value));
    else if (json_is_boolean(value))
        snprintf(text, sizeof text, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, sizeof text, "%.17g", json_real_value(value));
    else
        return sn_error_set(error, SN_ERROR_DATA, "%s: '%s' in its configuration is no value",
                            source, option->name);
    if (option->kind == SN_OPTION_TEXT && text[0] == '\0')
        return SN_OK;
    sn_error inner;
    SN_RETURN_IF(sn_option_set(option, config, text, &inner) != SN_OK, error, SN_ERROR_DATA,
                 "%s: in its configuration: %.900s", source, inner.message);
    return SN_OK;
}

static bool number_in(const json_t *object, const char *name, int minimum, int maximum,
                      int *value) {
    const json_t *member = json_object_get(object, name);
    if (!json_is_integer(member) || json_integer_value(member) < minimum ||
        json_integer_value(member) > maximum)
        return false;
    *value = (int)json_integer_value(member);
    return true;
}

/* Nothing hangs on these: what is missing, as in older files, or no number stays 0. */
static void counts_from_json(const json_t *object, sn_input_info *input) {
    number_in(object, "smallest_class", 0, input->classes - 1, &input->smallest_class);
    number_in(object, "largest_class", 0, input->classes - 1, &input->largest_class);
    for (size_t i = 0; i < COUNTS; i++) {
        const json_int_t value = json_integer_value(json_object_get(object, counts[i].name));
        *(uint64_t *)(void *)((char *)input + counts[i].offset) = value > 0 ? (uint64_t)value : 0;
    }
}

static sn_status input_from_json(const json_t *object, const char *source, sn_input_info *input,
                                 sn_error *error) {
    const bool complete =
        number_in(object, "classes", 2, 1000000, &input->classes) &&
        number_in(object, "channels", 1, SN_DATASET_MAX_CHANNELS, &input->channels) &&
        number_in(object, "height", 1, 65536, &input->height) &&
        number_in(object, "width", 1, 65536, &input->width);
    SN_RETURN_IF(!complete, error, SN_ERROR_DATA,
                 "%s: configuration lacks a valid 'input' (classes, channels, height, width)",
                 source);
    const json_t *mean = json_object_get(object, "mean"), *std = json_object_get(object, "std");
    for (int c = 0; c < input->channels; c++) {
        const json_t *m = json_array_get(mean, (size_t)c), *s = json_array_get(std, (size_t)c);
        SN_RETURN_IF(!json_is_number(m) || !json_is_number(s), error, SN_ERROR_DATA,
                     "%s: configuration lacks pixel statistics ('mean' and 'std' of each channel)",
                     source);
        const double average = json_number_value(m), deviation = json_number_value(s);
        SN_RETURN_IF(!(fabs(average) <= MOST_STATISTIC && deviation >= 1 / MOST_STATISTIC &&
                       deviation <= MOST_STATISTIC),
                     error, SN_ERROR_DATA,
                     "%s: configuration has pixel statistics of %g ('mean') and %g ('std'); pixels "
                     "are from 0 to 1",
                     source, average, deviation);
        input->statistics.mean[c] = (float)average;
        input->statistics.deviation[c] = (float)deviation;
    }
    counts_from_json(object, input);
    return SN_OK;
}

/* Of crops of all sizes, before there was an option. */
enum { FORMER_PADDING = 4 };

/* Configurations from before --center: signed-binary was as published. Its rules get what they do
 * not say. */
static sn_status add_center_to_rules(const char *source, char *rules, sn_error *error) {
    static const char quantizer[] = "=signed-binary", addition[] = ",center=none";
    char old[SN_OPTION_TEXT_SIZE], *rest = NULL;
    size_t used = 0;
    snprintf(old, sizeof old, "%s", rules);
    rules[0] = '\0';
    for (char *rule = strtok_r(old, " ", &rest); rule; rule = strtok_r(NULL, " ", &rest)) {
        const char *named = strchr(rule, '=');
        const int behind = named && strncmp(named, quantizer, sizeof quantizer - 1) == 0
                               ? named[sizeof quantizer - 1]
                               : '-';
        const bool plain = behind == '\0' || behind == ',';
        used += (size_t)snprintf(rules + used, SN_OPTION_TEXT_SIZE - used, "%s%s%s",
                                 used ? " " : "", rule, plain ? addition : "");
        SN_RETURN_IF(used >= SN_OPTION_TEXT_SIZE, error, SN_ERROR_DATA,
                     "%s: in its configuration: the rules of --layer are too long", source);
    }
    return SN_OK;
}

/* What older configurations do not say is what was done then. */
static sn_status read_older(const json_t *values, const char *source, sn_train_config *config,
                            sn_error *error) {
    if (!json_object_get(values, "crop-padding"))
        config->crop_padding = FORMER_PADDING;
    if (!json_object_get(values, "background") && sn_dataset_is_resized(config->dataset))
        config->background = BACKGROUND_BLACK;
    if (json_object_get(values, "center"))
        return SN_OK;
    const sn_quantizer *quantizer = sn_quantizer_at(config->quant.quantizer);
    config->quant.center =
        quantizer->center == SN_CENTER_WEIGHTS ? SN_CENTER_WEIGHTS : SN_CENTER_NONE;
    return add_center_to_rules(source, config->layers, error);
}

/* Which options were given; before that was written down, those that differ from the defaults. */
static sn_status given_from_json(const json_t *names, const char *source, sn_train_config *config,
                                 sn_error *error) {
    size_t index;
    const json_t *name;
    sn_train_config resolved = *config;
    sn_config_resolve(&resolved);
    for (size_t i = 0; !names && i < OPTION_COUNT; i++) {
        char value[SN_OPTION_TEXT_SIZE], standard[SN_OPTION_TEXT_SIZE];
        sn_train_config other;
        sn_config_default(&resolved, i, &other);
        sn_option_format(&options[i], &resolved, value);
        sn_option_format(&options[i], &other, standard);
        config->given[i] = options[i].tag != SN_CONFIG_TRANSIENT && strcmp(value, standard) != 0;
    }
    SN_RETURN_IF(names && !json_is_array(names), error, SN_ERROR_DATA,
                 "%s: 'given' in its configuration is no list of options", source);
    json_array_foreach(names, index, name) {
        const char *text = json_string_value(name);
        const sn_option *option = text ? sn_option_find(options, OPTION_COUNT, text) : NULL;
        SN_RETURN_IF(!option, error, SN_ERROR_DATA,
                     "%s: its configuration says that an unknown option '%.60s' was given", source,
                     text ? text : "(no text)");
        config->given[option - options] = true;
    }
    return SN_OK;
}

static sn_status read_root(const json_t *root, const char *source, sn_train_config *config,
                           sn_input_info *input, sn_error *error) {
    const char *format = json_string_value(json_object_get(root, "format")), *name;
    json_t *values = json_object_get(root, "options"), *value;
    SN_RETURN_IF(!format || strcmp(format, format_text) != 0, error, SN_ERROR_DATA,
                 "%s: configuration format is '%.60s'; need '%s'", source,
                 format ? format : "missing", format_text);
    json_object_foreach(values, name, value) {
        const sn_option *option = sn_option_find(options, OPTION_COUNT, name);
        SN_RETURN_IF(!option || option->tag == SN_CONFIG_TRANSIENT, error, SN_ERROR_DATA,
                     "%s: its configuration has an unknown option '%.60s'; was it written by a "
                     "newer signet?",
                     source, name);
        SN_TRY(option_from_json(option, value, source, config, error));
    }
    SN_TRY(given_from_json(json_object_get(root, "given"), source, config, error));
    SN_TRY(read_older(values, source, config, error));
    sn_config_resolve(config);
    return input_from_json(json_object_get(root, "input"), source, input, error);
}

sn_status sn_config_from_json(const char *text, const char *source, sn_train_config *config,
                              sn_input_info *input, sn_error *error) {
    *input = (sn_input_info){0};
    SN_TRY(sn_option_defaults(options, OPTION_COUNT, config, error));
    memset(config->given, 0, sizeof config->given);
    json_error_t where;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    SN_RETURN_IF(!root && json_error_code(&where) == json_error_out_of_memory, error,
                 SN_ERROR_MEMORY, "%s: out of memory for its configuration", source);
    SN_RETURN_IF(!root, error, SN_ERROR_DATA, "%s: configuration is no JSON: %s, line %d", source,
                 where.text, where.line);
    const sn_status status = read_root(root, source, config, input, error);
    json_decref(root);
    return status;
}

bool sn_input_fits(const sn_input_info *input, const sn_dataset *dataset) {
    return input->classes == sn_dataset_classes(dataset) &&
           input->channels == sn_dataset_channels(dataset) &&
           input->height == sn_dataset_height(dataset) && input->width == sn_dataset_width(dataset);
}

sn_status sn_input_check(const sn_input_info *input, const sn_dataset *dataset, sn_error *error) {
    SN_RETURN_IF(!sn_input_fits(input, dataset), error, SN_ERROR_DATA,
                 "the network takes %dx%dx%d images of %d classes; the data has %dx%dx%d images of "
                 "%d classes",
                 input->channels, input->height, input->width, input->classes,
                 sn_dataset_channels(dataset), sn_dataset_height(dataset),
                 sn_dataset_width(dataset), sn_dataset_classes(dataset));
    return SN_OK;
}

sn_status sn_input_count(sn_input_info *input, const sn_dataset *train, const sn_dataset *test,
                         sn_error *error) {
    const int classes = sn_dataset_classes(train);
    size_t *sizes = calloc((size_t)classes, sizeof *sizes);
    SN_RETURN_IF(!sizes, error, SN_ERROR_MEMORY, "out of memory for the sizes of %d classes",
                 classes);
    sn_dataset_class_sizes(train, sizes);
    input->train_images = sn_dataset_count(train);
    input->test_images = sn_dataset_count(test);
    input->smallest_class = input->largest_class = 0;
    for (int i = 1; i < classes; i++) {
        if (sizes[i] < sizes[input->smallest_class])
            input->smallest_class = i;
        if (sizes[i] > sizes[input->largest_class])
            input->largest_class = i;
    }
    input->smallest_images = sizes[input->smallest_class];
    input->largest_images = sizes[input->largest_class];
    free(sizes);
    return SN_OK;
}

sn_model_options sn_config_model(const sn_train_config *config, const sn_input_info *input) {
    return (sn_model_options){.arch = config->arch,
                              .width = config->width,
                              .classes = (size_t)input->classes,
                              .channels = (size_t)input->channels,
                              .height = (size_t)input->height,
                              .image_width = (size_t)input->width,
                              .activation = (sn_activation)config->activation,
                              .act = config->act,
                              .quant = config->quant,
                              .layer_rules = config->layers};
}

void sn_config_run_name(const sn_train_config *config, char name[SN_OPTION_TEXT_SIZE]) {
    snprintf(name, SN_OPTION_TEXT_SIZE, "%s-%s-%s-%llu", sn_dataset_name(config->dataset),
             sn_arch_name(config->arch), sn_quantizer_name(config->quant.quantizer),
             (unsigned long long)config->seed);
}

/* Adds a text, between quotes where a shell would not take it as it is. */
static size_t add_quoted(char *to, size_t room, const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-+=.,:/@%";
    if (text[0] && strspn(text, plain) == strlen(text))
        return (size_t)snprintf(to, room, " %s", text);
    size_t used = (size_t)snprintf(to, room, " '");
    for (; *text; text++)
        used += (size_t)snprintf(to + (used < room ? used : room), used < room ? room - used : 0,
                                 *text == '\'' ? "'\\%c'" : "%c", *text);
    return used +
           (size_t)snprintf(to + (used < room ? used : room), used < room ? room - used : 0, "'");
}

bool sn_config_command(const sn_train_config *config, char *command, size_t size) {
    size_t used = (size_t)snprintf(command, size, "./train");
    for (size_t i = 0; i < OPTION_COUNT && used < size; i++) {
        const bool is_out = options[i].offset == offsetof(sn_train_config, out);
        char value[SN_OPTION_TEXT_SIZE];
        if (!(is_out ? config->out[0] != '\0' : config->given[i]))
            continue;
        sn_option_format(&options[i], config, value);
        used += (size_t)snprintf(command + used, size - used, " --%s", options[i].name);
        if (options[i].kind != SN_OPTION_FLAG && used < size)
            used += add_quoted(command + used, size - used, value);
    }
    return used < size;
}
