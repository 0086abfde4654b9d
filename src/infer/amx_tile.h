/* Inside the runtime: the tile registers of x86 processors with AMX, numbers 0 to 7 (literals), all
 * configured to 16 rows of 64 bytes. Rows lie in memory at a stride in bytes.
 *
 *     sn_amx_begin(), sn_amx_end()          around all else, on each thread
 *     sn_amx_zero(c), sn_amx_load(t, from, stride), sn_amx_store(c, to, stride)
 *     sn_amx_dot_unsigned(c, a, b)           c[m][n] += sum over k of a[m][k] * b[k / 4][n][k % 4]
 *     sn_amx_dot_signed(c, a, b)             in 32-bit integers; a is signed, b as the name says
 *
 * Functions that use them are SN_AMX_TARGET. With SN_INFER_EMULATE_AMX, for tests on machines
 * without AMX, they are plain C that does what the manual says the instructions do.
 */
#ifndef SN_INFER_AMX_TILE_H
#define SN_INFER_AMX_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef SN_INFER_EMULATE_AMX
#define SN_INFER_HAS_AMX 1
#elif !__STDC_HOSTED__ /* nobody to ask */
#define SN_INFER_HAS_AMX 0
#elif defined(__x86_64__) && defined(__LP64__) && defined(__linux__) && defined(__clang__)
#define SN_INFER_HAS_AMX (__clang_major__ >= 12)
#elif defined(__x86_64__) && defined(__LP64__) && defined(__linux__) && defined(__GNUC__)
#define SN_INFER_HAS_AMX (__GNUC__ >= 11)
#else
#define SN_INFER_HAS_AMX 0
#endif

enum { SN_AMX_TILE_ROWS = 16, SN_AMX_ROW_BYTES = 64, SN_AMX_TILES = 8 };

#if SN_INFER_HAS_AMX

/* Whether the processor has AMX tiles of int8 and the system lets this process use them. The first
 * call asks the system. */
bool sn_infer_amx_available(void);

/* Read by the instruction that configures the tiles. */
typedef struct sn_amx_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} sn_amx_config;

static inline sn_amx_config sn_amx_whole(void) {
    sn_amx_config config = {.palette = 1};
    for (int i = 0; i < SN_AMX_TILES; i++) {
        config.row_bytes[i] = SN_AMX_ROW_BYTES;
        config.rows[i] = SN_AMX_TILE_ROWS;
    }
    return config;
}

#ifndef SN_INFER_EMULATE_AMX
#include <immintrin.h>

#define SN_AMX_TARGET __attribute__((target("avx512f,avx512vl,avx512bw,amx-tile,amx-int8")))

/* GCC's intrinsics do not declare that they read memory: this makes earlier writes visible. */
#define SN_AMX_WRITTEN() __asm__ volatile("" ::: "memory")

SN_AMX_TARGET static inline void sn_amx_begin(void) {
    const sn_amx_config config = sn_amx_whole();
    __asm__ volatile("" ::"r"(&config) : "memory");
    _tile_loadconfig(&config);
    SN_AMX_WRITTEN();
}

SN_AMX_TARGET static inline void sn_amx_end(void) {
    _tile_release();
}

#define sn_amx_zero(c)               _tile_zero(c)
#define sn_amx_load(t, from, stride) _tile_loadd(t, from, stride)
#define sn_amx_store(c, to, stride)  _tile_stored(c, to, stride)
#define sn_amx_dot_unsigned(c, a, b) _tile_dpbsud(c, a, b)
#define sn_amx_dot_signed(c, a, b)   _tile_dpbssd(c, a, b)

#else
#define SN_AMX_TARGET
#define SN_AMX_WRITTEN() (void)0

void sn_amx_begin(void);
void sn_amx_end(void);
void sn_amx_zero(int c);
void sn_amx_load(int t, const void *from, size_t stride);
void sn_amx_store(int c, void *to, size_t stride);
void sn_amx_dot_unsigned(int c, int a, int b);
void sn_amx_dot_signed(int c, int a, int b);
#endif

#endif
#endif
