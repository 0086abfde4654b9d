/* Inside the runtime: the form, the groups and the way to take signs of a convolution by walks. */
#ifndef SN_INFER_WALK_PLAN_H
#define SN_INFER_WALK_PLAN_H

#include "infer/kernel.h"
#include "infer/walk.h"

/* The cheapest of the plans that the request leaves, but for its memory. short_lanes: over 16-bit
 * integers, for layers that round their input. False when it leaves none. */
bool sn_infer_walk_plan(const sn_infer_layer *layer, const sn_infer_request *request,
                        bool short_lanes, sn_infer_plan *best);

/* The part of the layer's sums that one walk computes. It points into layer and plan. */
sn_infer_walk_part sn_infer_walk_plan_part(const sn_infer_layer *layer, const sn_infer_plan *plan,
                                           uint32_t chunk, uint32_t group);

#endif
