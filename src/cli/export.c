#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include "cli/export.h"

#include "base/file.h"
#include "base/memory.h"
#include "infer/signet.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 64, VALUES_IN_LINE = 20 };

sn_status sn_export_model(const void *packed, size_t bytes, const char *path, sn_error *error) {
    return sn_file_write(path, packed, bytes, error);
}

/* Names in the generated C: of the array and functions, and of macros. */
typedef struct c_names {
    char file[SN_OPTION_TEXT_SIZE]; /* "model.h" */
    char lower[NAME_SIZE];          /* "model" */
    char upper[NAME_SIZE];          /* "MODEL" */
} c_names;

static sn_status make_names(const char *path, c_names *names, sn_error *error) {
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    const size_t length = strlen(file);
    SN_RETURN_IF(length < 3 || strcmp(file + length - 2, ".h") != 0, error, SN_ERROR_ARGUMENT,
                 "--export-c: '%s' should end in .h, being a C header", path);
    SN_RETURN_IF(strpbrk(file, "\"\\\n"), error, SN_ERROR_ARGUMENT,
                 "--export-c: '%s' has characters that an #include cannot have", path);
    size_t used = 0;
    snprintf(names->file, sizeof names->file, "%s", file);
    if (isdigit((unsigned char)file[0]))
        used = (size_t)snprintf(names->lower, sizeof names->lower, "model_");
    for (size_t i = 0; i < length - 2 && used + 1 < NAME_SIZE; i++) {
        const unsigned char byte = (unsigned char)file[i];
        const bool fits = byte < 0x80 && isalnum(byte);
        names->lower[used++] = (char)(fits ? byte : '_');
    }
    names->lower[used] = '\0';
    for (size_t i = 0; i <= used; i++)
        names->upper[i] = (char)toupper((unsigned char)names->lower[i]);
    return SN_OK;
}

static void print_header(FILE *file, const c_names *names, const unsigned char *packed,
                         const sn_infer_info *info) {
    const char *upper = names->upper;
    fprintf(file,
            "/* A network for signet's inference library (infer/signet.h), written by eval "
            "--export-c;\n"
            " * %.*s_example.c runs it.\n"
            " *\n"
            " * %s_MEMORY and %s_SCRATCH_MEMORY are for SN_INFER_ISA_PORTABLE and one thread on a\n"
            " * machine with %zu-bit addresses. Other options need other sizes: sn_infer_inspect "
            "tells. */\n"
            "#ifndef SIGNET_%s_H\n"
            "#define SIGNET_%s_H\n"
            "\n",
            (int)strlen(names->file) - 2, names->file, upper, upper, 8 * sizeof(void *), upper,
            upper);
    fprintf(file, "#define %s_BYTES %zu\n", upper, info->packed_bytes);
    fprintf(file, "#define %s_MEMORY %zu\n", upper, info->model_memory);
    fprintf(file, "#define %s_SCRATCH_MEMORY %zu\n", upper, info->scratch_memory);
    fprintf(file, "#define %s_CHANNELS %d\n", upper, info->channels);
    fprintf(file, "#define %s_HEIGHT %d\n", upper, info->height);
    fprintf(file, "#define %s_WIDTH %d\n", upper, info->width);
    fprintf(file, "#define %s_CLASSES %d\n", upper, info->classes);
    fprintf(file, "\nstatic const _Alignas(64) unsigned char %s_data[%s_BYTES] = {", names->lower,
            upper);
    for (size_t i = 0; i < info->packed_bytes; i++)
        fprintf(file, "%s%d,", i % VALUES_IN_LINE ? "" : "\n    ", packed[i]);
    fprintf(file, "\n};\n\n#endif\n");
}

/* %L and %U in the text stand for the names. */
static const char example_text[] =
    "/* Runs the network in %F and prints its logits:\n"
    " *\n"
    " *     cc -std=c11 %E $(pkg-config --cflags --libs signet-infer)\n"
    " *\n"
    " * where signet is installed; or with the library that its build leaves in build/src/infer:\n"
    " *\n"
    " *     cc -std=c11 -I SIGNET/src %E libsignet_infer.a -lm\n"
    " */\n"
    "#include \"%F\"\n"
    "#include \"infer/signet.h\"\n"
    "\n"
    "#include <stdio.h>\n"
    "\n"
    "static _Alignas(64) unsigned char memory[%U_MEMORY], scratch[%U_SCRATCH_MEMORY];\n"
    "static float image[%U_CHANNELS][%U_HEIGHT][%U_WIDTH], logits[%U_CLASSES];\n"
    "\n"
    "int main(void) {\n"
    "    const sn_infer_options options = {.isa = SN_INFER_ISA_PORTABLE};\n"
    "    const sn_infer_model *network;\n"
    "    sn_infer_status status = sn_infer_open(%L_data, %U_BYTES, &options, memory, sizeof "
    "memory,\n"
    "                                           &network);\n"
    "    /* The image goes here, as (value / 255 - mean) / deviation: see sn_infer_normalisation. "
    "*/\n"
    "    if (status == SN_INFER_OK)\n"
    "        status = sn_infer_run(network, scratch, sizeof scratch, NULL, &image[0][0][0], "
    "logits);\n"
    "    for (int i = 0; status == SN_INFER_OK && i < %U_CLASSES; i++) {\n"
    "        const char *name = sn_infer_class_name(%L_data, i);\n"
    "        printf(\"%.9g %s\\n\", (double)logits[i], name ? name : \"\");\n"
    "    }\n"
    "    if (status != SN_INFER_OK)\n"
    "        fprintf(stderr, \"%s\\n\", sn_infer_status_text(status));\n"
    "    return status == SN_INFER_OK ? 0 : 1;\n"
    "}\n";

static void print_example(FILE *file, const c_names *names, const char *example_file) {
    for (const char *at = example_text; *at; at++) {
        const char *text = NULL;
        if (at[0] == '%')
            text = at[1] == 'L'   ? names->lower
                   : at[1] == 'U' ? names->upper
                   : at[1] == 'F' ? names->file
                   : at[1] == 'E' ? example_file
                                  : NULL;
        if (text)
            at++;
        fprintf(file, "%s", text ? text : (const char[]){*at, '\0'});
    }
}

/* Ends printing into memory. Free *text afterwards, also after an error. */
static sn_status finish_text(FILE *stream, const char *path, sn_error *error) {
    const bool failed = ferror(stream) != 0;
    SN_RETURN_IF(fclose(stream) != 0 || failed, error, SN_ERROR_MEMORY, "out of memory for %s",
                 path);
    return SN_OK;
}

/* Whether there is a file of that name with something else in it: somebody's work. */
static bool is_other(const char *path, const char *text, size_t size) {
    unsigned char *there;
    size_t there_size;
    if (access(path, F_OK) != 0)
        return false;
    if (sn_file_read(path, size, &there, &there_size, NULL) != SN_OK)
        return true; /* longer, or not to be read */
    const bool other = there_size != size || memcmp(there, text, size) != 0;
    sn_free(there);
    return other;
}

static sn_status open_text(FILE **stream, char **text, size_t *size, sn_error *error) {
    *stream = open_memstream(text, size);
    SN_RETURN_IF(!*stream, error, SN_ERROR_MEMORY, "out of memory for C text");
    return SN_OK;
}

static sn_status write_header(const c_names *names, const void *packed, const sn_infer_info *info,
                              const char *path, sn_error *error) {
    FILE *stream;
    char *text;
    size_t size;
    SN_TRY(open_text(&stream, &text, &size, error));
    print_header(stream, names, packed, info);
    sn_status status = finish_text(stream, path, error);
    if (status == SN_OK)
        status = sn_file_write(path, text, size, error);
    free(text);
    return status;
}

static sn_status write_example(const c_names *names, const char *path, bool *kept,
                               sn_error *error) {
    const char *slash = strrchr(path, '/');
    FILE *stream;
    char *text;
    size_t size;
    SN_TRY(open_text(&stream, &text, &size, error));
    print_example(stream, names, slash ? slash + 1 : path);
    sn_status status = finish_text(stream, path, error);
    *kept = status == SN_OK && is_other(path, text, size);
    if (status == SN_OK && !*kept)
        status = sn_file_write(path, text, size, error);
    free(text);
    return status;
}

sn_status sn_export_c(const void *packed, size_t bytes, const char *path,
                      char example[SN_OPTION_TEXT_SIZE], bool *kept, sn_error *error) {
    const sn_infer_options options = {.isa = SN_INFER_ISA_PORTABLE};
    c_names names;
    sn_infer_info info;
    SN_TRY(make_names(path, &names, error));
    const sn_infer_status inspected = sn_infer_inspect(packed, bytes, &options, &info);
    SN_RETURN_IF(inspected != SN_INFER_OK, error, SN_ERROR_DATA, "the portable kernels refuse: %s",
                 sn_infer_status_text(inspected));
    const int length = (int)strlen(path) - 2;
    SN_RETURN_IF(snprintf(example, SN_OPTION_TEXT_SIZE, "%.*s_example.c", length, path) >=
                     SN_OPTION_TEXT_SIZE,
                 error, SN_ERROR_ARGUMENT, "--export-c: the path is too long");
    SN_TRY(write_header(&names, packed, &info, path, error));
    return write_example(&names, example, kept, error);
}
