/* Softmax cross-entropy, and distillation from a teacher's logits. Forward saves the probabilities
 * [N][classes]. The softmax with temperature is computed again in backward. */
#include "autograd/op.h"
#include "autograd/ops.h"

#include <assert.h>
#include <math.h>

enum { LOGITS, LABELS, TEACHER };

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
    const sn_tensor *teacher = node->input[TEACHER];
    SN_RETURN_IF(teacher && !sn_shape_equal(&teacher->shape, &logits->shape), error,
                 SN_ERROR_ARGUMENT, "cross_entropy: a teacher's logits %s; need the logits' shape",
                 sn_shape_text(&teacher->shape, text));
    SN_RETURN_IF(
        teacher && !(attributes->temperature > 0 && isfinite(attributes->temperature) &&
                     attributes->teacher_weight >= 0 && attributes->teacher_weight <= 1),
        error, SN_ERROR_ARGUMENT,
        "cross_entropy: temperature %g and teacher's weight %g; need more than 0, and 0 to "
        "1",
        attributes->temperature, attributes->teacher_weight);
    if (teacher)
        node->saves[LOGITS] = node->saves[TEACHER] = true;
    node->output->shape = sn_shape_1(1);
    node->saved_size = sn_shape_count(&logits->shape) * sizeof(sn_real);
    return SN_OK;
}

/* The loss of one image; sets probabilities[classes]. */
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

/* log sum e^(logit / T) */
static double log_sum(const sn_real *logits, size_t classes, double temperature) {
    double largest = (double)logits[0], sum = 0;
    for (size_t i = 1; i < classes; i++)
        largest = fmax(largest, (double)logits[i]);
    for (size_t i = 0; i < classes; i++)
        sum += exp(((double)logits[i] - largest) / temperature);
    return largest / temperature + log(sum);
}

/* KL(softmax(teacher / T) || softmax(logits / T)) of one image. */
static double divergence(const sn_real *logits, const sn_real *teacher, size_t classes, double t) {
    const double student_sum = log_sum(logits, classes, t);
    const double teacher_sum = log_sum(teacher, classes, t);
    double total = 0;
    for (size_t i = 0; i < classes; i++) {
        const double log_p = (double)teacher[i] / t - teacher_sum;
        total += exp(log_p) * (log_p - ((double)logits[i] / t - student_sum));
    }
    return total;
}

static void cross_entropy_forward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread != 0)
        return;
    const sn_cross_entropy_attributes *attributes = (const void *)node->attributes;
    const size_t n = node->input[LOGITS]->shape.size[0];
    const size_t classes = node->input[LOGITS]->shape.size[1];
    const sn_tensor *teacher = node->input[TEACHER];
    const double w = teacher ? attributes->teacher_weight : 0, t = attributes->temperature;
    double total = 0, divergences = 0;
    for (size_t i = 0; i < n; i++)
        total += forward_image(node->input[LOGITS]->value + i * classes, classes,
                               node->input[LABELS]->labels[i], attributes->label_smoothing,
                               (sn_real *)node->saved + i * classes);
    for (size_t i = 0; teacher && i < n; i++)
        divergences += divergence(node->input[LOGITS]->value + i * classes,
                                  teacher->value + i * classes, classes, t);
    node->output->value[0] = (sn_real)(((1 - w) * total + w * t * t * divergences) / (double)n);
}

/* d logits = w T (q - p), d teacher = w T p (log p - log q - KL); p is the teacher's. */
static void distillation_backward(const sn_node *node, double share) {
    const sn_cross_entropy_attributes *attributes = (const void *)node->attributes;
    const size_t n = node->input[LOGITS]->shape.size[0];
    const size_t classes = node->input[LOGITS]->shape.size[1];
    const double t = attributes->temperature, gain = share * attributes->teacher_weight * t;
    sn_real *dlogits = node->input[LOGITS]->gradient, *dteacher = node->input[TEACHER]->gradient;
    for (size_t k = 0; k < n; k++) {
        const sn_real *logits = node->input[LOGITS]->value + k * classes;
        const sn_real *teacher = node->input[TEACHER]->value + k * classes;
        const double student_sum = log_sum(logits, classes, t);
        const double teacher_sum = log_sum(teacher, classes, t);
        const double whole = divergence(logits, teacher, classes, t);
        for (size_t i = 0; i < classes; i++) {
            const double log_p = (double)teacher[i] / t - teacher_sum;
            const double log_q = (double)logits[i] / t - student_sum;
            sn_real *of_teacher = dteacher ? &dteacher[k * classes + i] : NULL;
            if (dlogits)
                dlogits[k * classes + i] += (sn_real)(gain * (exp(log_q) - exp(log_p)));
            if (of_teacher)
                *of_teacher = (node->add[TEACHER] ? *of_teacher : 0) +
                              (sn_real)(gain * exp(log_p) * (log_p - log_q - whole));
        }
    }
}

static void cross_entropy_backward(const sn_node *node, const sn_run *run, const sn_part *part) {
    (void)run;
    if (part->thread != 0)
        return;
    const sn_cross_entropy_attributes *attributes = (const void *)node->attributes;
    const size_t n = node->input[LOGITS]->shape.size[0];
    const size_t classes = node->input[LOGITS]->shape.size[1];
    const bool distils = node->input[TEACHER] != NULL;
    const sn_real *probabilities = node->saved;
    const sn_real share = node->output->gradient[0] / (sn_real)n;
    const sn_real of_labels = distils ? share * (sn_real)(1 - attributes->teacher_weight) : share;
    const sn_real floor_target = (sn_real)(attributes->label_smoothing / (double)classes);
    const sn_real extra = (sn_real)(1 - attributes->label_smoothing);
    sn_real *dlogits = node->input[LOGITS]->gradient;
    for (size_t i = 0; dlogits && i < n * classes; i++) {
        const bool is_label = i % classes == (size_t)node->input[LABELS]->labels[i / classes];
        const sn_real target = floor_target + (is_label ? extra : 0);
        dlogits[i] = (node->add[LOGITS] ? dlogits[i] : 0) + of_labels * (probabilities[i] - target);
    }
    if (distils)
        distillation_backward(node, (double)share);
}

const sn_op sn_op_cross_entropy = {
    .name = "cross_entropy",
    .attributes_size = sizeof(sn_cross_entropy_attributes),
    .operand = {[LOGITS] = {"logits", SN_OPERAND_DATA},
                [LABELS] = {"labels", SN_OPERAND_LABELS, .saved = true},
                [TEACHER] = {"teacher", SN_OPERAND_DATA, .optional = true}},
    .shape = cross_entropy_shape,
    .forward = {{SN_PHASE_TOGETHER, cross_entropy_forward, SN_ALWAYS}},
    .backward = {{SN_PHASE_TOGETHER, cross_entropy_backward, SN_ALWAYS}},
};

sn_status sn_cross_entropy(sn_graph *graph, sn_tensor *logits, sn_tensor *labels,
                           double label_smoothing, sn_tensor **loss, sn_error *error) {
    const sn_cross_entropy_attributes attributes = {.label_smoothing = label_smoothing};
    sn_tensor *const inputs[SN_MAX_INPUTS] = {logits, labels};
    return sn_graph_apply(graph, &sn_op_cross_entropy, &attributes, inputs, NULL, loss, error);
}

sn_status sn_distillation(sn_graph *graph, sn_tensor *logits, sn_tensor *labels, sn_tensor *teacher,
                          const sn_cross_entropy_attributes *attributes, sn_tensor **loss,
                          sn_error *error) {
    sn_tensor *const inputs[SN_MAX_INPUTS] = {logits, labels, teacher};
    return sn_graph_apply(graph, &sn_op_cross_entropy, attributes, inputs, NULL, loss, error);
}
