/* Optimizers over the flat parameter array.
 *
 * As in PyTorch: SGD adds weight decay to the gradient g, v = momentum v + g, and steps by
 * lr (g + momentum v) with Nesterov's correction or lr v without; Adam (Kingma and Ba 2015) adds
 * decay to the gradient; AdamW (Loshchilov and Hutter 2019) shrinks weights by lr decay first.
 */
#ifndef SN_TRAIN_OPTIMIZER_H
#define SN_TRAIN_OPTIMIZER_H

#include "autograd/parameters.h"

typedef enum sn_optimizer_kind {
    SN_OPTIMIZER_SGD,
    SN_OPTIMIZER_ADAM,
    SN_OPTIMIZER_ADAMW
} sn_optimizer_kind;

const char *sn_optimizer_name(int index); /* NULL past the last */

typedef struct sn_optimizer_options {
    int kind; /* sn_optimizer_kind */
    double momentum;
    bool nesterov;
    double beta1, beta2, epsilon;                    /* Adam and AdamW */
    double decay_weight, decay_latent, decay_others; /* by role; others: batch-norm, bias, slope */
} sn_optimizer_options;

typedef struct sn_optimizer sn_optimizer;

/* State starts at zero. The parameters must be allocated and outlive the optimizer. */
sn_status sn_optimizer_create(const sn_optimizer_options *options, sn_parameters *parameters,
                              int threads, sn_optimizer **optimizer, sn_error *error);
void sn_optimizer_free(sn_optimizer *optimizer);

/* The L2 norm of all gradients together, before weight decay. When it is more than `largest` the
 * next step takes the gradients times largest / norm (Pascanu et al. 2013, arXiv 1211.5063); the
 * gradients themselves stay as they are. The same bits whatever the number of threads. A norm that
 * is not finite scales nothing. */
double sn_optimizer_clip(sn_optimizer *optimizer, double largest);

/* One step from the gradients that stand in the parameters. */
void sn_optimizer_step(sn_optimizer *optimizer, double learning_rate);

/* The state, for checkpoints: named arrays parallel to the flat parameter array, and the number of
 * steps taken. NULL past the last slot. */
const char *sn_optimizer_slot_name(const sn_optimizer *optimizer, int slot);
sn_real *sn_optimizer_slot(sn_optimizer *optimizer, int slot);
uint64_t sn_optimizer_steps(const sn_optimizer *optimizer);
void sn_optimizer_set_steps(sn_optimizer *optimizer, uint64_t steps);

#endif
