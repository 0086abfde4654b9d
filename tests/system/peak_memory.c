/* Runs a command, its output thrown away, and prints the most memory that it had at any time, in
 * KiB. usage: peak_memory COMMAND [ARGUMENT...] */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const pid_t child = argc < 2 ? -1 : fork();
    if (child == 0) {
        const int nothing = open("/dev/null", O_WRONLY);
        dup2(nothing, STDOUT_FILENO);
        execv(argv[1], argv + 1);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0)
        return EXIT_FAILURE;
    printf("%ld\n", usage.ru_maxrss);
    return EXIT_SUCCESS;
}
