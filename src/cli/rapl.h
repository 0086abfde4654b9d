/* The processor's own energy counters (RAPL, running average power limit), as Linux shows them. */
#ifndef SN_CLI_RAPL_H
#define SN_CLI_RAPL_H

#include <stdbool.h>
#include <stdint.h>

enum { SN_RAPL_PACKAGES = 8, SN_RAPL_PATH_SIZE = 256 };

#define SN_RAPL_ROOT "/sys/class/powercap"

typedef struct sn_rapl {
    char path[SN_RAPL_PACKAGES][SN_RAPL_PATH_SIZE];           /* of energy_uj */
    uint64_t last[SN_RAPL_PACKAGES], range[SN_RAPL_PACKAGES]; /* microjoules; counters wrap */
    int packages;
    double joules; /* of all packages since sn_rapl_open */
} sn_rapl;

/* Finds the counters of whole processors below `root`. False when there are none that may be read,
 * as for ordinary users of most systems and in most virtual machines. */
bool sn_rapl_open(const char *root, sn_rapl *rapl);

/* Brings rapl->joules up to date; at least once a minute, so that no counter wraps twice. */
bool sn_rapl_update(sn_rapl *rapl);

#endif
