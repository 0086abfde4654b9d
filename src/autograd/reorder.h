/* Reordering: copies of images into another layout, for ops that cannot take the one they have. */
#ifndef SN_AUTOGRAD_REORDER_H
#define SN_AUTOGRAD_REORDER_H

#include "autograd/op.h"

/* to (+)= from * factor + shift, channel by channel. The vectors are padded to whole lanes. */
typedef struct sn_reorder_change {
    const sn_real *factor, *shift; /* NULL: 1 and 0 */
    bool add;
} sn_reorder_change;

/* Copies `count` images of a tensor into the layout and precision of `other`. From a plain tensor
 * the change is not applied. */
void sn_reorder(const sn_tensor *tensor, const void *images, const sn_tensor *other, void *copy,
                size_t count, const sn_reorder_change *how);

/* The other way: from `copy`, which is laid out as `other` and holds sn_real, into the tensor. To a
 * plain tensor only `add` of the change is applied. */
void sn_reorder_back(const sn_tensor *other, const void *copy, const sn_tensor *tensor,
                     void *images, size_t count, const sn_reorder_change *how);

#endif
