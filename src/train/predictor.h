/* Predictions by the inference library, many images at once. */
#ifndef SN_TRAIN_PREDICTOR_H
#define SN_TRAIN_PREDICTOR_H

#include "base/status.h"
#include "data/dataset.h"
#include "infer/signet.h"

typedef struct sn_predictor sn_predictor;

/* Opens a packed model, which must outlive the predictor, for `threads` threads that each run
 * images of their own. options: as for sn_infer_open, its threads being those of one image.
 * SN_ERROR_ARGUMENT for instructions that this machine lacks, SN_ERROR_DATA for a bad model. */
sn_status sn_predictor_create(const void *packed, size_t bytes, const sn_infer_options *options,
                              int threads, sn_predictor **predictor, sn_error *error);
void sn_predictor_free(sn_predictor *predictor);

const sn_infer_info *sn_predictor_info(const sn_predictor *predictor);

/* Logits of images first .. first + count - 1 of a data set, normalised with `statistics`, into
 * logits[count][classes]. The images are spread over the threads; each is computed by one. */
sn_status sn_predictor_run(sn_predictor *predictor, const sn_dataset *dataset,
                           const sn_pixel_statistics *statistics, size_t first, size_t count,
                           float *logits, sn_error *error);

#endif
