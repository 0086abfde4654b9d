/* The table of a network's parameters: one entry each, values and gradients in flat arrays.
 *
 * The table drives initialisation, optimizer, checkpoint and summary. Trained parameters are in one
 * array, buffers (running statistics, signs, ranges) in another. Entries start at multiples of 64
 * bytes; the gaps are zero.
 */
#ifndef SN_AUTOGRAD_PARAMETERS_H
#define SN_AUTOGRAD_PARAMETERS_H

#include "autograd/real.h"
#include "autograd/shape.h"
#include "base/status.h"

#include <stdint.h>

enum { SN_PARAMETER_NAME_SIZE = 128 };

/* What a parameter is for. Weight decay and quantizers depend on it. */
typedef enum sn_role {
    SN_ROLE_WEIGHT, /* full-precision convolution or linear weight */
    SN_ROLE_LATENT, /* full-precision weight behind a quantizer */
    SN_ROLE_BIAS,
    SN_ROLE_NORM_SCALE, /* batch-norm gamma */
    SN_ROLE_NORM_SHIFT, /* batch-norm beta */
    SN_ROLE_SLOPE,      /* PReLU */
    SN_ROLE_SCALE,      /* logarithm of a learned scale of quantized weights */
    SN_ROLE_RUNNING_MEAN,
    SN_ROLE_RUNNING_VARIANCE,
    SN_ROLE_INPUT_RANGE,   /* an observer's: moving average of the largest |x| that a convolution
                              reads */
    SN_ROLE_SIGN,          /* of regions of quantized weights, +1 or -1 */
    SN_ROLE_SIGN_EVIDENCE, /* for the other sign */
    SN_ROLE_COUNT
} sn_role;

typedef enum sn_init_kind {
    SN_INIT_CONSTANT, /* all equal to `value` */
    SN_INIT_NORMAL,   /* mean 0, standard deviation `value` */
    SN_INIT_UNIFORM   /* in [-value, value) */
} sn_init_kind;

typedef struct sn_init {
    sn_init_kind kind;
    double value;
} sn_init;

typedef struct sn_parameter {
    char name[SN_PARAMETER_NAME_SIZE]; /* torchvision's, e.g. layer1.0.conv1.weight */
    sn_shape shape;
    sn_role role;
    sn_init init;
    size_t count;      /* elements */
    size_t offset;     /* of the first element in its array */
    sn_real *value;    /* set by sn_parameters_allocate */
    sn_real *gradient; /* likewise; NULL for buffers */
} sn_parameter;

typedef struct sn_parameters sn_parameters;

sn_status sn_parameters_create(sn_parameters **parameters, sn_error *error);
void sn_parameters_free(sn_parameters *parameters);

/* The index of the entry with this name; adds it if it is new. SN_ERROR_ARGUMENT if there is one
 * with another shape or role, SN_ERROR_INTERNAL after sn_parameters_allocate. */
sn_status sn_parameters_add(sn_parameters *parameters, const char *name, sn_shape shape,
                            sn_role role, sn_init init, size_t *index, sn_error *error);

/* Allocates values and gradients of all entries, zeroed. Does nothing the second time. */
sn_status sn_parameters_allocate(sn_parameters *parameters, sn_error *error);

/* Draws all values. An entry's values depend on the seed, its name and its shape only. */
void sn_parameters_initialise(sn_parameters *parameters, uint64_t seed);

size_t sn_parameters_count(const sn_parameters *parameters);
const sn_parameter *sn_parameters_at(const sn_parameters *parameters, size_t index);

/* NULL when there is no such entry. */
const sn_parameter *sn_parameters_find(const sn_parameters *parameters, const char *name);

/* The flat arrays of trained parameters, and their length (paddings included). */
sn_real *sn_parameters_values(sn_parameters *parameters);
sn_real *sn_parameters_gradients(sn_parameters *parameters);
size_t sn_parameters_length(const sn_parameters *parameters);

void sn_parameters_zero_gradients(sn_parameters *parameters);

/* False for running statistics, ranges and signs: they are kept, but no optimizer moves them. */
bool sn_role_is_trained(sn_role role);

/* Running statistics of batch-norm. */
bool sn_role_is_statistic(sn_role role);

#endif
