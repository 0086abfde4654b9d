/* signet version: what this program was made of, for reports of results and of bugs. */
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/commit.h" /* made by the build */
#include "cli/failure.h"
#include "infer/signet.h"

#include <cblas.h>
#include <hdf5.h>
#include <jansson.h>
#include <png.h>
#if SN_HAS_ONEDNN
#include <dnnl.h>
#endif

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct version_options {
    bool json;
} version_options;

static const sn_option table[] = {
    {"json", .offset = offsetof(version_options, json), .kind = SN_OPTION_FLAG, .group = "Output",
     .help = "print one JSON object instead of text"},
};

enum { LINE_SIZE = 256 };

typedef char version_line[LINE_SIZE];

__attribute__((format(printf, 2, 3))) static void put(version_line line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, LINE_SIZE, format, arguments);
    va_end(arguments);
}

static void say_version(version_line line) {
    put(line, "%s", SN_VERSION);
}

static void say_commit(version_line line) {
    put(line, "%s", SN_COMMIT);
}

static void say_compiler(version_line line) {
    put(line, "%s", SN_COMPILER);
}

/* Training code runs on one kind of processor, kernels choose among those that are there. */
static void say_training(version_line line) {
    put(line, "%s", SN_TRAIN_CPU);
}

static void say_inference(version_line line) {
    for (int i = SN_INFER_ISA_PORTABLE; sn_infer_isa_name(i); i++) {
        const size_t used = strlen(line);
        if (sn_infer_isa_available((sn_infer_isa)i))
            snprintf(line + used, LINE_SIZE - used, "%s%s", used ? " " : "", sn_infer_isa_name(i));
    }
}

static void say_openblas(version_line line) {
    put(line, "%s", openblas_get_config());
    for (size_t end = strlen(line); end > 0 && line[end - 1] == ' '; end--)
        line[end - 1] = '\0';
}

static void say_onednn(version_line line) {
#if SN_HAS_ONEDNN
    const dnnl_version_t *version = dnnl_version();
    put(line, "%d.%d.%d", version->major, version->minor, version->patch);
#else
    put(line, "not built in");
#endif
}

static void say_hdf5(version_line line) {
    unsigned major, minor, release;
    if (H5get_libversion(&major, &minor, &release) >= 0)
        put(line, "%u.%u.%u", major, minor, release);
}

static void say_libpng(version_line line) {
    put(line, "%s", png_get_libpng_ver(NULL));
}

static void say_jansson(version_line line) {
    put(line, "%s", jansson_version_str());
}

static const struct {
    const char *name;
    void (*say)(version_line line);
} lines[] = {
    {"signet", say_version},    {"commit", say_commit},       {"compiler", say_compiler},
    {"training", say_training}, {"inference", say_inference}, {"OpenBLAS", say_openblas},
    {"oneDNN", say_onednn},     {"HDF5", say_hdf5},           {"libpng", say_libpng},
    {"jansson", say_jansson},
};

enum { LINES = sizeof lines / sizeof *lines };

static void print_text(void) {
    for (size_t i = 0; i < LINES; i++) {
        version_line line = "";
        lines[i].say(line);
        if (line[0])
            printf("%-10s %s\n", lines[i].name, line);
    }
}

static sn_status print_json(sn_error *error) {
    json_t *object = json_object();
    bool made = object != NULL;
    for (size_t i = 0; made && i < LINES; i++) {
        version_line line = "";
        lines[i].say(line);
        made = json_object_set_new(object, lines[i].name, json_string(line)) == 0;
    }
    made = made && json_dumpf(object, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
    json_decref(object);
    SN_RETURN_IF(!made, error, SN_ERROR_IO, "cannot print the version as JSON");
    return SN_OK;
}

static sn_status print(int argc, char **argv, sn_error *error) {
    version_options options = {0};
    sn_arguments arguments = {.table = table, .count = 1, .object = &options};
    SN_TRY(sn_option_defaults(table, 1, &options, error));
    SN_TRY(sn_arguments_parse(&arguments, argc, argv, error));
    if (arguments.help)
        sn_command_help(&sn_cmd_version, stdout);
    else if (options.json)
        SN_TRY(print_json(error));
    else
        print_text();
    return sn_cli_flush(error);
}

static size_t options_of(sn_option to[SN_COMMAND_MOST_OPTIONS]) {
    memcpy(to, table, sizeof table);
    return sizeof table / sizeof *table;
}

static int run(int argc, char **argv) {
    sn_error error = {0};
    return print(argc, argv, &error) == SN_OK ? EXIT_SUCCESS : sn_cli_fail("version", &error);
}

const sn_command sn_cmd_version = {
    .name = "version",
    .summary = "print the version of signet, of its compiler and of its libraries",
    .forms = (const char *const[]){"[OPTION...]", NULL},
    .description = "Prints what this program was made of: version, commit where the build knew it, "
                   "compiler, the\n"
                   "processor that training code was compiled for, the inference kernels that run "
                   "here, libraries.",
    .options = options_of,
    .run = run};
