/* Convolutions by oneDNN, each run by one thread alone on a few images.
 *
 * A primitive of oneDNN is made for one number of images. An sn_onednn has the primitives of one
 * convolution for every number that occurs. oneDNN chooses the layout of weights. All memory is the
 * caller's. oneDNN sees channels as they are stored, paddings included.
 */
#ifndef SN_AUTOGRAD_ONEDNN_H
#define SN_AUTOGRAD_ONEDNN_H

#include "autograd/op.h"

typedef enum sn_onednn_pass {
    SN_ONEDNN_FORWARD, /* y of x and weights */
    SN_ONEDNN_DATA,    /* dx of dy and weights */
    SN_ONEDNN_WEIGHTS, /* dw of x and dy, overwritten */
    SN_ONEDNN_PASSES
} sn_onednn_pass;

typedef struct sn_onednn_setup {
    size_t images; /* of the batch */
    int threads;
    sn_tensor x, y; /* shape and layout that oneDNN sees */
    size_t kernel_height, kernel_width, stride, padding;
    bool bf16; /* of weights, and of x and y as said below; all else, dw included, is float */
    struct {
        size_t slice; /* most images at a time; 0: no such pass */
        bool x_bf16, y_bf16;
    } pass[SN_ONEDNN_PASSES];
} sn_onednn_setup;

/* The layout of weights: filter k, channel c and tap t = r * kernel_width + s is element filter[k]
 * + channel[c] + tap[t]. Filters and channels include paddings, which must be zero. */
typedef struct sn_onednn_weights {
    size_t filters, channels, taps;
    size_t *filter, *channel, *tap;
    size_t count; /* elements in all */
} sn_onednn_weights;

typedef struct sn_onednn sn_onednn;

/* Owned by the caller: sn_onednn_free, for which NULL is fine. */
sn_status sn_onednn_create(const sn_onednn_setup *setup, sn_onednn **made, sn_error *error);
void sn_onednn_free(sn_onednn *onednn);

const sn_onednn_weights *sn_onednn_weights_of(const sn_onednn *onednn, sn_onednn_pass pass);

/* Whether the data pass takes the weights in the forward pass's layout. */
bool sn_onednn_shares_weights(const sn_onednn *onednn);

/* Bytes of workspace. */
size_t sn_onednn_scratch_size(const sn_onednn *onednn, sn_onednn_pass pass);

typedef struct sn_onednn_operands {
    const void *x, *weights, *y; /* values or gradients; the pass writes to one of them */
    void *scratch;
} sn_onednn_operands;

/* Runs a pass on the calling thread, whose number is `thread`. */
void sn_onednn_run(const sn_onednn *onednn, sn_onednn_pass pass, size_t images, int thread,
                   const sn_onednn_operands *operands);

/* Whether this processor has instructions for bf16 that oneDNN uses, and AMX tiles. */
bool sn_onednn_has_bf16(void);
bool sn_onednn_has_amx(void);

#endif
