/* Several processes side by side.
 * Owner: the caller owns the shared memory; the processes end with the caller.
 * Why: conditions mostly wait for timeouts, so that many fit beside each other on a small machine. */
#include "tests/lab/workers.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/status.h"

static pid_t worker_start(int (*body)(void *arg, int number), void *arg, int number, const sigset_t *before)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, before, NULL);
    int exit_code = body(arg, number);
    fflush(NULL);
    _exit(exit_code);
}

static void workers_signal(const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGTERM);
}

/* Takes the ended child away; false where none has ended. */
static bool worker_reap(pid_t *pids, size_t count, int *worst)
{
    int wait_status = 0;
    pid_t pid = waitpid(-1, &wait_status, WNOHANG);
    if (pid <= 0)
        return false;
    int one = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : EXIT_OWN_FAILURE;
    *worst = one > *worst ? one : *worst;
    for (size_t i = 0; i < count; i++)
        pids[i] = pids[i] == pid ? 0 : pids[i];
    return true;
}

static int workers_await(pid_t *pids, size_t count, const sigset_t *watched)
{
    int worst = EXIT_NOTHING_WRONG;
    int signal_number = 0;
    for (size_t left_count = count; left_count > 0;) {
        if (worker_reap(pids, count, &worst)) {
            left_count--;
            continue;
        }
        int caught = sigwaitinfo(watched, NULL);
        if (caught < 0 || caught == SIGCHLD)
            continue;
        signal_number = caught;
        workers_signal(pids, count);
    }
    return signal_number > 0 ? 128 + signal_number : worst;
}

int workers_run(size_t count, int (*body)(void *arg, int number), void *arg)
{
    sigset_t watched, before;
    pid_t pids[WORKERS_MAX] = {0};
    sigemptyset(&watched);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGHUP);
    sigaddset(&watched, SIGCHLD);
    fflush(NULL);
    sigprocmask(SIG_BLOCK, &watched, &before);
    size_t started = 0;
    while (started < count && started < WORKERS_MAX &&
           (pids[started] = worker_start(body, arg, (int)started, &before)) > 0)
        started++;
    int worst = workers_await(pids, started, &watched);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return started > 0 ? worst : EXIT_OWN_FAILURE;
}

void *workers_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void workers_memory_free(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, bytes);
}

size_t workers_next(size_t *shared)
{
    return __atomic_fetch_add(shared, 1, __ATOMIC_RELAXED);
}
