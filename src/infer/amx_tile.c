/* Whether AMX tiles can be used, and their emulation for tests. */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* syscall */
#endif
#include "infer/amx_tile.h"

#if !SN_INFER_HAS_AMX
typedef int sn_infer_no_amx;

#elif !defined(SN_INFER_EMULATE_AMX)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux (5.16 and later) gives these large registers only to processes that ask; without permission
 * the first instruction raises a signal. Permission is for all threads, and asking again changes
 * nothing. The numbers are from asm/prctl.h, which older systems lack. */
static bool permitted(void) {
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

bool sn_infer_amx_available(void) {
    const unsigned tile = 1u << 24, int8 = 1u << 25;
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & tile) && (d & int8) && permitted();
}

#else
#include <assert.h>
#include <string.h>

static _Thread_local struct {
    sn_amx_config config;
    uint8_t bytes[SN_AMX_TILES][SN_AMX_TILE_ROWS][SN_AMX_ROW_BYTES];
} state;

bool sn_infer_amx_available(void) {
    return true;
}

void sn_amx_begin(void) {
    memset(&state, 0, sizeof state);
    state.config = sn_amx_whole();
}

void sn_amx_end(void) {
    /* Tiles left behind must not help a caller that forgets to begin. */
    memset(&state, 0xff, sizeof state);
    state.config.palette = 0;
}

static void check(int tile) {
    assert(state.config.palette == 1 && tile >= 0 && tile < SN_AMX_TILES);
    (void)tile;
}

void sn_amx_zero(int c) {
    check(c);
    memset(state.bytes[c], 0, sizeof state.bytes[c]);
}

void sn_amx_load(int t, const void *from, size_t stride) {
    check(t);
    sn_amx_zero(t);
    for (int row = 0; row < state.config.rows[t]; row++)
        memcpy(state.bytes[t][row], (const unsigned char *)from + (size_t)row * stride,
               state.config.row_bytes[t]);
}

void sn_amx_store(int c, void *to, size_t stride) {
    check(c);
    for (int row = 0; row < state.config.rows[c]; row++)
        memcpy((unsigned char *)to + (size_t)row * stride, state.bytes[c][row],
               state.config.row_bytes[c]);
}

/* Of four bytes each. */
static int32_t dot(const uint8_t *a, const uint8_t *b, bool b_signed) {
    int32_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (int8_t)a[i] * (b_signed ? (int8_t)b[i] : (int)b[i]);
    return sum;
}

static void multiply(int c, int a, int b, bool b_signed) {
    const sn_amx_config *config = &state.config;
    check(a);
    check(b);
    check(c);
    /* Else the instruction is invalid. */
    assert(a != b && a != c && b != c && config->rows[a] == config->rows[c] &&
           config->row_bytes[b] == config->row_bytes[c] &&
           config->row_bytes[a] == 4 * config->rows[b]);
    for (int m = 0; m < config->rows[c]; m++)
        for (int k = 0; k < config->rows[b]; k++)
            for (int n = 0; n < config->row_bytes[c]; n += 4) {
                int32_t sum;
                memcpy(&sum, &state.bytes[c][m][n], sizeof sum);
                sum += dot(&state.bytes[a][m][4 * k], &state.bytes[b][k][n], b_signed);
                memcpy(&state.bytes[c][m][n], &sum, sizeof sum);
            }
}

void sn_amx_dot_unsigned(int c, int a, int b) {
    multiply(c, a, b, false);
}

void sn_amx_dot_signed(int c, int a, int b) {
    multiply(c, a, b, true);
}
#endif
