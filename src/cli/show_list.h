/* train --list */
#ifndef SN_CLI_SHOW_LIST_H
#define SN_CLI_SHOW_LIST_H

#include "cli/rows.h"

/* Prints quantizers, estimators, architectures and data sets to stdout, a line each: name, what it
 * is, where it is from. SN_ERROR_MEMORY. */
sn_status sn_show_list(sn_output format, sn_error *error);

#endif
