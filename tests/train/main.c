/* Runs the suite that the argument names. */
#include "suites.h"
#include "train_tests.h"

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        Suite *(*make)(void);
    } suites[] = {{"averaging", averaging_suite},     {"config", config_suite},
                  {"checkpoint", checkpoint_suite},   {"trainer", trainer_suite},
                  {"diagnostics", diagnostics_suite}, {"freeze", freeze_suite},
                  {"profile", profile_suite},         {"recipes", recipes_suite},
                  {"rounding", rounding_suite},       {"trust", trust_suite}};
    for (size_t i = 0; argc == 2 && i < sizeof suites / sizeof *suites; i++) {
        if (strcmp(argv[1], suites[i].name) != 0)
            continue;
        return run_suite(suites[i].make(), CK_NOFORK);
    }
    return EXIT_FAILURE;
}
