/* Softmax cross-entropy. Forward saves the probabilities [N][classes]. */
#include "autograd/op.h"
#include "autograd/ops.h"

#include <assert.h>
#include <math.h>

enum { LOGITS, LABELS };

static sn_status cross_entropy_shape(sn_node *node, const sn_run *run, sn_error *error) {
    (void)run;
    const sn_cross_entropy_attributes *attributes = (const void *)node->attributes;
    const sn_tensor *logits = node->input[LOGITS], *labels = node->input[LABELS];
    char text[SN_SHAPE_TEXT_SIZE];
    SN_RETURN_IF(logits->shape.rank != 2 || labels->shape.size[0] != logits->shape.size[0], error,
                 SN_ERROR_ARGUMENT,
                 "cross_entropy: logits %s with %zu labels; need [N, classes] and N labels",
                 sn_shape_text(&logits->shape, text), labels->shape.size[0]);
    SN_RETURN_IF(!(attributes->label_smoothing >= 0 && attributes->label_smoothing < 1), error,
                 SN_ERROR_ARGUMENT,
                 "cross_entropy: label smoothing %g; need 0 up to, not including, 1",
                 attributes->label_smoothing);
    node->output->shape = sn_shape_1(1);
    node->saved_size = sn_shape_count(&logits->shape) * sizeof(sn_real);
    return SN_OK;
}

/* The loss of one image; probabilities[classes] are set. */
static double forward_image(const sn_real *logits, size_t classes, int32_t label, double smoothing,
                            sn_real *probabilities) {
    assert(label >= 0 && (size_t)label < classes);
    double largest = (double)logits[0], sum = 0, mean = 0;
    for (size_t i = 1; i < classes; i++)
        largest = fmax(largest, (double)logits[i]);
    for (size_t i = 0; i < classes; i++) {
        sum += exp((double)logits[i] - largest);
        mean += (double)logits[i] / (double)classes;
    }
    for (size_t i = 0; i < classes; i++)
        probabilities[i] = (sn_real)(exp((double)logits[i] - largest) / sum);
    /* sum_i target_i (log_sum - logit_i), with targets that add up to 1 */
    const double log_sum = largest + log(sum);
    return log_sum - (1 - smoothing) * (double)logits[label] - smoothing * mean;
}

static void cross_entropy_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread != 0)
        return;
    const sn_cross_entropy_attributes *attributes = (const void *)node->attributes;
    const size_t n = node->input[LOGITS]->shape.size[0];
    const size_t classes = node->input[LOGITS]->shape.size[1];
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += forward_image(node->input[LOGITS]->value + i * classes, classes,
                               node->input[LABELS]->labels[i], attributes->label_smoothing,
                               (sn_real *)node->saved + i * classes);
    node->output->value[0] = (sn_real)(total / (double)n);
}

static void cross_entropy_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread != 0)
        return;
    const sn_cross_entropy_attributes *attributes = (const void *)node->attributes;
    const size_t n = node->input[LOGITS]->shape.size[0];
    const size_t classes = node->input[LOGITS]->shape.size[1];
    const sn_real *probabilities = node->saved;
    const sn_real share = node->output->gradient[0] / (sn_real)n;
    const sn_real floor_target = (sn_real)(attributes->label_smoothing / (double)classes);
    const sn_real extra = (sn_real)(1 - attributes->label_smoothing);
    sn_real *dlogits = node->input[LOGITS]->gradient;
    for (size_t i = 0; i < n * classes; i++) {
        const bool is_label = i % classes == (size_t)node->input[LABELS]->labels[i / classes];
        const sn_real target = floor_target + (is_label ? extra : 0);
        dlogits[i] = (node->add[LOGITS] ? dlogits[i] : 0) + share * (probabilities[i] - target);
    }
}

const sn_op sn_op_cross_entropy = {
    .name = "cross_entropy",
    .attributes_size = sizeof(sn_cross_entropy_attributes),
    .backward_reads = SN_READS_INPUT(LABELS),
    .label_inputs = SN_READS_INPUT(LABELS),
    .shape = cross_entropy_shape,
    .forward = {{SN_PHASE_TOGETHER, cross_entropy_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_TOGETHER, cross_entropy_backward, SN_ALWAYS}},
};

sn_status sn_cross_entropy(sn_graph *graph, sn_tensor *logits, sn_tensor *labels,
                           double label_smoothing, sn_tensor **loss, sn_error *error) {
    const sn_cross_entropy_attributes attributes = {label_smoothing};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {logits, labels};
    return sn_graph_apply(graph, &sn_op_cross_entropy, &attributes, inputs, NULL, loss, error);
}
