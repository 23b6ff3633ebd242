/* A collector that serves in a child process. */
#ifndef TESTS_UNIT_COLLECTOR_SERVE_FIXTURE_H
#define TESTS_UNIT_COLLECTOR_SERVE_FIXTURE_H

#include "tests/unit/collector/fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "collector/serve/service.h"
#include "tests/http_client.h"

struct serve_fixture {
    char *path;
    pid_t pid;
    int port;
};

/* In the child: opens, tells its port, serves. */
static inline void serve_fixture_serve(const char *path, int told)
{
    struct collector_folder folder = {0};
    struct service *service = NULL;
    struct why why = {""};
    struct service_config config = {.listen = "127.0.0.1:0", .resolvers = "127.0.0.1:9", .loop_count = 2};
    config.log.clock = clock_system();
    config.trust.clock = clock_system();
    enum status status = collector_folder_open(path, 600, &folder, &why);
    if (status == STATUS_OK) {
        status = service_open(&config, &folder, &service, &why);
    }
    int port = status == STATUS_OK ? service_port(service) : 0;
    if (status != STATUS_OK || write(told, &port, sizeof port) != sizeof port) {
        fprintf(stderr, "%s\n", why.text);
        _exit(9);
    }
    close(told);
    status = service_run(service);
    service_free(service);
    collector_folder_close(&folder);
    exit(status == STATUS_OK ? 0 : 7); /* not _exit: a leak of the service is a failure */
}

static inline void serve_fixture_start(struct serve_fixture *fixture)
{
    int ends[2];
    if (!fixture->path) {
        fixture->path = fixture_folder();
    }
    assert_int_equal(pipe(ends), 0);
    fixture->pid = fork();
    if (fixture->pid == 0) {
        close(ends[0]);
        serve_fixture_serve(fixture->path, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &fixture->port, sizeof fixture->port), sizeof fixture->port);
    close(ends[0]);
}

/* Ends it in order; its exit status. */
static inline int serve_fixture_stop(struct serve_fixture *fixture)
{
    int status = 0;
    kill(fixture->pid, SIGTERM);
    assert_int_equal(waitpid(fixture->pid, &status, 0), fixture->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int serve_fixture_dial(const struct serve_fixture *fixture)
{
    int fd = http_client_dial(fixture->port);
    assert_true(fd >= 0);
    return fd;
}

#endif
