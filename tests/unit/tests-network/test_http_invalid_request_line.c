/* Invalid request lines: the verdict by table, and against echoes that are honest, silent, changed or reset.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/http_invalid_request_line/verdict.h"
#include "tests/unit/tests-network/step_servers.h"

extern const struct nettest nettest_http_invalid_request_line;

#define SAME                                                                                                 \
    {                                                                                                        \
        .is_connected = true, .is_same = true, .is_answered = true                                           \
    }
#define CHANGED                                                                                              \
    {                                                                                                        \
        .is_connected = true, .is_answered = true                                                            \
    }
#define SILENT                                                                                               \
    {                                                                                                        \
        .is_connected = true                                                                                 \
    }
#define RESET                                                                                                \
    {                                                                                                        \
        .is_connected = true, .is_reset = true                                                               \
    }

static void test_verdict_table(void **state)
{
    (void)state;
    static const struct {
        struct lines_evidence evidence;
        enum verdict_outcome outcome;
        const char *method;
        enum verdict_confidence confidence;
    } cases[] = {
        {{0}, OUTCOME_UNKNOWN, "no_backend", CONFIDENCE_NONE},
        {{.has_backend = true, .lines = {SAME, SAME, SAME, SAME, SAME}}, OUTCOME_OK, "", CONFIDENCE_NONE},
        {{.has_backend = true, .lines = {SAME, SAME, SAME, SAME, {0}}}, OUTCOME_OK, "", CONFIDENCE_NONE},
        {{.has_backend = true, .lines = {SAME, SAME, SAME, CHANGED, SAME}},
         OUTCOME_BLOCKED,
         "middlebox_request_line",
         CONFIDENCE_STRONG},
        {{.has_backend = true, .lines = {CHANGED, CHANGED, CHANGED, CHANGED, CHANGED}},
         OUTCOME_BLOCKED,
         "middlebox_request_line",
         CONFIDENCE_STRONG},
        {{.has_backend = true, .lines = {SAME, SAME, RESET, SAME, SAME}},
         OUTCOME_BLOCKED,
         "middlebox_reset",
         CONFIDENCE_MEDIUM},
        {{.has_backend = true, .lines = {SAME, SILENT, SAME, SAME, SAME}},
         OUTCOME_BLOCKED,
         "middlebox_drop",
         CONFIDENCE_MEDIUM},
        {{.has_backend = true, .lines = {SILENT, SILENT, SILENT, SILENT, SILENT}},
         OUTCOME_UNKNOWN,
         "backend_silent",
         CONFIDENCE_NONE},
        {{.has_backend = true, .lines = {RESET, RESET, RESET, RESET, RESET}},
         OUTCOME_UNKNOWN,
         "backend_silent",
         CONFIDENCE_NONE},
        {{.has_backend = true}, OUTCOME_UNKNOWN, "backend_unreachable", CONFIDENCE_NONE},
        {{.has_backend = true, .is_local_failure = true}, OUTCOME_OFFLINE, "", CONFIDENCE_NONE},
        {{.has_backend = true, .connectivity = CONNECTIVITY_FULL_SHUTDOWN},
         OUTCOME_OFFLINE,
         "",
         CONFIDENCE_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict = lines_verdict(&cases[i].evidence);
        assert_int_equal(verdict.outcome, cases[i].outcome);
        assert_string_equal(verdict.method, cases[i].method);
        assert_int_equal(verdict.confidence, cases[i].confidence);
        assert_int_equal(verdict.layer, cases[i].outcome == OUTCOME_BLOCKED ? LAYER_PATH : LAYER_NONE);
    }
}

enum manner { HONEST, CACHE_EATEN, METHOD_ANSWERED, MUTE, RESET_FOR_BIG };

struct echo {
    enum manner manner;
    int fd;
    int held[16]; /* connections that stay without an answer */
    size_t held_count;
    atomic_bool stop;
    pthread_t thread;
};

static void echo_serve(struct echo *echo, int fd)
{
    char bytes[2048];
    struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t count = read(fd, bytes, sizeof bytes);
    bool is_cache = count > 10 && memmem(bytes, (size_t)count, "cache_object", 12);
    bool is_muted = echo->manner == MUTE || (echo->manner == CACHE_EATEN && is_cache);
    if (count > 0 && echo->manner == METHOD_ANSWERED && memmem(bytes, (size_t)count, "HTTP/1.1\n\r", 10)) {
        (void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    } else if (count > 1000 && echo->manner == RESET_FOR_BIG) {
        struct linger hard = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    } else if (count > 0 && !is_muted) {
        (void)!write(fd, bytes, (size_t)count);
    }
    if (is_muted)
        echo->held[echo->held_count++] = fd;
    else
        close(fd);
}

static void *echo_run(void *arg)
{
    struct echo *echo = arg;
    while (!atomic_load(&echo->stop)) {
        struct pollfd ready = {.fd = echo->fd, .events = POLLIN};
        int fd = poll(&ready, 1, 20) > 0 ? accept(echo->fd, NULL, NULL) : -1;
        if (fd >= 0)
            echo_serve(echo, fd);
    }
    for (size_t i = 0; i < echo->held_count; i++)
        close(echo->held[i]);
    return NULL;
}

struct outcome {
    struct verdict verdict;
    json_t *keys;
};

static void measured(struct nettest_result *result, void *arg)
{
    struct outcome *outcome = arg;
    outcome->verdict = result->verdict;
    outcome->keys = result->test_keys;
    result->test_keys = NULL;
}

static struct outcome run_with(const char *backend)
{
    struct nettest_context context;
    struct nettest_run *run = NULL;
    struct outcome outcome = {0};
    context_open(&context);
    context.backend = backend;
    context.limits.http_timeout_us = 3 * SILENCE_US; /* reached by the lines that are muted */
    assert_int_equal(nettest_http_invalid_request_line.start(&context, NULL, measured, &outcome, &run),
                     STATUS_OK);
    loop_run(context.loop);
    assert_non_null(outcome.keys);
    context_close(&context);
    return outcome;
}

static json_t *measure(enum manner manner, struct verdict *verdict)
{
    struct echo echo = {.manner = manner};
    struct sockaddr_storage at = endpoint("127.0.0.1", 0);
    socklen_t length = sizeof at;
    char backend[64];
    echo.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(echo.fd, (struct sockaddr *)&at, address_length(&at)), 0);
    assert_int_equal(listen(echo.fd, 16), 0);
    getsockname(echo.fd, (struct sockaddr *)&at, &length);
    snprintf(backend, sizeof backend, "127.0.0.1:%u", (unsigned)address_port(&at));
    pthread_create(&echo.thread, NULL, echo_run, &echo);
    struct outcome outcome = run_with(backend);
    atomic_store(&echo.stop, true);
    pthread_join(echo.thread, NULL);
    close(echo.fd);
    *verdict = outcome.verdict;
    return outcome.keys;
}

static void test_echoes(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        const char *method;
        bool is_tampering;
        int tampered_line; /* -1 none */
    } cases[] = {
        {HONEST, "", false, -1},
        {METHOD_ANSWERED, "middlebox_request_line", true, 1},
        {CACHE_EATEN, "middlebox_drop", true, 3},
        {RESET_FOR_BIG, "middlebox_reset", true, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict;
        json_t *keys = measure(cases[i].manner, &verdict);
        const json_t *sent = json_object_get(keys, "sent");
        assert_string_equal(verdict.method, cases[i].method);
        assert_int_equal(json_member_bool(keys, "tampering", false), cases[i].is_tampering);
        assert_int_equal(json_array_size(sent), 5);
        for (size_t line = 0; line < 5; line++) {
            bool is_tampered = json_is_true(json_array_get(json_object_get(keys, "tampering_list"), line));
            assert_int_equal(is_tampered, (int)line == cases[i].tampered_line);
        }
        assert_int_equal(strlen(json_string_value(json_array_get(sent, 4))), 1024 + 13);
        assert_string_equal(json_string_value(json_array_get(sent, 3)),
                            "GET cache_object://localhost/ HTTP/1.0\n\r");
        json_decref(keys);
    }
}

static void test_without_backend(void **state)
{
    (void)state;
    char gone[64];
    struct outcome outcome = run_with(NULL);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_UNKNOWN);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "sent")), 0);
    json_decref(outcome.keys);
    snprintf(gone, sizeof gone, "http://127.0.0.1:%u/", (unsigned)port_unused());
    outcome = run_with(gone);
    assert_string_equal(outcome.verdict.method, "backend_unreachable");
    assert_string_equal(json_string_value(json_array_get(json_object_get(outcome.keys, "failure_list"), 0)),
                        "connection_refused");
    json_decref(outcome.keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict_table),
        cmocka_unit_test(test_echoes),
        cmocka_unit_test(test_without_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
