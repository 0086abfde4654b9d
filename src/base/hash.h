/* A 64-bit checksum against damage and mix-ups. It does not protect against forgery. */
#ifndef SN_BASE_HASH_H
#define SN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* What sn_hash begins with. */
#define SN_HASH_START UINT64_C(0x5349474e4554)

/* Continues `hash` with `size` bytes. Each step is a bijection of the 64 bits: data of equal length
 * that differ within one aligned word of 8 bytes have different hashes. The result depends on how
 * the data are cut into calls. docs/checkpoint.md has the formula. */
uint64_t sn_hash(uint64_t hash, const void *data, size_t size);

#endif
