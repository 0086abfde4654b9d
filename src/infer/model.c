#include "infer/model.h"
#include "infer/guard.h"
#include "infer/memory_plan.h"
#include "infer/planner.h"
#include "infer/reader.h"

static const char *const status_texts[SN_INFER_STATUS_COUNT] = {
    [SN_INFER_OK] = "ok",
    [SN_INFER_NOT_A_MODEL] = "not a packed model",
    [SN_INFER_BAD_VERSION] = "packed model of another format version",
    [SN_INFER_TRUNCATED] = "packed model is truncated",
    [SN_INFER_CORRUPT] = "packed model is corrupt",
    [SN_INFER_UNSUPPORTED] = "packed model needs another build of the library",
    [SN_INFER_SMALL_MEMORY] = "memory block is too small",
    [SN_INFER_MISALIGNED] = "memory block is not aligned to 64 bytes",
    [SN_INFER_NO_SUCH_ISA] = "this processor or build lacks the instruction set asked for",
};

const char *sn_infer_status_text(sn_infer_status status) {
    const char *text = NULL;
    if ((unsigned)status < SN_INFER_STATUS_COUNT)
        text = status_texts[status];
    return text ? text : "unknown status";
}

/* A model while it is read. */
typedef struct survey {
    sn_infer_reader reader;
    sn_infer_options options;
    const sn_infer_isa_ops *isa;
    sn_infer_request request;
    sn_infer_info info;
    uint64_t slot_bytes[SN_INFER_MAX_SLOTS]; /* the most that each slot holds */
    sn_infer_memory_plan memory;
    uint64_t model_bytes, work_bytes;
} survey;

/* Where the operators begin: behind the layers. */
static uint64_t operators_start(uint32_t layer_count) {
    return sn_infer_align_up(sizeof(sn_infer_model) + layer_count * sizeof(sn_infer_layer));
}

static uint64_t model_head_bytes(uint32_t layer_count) {
    return operators_start(layer_count) +
           sn_infer_align_up(layer_count * sizeof(sn_infer_operator));
}

static void hold(survey *s, uint32_t slot, sn_infer_shape shape) {
    const uint64_t bytes =
        sn_infer_align_up(sn_infer_slot_elements(shape, s->isa->lanes) * sizeof(float));
    if (bytes > s->slot_bytes[slot])
        s->slot_bytes[slot] = bytes;
    sn_infer_memory_plan_write(&s->memory, slot, bytes);
}

static sn_infer_status survey_begin(survey *s, const void *packed, size_t bytes,
                                    const sn_infer_options *options) {
    *s = (survey){.options = options ? *options : (sn_infer_options){0}};
    s->isa = sn_infer_isa_find(s->options.isa);
    if (s->options.threads < 1)
        s->options.threads = 1;
    if (!s->isa)
        return SN_INFER_NO_SUCH_ISA;
    s->request = sn_infer_request_of(&s->options, s->isa->lanes, &s->isa->costs);
    const sn_infer_status status = sn_infer_reader_begin(&s->reader, packed, bytes);
    if (status != SN_INFER_OK)
        return status;
    s->model_bytes = model_head_bytes(s->reader.header.instruction_count);
    hold(s, 0, s->reader.shapes[0]);
    return SN_INFER_OK;
}

/* Reads, checks and plans the next layer. */
static sn_infer_status survey_next(survey *s, sn_infer_layer *layer, sn_infer_choice *choice) {
    const sn_infer_status status = sn_infer_reader_next(&s->reader, layer);
    if (status != SN_INFER_OK)
        return status;
    if (!sn_infer_plan_layer(s->isa->kernels, layer, &s->request, choice))
        return SN_INFER_UNSUPPORTED;
    const uint64_t work = sn_infer_align_up(choice->plan.work);
    s->model_bytes += sn_infer_align_up(choice->plan.prepared);
    s->work_bytes = work > s->work_bytes ? work : s->work_bytes;
    hold(s, layer->output, layer->out);
    sn_infer_memory_plan_read(&s->memory, layer->input_a);
    if (layer->residual || layer->opcode == SN_INFER_OP_SUM)
        sn_infer_memory_plan_read(&s->memory, layer->input_b);
    sn_infer_memory_plan_begin(&s->memory, layer->output);
    s->info.weight_bytes += (size_t)layer->payload_bytes;
    s->info.integer_layers += sn_infer_rounds_input(layer);
    if (sn_infer_has_bits(layer)) {
        s->info.quantized_weights += layer->out.channels * layer->weights_per_filter;
        s->info.effectual_weights += layer->effectual_weights;
        s->info.effectual_additions +=
            layer->effectual_weights * layer->out.height * layer->out.width;
    }
    return SN_INFER_OK;
}

/* Slots one after the other, except those that share another's memory (memory_plan.h); then the
 * threads' workspaces. Returns the whole size. */
static uint64_t lay_out_scratch(const survey *s, sn_infer_model *model) {
    const uint32_t count = s->reader.header.slot_count;
    uint64_t used = 0;
    for (uint32_t slot = 0; slot < count; slot++) {
        if (sn_infer_memory_plan_host(&s->memory, s->slot_bytes, count, slot, NULL) >= 0)
            continue;
        used += SN_INFER_SLOT_MARGIN;
        if (model) {
            model->slot_start[slot] = (size_t)used;
            model->slot_bytes[slot] = (size_t)s->slot_bytes[slot];
        }
        used += s->slot_bytes[slot] + SN_INFER_SLOT_MARGIN + SN_INFER_REDZONE;
    }
    for (uint32_t slot = 0; model && slot < count; slot++) {
        uint64_t behind;
        const int host = sn_infer_memory_plan_host(&s->memory, s->slot_bytes, count, slot, &behind);
        model->slot_inside[slot] = host >= 0;
        if (host < 0)
            continue;
        model->slot_start[slot] = model->slot_start[host] + (size_t)behind;
        model->slot_bytes[slot] = (size_t)s->slot_bytes[slot];
    }
    if (model) {
        model->work_start = (size_t)used;
        model->work_bytes = (size_t)(s->work_bytes + SN_INFER_REDZONE);
    }
    return used + (s->work_bytes + SN_INFER_REDZONE) * (uint64_t)s->options.threads;
}

static sn_infer_status survey_end(survey *s) {
    const sn_infer_reader *reader = &s->reader;
    const sn_infer_status status = sn_infer_reader_end(reader);
    if (status != SN_INFER_OK)
        return status;
    sn_infer_memory_plan_read(&s->memory, reader->header.output_slot);
    const uint64_t scratch_bytes = lay_out_scratch(s, NULL);
    if (s->model_bytes > SIZE_MAX || scratch_bytes > SIZE_MAX)
        return SN_INFER_UNSUPPORTED;
    sn_infer_info *info = &s->info;
    info->channels = (int)reader->header.channels;
    info->height = (int)reader->header.height;
    info->width = (int)reader->header.width;
    info->classes = (int)sn_infer_shape_elements(reader->shapes[reader->header.output_slot]);
    info->layers = (int)reader->header.instruction_count;
    info->isa = s->isa->isa;
    info->packed_bytes = (size_t)reader->total;
    info->model_memory = (size_t)s->model_bytes;
    info->scratch_memory = (size_t)scratch_bytes;
    return SN_INFER_OK;
}

sn_infer_status sn_infer_inspect(const void *packed, size_t bytes, const sn_infer_options *options,
                                 sn_infer_info *info) {
    survey s;
    sn_infer_status status = survey_begin(&s, packed, bytes, options);
    for (uint32_t i = 0; status == SN_INFER_OK && i < s.reader.header.instruction_count; i++) {
        sn_infer_layer layer;
        sn_infer_choice choice;
        status = survey_next(&s, &layer, &choice);
    }
    if (status == SN_INFER_OK)
        status = survey_end(&s);
    if (status == SN_INFER_OK)
        *info = s.info;
    return status;
}

sn_infer_status sn_infer_open(const void *packed, size_t bytes, const sn_infer_options *options,
                              void *memory, size_t memory_bytes, const sn_infer_model **model) {
    survey s;
    sn_infer_status status = survey_begin(&s, packed, bytes, options);
    if (status != SN_INFER_OK)
        return status;
    if ((uintptr_t)memory % SN_INFER_ALIGNMENT != 0)
        return SN_INFER_MISALIGNED;
    if (!memory || memory_bytes < s.model_bytes)
        return SN_INFER_SMALL_MEMORY;
    sn_infer_model *opened = memory;
    const uint32_t count = s.reader.header.instruction_count;
    opened->operators = (void *)((unsigned char *)memory + operators_start(count));
    for (uint32_t i = 0; i < count; i++) {
        sn_infer_layer *layer = &opened->layers[i];
        sn_infer_choice choice;
        unsigned char *prepared = (unsigned char *)memory + s.model_bytes;
        status = survey_next(&s, layer, &choice);
        if (status != SN_INFER_OK)
            return status;
        if (memory_bytes < s.model_bytes)
            return SN_INFER_SMALL_MEMORY;
        opened->operators[i] = (sn_infer_operator){.layer = layer,
                                                   .kernel = choice.kernel,
                                                   .isa = s.isa,
                                                   .plan = choice.plan,
                                                   .prepared = prepared};
        if (choice.kernel->prepare)
            choice.kernel->prepare(layer, &choice.plan, prepared);
    }
    status = survey_end(&s);
    if (status != SN_INFER_OK)
        return status;
    opened->info = s.info;
    opened->layer_count = count;
    opened->slot_count = s.reader.header.slot_count;
    opened->output_slot = s.reader.header.output_slot;
    opened->output = s.reader.shapes[opened->output_slot];
    opened->threads = (uint32_t)s.options.threads;
    lay_out_scratch(&s, opened);
    *model = opened;
    return SN_INFER_OK;
}
