#include "cli/rapl.h"

#include <inttypes.h>
#include <stdio.h>

static bool read_number(const char *path, uint64_t *number) {
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    const bool read = fscanf(file, "%" SCNu64, number) == 1;
    fclose(file);
    return read;
}

bool sn_rapl_open(const char *root, sn_rapl *rapl) {
    *rapl = (sn_rapl){0};
    for (int i = 0; i < SN_RAPL_PACKAGES; i++) {
        const int n = rapl->packages;
        char range[SN_RAPL_PATH_SIZE];
        const int length =
            snprintf(rapl->path[n], SN_RAPL_PATH_SIZE, "%s/intel-rapl:%d/energy_uj", root, i);
        snprintf(range, sizeof range, "%s/intel-rapl:%d/max_energy_range_uj", root, i);
        if (length < SN_RAPL_PATH_SIZE && read_number(rapl->path[n], &rapl->last[n]) &&
            read_number(range, &rapl->range[n]))
            rapl->packages++;
    }
    return rapl->packages > 0;
}

bool sn_rapl_update(sn_rapl *rapl) {
    for (int i = 0; i < rapl->packages; i++) {
        uint64_t now;
        if (!read_number(rapl->path[i], &now))
            return false;
        const uint64_t passed =
            now >= rapl->last[i] ? now - rapl->last[i] : now + rapl->range[i] - rapl->last[i];
        rapl->joules += 1e-6 * (double)passed;
        rapl->last[i] = now;
    }
    return true;
}
