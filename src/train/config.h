/* The configuration of a training run: one table of options (base/option.h) drives the command
 * line,
 * --help and config.json. */
#ifndef SN_TRAIN_CONFIG_H
#define SN_TRAIN_CONFIG_H

#include "base/option.h"
#include "data/augment.h"
#include "layers/model.h"
#include "train/optimizer.h"
#include "train/schedule.h"

enum { SN_CONFIG_MOST_OPTIONS = 128 };

typedef struct sn_train_config {
    /* data */
    int dataset;
    char data_dir[SN_OPTION_TEXT_SIZE];
    uint64_t limit_train, limit_test; /* 0: all */
    double valid;                     /* share held out; 0: none */
    int augment;                      /* of sn_augment_name */
    uint64_t crop_padding, cutout;    /* pixels; 0: automatic */
    bool no_augment;                  /* augment is none */
    uint64_t image_size;              /* pictures become squares of this side; 0: as they are */
    int channels;                     /* of pictures, index of "3", "1" */
    int background;                   /* index of "white", "black", "grey" */
    int on_bad_image;                 /* index of "fail", "skip" */
    /* network */
    int arch, activation, act;
    double width;
    sn_quant_options quant;
    char layers[SN_OPTION_TEXT_SIZE]; /* rules, see layers/layer_rules.h */
    /* optimisation */
    uint64_t epochs, batch;
    double label_smoothing, ema, clip_grad;
    char init[SN_OPTION_TEXT_SIZE];    /* a checkpoint; empty: none */
    char teacher[SN_OPTION_TEXT_SIZE]; /* a checkpoint; empty: none */
    double distill_temperature, distill_weight;
    sn_optimizer_options optimizer;
    bool plain_momentum;
    sn_schedule_options schedule;
    /* execution */
    uint64_t seed, threads;
    int engine, precision;
    double checkpoint_minutes; /* between saves within an epoch; 0: none */
    /* this invocation only: not part of a checkpoint */
    char out[SN_OPTION_TEXT_SIZE];
    char resume[SN_OPTION_TEXT_SIZE];
    uint64_t stop_after;
    bool profile, summary, list;
    /* By the index in the table: whether the run was told, and did not take the default. */
    bool given[SN_CONFIG_MOST_OPTIONS];
} sn_train_config;

/* What the data decides about a network, and, of what it was trained on, how much there was. */
typedef struct sn_input_info {
    int classes, channels, height, width;
    sn_pixel_statistics statistics; /* used to normalise */
    /* Set by sn_input_count; 0 where it is not known. */
    uint64_t train_images, test_images;
    uint64_t smallest_images,
        largest_images;                /* training images of the smallest class, the largest */
    int smallest_class, largest_class; /* the first of equals */
} sn_input_info;

/* The option table; *count receives its length. */
const sn_option *sn_config_table(size_t *count);

/* Tags of the table's entries. */
enum {
    SN_CONFIG_FIXED,      /* decided once for the whole run */
    SN_CONFIG_CHANGEABLE, /* may be another when the run is resumed */
    SN_CONFIG_TRANSIENT   /* one invocation only, such as --out and --resume */
};

/* Replaces "as the other" and "automatic" values by what they stand for. */
void sn_config_resolve(sn_train_config *config);

/* The configuration had the table's option `index` not been given, with all others as they are in
 * the resolved one. */
void sn_config_default(const sn_train_config *config, size_t index, sn_train_config *other);

/* The configuration as JSON text, transient options left out: the values of all options, the names
 * of those that were given, and the defaults of all; *text is malloc'd: free.
 * SN_ERROR_ARGUMENT for a text that is not UTF-8, which JSON cannot hold. */
sn_status sn_config_to_json(const sn_train_config *config, const sn_input_info *input, char **text,
                            sn_error *error);

/* The reverse. An option that is not there has its default; an unknown one is an error. Where the
 * text does not say what was given, that is what differs from the defaults. `source` names the
 * origin in messages. */
sn_status sn_config_from_json(const char *text, const char *source, sn_train_config *config,
                              sn_input_info *input, sn_error *error);

/* How pictures are read: what the configuration says of data set, size, channels, background and
 * broken files. Split, directory, limit and the rest are the caller's to add. */
sn_dataset_request sn_config_request(const sn_train_config *config);

/* Whether the data set has the images and classes that the network was made for. */
bool sn_input_fits(const sn_input_info *input, const sn_dataset *dataset);

/* SN_ERROR_DATA unless the data set has the images and classes that the network was made for. */
sn_status sn_input_check(const sn_input_info *input, const sn_dataset *dataset, sn_error *error);

/* Counts images and classes of the data. SN_ERROR_MEMORY. */
sn_status sn_input_count(sn_input_info *input, const sn_dataset *train, const sn_dataset *test,
                         sn_error *error);

/* The network that configuration and data ask for. */
sn_model_options sn_config_model(const sn_train_config *config, const sn_input_info *input);

/* The command line that configures a run like this, "./train --quant fp32 --out DIR": the options
 * that were given, also those with the value that is the default here, quoted for a shell. False
 * when it does not fit into `size` bytes. */
bool sn_config_command(const sn_train_config *config, char *command, size_t size);

/* "cifar10-resnet20-signed-binary-0" */
void sn_config_run_name(const sn_train_config *config, char name[SN_OPTION_TEXT_SIZE]);

#endif
