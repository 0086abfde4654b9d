/* signet inference: runs a packed network. The one public header of the library.
 *
 *     sn_infer_info info;
 *     if (sn_infer_inspect(packed, bytes, NULL, &info) != SN_INFER_OK) ...
 *     void *memory = aligned_alloc(64, info.model_memory);      // once
 *     void *scratch = aligned_alloc(64, info.scratch_memory);   // one for each call at a time
 *     const sn_infer_model *model;
 *     sn_infer_open(packed, bytes, NULL, memory, info.model_memory, &model);
 *     sn_infer_run(model, scratch, info.scratch_memory, NULL, image, logits);
 *
 * Needs a C11 compiler, libc and libm; allocates nothing, keeps no state of its own, starts no
 * threads. A model may be run by many threads at once, each with its own scratch memory; or one
 * run may be spread over threads that the caller has (sn_infer_pool).
 */
#ifndef SN_INFER_SIGNET_H
#define SN_INFER_SIGNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sn_infer_status {
    SN_INFER_OK = 0,
    SN_INFER_NOT_A_MODEL,  /* the bytes do not begin like a packed model */
    SN_INFER_BAD_VERSION,  /* written by another version of the format */
    SN_INFER_TRUNCATED,    /* fewer bytes than the header says */
    SN_INFER_CORRUPT,      /* a field is out of range or contradicts another */
    SN_INFER_UNSUPPORTED,  /* asks for something that this build of the library cannot run */
    SN_INFER_SMALL_MEMORY, /* the caller's memory is too small */
    SN_INFER_MISALIGNED,   /* the caller's memory is not aligned to 64 bytes */
    SN_INFER_NO_SUCH_ISA,  /* options ask for instructions that this processor or build lacks */
    SN_INFER_STATUS_COUNT
} sn_infer_status;

/* Which instructions the kernels use. All give the same sums up to the rounding of float32. */
typedef enum sn_infer_isa {
    SN_INFER_ISA_AUTO = 0, /* the fastest that this processor has, except AMX */
    SN_INFER_ISA_PORTABLE, /* C alone */
    SN_INFER_ISA_AVX2,
    SN_INFER_ISA_AVX512,
    SN_INFER_ISA_NEON,
    SN_INFER_ISA_AMX, /* AMX tiles for integer layers, AVX-512 for the others; AUTO does not choose
                         it */
    SN_INFER_ISA_COUNT
} sn_infer_isa;

/* How a layer with one-bit or ternary weights is computed. */
typedef enum sn_infer_form {
    SN_INFER_FORM_AUTO = 0,   /* the cheapest by the cost model */
    SN_INFER_FORM_DENSE,      /* weights as float32, by multiplication */
    SN_INFER_FORM_SPARSE,     /* each filter's effectual weights, one by one */
    SN_INFER_FORM_SHARED,     /* sums shared by the filters of a group */
    SN_INFER_FORM_COMPLEMENT, /* likewise; a pattern and its complement are one, at the price of one
                                 more sum that all filters share */
    SN_INFER_FORM_COUNT
} sn_infer_form;

/* How sums take the signs of regions. Layers whose regions are whole filters have nothing to
 * choose. */
typedef enum sn_infer_signs {
    SN_INFER_SIGNS_AUTO = 0, /* the cheapest by the cost model; or nothing to choose */
    SN_INFER_SIGNS_CHUNKS,   /* one region after the other, sums being added or subtracted */
    SN_INFER_SIGNS_INVERTED, /* a negative region adds up the inputs that it does not want, and its
                                window sum is subtracted */
    SN_INFER_SIGNS_DIGITS,   /* weights as digits -1, 0, 1, like ternary ones */
    SN_INFER_SIGNS_COUNT
} sn_infer_signs;

/* Nanoseconds that steps of the kernels take on one thread: per vector, except for lists. */
typedef struct sn_infer_costs {
    float add;        /* a vector loaded and added */
    float list;       /* beginning and end of a run of additions */
    float miss;       /* more than that, where the processor mispredicts the end */
    float transition; /* a running sum taken over into an output */
    float multiply;   /* a weight times a vector, added */
    float copy;       /* a vector copied by a prologue or stored by an epilogue */
} sn_infer_costs;

/* All zero, or NULL in place of it: the best for this machine, on one thread. */
typedef struct sn_infer_options {
    sn_infer_isa isa;
    sn_infer_form form;          /* of every layer that has a choice */
    sn_infer_signs signs;        /* of every layer whose form has a choice */
    int group;                   /* filters that share sums, 1 to 8; 0: by the cost model */
    int threads;                 /* the most that sn_infer_run may use; 0 is 1 */
    const sn_infer_costs *costs; /* NULL: typical ones of the isa */
} sn_infer_options;

/* What a packed model is and needs. */
typedef struct sn_infer_info {
    int channels, height, width;  /* of the input image */
    int classes;                  /* logits: all elements of the last output */
    int layers;                   /* instructions */
    int integer_layers;           /* of those: convolutions that round what they read */
    sn_infer_isa isa;             /* the one that runs it; never AUTO */
    size_t packed_bytes;          /* the whole model */
    size_t weight_bytes;          /* of those: weights, masks, signs, scales and biases */
    size_t model_memory;          /* bytes that sn_infer_open needs */
    size_t scratch_memory;        /* bytes that each running call needs, for options.threads */
    uint64_t quantized_weights;   /* one-bit and ternary weights */
    uint64_t effectual_weights;   /* of those: not zero */
    uint64_t effectual_additions; /* additions by them per image, borders included, none shared */
} sn_infer_info;

/* One instruction of an opened model and how it is run. */
typedef struct sn_infer_layer_info {
    const char *opcode;                               /* "convolution", "sum", ... */
    const char *weights;                              /* "fp32", "signed-binary", ..., "" */
    int in_channels, in_height, in_width;             /* input image of the layer */
    int out_channels, out_height, out_width;          /* and its output */
    int kernel_height, kernel_width, stride, padding; /* 0 when it has no window */
    bool residual;      /* a shortcut is added before the activation */
    bool input_rounded; /* the input is rounded to integers: 0 .. 255, or -127 .. 127 if signed */
    bool input_signed;
    bool input_centered; /* the mean over channels is subtracted from the input, at each pixel */
    uint64_t weight_count, effectual_weights;
    int weight_bits;        /* of a weight in the packed model: 32, 2 or 1; 0: no weights */
    int regions;            /* of a filter, each with its own sign; 1: the filter is one region */
    int region_channels;    /* input channels of a region; 0: all */
    int channel_floats;     /* for each output channel: scale, bias, slope and shift */
    uint64_t payload_bytes; /* in the packed model */
    uint64_t packed_bytes;  /* the payload and the instruction */
    const char *kernel;   /* that runs it: "walk", "short walk", "dense", "AMX tiles", "sum", ... */
    sn_infer_form form;   /* AUTO for layers that have no choice */
    sn_infer_signs signs; /* AUTO for layers and forms that have no choice */
    int window_sums;      /* window sums that every output adds, one for each region; 0: none */
    int group;            /* filters that share sums; 1: none are shared */
    int chunk;            /* input channels taken at a time */
    uint64_t patterns;    /* distinct patterns of the groups' filters, summed over groups */
    double additions;     /* per output value; of the dense form products */
    size_t table_bytes;   /* of what sn_infer_open prepared for it */
    double predicted_us;  /* by the cost model, one thread; 0 when it has none */
} sn_infer_layer_info;

typedef struct sn_infer_model sn_infer_model;

/* Threads that the caller has. run calls task(argument, i) once for every i in 0 .. threads - 1, at
 * the same time as far as it can, and returns when all have returned. threads.h has one for systems
 * with POSIX threads. */
typedef struct sn_infer_pool {
    void *state;
    int threads;
    void (*run)(void *state, void (*task)(void *argument, int index), void *argument);
} sn_infer_pool;

/* A short text, never NULL. */
const char *sn_infer_status_text(sn_infer_status status);

/* "auto", "portable", ...; "auto", "dense", ...; "auto", "chunks", ...; NULL past the last. */
const char *sn_infer_isa_name(int isa);
const char *sn_infer_form_name(int form);
const char *sn_infer_signs_name(int signs);

/* Whether this build has the kernels and this processor the instructions. */
bool sn_infer_isa_available(sn_infer_isa isa);

/* What the first bytes of a file say, before all of it is read. */
#define SN_INFER_MAGIC "signetNN" /* what a model begins with, without the NUL */
enum { SN_INFER_FORMAT_VERSION = 2, SN_INFER_HEADER_BYTES = 64 };

typedef struct sn_infer_start {
    bool is_model;        /* begins with SN_INFER_MAGIC */
    uint32_t version;     /* of the format; 0 below SN_INFER_HEADER_BYTES bytes */
    uint64_t model_bytes; /* of the whole model; below that SN_INFER_HEADER_BYTES */
} sn_infer_start;

/* Takes any bytes, and checks no more than the magic. */
sn_infer_start sn_infer_peek(const void *packed, size_t bytes);

/* Checks a packed model completely and describes it. No byte of a bad model can make this or any
 * later call read or write out of bounds. */
sn_infer_status sn_infer_inspect(const void *packed, size_t bytes, const sn_infer_options *options,
                                 sn_infer_info *info);

/* Prepares a model in the caller's memory. Both `packed` and `memory` must stay as they are while
 * the model is used; `options` the same as for sn_infer_inspect, and not kept. `packed` needs no
 * alignment, `memory` 64 bytes. */
sn_infer_status sn_infer_open(const void *packed, size_t bytes, const sn_infer_options *options,
                              void *memory, size_t memory_bytes, const sn_infer_model **model);

/* Runs one image: [channels][height][width], normalised as in training; writes classes logits.
 * pool: NULL, or threads to spread the work over; those beyond options.threads stay idle. */
sn_infer_status sn_infer_run(const sn_infer_model *model, void *scratch, size_t scratch_bytes,
                             const sn_infer_pool *pool, const float *image, float *logits);

/* The same, and adds to seconds[info.layers] what each layer took by the caller's clock. */
sn_infer_status sn_infer_run_timed(const sn_infer_model *model, void *scratch, size_t scratch_bytes,
                                   const sn_infer_pool *pool, const float *image, float *logits,
                                   double (*now)(void), double *seconds);

/* Describes layer `index` of 0 .. info.layers - 1. */
void sn_infer_describe_layer(const sn_infer_model *model, int index, sn_infer_layer_info *info);

/* Weight `weight` of filter `filter` of layer `layer`, which has one-bit or ternary weights: -1, 0
 * or 1, in the order [channel][row][column], without the filter's scale and its centring. */
int sn_infer_weight(const sn_infer_model *model, int layer, int filter, uint64_t weight);

/* Measures the costs on this machine by running the isa's kernels for some milliseconds on
 * `memory`, SN_INFER_COSTS_MEMORY bytes aligned to 64. `now` is a clock in seconds, of 100 ns or
 * finer. */
enum { SN_INFER_COSTS_MEMORY = 320 << 10 };
sn_infer_status sn_infer_measure_costs(sn_infer_isa isa, double (*now)(void), void *memory,
                                       sn_infer_costs *costs);

/* ---- what a model says about its input and output ---- */

/* Images are normalised as (value / 255 - mean[c]) / deviation[c], value in 0 .. 255. False when
 * the model does not say; mean and deviation hold info.channels floats. The model must have passed
 * sn_infer_inspect, here and below. */
bool sn_infer_normalisation(const void *packed, float *mean, float *deviation);

/* What the network was called, and the data set that it was trained on; "" when the model does not
 * say. Inside the packed model, UTF-8, ending in NUL. */
const char *sn_infer_network_name(const void *packed);
const char *sn_infer_dataset_name(const void *packed);

/* What layer `index` of 0 .. info.layers - 1 was called in training ("layer1.0.conv1"), inside the
 * packed model, UTF-8, ending in NUL; NULL when the model does not say. */
const char *sn_infer_layer_name(const void *packed, int index);

/* The name of a class, inside the packed model, UTF-8, ending in NUL; NULL when it has none. All
 * names are read from the packed bytes, not from the opened model. */
const char *sn_infer_class_name(const void *packed, int index);

#endif
