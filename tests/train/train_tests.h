/* What the tests of src/train share: a small run on the built-in shapes. */
#ifndef SN_TESTS_TRAIN_TESTS_H
#define SN_TESTS_TRAIN_TESTS_H

#include "train/trainer.h"

/* A folder of its own, removed by remove_folder. */
void make_folder(char path[SN_OPTION_TEXT_SIZE]);
void remove_folder(const char *path);

/* Defaults, then pairs of option and value up to NULL: configure(&c, "quant", "fp32", NULL). A
 * quarter of ResNet-20's width, 80 and 20 images, batch 20, so that an epoch has four steps, two
 * threads. */
void configure(sn_train_config *config, ...);

/* The images that the configuration names, at a quarter of their size, 16x16: what is tried here
 * does not depend on it, and takes a quarter of the time. Freed with sn_dataset_free. */
sn_status open_images(const sn_train_config *config, sn_split split, sn_dataset **images,
                      sn_error *error);
void must_open_images(const sn_train_config *config, sn_dataset **train, sn_dataset **test);

/* A trainer and the data it works on. */
typedef struct test_run {
    sn_dataset *train, *test;
    sn_trainer *trainer;
    sig_atomic_t stop;
    uint64_t steps;  /* until stop is set, as Ctrl-C does; 0: never */
    size_t warnings; /* so far, and the last of them */
    char warning[512];
} test_run;

/* Runs the configuration, for `steps` steps if not 0; a run in config->resume is continued. To be
 * ended with end_training whatever it returns. */
sn_status run_training(const sn_train_config *config, uint64_t steps, test_run *run,
                       sn_error *error);
void end_training(test_run *run);

/* Likewise; fails the test when the run fails. */
void must_run(const sn_train_config *config, uint64_t steps, test_run *run);

/* The lines of DIR/metrics.jsonl without what depends on the clock, as objects of an array;
 * json_decref. */
struct json_t *read_metrics(const char *run_folder);

/* Fails the test unless all values are the same bits. */
void check_same_parameters(const sn_parameters *a, const sn_parameters *b);

/* Gives a checkpoint that was opened with HDF5 and changed the checksum that fits, and closes it.
 */
void close_changed(hid_t file);

/* The text of DIR/name; free. */
char *read_text(const char *folder, const char *name);

/* Every parameter random, batch-norm and slopes too, so that folding errors show. */
void randomise(const sn_parameters *parameters);

/* Freezes a network of this batch and so many classes, and fails the test unless its logits of
 * random images are the graph's, up to `tolerance` times the largest. */
enum { FROZEN_IMAGES = 3, FROZEN_CLASSES = 10 };
void check_frozen_logits(const sn_network *network, double tolerance);

struct Suite *averaging_suite(void);
struct Suite *config_suite(void);
struct Suite *checkpoint_suite(void);
struct Suite *trainer_suite(void);
struct Suite *diagnostics_suite(void);
struct Suite *freeze_suite(void);
struct Suite *profile_suite(void);
struct Suite *recipes_suite(void);
struct Suite *rounding_suite(void);
struct Suite *trust_suite(void);

#endif
