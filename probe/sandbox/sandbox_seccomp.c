/* seccomp: the system calls that are left, by libseccomp.
 * Owner: the filter is the kernel's once it is loaded.
 * Why: most holes of a kernel lie behind calls that a probe never makes. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include "probe/sandbox/sandbox.h"
#include "probe/sandbox/sanitized.h"

#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)

static const int calls_of_all[] = {
    /* input and output */
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(lseek), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
    SCMP_SYS(fcntl), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime), SCMP_SYS(signalfd4), SCMP_SYS(ioctl),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
    /* files, by name: reading */
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
    SCMP_SYS(getcwd), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(umask),
    /* sockets; which families stands below */
    SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(shutdown), SCMP_SYS(socketpair), SCMP_SYS(listen),
    SCMP_SYS(accept), SCMP_SYS(accept4),
    /* memory */
    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(membarrier),
    /* threads and signals */
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(set_tid_address), SCMP_SYS(rseq),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(kill),
    SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(wait4),
    /* time, numbers, identity */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid),
    SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getpgrp), SCMP_SYS(uname),
    SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64), SCMP_SYS(setrlimit),
    SCMP_SYS(prctl), SCMP_SYS(arch_prctl), SCMP_SYS(capget), SCMP_SYS(capset),
};

/* The same calls where a word has 32 bits: other numbers for wider arguments. Of those that are not this machine's,
 * libseccomp knows that there is nothing to allow. */
static const int calls_of_32_bits[] = {
    SCMP_SYS(_llseek), SCMP_SYS(mmap2), SCMP_SYS(stat64), SCMP_SYS(lstat64), SCMP_SYS(fstat64), SCMP_SYS(fstatat64),
    SCMP_SYS(statfs64), SCMP_SYS(fstatfs64), SCMP_SYS(fcntl64), SCMP_SYS(_newselect), SCMP_SYS(ppoll_time64),
    SCMP_SYS(pselect6_time64), SCMP_SYS(recvmmsg_time64), SCMP_SYS(timerfd_settime64), SCMP_SYS(timerfd_gettime64),
    SCMP_SYS(futex_time64), SCMP_SYS(rt_sigtimedwait_time64), SCMP_SYS(clock_gettime64), SCMP_SYS(clock_getres_time64),
    SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(getuid32), SCMP_SYS(geteuid32), SCMP_SYS(getgid32),
    SCMP_SYS(getegid32), SCMP_SYS(ugetrlimit), SCMP_SYS(sigreturn), SCMP_SYS(sigprocmask), SCMP_SYS(waitpid),
    SCMP_SYS(set_thread_area), SCMP_SYS(get_thread_area), SCMP_SYS(set_tls), SCMP_SYS(cacheflush),
};

/* Its own folder's files, its workers, and their way into a narrower sandbox. */
static const int calls_of_supervisor[] = {
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chmod), SCMP_SYS(flock), SCMP_SYS(fallocate),
    SCMP_SYS(execve), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(waitid),
    SCMP_SYS(setpgid), SCMP_SYS(getpgid), SCMP_SYS(seccomp), SCMP_SYS(landlock_create_ruleset),
    SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self), SCMP_SYS(chdir), SCMP_SYS(utimensat),
    SCMP_SYS(utimensat_time64), SCMP_SYS(ftruncate64),
};

static int rules_add(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return failed;
}

/* Packets are captured by sockets that were opened before; a worker opens no new one for them. */
static int families_add(scmp_filter_ctx filter, enum sandbox_role role)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET};
    size_t count = sizeof families / sizeof families[0] - (role == SANDBOX_WORKER);
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
    return failed;
}

/* Opening to read, and threads of this process, for libcurl's lookups; glibc takes clone where clone3 is not there. */
static int worker_add(scmp_filter_ctx filter)
{
    int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY));
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY));
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return failed;
}

enum status sandbox_seccomp_enter(enum sandbox_role role, const char **out_absence)
{
    *out_absence = NULL;
    if (IS_SANITIZED) {
        *out_absence = "this build has sanitizers, which need more system calls";
        return STATUS_OK;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return STATUS_NO_MEMORY;
    int failed = rules_add(filter, calls_of_all, sizeof calls_of_all / sizeof calls_of_all[0]);
    if (failed == 0)
        failed = rules_add(filter, calls_of_32_bits, sizeof calls_of_32_bits / sizeof calls_of_32_bits[0]);
    if (failed == 0)
        failed = families_add(filter, role);
    if (failed == 0)
        failed = role == SANDBOX_WORKER ? worker_add(filter)
                                        : rules_add(filter, calls_of_supervisor,
                                                    sizeof calls_of_supervisor / sizeof calls_of_supervisor[0]);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    if (failed == -ECANCELED || failed == -ENOSYS || failed == -EOPNOTSUPP) {
        *out_absence = "the kernel has no seccomp filters";
        return STATUS_OK;
    }
    errno = failed < 0 ? -failed : 0;
    return failed == 0 ? STATUS_OK : STATUS_IO;
}
