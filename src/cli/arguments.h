/* Command lines from an option table (base/option.h). */
#ifndef SN_CLI_ARGUMENTS_H
#define SN_CLI_ARGUMENTS_H

#include "base/option.h"

#include <stdio.h>

typedef struct sn_arguments {
    const sn_option *table;
    size_t count;
    void *object;            /* the struct that the table describes */
    bool *given;             /* count entries, set to whether the user named the option; or NULL */
    const char **positional; /* filled with what is not an option, in order */
    size_t positional_limit; /* entries at positional; one more argument is an error */
    size_t positional_count; /* out */
    bool help;               /* out: --help or -h was given */
} sn_arguments;

/* Reads argv[1..argc-1]: `--name value`, `--name=value`, `--flag` (or `--flag=true`,
 * `--flag=false`, to override a configuration that sets it), `--` ends the options; "-" is
 * positional. An option given twice keeps the last value. Defaults are the caller's to set before.
 * A value that begins with "--" must be written with "=": otherwise it is taken for the next
 * option. --help ends the reading, whatever follows. Errors (SN_ERROR_ARGUMENT): unknown option,
 * naming the closest known one; value missing; value bad; too many positional arguments. After an
 * error the fields read so far are set. */
sn_status sn_arguments_parse(sn_arguments *arguments, int argc, char **argv, sn_error *error);

/* Prints the usage text, then every option with its default, grouped, to `out`, at most 100
 * columns. */
void sn_arguments_help(const sn_option *table, size_t count, const char *usage, FILE *out);

/* The heading above an option, and whether an earlier one of the table has the same. */
const char *sn_arguments_group(const sn_option *option);
bool sn_arguments_group_seen(const sn_option *table, size_t index);

#endif
