/* Our side of bench/train_throughput: trains for some steps as ./train does - loader, augmentation,
 * optimizer and metrics - on noise, and prints the median step as one line of JSON. */
#include "cli/arguments.h"
#include "cli/failure.h"
#include "data/noise.h"
#include "measure.h"
#include "scratch.h"

#include <cblas.h>
#include <jansson.h>
#include <stdlib.h>

enum { CHANNELS = 3, SMALL_IMAGE = 64, SMALL_CLASSES = 10, LARGE_CLASSES = 1000, TEST_IMAGES = 1 };

static const char program[] = "train_throughput_ours";
static const char usage[] =
    "usage: train_throughput_ours [OPTION...]\n"
    "\n"
    "Trains on noise, after three steps of warm-up, and prints the median step as JSON.";

typedef struct settings {
    int arch, quant, precision, engine;
    uint64_t image, batch, threads, steps;
    double seconds;
    bool about;
} settings;

#define FIELD(member) .offset = offsetof(settings, member)
#define COUNT(low, high, standard)                                                                 \
    .kind = SN_OPTION_COUNT, .value_name = "N", .minimum = (low), .maximum = (high),               \
    .fallback = (standard)
#define CHOICE(names, standard)                                                                    \
    .kind = SN_OPTION_CHOICE, .value_name = "NAME", .choice_name = (names), .fallback = (standard)

static const sn_option table[] = {
    {"arch", FIELD(arch), CHOICE(sn_arch_name, "resnet20"), .group = "Network",
     .help = "architecture"},
    {"quant", FIELD(quant), CHOICE(sn_quantizer_name, "signed-binary"), .group = "Network",
     .help = "quantizer of the 3x3 convolutions in the blocks"},
    {"image", FIELD(image), COUNT(8, 1024, "32"), .group = "Network",
     .help = "height and width; 1000 classes above 64 pixels, otherwise 10"},
    {"batch", FIELD(batch), COUNT(1, 65536, "128"), .group = "Network", .help = "images per step"},

    {"threads", FIELD(threads), COUNT(0, 1024, "0"), .group = "Execution",
     .help = "threads, to which that of the loader comes; 0: one for each processor"},
    {"engine", FIELD(engine), CHOICE(sn_engine_name, "auto"), .group = "Execution",
     .help = "what computes convolutions"},
    {"precision", FIELD(precision), CHOICE(sn_precision_name, "fp32"), .group = "Execution",
     .help = "of activations and their gradients"},

    {"steps", FIELD(steps), COUNT(1, 100000, "10"), .group = "Measurement",
     .help = "steps that count"},
    {"seconds", FIELD(seconds), .kind = SN_OPTION_REAL, .value_name = "X", .minimum = 0,
     .maximum = 1e9, .fallback = "1e9", .group = "Measurement",
     .help = "ends with fewer steps after this time, but with one of warm-up and one that counts"},
    {"about", FIELD(about), .kind = SN_OPTION_FLAG, .group = "Measurement",
     .help = "print what this program was built with, and end"},
};

enum { OPTION_COUNT = sizeof table / sizeof *table };

static sn_status make_config(const settings *s, sn_train_config *config, sn_error *error) {
    size_t count;
    const sn_option *options = sn_config_table(&count);
    SN_TRY(sn_option_defaults(options, count, config, error));
    config->arch = s->arch;
    config->quant.quantizer = s->quant;
    config->batch = s->batch;
    config->threads = s->threads;
    config->engine = s->engine;
    config->precision = s->precision;
    sn_config_resolve(config);
    return SN_OK;
}

static sn_status make_data(const settings *s, sn_dataset **train, sn_dataset **test,
                           sn_error *error) {
    sn_noise_options noise = {.count =
                                  (size_t)(s->batch * (s->steps + MEASURE_WARM_UP + MEASURE_SPARE)),
                              .channels = CHANNELS,
                              .height = (int)s->image,
                              .width = (int)s->image,
                              .classes = s->image > SMALL_IMAGE ? LARGE_CLASSES : SMALL_CLASSES};
    SN_TRY(sn_noise_dataset(&noise, train, error));
    noise.count = TEST_IMAGES; /* the run ends before its first evaluation */
    return sn_noise_dataset(&noise, test, error);
}

static sn_status print_result(const settings *s, const sn_train_config *config,
                              const measure_result *result, sn_error *error) {
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:I, s:f, s:f}", "arch", sn_arch_name(s->arch),
        "image", (json_int_t)s->image, "batch", (json_int_t)s->batch, "threads",
        (json_int_t)config->threads, "precision", sn_precision_name(s->precision), "quant",
        sn_quantizer_name(s->quant), "engine", sn_engine_name(config->engine), "steps",
        (json_int_t)result->steps, "seconds_per_step", result->seconds_per_step,
        "images_per_second", (double)s->batch / result->seconds_per_step);
    char *text = json_dumps(object, JSON_REAL_PRECISION(6));
    json_decref(object);
    SN_RETURN_IF(!text, error, SN_ERROR_MEMORY, "no memory for the result");
    puts(text);
    free(text);
    return sn_cli_flush(error);
}

/* Everything between making the folder and removing it. */
static sn_status measure(const settings *s, sn_train_config *config, measure_result *result,
                         sn_error *error) {
    const measure_options options = {.steps = (size_t)s->steps, .seconds = s->seconds};
    sn_dataset *train = NULL, *test = NULL;
    sn_status status = make_data(s, &train, &test, error);
    if (status == SN_OK)
        status = scratch_make(config->out, error);
    if (status == SN_OK) {
        status = measure_training(&options, config, train, test, result, error);
        scratch_remove(config->out);
    }
    sn_dataset_free(train);
    sn_dataset_free(test);
    return status;
}

static sn_status measure_and_print(const settings *s, sn_error *error) {
    sn_train_config config;
    measure_result result;
    SN_TRY(make_config(s, &config, error));
    signals_hold();
    const sn_status status = measure(s, &config, &result, error);
    signals_release();
    SN_TRY(status);
    return print_result(s, &config, &result, error);
}

static sn_status print_about(sn_error *error) {
    printf("C compiler %s, %s\n", __VERSION__, openblas_get_config());
    return sn_cli_flush(error);
}

int main(int argc, char **argv) {
    settings s = {0};
    sn_arguments arguments = {.table = table, .count = OPTION_COUNT, .object = &s};
    sn_error error = {0};
    if (sn_option_defaults(table, OPTION_COUNT, &s, &error) != SN_OK ||
        sn_arguments_parse(&arguments, argc, argv, &error) != SN_OK)
        return sn_cli_fail(program, &error);
    if (arguments.help) {
        sn_arguments_help(table, OPTION_COUNT, usage, stdout);
        return EXIT_SUCCESS;
    }
    if ((s.about ? print_about(&error) : measure_and_print(&s, &error)) != SN_OK)
        return sn_cli_fail(program, &error);
    return EXIT_SUCCESS;
}
