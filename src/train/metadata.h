/* What a model file says about itself, beyond the network. */
#ifndef SN_TRAIN_METADATA_H
#define SN_TRAIN_METADATA_H

#include "train/config.h"

enum { SN_CLASS_NAME_SIZE = 256 }; /* bytes, final NUL included */

typedef struct sn_metadata {
    char name[SN_OPTION_TEXT_SIZE]; /* of the run */
    const char *dataset;            /* that it was trained on */
    sn_pixel_statistics statistics; /* that normalise images */
    int classes;
    char (*class_names)[SN_CLASS_NAME_SIZE]; /* [classes]; NULL: not known */
} sn_metadata;

/* The name of a class as JSON and model files can hold it: control characters, and what is no
 * UTF-8, become '?'. */
void sn_class_name(const sn_dataset *dataset, int label, char name[SN_CLASS_NAME_SIZE]);

/* For a network that is trained on this data. To be released with sn_metadata_clear whatever comes
 * out, as after sn_metadata_read. SN_ERROR_MEMORY. */
sn_status sn_metadata_make(const sn_train_config *config, const sn_input_info *input,
                           const sn_dataset *dataset, sn_metadata *metadata, sn_error *error);
void sn_metadata_clear(sn_metadata *metadata);

/* The names of the classes as a JSON array; *text is malloc'd: free. SN_ERROR_MEMORY. */
sn_status sn_metadata_to_json(const sn_metadata *metadata, char **text, sn_error *error);

/* For a checkpoint: `json` has the names of the classes, or is NULL when it does not say; then they
 * are those that the data set always has. `source`
 * names the origin in messages. SN_ERROR_DATA when there are not input->classes names. */
sn_status sn_metadata_read(const sn_train_config *config, const sn_input_info *input,
                           const char *json, const char *source, sn_metadata *metadata,
                           sn_error *error);

#endif
