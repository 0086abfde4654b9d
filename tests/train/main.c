/* Runs the suite that the argument names. */
#include "train_tests.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        Suite *(*make)(void);
    } suites[] = {{"config", config_suite},
                  {"checkpoint", checkpoint_suite},
                  {"trainer", trainer_suite},
                  {"freeze", freeze_suite}};
    for (size_t i = 0; argc == 2 && i < sizeof suites / sizeof *suites; i++) {
        if (strcmp(argv[1], suites[i].name) != 0)
            continue;
        SRunner *runner = srunner_create(suites[i].make());
        /* OpenMP's threads do not survive a fork. */
        srunner_set_fork_status(runner, CK_NOFORK);
        srunner_run_all(runner, CK_NORMAL);
        const int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    return EXIT_FAILURE;
}
