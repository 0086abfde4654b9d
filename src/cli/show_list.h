/* ./train --list */
#ifndef SN_CLI_SHOW_LIST_H
#define SN_CLI_SHOW_LIST_H

/* Prints quantizers, estimators, architectures and data sets to stdout, a line each: name, what it
 * is, where it is from. */
void sn_show_list(void);

#endif
