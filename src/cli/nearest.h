/* The name that somebody who mistyped one may have meant. */
#ifndef SN_CLI_NEAREST_H
#define SN_CLI_NEAREST_H

#include <stddef.h>

/* The nearest of the names that name_at gives, which ends with NULL; NULL when none is near. A name
 * cut short counts as near. */
const char *sn_nearest_name(const char *typed,
                            const char *(*name_at)(const void *context, size_t index),
                            const void *context);

#endif
