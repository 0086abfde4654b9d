#define _POSIX_C_SOURCE 200809L
#include "cli/memory.h"

#include <stdio.h>
#include <unistd.h>

/* Program and libraries, where that cannot be measured. Later come HDF5, stacks, and in each thread
 * the part of OpenBLAS's buffer that GEMM touches. Measured on x86-64 Linux with glibc. */
enum { PROGRAM_MEMORY = 12 << 20, LATER_MEMORY = 3 << 20, GEMM_MEMORY = 1 << 20 };

/* Bytes of this process that are in memory now; 0 when it cannot be told. */
static size_t resident_bytes(void) {
    unsigned long all, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%lu %lu", &all, &resident) != 2)
        resident = 0;
    fclose(file);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* What the trainer and the data do not account for (`counted`), now and later. */
static size_t other_bytes(const sn_train_config *config, size_t resident, size_t counted) {
    const size_t program = resident > counted ? resident - counted : PROGRAM_MEMORY;
    return program + LATER_MEMORY + (size_t)config->threads * GEMM_MEMORY;
}

sn_memory_use sn_memory_predict(const sn_train_config *config, const sn_trainer *trainer,
                                const sn_dataset *train, const sn_dataset *test) {
    sn_memory_use use = {.trainer = sn_trainer_memory_of(trainer),
                         .data = sn_dataset_memory(train) + sn_dataset_memory(test)};
    const sn_trainer_memory *m = &use.trainer;
    const size_t counted = m->training + m->evaluation + m->parameters + m->optimizer + m->loaders +
                           m->diagnostics + m->average + m->teacher + use.data;
    use.program = other_bytes(config, resident_bytes(), counted);
    use.peak = counted + m->checkpoint + use.program;
    return use;
}
