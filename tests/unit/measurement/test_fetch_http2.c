/* HTTP/2 pages from a real server over connections that were made before: all of each page, and soon.
 * Owner: the test owns nginx, its folder, and a loop and a fetcher a round.
 * Why: libcurl 7.88 keeps what its buffer has no room for and may forget it; a page then never ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "measurement/base/clock.h"
#include "measurement/base/fetch.h"
#include "measurement/base/file.h"
#include "tests/unit/skipped.h"

#define PATH_ROOM       96
#define PAGES_MAX       40
#define BODY_LIMIT      (1u << 20)
#define STALLED_US      (60 * US_PER_S)
#define SERVER_WAITS    3000
#define SERVER_WAIT_US  20000

static const size_t kib_counts[] = {15, 16, 17, 64, 512};

struct fixture {
    char folder[PATH_ROOM];
    pid_t nginx; /* 0: there is none to be had */
};

static void file_put(const struct fixture *fixture, const char *name, const void *bytes, size_t count)
{
    char path[2 * PATH_ROOM];
    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    assert_int_equal(file_publish(path, bytes, count, 0644, NULL), STATUS_OK);
}

static void pages_put(const struct fixture *fixture)
{
    for (size_t i = 0; i < sizeof kib_counts / sizeof kib_counts[0]; i++) {
        char name[32];
        size_t count = kib_counts[i] * 1024;
        uint8_t *bytes = malloc(count);
        assert_non_null(bytes);
        for (size_t at = 0; at < count; at++)
            bytes[at] = (uint8_t)('a' + at % 26);
        snprintf(name, sizeof name, "%zu.txt", kib_counts[i]);
        file_put(fixture, name, bytes, count);
        free(bytes);
    }
}

/* SSI takes the announced length away: the end is then told by the last frame only. */
static void configuration_put(const struct fixture *fixture)
{
    struct buffer text = {0};
    buffer_printf(&text,
                  "daemon off;\nmaster_process off;\npid %s/pid;\nerror_log %s/log warn;\n"
                  "events { worker_connections 512; }\nhttp {\n  access_log off;\n",
                  fixture->folder, fixture->folder);
    static const char *const temporary[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++)
        buffer_printf(&text, "  %s_temp_path %s/temp;\n", temporary[i], fixture->folder);
    buffer_printf(&text,
                  "  server {\n    listen unix:%s/socket http2;\n    root %s;\n"
                  "    location /unannounced/ { alias %s/; ssi on; ssi_types *; }\n  }\n}\n",
                  fixture->folder, fixture->folder, fixture->folder);
    assert_false(text.failed);
    file_put(fixture, "nginx.conf", text.bytes, text.count);
    buffer_free(&text);
}

static int connect_to(const struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", fixture->folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void nginx_start(struct fixture *fixture)
{
    char configuration[2 * PATH_ROOM], log[2 * PATH_ROOM];
    snprintf(configuration, sizeof configuration, "%s/nginx.conf", fixture->folder);
    snprintf(log, sizeof log, "%s/log", fixture->folder);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execlp("nginx", "nginx", "-p", fixture->folder, "-c", configuration, "-e", log, NULL);
        _exit(127);
    }
    fixture->nginx = pid;
    for (int i = 0; i < SERVER_WAITS; i++) {
        int code, fd = connect_to(fixture);
        if (fd >= 0) {
            close(fd);
            return;
        }
        if (waitpid(pid, &code, WNOHANG) == pid) {
            fixture->nginx = 0;
            assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 127); /* not installed; all else is a fault */
            return;
        }
        usleep(SERVER_WAIT_US);
    }
    fail_msg("nginx does not listen; look at %s", log);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/dialtone-http2-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    pages_put(fixture);
    configuration_put(fixture);
    nginx_start(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[2 * PATH_ROOM];
    if (fixture->nginx > 0) {
        kill(fixture->nginx, SIGTERM);
        waitpid(fixture->nginx, NULL, 0);
    }
    snprintf(command, sizeof command, "rm -rf %s", fixture->folder);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

struct round {
    struct loop *loop;
    struct fetcher *fetcher;
    size_t expected_bytes;
    size_t left_count;
    size_t whole_count;
};

static void on_page(const struct fetch_response *response, void *arg)
{
    struct round *round = arg;
    round->whole_count += response->status == STATUS_OK && response->code == 200 &&
                          response->body_bytes == round->expected_bytes && !response->is_truncated;
    if (--round->left_count == 0)
        loop_stop(round->loop);
}

static void page_ask(const struct fixture *fixture, struct round *round, const char *url)
{
    const struct fetch_request request = {.method = "GET",
                                          .url = url,
                                          .timeout_us = STALLED_US,
                                          .body_limit_bytes = BODY_LIMIT,
                                          .connected_fd = connect_to(fixture),
                                          .is_http2 = true};
    assert_true(request.connected_fd >= 0);
    assert_int_equal(fetch_start(round->fetcher, &request, on_page, round, NULL), STATUS_OK);
    round->left_count++;
}

static size_t round_run(const struct fixture *fixture, size_t kib, bool is_announced)
{
    struct round round = {.expected_bytes = kib * 1024};
    char url[96];
    snprintf(url, sizeof url, "http://pages.example/%s%zu.txt", is_announced ? "" : "unannounced/", kib);
    assert_int_equal(loop_open(&round.loop), STATUS_OK);
    assert_int_equal(fetcher_open(round.loop, &round.fetcher), STATUS_OK);
    for (int i = 0; i < PAGES_MAX; i++)
        page_ask(fixture, &round, url);
    assert_int_equal(loop_run(round.loop), STATUS_OK);
    fetcher_free(round.fetcher);
    loop_free(round.loop);
    return round.whole_count;
}

static void test_pages_of_every_size_end(void **state)
{
    const struct fixture *fixture = *state;
    if (fixture->nginx == 0)
        skip_because("nginx is not installed");
    size_t missing_count = 0;
    for (size_t i = 0; i < 2 * sizeof kib_counts / sizeof kib_counts[0]; i++) {
        size_t whole_count = round_run(fixture, kib_counts[i / 2], i % 2 == 0);
        if (whole_count != PAGES_MAX)
            print_error("%zu KiB, length %s: %zu of %d pages came whole\n", kib_counts[i / 2],
                        i % 2 == 0 ? "announced" : "not announced", whole_count, PAGES_MAX);
        missing_count += PAGES_MAX - whole_count;
    }
    assert_int_equal(missing_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages_of_every_size_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
