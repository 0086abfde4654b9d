/* Manual pages and completion, made from the commands and their option tables. */
#ifndef SN_CLI_MANUAL_H
#define SN_CLI_MANUAL_H

#include "cli/command.h"

/* The page signet-NAME(1) in the man macros of roff; of signet itself where command is NULL. */
void sn_manual_page(const sn_command *command, FILE *out);

/* A script for bash that completes commands, options and the values of choices. */
void sn_manual_completion(FILE *out);

#endif
