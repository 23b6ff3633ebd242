/* Starts a child, feeds it lines, reads lines, and reaps it.
 * Owner: a worker owns its pipes, timers and the process; the process never outlives the daemon.
 * Why: bytes from a hostile network are read where there is neither key nor journal, and a hang ends at a deadline. */
#include "probe/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "probe/sandbox/sanitized.h"

#define READ_BYTES      65536
#define REAP_EVERY_US   (5 * US_PER_MS)
#define DATA_BYTES_MAX  (UINT64_C(768) << 20)
#define EXIT_NO_PROGRAM 127

struct worker {
    struct worker_plan plan; /* program and argv are not kept */
    pid_t pid;               /* 0: reaped */
    int in_fd, out_fd;       /* our ends: the child's standard input and output; -1: closed */
    struct loop_watch *in_watch, *out_watch;
    struct loop_timer *deadline, *reaper;
    struct buffer to_say; /* from said_count on */
    size_t said_count;
    bool is_last_said;
    struct buffer heard;
    struct worker_end end;
};

/* In the child, between fork and exec. */
static void child_limit(const struct worker_plan *plan)
{
    /* What the worker frees is overwritten at once: pages that told its address do not stay in its memory. */
    (void)setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=85:glibc.malloc.tcache_count=0", 1);
    const struct rlimit none = {0, 0}, data = {DATA_BYTES_MAX, DATA_BYTES_MAX};
    struct rlimit cpu = {.rlim_cur = (rlim_t)(plan->deadline_us / US_PER_S + 2)};
    cpu.rlim_max = cpu.rlim_cur;
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_CPU, &cpu);
    if (!IS_SANITIZED)
        (void)setrlimit(RLIMIT_DATA, &data);
}

static void child_become(const struct worker_plan *plan, pid_t parent, int input, int output)
{
    sigset_t all;
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    /* A ^C at the terminal is for the daemon, which ends its workers itself. */
    (void)setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(EXIT_NO_PROGRAM);
    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0)
        _exit(EXIT_NO_PROGRAM);
    (void)close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    child_limit(plan);
    execv(plan->program, (char *const *)plan->argv);
    _exit(EXIT_NO_PROGRAM);
}

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void worker_over(struct worker *worker)
{
    loop_timer_cancel(worker->deadline);
    worker->deadline = NULL;
    const struct worker_end end = worker->end; /* who is told may free the worker */
    worker->plan.on_end(&end, worker->plan.arg);
}

static void end_note(struct worker *worker, int state)
{
    worker->pid = 0;
    worker->end.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    worker->end.signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
}

/* After the last line. A child that closed its output but lives on is waited for until the deadline. */
static void on_reap(void *arg)
{
    struct worker *worker = arg;
    int state = 0;
    worker->reaper = NULL;
    pid_t got = waitpid(worker->pid, &state, WNOHANG);
    if (got == worker->pid || (got < 0 && errno == ECHILD)) {
        end_note(worker, got < 0 ? 0 : state);
        worker_over(worker);
    } else if (loop_after(worker->plan.loop, REAP_EVERY_US, on_reap, worker, &worker->reaper) != STATUS_OK) {
        loop_stop(worker->plan.loop);
    }
}

static void output_end(struct worker *worker)
{
    loop_watch_free(worker->out_watch);
    worker->out_watch = NULL;
    fd_close(&worker->out_fd);
    on_reap(worker);
}

/* With all that it started: a child left over would hold its output open. Where it has no group of its own yet, it has no
 * children either. */
static void worker_kill(struct worker *worker)
{
    if (worker->pid > 0 && kill(-worker->pid, SIGKILL) != 0)
        (void)kill(worker->pid, SIGKILL);
}

/* Hands on the whole lines; what follows the last LF stays. */
static void lines_hand_on(struct worker *worker, size_t scanned)
{
    size_t start = 0;
    uint8_t *bytes = worker->heard.bytes;
    for (;;) {
        size_t from = scanned > start ? scanned : start;
        uint8_t *end = from < worker->heard.count ? memchr(bytes + from, '\n', worker->heard.count - from) : NULL;
        if (!end)
            break;
        *end = '\0';
        worker->plan.on_line((char *)bytes + start, (size_t)(end - bytes) - start, worker->plan.arg);
        start = (size_t)(end - bytes) + 1;
    }
    if (start > 0)
        memmove(bytes, bytes + start, worker->heard.count - start);
    worker->heard.count -= start;
    if (worker->heard.count == 0)
        buffer_free(&worker->heard);
}

static void on_output(int fd, bool readable, bool writable, void *arg)
{
    (void)writable;
    struct worker *worker = arg;
    if (!readable)
        return;
    size_t scanned = worker->heard.count;
    uint8_t *room = buffer_reserve(&worker->heard, READ_BYTES);
    ssize_t got = room ? read(fd, room, READ_BYTES) : 0;
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        output_end(worker);
        return;
    }
    worker->heard.count += (size_t)got;
    lines_hand_on(worker, scanned);
    if (worker->heard.count > worker->plan.line_bytes_max) {
        worker->end.is_unruly = true;
        worker_kill(worker);
        output_end(worker);
    }
}

static void on_deadline(void *arg)
{
    struct worker *worker = arg;
    worker->deadline = NULL;
    worker->end.is_late = true;
    worker_kill(worker);
}

static void input_end(struct worker *worker)
{
    loop_watch_free(worker->in_watch);
    worker->in_watch = NULL;
    fd_close(&worker->in_fd);
    buffer_free(&worker->to_say);
}

static void on_input(int fd, bool readable, bool writable, void *arg)
{
    (void)readable;
    (void)writable;
    struct worker *worker = arg;
    size_t left = worker->to_say.count - worker->said_count;
    ssize_t written = left > 0 ? write(fd, worker->to_say.bytes + worker->said_count, left) : 0;
    if (written < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (written < 0) {
        input_end(worker); /* it does not listen any more; its end says the rest */
        return;
    }
    worker->said_count += (size_t)written;
    if (worker->said_count < worker->to_say.count)
        return;
    buffer_free(&worker->to_say);
    worker->said_count = 0;
    if (worker->is_last_said || loop_watch_change(worker->in_watch, false, false) != STATUS_OK)
        input_end(worker);
}

enum status worker_say(struct worker *worker, const void *line, size_t count)
{
    if (worker->in_fd < 0 || worker->is_last_said)
        return STATUS_IO;
    buffer_append(&worker->to_say, line, count);
    buffer_append(&worker->to_say, "\n", 1);
    if (worker->to_say.failed)
        return STATUS_NO_MEMORY;
    return loop_watch_change(worker->in_watch, false, true);
}

void worker_say_no_more(struct worker *worker)
{
    worker->is_last_said = true;
    if (worker->in_fd >= 0 && worker->to_say.count == worker->said_count)
        input_end(worker);
}

int worker_pid(const struct worker *worker)
{
    return worker->pid;
}

static enum status process_make(const struct worker_plan *plan, struct worker *worker)
{
    int input[2] = {-1, -1}, output[2] = {-1, -1};
    enum status status = STATUS_IO;
    pid_t parent = getpid();
    if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0)
        goto done;
    worker->pid = fork();
    if (worker->pid == 0)
        child_become(plan, parent, input[0], output[1]);
    if (worker->pid < 0) {
        worker->pid = 0;
        goto done;
    }
    worker->in_fd = input[1];
    worker->out_fd = output[0];
    input[1] = output[0] = -1;
    if (fcntl(worker->in_fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(worker->out_fd, F_SETFL, O_NONBLOCK) == 0)
        status = STATUS_OK;
done:
    for (int i = 0; i < 2; i++) {
        fd_close(&input[i]);
        fd_close(&output[i]);
    }
    return status;
}

enum status worker_start(const struct worker_plan *plan, struct worker **out, struct why *why)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return STATUS_NO_MEMORY;
    worker->plan = *plan;
    worker->plan.program = NULL;
    worker->plan.argv = NULL;
    worker->in_fd = worker->out_fd = -1;
    enum status status = process_make(plan, worker);
    if (status != STATUS_OK)
        why_set(why, "cannot start %s: %s; end other programs, or raise the limit of processes", plan->program,
                strerror(errno));
    if (status == STATUS_OK)
        status = loop_watch(plan->loop, worker->out_fd, true, false, on_output, worker, &worker->out_watch);
    if (status == STATUS_OK)
        status = loop_watch(plan->loop, worker->in_fd, false, false, on_input, worker, &worker->in_watch);
    if (status == STATUS_OK)
        status = loop_after(plan->loop, plan->deadline_us, on_deadline, worker, &worker->deadline);
    if (status == STATUS_OK) {
        *out = worker;
        worker = NULL;
    }
    worker_free(worker);
    return status;
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    worker_kill(worker);
    if (worker->pid > 0) {
        while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    loop_timer_cancel(worker->deadline);
    loop_timer_cancel(worker->reaper);
    input_end(worker);
    loop_watch_free(worker->out_watch);
    fd_close(&worker->out_fd);
    buffer_free(&worker->heard);
    free(worker);
}
