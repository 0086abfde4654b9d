/* A table of named values: one description that drives defaults, the command line, --help and the
 * JSON form of a configuration. Each entry names a field of a plain struct ("the object").
 */
#ifndef SN_BASE_OPTION_H
#define SN_BASE_OPTION_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { SN_OPTION_TEXT_SIZE = 1024 }; /* bytes of a text field, final NUL included */

typedef enum sn_option_kind {
    SN_OPTION_FLAG,  /* bool; on the command line `--name`, takes no value */
    SN_OPTION_COUNT, /* uint64_t, within minimum .. maximum */
    SN_OPTION_REAL,  /* double, finite, within minimum .. maximum */
    SN_OPTION_TEXT,  /* char[SN_OPTION_TEXT_SIZE] */
    SN_OPTION_LIST,  /* char[SN_OPTION_TEXT_SIZE]: texts with blanks between; setting adds one, ""
                        empties it */
    SN_OPTION_CHOICE /* int: index into the names that choice_name gives */
} sn_option_kind;

typedef struct sn_option {
    const char *name;       /* without dashes, e.g. "weight-decay" */
    const char *value_name; /* shown in help, e.g. "N", "DIR"; NULL for flags */
    const char *fallback; /* default value as text; NULL for flags (false) and empty texts, lists */
    const char *group;    /* heading in help, e.g. "Optimisation" */
    const char *help;     /* one line */
    /* For choices: the name with this index, NULL past the last. */
    const char *(*choice_name)(int index);
    sn_option_kind kind;
    size_t offset; /* of the field in the object */
    double minimum, maximum;
    const char *zero_name; /* of counts: what 0 is called as well, and shown as; NULL: 0 */
    int tag;               /* free for whoever owns the table */
    /* When the option has an effect; see sn_option_check_effects. NULL: always. */
    const char *needs; /* a condition; without it the option is refused */
    const char *wants; /* a condition; without it there is a warning */
    const char
        *excludes; /* names of options, a blank between them, that may not be given with it */
} sn_option;

/* Sets every field of the object to its default. Fails only on a table with a bad default. */
sn_status sn_option_defaults(const sn_option *table, size_t count, void *object, sn_error *error);

/* The entry with this name, NULL when there is none. */
const sn_option *sn_option_find(const sn_option *table, size_t count, const char *name);

/* The index of this name in a list that is given like sn_option.choice_name; -1 if it is not there.
 */
int sn_choice_find(const char *(*name_at)(int index), const char *name);

/* Parses text into the entry's field. The whole text must be the value: "1e9x", "", " 3", "-1",
 * "nan" and numbers out of range are errors. SN_ERROR_ARGUMENT with a message such as
 *   --epochs: '1e9x' is not a whole number from 1 to 1000000
 *   --quant: unknown 'foo'; known: fp32, signed-binary, signed-binary-centered
 * and the field untouched. For flags text is "true" or "false". */
sn_status sn_option_set(const sn_option *option, void *object, const char *text, sn_error *error);

/* Writes the field's value as text that sn_option_set reads back to the same value. */
void sn_option_format(const sn_option *option, const void *object, char text[SN_OPTION_TEXT_SIZE]);

/* Looks for given options that have no effect beside the values of the others. given[count] says
 * which were given; flags that are off are skipped. SN_ERROR_ARGUMENT when an option lacks a
 * condition that it needs, or is given with one that it excludes. When it lacks a condition that it
 * wants, calls say(context, line), once for each option; say may be NULL.
 *
 * A condition is a list of terms with blanks between them, which must all hold. A term is a list of
 * alternatives with | between them:
 *     NAME=A,B    the option has one of these values
 *     NAME!=A     it has another value
 *     NAME        it has a value: a text that is not empty, a number that is not 0, a flag that is
 * on The message names the first alternative of the first term that does not hold:
 *   --beta1 has no effect without --optimizer adam or adamw (here: sgd)
 *   --scale has no effect with --quant fp32
 *   --distill-weight has no effect without --teacher */
sn_status sn_option_check_effects(const sn_option *table, size_t count, const void *object,
                                  const bool *given, void (*say)(void *context, const char *text),
                                  void *context, sn_error *error);

#endif
