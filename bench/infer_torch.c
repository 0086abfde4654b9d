#define _POSIX_C_SOURCE 200809L
#include "infer_arena.h"

#include "base/memory.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE_SIZE = 256 };

typedef struct torch {
    FILE *conversation; /* with the process */
    pid_t process;
} torch;

static void destroy(void *self) {
    torch *t = self;
    fclose(t->conversation); /* it ends when there are no more lines */
    waitpid(t->process, NULL, 0);
    sn_free(t);
}

static sn_status run(void *self, double *seconds, sn_error *error) {
    torch *t = self;
    char line[LINE_SIZE] = "";
    const bool answered = fputs("run\n", t->conversation) >= 0 && fflush(t->conversation) == 0 &&
                          fgets(line, sizeof line, t->conversation);
    char *rest = line;
    seconds[0] = strtod(line, &rest);
    SN_RETURN_IF(!answered || rest == line, error, SN_ERROR_INTERNAL,
                 "torch_infer.py: no time came back");
    return SN_OK;
}

_Noreturn static void become_python(const bench_plan *plan, const char *network, int batch,
                                    int threads, int conversation) {
    char batch_text[LINE_SIZE], threads_text[LINE_SIZE];
    snprintf(batch_text, sizeof batch_text, "%d", batch);
    snprintf(threads_text, sizeof threads_text, "%d", threads);
    dup2(conversation, STDIN_FILENO);
    dup2(conversation, STDOUT_FILENO);
    execlp(plan->python, plan->python, plan->script, "--serve", "--arch", network, "--batch",
           batch_text, "--threads", threads_text, (char *)NULL);
    _exit(EXIT_FAILURE);
}

sn_status bench_torch_create(const bench_plan *plan, const char *network, int batch, int threads,
                             bench_contestant *made, sn_error *error) {
    int ends[2];
    torch *t = sn_alloc(sizeof *t);
    SN_RETURN_IF(!t, error, SN_ERROR_MEMORY, "no memory for a process");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        sn_free(t);
        return sn_error_set(error, SN_ERROR_IO, "cannot talk to a process: %s", strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN); /* one that ends too early shall be an error of ours */
    t->process = fork();
    if (t->process == 0) {
        close(ends[0]);
        become_python(plan, network, batch, threads, ends[1]);
    }
    close(ends[1]);
    t->conversation = t->process > 0 ? fdopen(ends[0], "r+") : NULL;
    if (!t->conversation) {
        close(ends[0]);
        sn_free(t);
        return sn_error_set(error, SN_ERROR_IO, "cannot start %s: %s", plan->python,
                            strerror(errno));
    }
    *made = (bench_contestant){.self = t, .run = run, .destroy = destroy, .values = 1};
    return SN_OK;
}
