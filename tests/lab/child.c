/* Programs that the lab starts.
 * Owner: the caller owns the process id and must wait for it or stop it.
 * Why: real programs in emulated networks are the lab's point, and none may outlive it. */
#include "tests/lab/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measurement/base/clock.h"

#define EXIT_NOT_STARTED 127

void sleep_us(int64_t duration_us)
{
    struct timespec left = {.tv_sec = duration_us / US_PER_S, .tv_nsec = duration_us % US_PER_S * 1000};
    while (duration_us > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

int64_t monotonic_us(void)
{
    struct clock clock = clock_system();
    return clock_monotonic_us(&clock);
}

static bool stream_open(int target, const char *path)
{
    if (!path)
        return true;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 && dup2(fd, target) >= 0;
}

/* In the child: everything that can be wrong before the program runs. */
static bool child_settle(const struct child_plan *plan)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
        return false;
    if (plan->network_fd >= 0 && setns(plan->network_fd, CLONE_NEWNET) != 0)
        return false;
    bool stands_in = plan->resolv_conf && unshare(CLONE_NEWNS) == 0 &&
                     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                     mount(plan->resolv_conf, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0;
    if (plan->needs_resolv_conf && !stands_in) {
        errno = ENOTSUP;
        return false;
    }
    if (plan->folder && chdir(plan->folder) != 0)
        return false;
    return stream_open(STDOUT_FILENO, plan->output) && stream_open(STDERR_FILENO, plan->error);
}

/* Stands in for a folder that confined programs may read too and can do without: its names are those of time
 * zones. Where mounting is not allowed they find it where it is, unless they are confined. Sanitizers want to
 * come first; what is preloaded here calls nothing of theirs. */
static void clock_preload(const struct child_plan *plan)
{
    static const char place[] = "/usr/share/zoneinfo";
    char library[PATH_MAX], skew[PATH_MAX];
    if (!plan->clock_folder)
        return;
    bool stands_in = plan->resolv_conf && mount(plan->clock_folder, place, NULL, MS_BIND, NULL) == 0;
    snprintf(library, sizeof library, "%s/liblab-clock.so", stands_in ? place : plan->clock_folder);
    snprintf(skew, sizeof skew, "%s/skew", stands_in ? place : plan->clock_folder);
    setenv("LD_PRELOAD", library, 1);
    setenv("LAB_CLOCK", skew, 1);
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
}

static void child_become(const struct child_plan *plan, int report_fd)
{
    if (child_settle(plan)) {
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        clock_preload(plan);
        execvp(plan->argv[0], (char *const *)(uintptr_t)plan->argv);
    }
    int error = errno;
    (void)!write(report_fd, &error, sizeof error);
    _exit(EXIT_NOT_STARTED);
}

enum status child_start(const struct child_plan *plan, pid_t *out_pid, struct why *why)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        why_set(why, "cannot start %s: %s", plan->argv[0], strerror(errno));
        return STATUS_IO;
    }
    pid_t pid = fork();
    if (pid == 0)
        child_become(plan, report[1]);
    close(report[1]);
    int error = pid < 0 ? errno : 0;
    ssize_t count = pid < 0 ? -1 : read(report[0], &error, sizeof error);
    close(report[0]);
    if (count == 0) {
        *out_pid = pid;
        return STATUS_OK;
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (error == ENOTSUP) {
        why_set(why,
                "a file of the lab cannot stand in for /etc/resolv.conf here; run outside of any chroot");
        return STATUS_UNSUPPORTED;
    }
    why_set(why, "cannot start %s: %s", plan->argv[0], strerror(error));
    return error == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
}

static int reap(pid_t pid)
{
    int wait_status = 0;
    while (waitpid(pid, &wait_status, 0) < 0)
        if (errno != EINTR)
            return EXIT_OWN_FAILURE;
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

enum status child_wait(pid_t pid, int64_t timeout_us, int *out_exit)
{
    int fd = pidfd_open(pid, 0);
    if (fd < 0)
        return STATUS_IO;
    int64_t deadline_us = monotonic_us() + timeout_us;
    int ready = 0;
    do {
        int64_t left_us = deadline_us - monotonic_us();
        struct pollfd watch = {.fd = fd, .events = POLLIN};
        ready = poll(&watch, 1, left_us > 0 ? (int)((left_us + US_PER_MS - 1) / US_PER_MS) : 0);
    } while (ready < 0 && errno == EINTR);
    close(fd);
    if (ready <= 0)
        return STATUS_TIMEOUT;
    *out_exit = reap(pid);
    return STATUS_OK;
}

int child_stop(pid_t pid, int64_t patience_us)
{
    int exit_code = 0;
    if (pid <= 0)
        return 0;
    kill(pid, SIGTERM);
    if (child_wait(pid, patience_us, &exit_code) == STATUS_OK)
        return exit_code;
    kill(pid, SIGKILL);
    return reap(pid);
}

enum status child_run(const struct child_plan *plan, int64_t timeout_us, int *out_exit, struct why *why)
{
    pid_t pid = 0;
    enum status status = child_start(plan, &pid, why);
    if (status != STATUS_OK)
        return status;
    status = child_wait(pid, timeout_us, out_exit);
    if (status == STATUS_TIMEOUT) {
        child_stop(pid, 0);
        why_set(why, "%s did not end within %lld s", plan->argv[0], (long long)(timeout_us / US_PER_S));
    }
    return status;
}
