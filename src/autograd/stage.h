/* Copies of images between two ways to lie, for ops that cannot take them as they are. */
#ifndef SN_AUTOGRAD_STAGE_H
#define SN_AUTOGRAD_STAGE_H

#include "autograd/op.h"

/* to (+)= from * factor + shift, channel by channel. The vectors are padded to whole lanes. */
typedef struct sn_stage_change {
    const sn_real *factor, *shift; /* NULL: 1 and 0 */
    bool add;
} sn_stage_change;

/* Copies `count` images of a tensor to a stage, which may lie and be stored otherwise. A tensor
 * that is plain is taken as it is, without the change. */
void sn_to_stage(const sn_tensor *tensor, const void *images, const sn_tensor *stage, void *staged,
                 size_t count, const sn_stage_change *how);

/* The other way. The stage holds sn_real; to a plain tensor nothing but `add` is heeded. */
void sn_from_stage(const sn_tensor *stage, const void *staged, const sn_tensor *tensor,
                   void *images, size_t count, const sn_stage_change *how);

#endif
