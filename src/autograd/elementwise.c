#include "autograd/elementwise.h"

sn_status sn_elementwise_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    (void)error;
    node->output->shape = node->input[0]->shape;
    return SN_OK;
}

size_t sn_elementwise_count(const sn_node *node, const sn_part *part) {
    return (part->last - part->first) * sn_tensor_row(node->output);
}
