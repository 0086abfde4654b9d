#include "autograd/elementwise.h"

sn_status sn_elementwise_shape(sn_node *node, int threads, sn_error *error) {
    (void)threads;
    (void)error;
    node->output->shape = node->input[0]->shape;
    node->output->format = node->input[0]->format;
    return SN_OK;
}

void sn_elementwise_run(const sn_node *node, const sn_run *run,
                        void (*function)(const sn_node *node, size_t first, size_t last)) {
    const size_t count = sn_shape_count(&node->output->shape);
#pragma omp parallel for num_threads(run->threads) schedule(static, 1)
    for (int chunk = 0; chunk < run->threads; chunk++)
        function(node, sn_chunk_start(count, chunk, run->threads),
                 sn_chunk_start(count, chunk + 1, run->threads));
}
