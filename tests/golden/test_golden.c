#include "golden.h"

#include <check.h>
#include <stdlib.h>

int main(void) {
    SRunner *runner = srunner_create(golden_ops_suite());
    srunner_add_suite(runner, golden_quant_suite());
    srunner_add_suite(runner, golden_optim_suite());
#ifdef SN_REAL_DOUBLE
    srunner_add_suite(runner, golden_network_suite());
#endif
    srunner_set_fork_status(runner, CK_NOFORK); /* OpenMP and OpenBLAS do not survive fork */
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
