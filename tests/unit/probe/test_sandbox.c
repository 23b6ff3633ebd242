/* The sandbox: what a process can no longer do once it is in.
 * Owner: each check runs in a child of its own, since there is no way back.
 * Why: a rule that does not bite is worse than none, because it is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "probe/sandbox/sandbox.h"
#include "tests/unit/skipped.h"

/* One call for all that sockets do, with its arguments in memory, cannot be looked into. */
#ifdef __i386__
#define HAS_SOCKET_CALL false
#else
#define HAS_SOCKET_CALL true
#endif

struct fixture {
    char folder[64];
    char inside[112], outside[112]; /* a file in the folder that is allowed, and one beside it */
    char allowed[96];
};

static int setup_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/dialtone-sandbox-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->allowed, sizeof fixture->allowed, "%s/allowed", fixture->folder);
    snprintf(fixture->inside, sizeof fixture->inside, "%s/file", fixture->allowed);
    snprintf(fixture->outside, sizeof fixture->outside, "%s/secret", fixture->folder);
    assert_int_equal(mkdir(fixture->allowed, 0700), 0);
    assert_int_equal(file_publish(fixture->inside, "x", 1, 0600, NULL), STATUS_OK);
    assert_int_equal(file_publish(fixture->outside, "x", 1, 0600, NULL), STATUS_OK);
    *state = fixture;
    return 0;
}

static int teardown_fixture(void **state)
{
    struct fixture *fixture = *state;
    char made[128];
    snprintf(made, sizeof made, "%s/made", fixture->allowed);
    unlink(made);
    unlink(fixture->inside);
    unlink(fixture->outside);
    rmdir(fixture->allowed);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Bits of what went wrong, as the child's exit status; 200: it could not enter; 201: the kernel has no Landlock. */
static int in_child(const struct fixture *fixture, enum sandbox_role role,
                    int (*check)(const struct fixture *fixture, const struct sandbox_state *sandbox))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sandbox_plan plan = {.role = role, .program = "/bin/true"};
        struct sandbox_state sandbox;
        if (role == SANDBOX_SUPERVISOR)
            plan.write_folder = fixture->allowed;
        else
            sandbox_plan_read(&plan, fixture->allowed);
        if (sandbox_enter(&plan, &sandbox, NULL) != STATUS_OK)
            _exit(200);
        _exit(sandbox.landlock_version == 0 ? 201 : check(fixture, &sandbox));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 202;
}

static int worker_check(const struct fixture *fixture, const struct sandbox_state *sandbox)
{
    char made[128];
    int wrong = 0;
    snprintf(made, sizeof made, "%s/made", fixture->allowed);
    wrong |= opens(fixture->inside, O_RDONLY) ? 0 : 1;
    wrong |= opens(fixture->outside, O_RDONLY) ? 2 : 0;
    wrong |= opens(fixture->inside, O_WRONLY) || opens(made, O_WRONLY | O_CREAT) ? 4 : 0;
    wrong |= unlink(fixture->inside) == 0 || rename(fixture->inside, made) == 0 ? 8 : 0;
    wrong |= opens("/etc/resolv.conf", O_RDONLY) || errno == ENOENT ? 0 : 16;
    wrong |= opens("/etc/shadow", O_RDONLY) || opens("/proc/1/environ", O_RDONLY) ? 32 : 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    wrong |= fd >= 0 ? 0 : 64;
    /* No new program, whatever it is. */
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    if (sandbox->has_seccomp)
        wrong |= (HAS_SOCKET_CALL && (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || socket(AF_VSOCK, SOCK_STREAM, 0) >= 0)) ||
                         fork() >= 0
                     ? 128
                     : 0;
    execv("/bin/true", argv); /* where this succeeds, the child ends with 0 and wrong is lost */
    return wrong == 0 ? 77 : wrong;
}

static int supervisor_check(const struct fixture *fixture, const struct sandbox_state *sandbox)
{
    char made[128];
    int wrong = 0;
    (void)sandbox;
    snprintf(made, sizeof made, "%s/made", fixture->allowed);
    wrong |= opens(made, O_WRONLY | O_CREAT) && rename(made, made) == 0 ? 0 : 1;
    wrong |= unlink(made) == 0 ? 0 : 2;
    wrong |= opens(fixture->outside, O_RDONLY) ? 4 : 0;
    wrong |= opens(fixture->outside, O_WRONLY) || unlink(fixture->outside) == 0 ? 8 : 0;
    pid_t child = fork();
    if (child == 0) {
        char *const argv[] = {(char *)(uintptr_t) "true", NULL};
        execv("/bin/true", argv);
        _exit(99);
    }
    int status = 0;
    wrong |= child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 16;
    return wrong == 0 ? 77 : wrong;
}

static void a_worker_reads_little_and_writes_nothing(void **state)
{
    int result = in_child(*state, SANDBOX_WORKER, worker_check);
    if (result == 201)
        skip_because("the kernel has no Landlock");
    assert_int_equal(result, 77);
}

static void a_supervisor_keeps_to_its_folder_and_its_program(void **state)
{
    int result = in_child(*state, SANDBOX_SUPERVISOR, supervisor_check);
    if (result == 201)
        skip_because("the kernel has no Landlock");
    assert_int_equal(result, 77);
}

static int capabilities_check(const struct fixture *fixture, const struct sandbox_state *sandbox)
{
    (void)fixture;
    char text[4096] = "";
    FILE *file = fopen("/proc/self/status", "r");
    size_t count = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[count] = '\0';
    bool has_none = strstr(text, "CapEff:\t0000000000000000") && strstr(text, "CapPrm:\t0000000000000000");
    bool is_bound = strstr(text, "NoNewPrivs:\t1") != NULL;
    bool is_filtered = !sandbox->has_seccomp || strstr(text, "Seccomp:\t2");
    return has_none && is_bound && is_filtered ? 77 : 1;
}

static void a_worker_has_no_capability(void **state)
{
    int result = in_child(*state, SANDBOX_WORKER, capabilities_check);
    if (result == 201)
        skip_because("the kernel has no Landlock");
    assert_int_equal(result, 77);
}

static void a_user_is_become_by_root_alone(void **state)
{
    (void)state;
    struct why why = {0};
    assert_int_equal(sandbox_user_become("no-such-user-here", &why), STATUS_NOT_FOUND);
    assert_non_null(strstr(why.text, "adduser"));
    if (geteuid() != 0)
        skip_because("only root can become another");
    pid_t child = fork();
    if (child == 0) {
        bool is_good = sandbox_user_become("nobody", NULL) == STATUS_OK && geteuid() != 0 && getuid() != 0 &&
                       setuid(0) != 0 && sandbox_user_become("root", NULL) == STATUS_REFUSED;
        _exit(is_good ? 77 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 77);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_fixture, teardown_fixture)
    const struct CMUnitTest tests[] = {
        TEST(a_worker_reads_little_and_writes_nothing),
        TEST(a_supervisor_keeps_to_its_folder_and_its_program),
        TEST(a_worker_has_no_capability),
        cmocka_unit_test(a_user_is_become_by_root_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
