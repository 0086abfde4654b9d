/* A model packed here runs in a program that links with the inference library only (argument 1). */
#define _POSIX_C_SOURCE 200809L /* popen */
#include "base/memory.h"
#include "naive.h"
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *program;

static void write_file(const char *path, const void *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, bytes, file), bytes);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(runs_alone) {
    char folder[] = "/tmp/signet_alone_XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char model[64], image[64], command[1024];
    snprintf(model, sizeof model, "%s/model", folder);
    snprintf(image, sizeof image, "%s/image", folder);

    twin t;
    twin_init(&t, 3, 12, 12, 5);
    const sn_packer_value output = twin_add_resnet(&t, 8, 1, 0.4, true);
    size_t bytes;
    void *packed = twin_pack(&t, output, &bytes);
    write_file(model, packed, bytes);
    write_file(image, t.image, 3 * 12 * 12 * sizeof *t.image);
    snprintf(command, sizeof command, "'%s' '%s' '%s'", program, model, image);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    for (int i = 0; i < 10; i++) {
        double got;
        ck_assert_int_eq(fscanf(pipe, "%lf", &got), 1);
        ck_assert_double_le(fabs(got - t.values[output].data[i]), 1e-4);
    }
    ck_assert_int_eq(pclose(pipe), 0);
    remove(model);
    remove(image);
    rmdir(folder);
    sn_free(packed);
    twin_free(&t);
}
END_TEST

int main(int argc, char **argv) {
    if (argc != 2)
        return EXIT_FAILURE;
    program = argv[1];
    Suite *suite = suite_create("infer alone");
    TCase *tests = tcase_create("program");
    tcase_add_test(tests, runs_alone);
    suite_add_tcase(suite, tests);
    return run_suite(suite, CK_FORK_GETENV);
}
