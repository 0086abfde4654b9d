/* inspect config */
#ifndef SN_CLI_SHOW_CONFIG_H
#define SN_CLI_SHOW_CONFIG_H

#include "cli/rows.h"
#include "cli/subject.h"

/* Prints the options that a checkpoint was trained with to stdout: what each was, what it would be
 * had it not been given, and whether it was given. SN_ERROR_ARGUMENT for a model file, which does
 * not know. */
sn_status sn_show_config(const sn_subject *subject, sn_output format, sn_error *error);

#endif
