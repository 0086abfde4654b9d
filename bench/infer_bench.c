#define _DEFAULT_SOURCE /* getloadavg */
/* bench/infer, a script, builds and starts this: our inference library against oneDNN and OpenBLAS.
 *
 * How a layer is timed. Inside the library an image lies otherwise than outside, and a model of one
 * layer would spend much of its time on going there and back, which a layer of a network does not.
 * So `us` is the middle one of three convolutions in a row, by sn_infer_run_timed: the two others
 * are equal to it, or, when it changes the shape, 3x3 ones before and behind it; with the same kind
 * of weights. `us alone` is sn_infer_run of a model of that layer only, plain image in and out.
 * oneDNN's times are those of its primitive alone, in its own formats.
 *
 * Every time is for one image: that of a batch divided by its images. With several images, each
 * thread of ours runs its images one after the other; one image is spread over all threads. Every
 * contestant's output is compared with naive convolutions in double precision before anything is
 * timed. Inputs are like what a ReLU leaves: half zeros, none negative. */
#include "cli/arguments.h"
#include "cli/failure.h"
#include "infer_arena.h"

#include <cblas.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "infer_bench";
static const char usage[] =
    "usage: bench/infer [OPTION...]\n"
    "\n"
    "Times single convolutions and whole networks: our inference library in all its forms, oneDNN "
    "and\n"
    "OpenBLAS, in turn. Prints microseconds for an image and how many times as long oneDNN's "
    "fastest\n"
    "and its direct convolution take. Lists are separated by commas.\n"
    "\n"
    "  --torch           PyTorch competes with whole networks, too, where it is installed\n"
    "  --python PROGRAM  with PyTorch (default: /usr/bin/python3, otherwise python3)";

typedef struct settings {
    char layers[SN_OPTION_TEXT_SIZE], batch[SN_OPTION_TEXT_SIZE], threads[SN_OPTION_TEXT_SIZE];
    char density[SN_OPTION_TEXT_SIZE], region[SN_OPTION_TEXT_SIZE], weights[SN_OPTION_TEXT_SIZE],
        forms[SN_OPTION_TEXT_SIZE];
    char network[SN_OPTION_TEXT_SIZE], model[SN_OPTION_TEXT_SIZE], csv[SN_OPTION_TEXT_SIZE];
    char torch_python[SN_OPTION_TEXT_SIZE], torch_script[SN_OPTION_TEXT_SIZE];
    int isa;
    uint64_t seed, rounds;
    double seconds;
    bool json, per_layer, ours_only;
} settings;

#define FIELD(member) .offset = offsetof(settings, member)
#define TEXT(name)    .kind = SN_OPTION_TEXT, .value_name = (name)

static const sn_option table[] = {
    {"layers", FIELD(layers), TEXT("LIST"), .group = "What",
     .help = "of seven, resnet20, resnet18, all, and names (default: seven; none with --network)"},
    {"network", FIELD(network), TEXT("NAME"), .group = "What",
     .help = "whole network: resnet20 (32x32) or resnet18 (224x224)"},
    {"model", FIELD(model), TEXT("FILE"), .group = "What", .help = "a packed model"},
    {"per-layer", FIELD(per_layer), .kind = SN_OPTION_FLAG, .group = "What",
     .help = "every convolution of the network or model, too"},

    {"weights", FIELD(weights), TEXT("LIST"),
     .fallback = "signed-binary,signed-binary-centered,binary,ternary,fp32", .group = "Which",
     .help =
         "kinds of weights; signed-binary-input-centered, too: with the mean over channels taken "
         "off the input"},
    {"forms", FIELD(forms), TEXT("LIST"), .fallback = "auto,dense,sparse,shared,complement",
     .group = "Which",
     .help = "forms of computation; those that some weights do not have are left out"},
    {"isa", FIELD(isa), .kind = SN_OPTION_CHOICE, .value_name = "NAME",
     .choice_name = sn_infer_isa_name, .fallback = "auto", .group = "Which",
     .help = "instructions of our kernels; oneDNN heeds $ONEDNN_MAX_CPU_ISA"},
    {"density", FIELD(density), TEXT("LIST"), .fallback = "0.08,0.15,0.25,0.35,0.5",
     .group = "Which", .help = "shares of weights that are not zero"},
    {"region", FIELD(region), TEXT("LIST"), .fallback = "0", .group = "Which",
     .help = "input channels of a region of signed-binary weights; 0: a region is a whole filter"},
    {"batch", FIELD(batch), TEXT("LIST"), .fallback = "1,16", .group = "Which",
     .help = "numbers of images"},
    {"threads", FIELD(threads), TEXT("LIST"), .fallback = "1,2", .group = "Which",
     .help = "numbers of threads"},
    {"ours-only", FIELD(ours_only), .kind = SN_OPTION_FLAG, .group = "Which",
     .help = "without oneDNN and OpenBLAS"},

    {"rounds", FIELD(rounds), .kind = SN_OPTION_COUNT, .value_name = "N", .minimum = 1,
     .maximum = 10000, .fallback = "7", .group = "Measurement",
     .help = "in each of which every contestant runs in turn"},
    {"seconds", FIELD(seconds), .kind = SN_OPTION_REAL, .value_name = "X", .minimum = 0,
     .maximum = 100, .fallback = "0.01", .group = "Measurement",
     .help = "that a contestant repeats its work for in a round, at least once"},
    {"seed", FIELD(seed), .kind = SN_OPTION_COUNT, .value_name = "N", .minimum = 0, .maximum = 1e15,
     .fallback = "0", .group = "Measurement", .help = "of weights and images"},

    {"json", FIELD(json), .kind = SN_OPTION_FLAG, .group = "Output",
     .help = "one object per row, and nothing else"},
    {"csv", FIELD(csv), TEXT("FILE"), .group = "Output", .help = "rows to this file, too"},

    {"torch-python", FIELD(torch_python), TEXT("PROGRAM"), .group = "Set by bench/infer",
     .help = "Python that has PyTorch"},
    {"torch-script", FIELD(torch_script), TEXT("FILE"), .group = "Set by bench/infer",
     .help = "torch_infer.py"},
};

enum { OPTION_COUNT = sizeof table / sizeof *table };

/* ---- lists ---- */

/* Calls take(object, word) for each word of a list. */
static sn_status each_word(const char *list, void *object,
                           sn_status (*take)(void *object, const char *word, sn_error *error),
                           sn_error *error) {
    char word[SN_OPTION_TEXT_SIZE];
    for (;;) {
        const size_t length = strcspn(list, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, list);
        SN_TRY(take(object, word, error));
        if (!list[length])
            return SN_OK;
        list += length + 1;
    }
}

typedef struct count_list {
    const char *option;
    int *values;
    size_t count;
} count_list;

static sn_status take_count(void *object, const char *word, sn_error *error) {
    count_list *list = object;
    char *rest;
    const long value = strtol(word, &rest, 10);
    SN_RETURN_IF(rest == word || *rest || value < 1 || value > 1024, error, SN_ERROR_ARGUMENT,
                 "--%s: '%s' is not a whole number from 1 to 1024", list->option, word);
    SN_RETURN_IF(list->count == BENCH_LIST, error, SN_ERROR_ARGUMENT, "--%s: more than %d numbers",
                 list->option, BENCH_LIST);
    list->values[list->count++] = (int)value;
    return SN_OK;
}

static sn_status take_density(void *object, const char *word, sn_error *error) {
    bench_plan *plan = object;
    char *rest;
    const double value = strtod(word, &rest);
    SN_RETURN_IF(rest == word || *rest || !(value > 0 && value <= 1), error, SN_ERROR_ARGUMENT,
                 "--density: '%s' is not above 0 and at most 1", word);
    SN_RETURN_IF(plan->densities == BENCH_LIST, error, SN_ERROR_ARGUMENT,
                 "--density: more than %d numbers", BENCH_LIST);
    plan->density[plan->densities++] = value;
    return SN_OK;
}

static sn_status take_region(void *object, const char *word, sn_error *error) {
    bench_plan *plan = object;
    char *rest;
    const long value = strtol(word, &rest, 10);
    SN_RETURN_IF(rest == word || *rest || value < 0 || value > 65536, error, SN_ERROR_ARGUMENT,
                 "--region: '%s' is not a whole number from 0 to 65536", word);
    SN_RETURN_IF(plan->regions == BENCH_LIST, error, SN_ERROR_ARGUMENT,
                 "--region: more than %d numbers", BENCH_LIST);
    plan->region[plan->regions++] = (int)value;
    return SN_OK;
}

static sn_status take_weights(void *object, const char *word, sn_error *error) {
    const int found = sn_choice_find(bench_weights_name, word);
    SN_RETURN_IF(found < 0, error, SN_ERROR_ARGUMENT,
                 "--weights: unknown '%s'; known: signed-binary, signed-binary-centered, "
                 "signed-binary-input-centered, binary, ternary, fp32",
                 word);
    ((bench_plan *)object)->weights[found] = true;
    return SN_OK;
}

static sn_status take_form(void *object, const char *word, sn_error *error) {
    const int found = sn_choice_find(sn_infer_form_name, word);
    SN_RETURN_IF(found < 0, error, SN_ERROR_ARGUMENT,
                 "--forms: unknown '%s'; known: auto, dense, sparse, shared, complement", word);
    ((bench_plan *)object)->form[found] = true;
    return SN_OK;
}

static sn_status make_plan(const settings *s, bench_plan *plan, sn_error *error) {
    *plan = (bench_plan){.isa = (sn_infer_isa)s->isa,
                         .rounds = (size_t)s->rounds,
                         .seconds = s->seconds,
                         .seed = s->seed,
                         .per_layer = s->per_layer,
                         .others = !s->ours_only,
                         .python = s->torch_python[0] ? s->torch_python : NULL,
                         .script = s->torch_script};
    count_list batch = {"batch", plan->batch, 0}, threads = {"threads", plan->threads, 0};
    SN_TRY(each_word(s->batch, &batch, take_count, error));
    SN_TRY(each_word(s->threads, &threads, take_count, error));
    plan->batches = batch.count;
    plan->thread_counts = threads.count;
    SN_TRY(each_word(s->density, plan, take_density, error));
    SN_TRY(each_word(s->region, plan, take_region, error));
    SN_TRY(each_word(s->weights, plan, take_weights, error));
    SN_TRY(each_word(s->forms, plan, take_form, error));
    SN_RETURN_IF(!sn_infer_isa_available(plan->isa), error, SN_ERROR_ARGUMENT,
                 "--isa: this processor or build has no %s", sn_infer_isa_name(s->isa));
    return SN_OK;
}

static sn_status check_names(const settings *s, sn_error *error) {
    const char *unknown = s->layers[0] ? bench_shape_unknown(s->layers) : NULL;
    SN_RETURN_IF(unknown, error, SN_ERROR_ARGUMENT, "--layers: unknown '%s'; known: %s", unknown,
                 bench_shape_words());
    SN_RETURN_IF(
        s->network[0] && strcmp(s->network, "resnet20") != 0 && strcmp(s->network, "resnet18") != 0,
        error, SN_ERROR_ARGUMENT, "--network: unknown '%s'; known: resnet20, resnet18", s->network);
    FILE *model = s->model[0] ? fopen(s->model, "rb") : NULL;
    SN_RETURN_IF(s->model[0] && !model, error, SN_ERROR_IO, "--model: cannot read '%s': %s",
                 s->model, strerror(errno));
    if (model)
        fclose(model);
    return SN_OK;
}

/* ---- output ---- */

static void print_cpu(void) {
    char line[SN_OPTION_TEXT_SIZE];
    const char *name = "unknown";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            name = strchr(line, ':') + 2;
            break;
        }
    }
    printf("CPU: %.*s\n", (int)strcspn(name, "\n"), name);
    if (file)
        fclose(file);
}

/* What --isa comes down to here: models tell, so a small one is asked. */
static const char *isa_in_use(const bench_plan *plan) {
    const sn_infer_options options = {.isa = plan->isa};
    bench_net net;
    sn_infer_info info;
    const char *name = "unknown";
    if (bench_net_single(bench_shape_at("64ch-8x8", 0), BENCH_FP32, 1, 0, 0, &net, NULL) != SN_OK)
        return name;
    if (sn_infer_inspect(net.packed, net.packed_bytes, &options, &info) == SN_INFER_OK)
        name = sn_infer_isa_name((int)info.isa);
    bench_net_free(&net);
    return name;
}

static void print_header(const settings *s, const bench_plan *plan) {
    if (s->json)
        return;
    printf("Inference, microseconds for an image; threads %s; medians of %zu rounds of %g s each\n",
           s->threads, plan->rounds, plan->seconds);
    print_cpu();
    double load;
    if (getloadavg(&load, 1) == 1)
        printf("Load before the start: %.2f\n", load);
    printf("signet: instructions %s, C compiler %s\n", isa_in_use(plan), __VERSION__);
    printf("oneDNN: %s\n", bench_onednn_about());
    printf("OpenBLAS: %s\n", openblas_get_config());
    puts("Times move with whatever else this machine does: compare within one contest.");
}

/* Messages about what does not compete. */
static void print_notes(const bench_plan *plan) {
    const char *said = NULL;
    for (int i = 0; i < BENCH_ONEDNN_KINDS && plan->others; i++) {
        const char *lack = bench_onednn_lacks((bench_onednn_kind)i);
        if (lack && (!said || strcmp(lack, said) != 0))
            fprintf(stderr, "%s: left out: %s: %s\n", program,
                    bench_onednn_name((bench_onednn_kind)i), lack);
        said = lack ? lack : said;
    }
}

static sn_status measure(const settings *s, const bench_plan *plan, bench_rows *rows,
                         sn_error *error) {
    const bool networks_only = !s->layers[0] && (s->network[0] || s->model[0]);
    const char *layers = s->layers[0] ? s->layers : "seven";
    bench_rows_begin(rows);
    for (size_t i = 0; !networks_only && bench_shape_at(layers, i); i++)
        SN_TRY(bench_layer(plan, bench_shape_at(layers, i), rows, error));
    if (s->network[0])
        SN_TRY(bench_network(plan, s->network, NULL, rows, error));
    if (s->model[0])
        SN_TRY(bench_network(plan, "model", s->model, rows, error));
    bench_rows_summarise(rows);
    return SN_OK;
}

static sn_status bench(const settings *s, sn_error *error) {
    bench_plan plan;
    bench_rows rows = {.json = s->json};
    SN_TRY(make_plan(s, &plan, error));
    SN_TRY(check_names(s, error));
    if (s->csv[0]) {
        rows.csv = fopen(s->csv, "w");
        SN_RETURN_IF(!rows.csv, error, SN_ERROR_IO, "--csv: cannot write to '%s': %s", s->csv,
                     strerror(errno));
    }
    print_header(s, &plan);
    print_notes(&plan);
    const sn_status status = measure(s, &plan, &rows, error);
    bench_rows_free(&rows);
    SN_TRY(status);
    return sn_cli_flush(error);
}

int main(int argc, char **argv) {
    static settings s;
    sn_arguments arguments = {.table = table, .count = OPTION_COUNT, .object = &s};
    sn_error error = {0};
    if (sn_option_defaults(table, OPTION_COUNT, &s, &error) != SN_OK ||
        sn_arguments_parse(&arguments, argc, argv, &error) != SN_OK)
        return sn_cli_fail(program, &error);
    if (arguments.help) {
        sn_arguments_help(table, OPTION_COUNT, usage, stdout);
        printf("\nLayers: %s\n", bench_shape_words());
        return EXIT_SUCCESS;
    }
    if (bench(&s, &error) != SN_OK)
        return sn_cli_fail(program, &error);
    return EXIT_SUCCESS;
}
