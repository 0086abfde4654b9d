/* The network of a checkpoint as the teacher of another (knowledge distillation). */
#ifndef SN_TRAIN_TEACHER_H
#define SN_TRAIN_TEACHER_H

#include "train/checkpoint.h"
#include "train/network.h"

typedef struct sn_teacher sn_teacher;

/* Reads the network of a checkpoint for batches of `batch` images; engine and precision are
 * those of `config`. Errors are those of a checkpoint, the message names it. */
sn_status sn_teacher_open(const char *path, const sn_train_config *config, size_t batch,
                          sn_teacher **teacher, sn_error *error);
void sn_teacher_free(sn_teacher *teacher);

/* What it was trained on. */
const sn_input_info *sn_teacher_input(const sn_teacher *teacher);

/* logits[batch->count][classes] of normalised images. */
void sn_teacher_predict(sn_teacher *teacher, const sn_batch *batch, float *logits);

size_t sn_teacher_memory(const sn_teacher *teacher); /* bytes */

#endif
