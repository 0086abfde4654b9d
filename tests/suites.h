/* How a test program runs its suites. */
#ifndef SN_TESTS_SUITES_H
#define SN_TESTS_SUITES_H

#include <check.h>
#include <stdlib.h>

/* Runs one suite, each test in a process of its own unless `mode` says otherwise (OpenMP's threads
 * do not survive a fork), and gives the program's exit status. A suite without tests has failed. */
static inline int run_suite(Suite *suite, enum fork_status mode) {
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, mode);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner), ran = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
