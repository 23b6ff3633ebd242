/* Namespaces.
 * Owner: descriptors pass to the caller; a namespace lives as long as one of them or a process in it.
 * Why: nothing that the lab does may touch the machine's own network, and nothing of it may stay behind. */
#include "tests/lab/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NO_NAMESPACES 254 /* of the process in between; the body's own statuses are below */

static bool text_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return is_written;
}

static bool user_map(uid_t uid, gid_t gid)
{
    char line[64];
    if (!text_write("/proc/self/setgroups", "deny"))
        return false;
    snprintf(line, sizeof line, "0 %u 1", (unsigned)uid);
    if (!text_write("/proc/self/uid_map", line))
        return false;
    snprintf(line, sizeof line, "0 %u 1", (unsigned)gid);
    return text_write("/proc/self/gid_map", line);
}

static bool namespaces_enter(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int wanted = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID;
    if (unshare(wanted) != 0) {
        if (unshare(wanted | CLONE_NEWUSER) != 0 || !user_map(uid, gid))
            return false;
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return true;
    /* In a chroot "/" is no mount of its own; what is mounted here later, only over /proc, must stay here. */
    return errno == EINVAL && mount("none", "/proc", NULL, MS_PRIVATE, NULL) == 0;
}

static int exit_code_of(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

static int wait_for(pid_t pid)
{
    int wait_status = 0;
    while (waitpid(pid, &wait_status, 0) < 0)
        if (errno != EINTR)
            return EXIT_OWN_FAILURE;
    return exit_code_of(wait_status);
}

/* Between the caller and the body: the process whose children are in the new PID namespace. */
static void between(int (*body)(void *arg), void *arg)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!namespaces_enter())
        _exit(EXIT_NO_NAMESPACES);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Process numbers as they are in here, for whoever looks itself up (sanitizers do); some containers
         * forbid it. */
        (void)!mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        int exit_code = body(arg);
        fflush(NULL);
        _exit(exit_code);
    }
    _exit(pid < 0 ? EXIT_OWN_FAILURE : wait_for(pid));
}

/* The signals that end the lab are held back while it runs, so that what it made can be cleared away. */
static int wait_or_end(pid_t pid, const sigset_t *ending)
{
    sigset_t waited = *ending;
    sigaddset(&waited, SIGCHLD);
    for (;;) {
        int signal_number = sigwaitinfo(&waited, NULL);
        if (signal_number < 0 && errno == EINTR)
            continue;
        int wait_status = 0;
        if (signal_number == SIGCHLD && waitpid(pid, &wait_status, WNOHANG) == 0)
            continue;
        if (signal_number == SIGCHLD)
            return exit_code_of(wait_status);
        kill(pid, SIGKILL);
        wait_for(pid);
        return 128 + signal_number;
    }
}

enum status namespace_run(int (*body)(void *arg), void *arg, int *out_exit, struct why *why)
{
    sigset_t ending, blocked, before;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    blocked = ending;
    sigaddset(&blocked, SIGCHLD);
    fflush(NULL);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        between(body, arg);
    }
    int exit_code = pid < 0 ? EXIT_OWN_FAILURE : wait_or_end(pid, &ending);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (exit_code == EXIT_NO_NAMESPACES) {
        why_set(why,
                "this system does not let us make network namespaces; run as root, or allow user namespaces");
        return STATUS_UNSUPPORTED;
    }
    *out_exit = exit_code;
    return STATUS_OK;
}

static enum status network_current(int *out_fd, struct why *why)
{
    *out_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (*out_fd >= 0)
        return STATUS_OK;
    why_set(why, "cannot open /proc/self/ns/net: %s; mount /proc", strerror(errno));
    return STATUS_IO;
}

enum status namespace_network_open(int *out_fd, struct why *why)
{
    int home = -1;
    int fd = -1;
    enum status status = network_current(&home, why);
    if (status != STATUS_OK)
        return status;
    if (unshare(CLONE_NEWNET) != 0) {
        why_set(why, "cannot make a network namespace: %s; raise user.max_net_namespaces", strerror(errno));
        status = STATUS_UNSUPPORTED;
    }
    if (status == STATUS_OK)
        status = network_current(&fd, why);
    if (setns(home, CLONE_NEWNET) != 0)
        abort(); /* in the wrong network nothing that follows is safe */
    close(home);
    if (status == STATUS_OK)
        *out_fd = fd;
    return status;
}

enum status namespace_network_in(int fd, enum status (*body)(void *arg, struct why *why), void *arg,
                                 struct why *why)
{
    int home = -1;
    enum status status = network_current(&home, why);
    if (status != STATUS_OK)
        return status;
    if (setns(fd, CLONE_NEWNET) == 0) {
        status = body(arg, why);
    } else {
        why_set(why, "cannot enter a network namespace: %s", strerror(errno));
        status = STATUS_IO;
    }
    if (setns(home, CLONE_NEWNET) != 0)
        abort();
    close(home);
    return status;
}
