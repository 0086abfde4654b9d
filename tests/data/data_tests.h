/* What the tests of the data module share. */
#ifndef SN_TESTS_DATA_TESTS_H
#define SN_TESTS_DATA_TESTS_H

#include <check.h>

#include "data/dataset.h"

#include <stdbool.h>

enum { TEST_PATH_SIZE = 512 };

Suite *hdf5_suite(void);
Suite *cifar10_suite(void);
Suite *dataset_suite(void);
Suite *folder_suite(void);
Suite *hold_out_suite(void);
Suite *idx_suite(void);
Suite *loader_suite(void);
Suite *noise_suite(void);
Suite *picture_suite(void);
Suite *shapes_suite(void);
Suite *svhn_suite(void);

/* The index of the data set with this name; fails the test when there is none. */
int dataset_index(const char *name);

/* Opens a data set, or fails the test with the message. */
sn_dataset *open_dataset(const char *name, sn_split split, const char *directory, size_t limit);

/* Opening must fail with this status and a one-line message that holds both texts. */
void expect_open_error(const char *name, sn_split split, const char *directory, sn_status status,
                       const char *part, const char *other_part);

/* A fresh empty directory; remove_directory takes it away with all that is in it. */
void make_directory(char path[TEST_PATH_SIZE]);
void remove_directory(const char *path);

#endif
