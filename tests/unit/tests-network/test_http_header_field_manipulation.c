/* Header manipulation: comparison and verdict by table, and against backends that reflect, rewrite or say
 * something else. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/http_header_field_manipulation/compare.h"
#include "tests-network/steps/raw.h"
#include "tests/unit/tests-network/step_servers.h"

extern const struct nettest nettest_http_header_field_manipulation;

static const struct header_field fields[FIELDS_COUNT] = {
    {"hOST", "x.com"},           {"uSER-aGENT", "M"},         {"acCEPT", "*/*"},
    {"ACCEPT-CHARset", "utf-8"}, {"aCCEPT-encoding", "gzip"}, {"accept-LANGUAGE", "en"}};
#define REST                                                                                                 \
    "[\"acCEPT\",\"*/"                                                                                       \
    "*\"],[\"ACCEPT-CHARset\",\"utf-8\"],[\"aCCEPT-encoding\",\"gzip\"],[\"accept-LANGUAGE\",\"en\"]"
#define LINE "\"request_line\":\"GeT / HTTP/1.1\",\"request_headers\":"

static void test_comparison(void **state)
{
    (void)state;
    static const struct {
        const char *json; /* NULL: none */
        bool total, line, name, number, value, capitalization;
        size_t difference_count;
    } cases[] = {
        {NULL, .total = true},
        {"[]", .total = true},
        {"{\"request_line\":1}", .total = true},
        {"{" LINE "[[1,2]]}", .total = true},
        {"{" LINE "[[\"hOST\",\"x.com\"],[\"uSER-aGENT\",\"M\"]," REST "]}", .total = false},
        {"{" LINE "[[\"uSER-aGENT\",\"M\"]," REST ",[\"hOST\",\"x.com\"]]}",
         .total = false}, /* order does not count */
        {"{\"request_line\":\"GET / "
         "HTTP/1.1\",\"request_headers\":[[\"hOST\",\"x.com\"],[\"uSER-aGENT\",\"M\"]," REST "]}",
         .line = true},
        {"{" LINE "[[\"Host\",\"x.com\"],[\"uSER-aGENT\",\"M\"]," REST "]}", .capitalization = true,
         .difference_count = 2},
        {"{" LINE "[[\"hOST\",\"y.com\"],[\"uSER-aGENT\",\"M\"]," REST "]}", .value = true},
        {"{" LINE "[[\"hOST\",\"x.com\"],[\"uSER-aGENT\",\"M\"]," REST ",[\"Via\",\"1.1 squid\"]]}",
         .name = true, .number = true, .difference_count = 1},
        {"{" LINE "[[\"hOST\",\"x.com\"]," REST "]}", .name = true, .number = true, .difference_count = 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *answer = NULL;
        if (cases[i].json)
            assert_int_equal(json_read(cases[i].json, strlen(cases[i].json), &answer, NULL), STATUS_OK);
        struct header_tampering got = header_compare("GeT / HTTP/1.1", fields, answer);
        json_decref(answer);
        assert_int_equal(got.is_total, cases[i].total);
        assert_int_equal(got.has_request_line, cases[i].line);
        assert_int_equal(got.has_name, cases[i].name);
        assert_int_equal(got.has_number, cases[i].number);
        assert_int_equal(got.has_value, cases[i].value);
        assert_int_equal(got.has_capitalization, cases[i].capitalization);
        assert_int_equal(got.difference_count, cases[i].difference_count);
    }
}

static void test_verdict_table(void **state)
{
    (void)state;
    static const struct {
        struct header_evidence evidence;
        enum verdict_outcome outcome;
        const char *method;
    } cases[] = {
        {{0}, OUTCOME_UNKNOWN, "no_backend"},
        {{.has_backend = true, .is_connected = true, .is_answered = true}, OUTCOME_OK, ""},
        {{.has_backend = true, .is_connected = true, .is_answered = true, .tampering = {.has_value = true}},
         OUTCOME_BLOCKED,
         "middlebox_header_manipulation"},
        {{.has_backend = true, .is_connected = true, .is_answered = true, .tampering = {.is_total = true}},
         OUTCOME_BLOCKED,
         "middlebox_answer"},
        {{.has_backend = true, .is_connected = true, .tampering = {.is_total = true}},
         OUTCOME_UNKNOWN,
         "backend_silent"},
        {{.has_backend = true, .is_connected = true, .is_reset = true, .tampering = {.is_total = true}},
         OUTCOME_UNKNOWN,
         "backend_reset"},
        {{.has_backend = true, .tampering = {.is_total = true}}, OUTCOME_UNKNOWN, "backend_unreachable"},
        {{.has_backend = true, .is_local_failure = true, .tampering = {.is_total = true}},
         OUTCOME_OFFLINE,
         ""},
        {{.has_backend = true, .connectivity = CONNECTIVITY_NO_LINK, .tampering = {.is_total = true}},
         OUTCOME_OFFLINE,
         ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict = header_verdict(&cases[i].evidence);
        assert_int_equal(verdict.outcome, cases[i].outcome);
        assert_string_equal(verdict.method, cases[i].method);
    }
}

/* ---- a backend: returns what it read, as it read it or tidied up ---- */

enum manner { REFLECT, TIDY, LOWER_METHOD, OTHER_PAGE, NOTHING };

struct backend {
    enum manner manner;
    int fd;
    atomic_bool stop;
    pthread_t thread;
};

static void reflect(const struct backend *backend, char *request, struct buffer *out)
{
    json_t *list = json_array();
    char *rest = NULL;
    char *line = strtok_r(request, "\r\n", &rest);
    json_t *first = json_string(backend->manner == LOWER_METHOD ? "GET / HTTP/1.1" : line);
    while ((line = strtok_r(NULL, "\r\n", &rest))) {
        char *colon = strstr(line, ": ");
        if (!colon)
            continue;
        *colon = '\0';
        if (backend->manner == TIDY && strcasecmp(line, "Host") == 0)
            memcpy(line, "HOST", 4);
        json_array_append_new(list, json_pack("[s, s]", line, colon + 2));
    }
    json_t *answer = json_pack("{s:o, s:o}", "request_line", first, "request_headers", list);
    struct buffer body = {0};
    json_write(answer, &body);
    json_decref(answer);
    buffer_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                  body.count);
    buffer_append(out, body.bytes, body.count);
    buffer_free(&body);
}

static void backend_serve(const struct backend *backend, int fd)
{
    char request[4096] = "";
    struct buffer out = {0};
    ssize_t count = read(fd, request, sizeof request - 1);
    if (count > 0 &&
        (backend->manner == REFLECT || backend->manner == TIDY || backend->manner == LOWER_METHOD))
        reflect(backend, request, &out);
    else if (backend->manner == OTHER_PAGE)
        buffer_text(&out, "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nstop!");
    if (out.count > 0)
        (void)!write(fd, out.bytes, out.count);
    while (out.count == 0 && read(fd, request, sizeof request) > 0)
        continue; /* until the other side has had enough */
    buffer_free(&out);
    usleep(20000);
    close(fd);
}

static void *backend_run(void *arg)
{
    struct backend *backend = arg;
    while (!atomic_load(&backend->stop)) {
        struct pollfd ready = {.fd = backend->fd, .events = POLLIN};
        int fd = poll(&ready, 1, 20) > 0 ? accept(backend->fd, NULL, NULL) : -1;
        if (fd >= 0)
            backend_serve(backend, fd);
    }
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

static struct outcome measure(enum manner manner)
{
    struct backend backend = {.manner = manner};
    struct nettest_context context;
    struct nettest_run *run = NULL;
    struct outcome outcome = {0};
    struct sockaddr_storage at = endpoint("127.0.0.1", 0);
    socklen_t length = sizeof at;
    char url[64];
    backend.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(backend.fd, (struct sockaddr *)&at, address_length(&at)), 0);
    assert_int_equal(listen(backend.fd, 16), 0);
    getsockname(backend.fd, (struct sockaddr *)&at, &length);
    pthread_create(&backend.thread, NULL, backend_run, &backend);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)address_port(&at));
    context_open(&context);
    context.backend = url;
    if (manner == NOTHING)
        context.limits.http_timeout_us = SILENCE_US;
    assert_int_equal(nettest_http_header_field_manipulation.start(&context, NULL, measured, &outcome, &run),
                     STATUS_OK);
    loop_run(context.loop);
    context_close(&context);
    atomic_store(&backend.stop, true);
    pthread_join(backend.thread, NULL);
    close(backend.fd);
    assert_non_null(outcome.keys);
    return outcome;
}

static void test_backends(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        enum verdict_outcome outcome;
        const char *method, *failure, *key;
    } cases[] = {
        {REFLECT, OUTCOME_OK, "", NULL, NULL},
        {TIDY, OUTCOME_BLOCKED, "middlebox_header_manipulation", NULL, "header_name_capitalization"},
        {LOWER_METHOD, OUTCOME_BLOCKED, "middlebox_header_manipulation", NULL, "request_line_capitalization"},
        {OTHER_PAGE, OUTCOME_BLOCKED, "middlebox_answer", "json_parse_error", "total"},
        {NOTHING, OUTCOME_UNKNOWN, "backend_silent", "generic_timeout_error", "total"},
    };
    static const char *const all[] = {"header_field_name",           "header_field_number",
                                      "header_field_value",          "header_name_capitalization",
                                      "request_line_capitalization", "total"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome outcome = measure(cases[i].manner);
        const json_t *tampering = json_member_object(outcome.keys, "tampering");
        const json_t *request = json_array_get(json_object_get(outcome.keys, "requests"), 0);
        const char *failure = json_member_text(outcome.keys, "failure");
        if (cases[i].manner == TIDY && !json_member_bool(tampering, "header_name_capitalization", false)) {
            json_decref(outcome.keys); /* chance had written HOST in capitals already: 1 in 16 */
            i--;
            continue;
        }
        assert_int_equal(outcome.verdict.outcome, cases[i].outcome);
        assert_string_equal(outcome.verdict.method, cases[i].method);
        assert_string_equal(failure ? failure : "", cases[i].failure ? cases[i].failure : "");
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++)
            assert_int_equal(json_member_bool(tampering, all[j], false),
                             cases[i].key && strcmp(all[j], cases[i].key) == 0);
        assert_string_equal(json_member_text(json_member_object(request, "request"), "method"), "GeT");
        assert_int_equal(
            json_array_size(json_object_get(json_object_get(request, "request"), "headers_list")), 6);
        json_decref(outcome.keys);
    }
}

static void test_backend_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        uint16_t port;
    } cases[] = {
        {"192.0.2.1", STATUS_OK, 80},
        {"192.0.2.1:8080", STATUS_OK, 8080},
        {"http://192.0.2.1", STATUS_OK, 80},
        {"http://192.0.2.1:81/", STATUS_OK, 81},
        {"http://[2001:db8::1]:82", STATUS_OK, 82},
        {"example.org", STATUS_MALFORMED, 0},
        {"http://", STATUS_MALFORMED, 0},
        {"", STATUS_MALFORMED, 0},
        {"https://192.0.2.1", STATUS_MALFORMED, 0},
        {"http://192.0.2.1/path", STATUS_MALFORMED, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_storage address = {0};
        assert_int_equal(raw_backend_parse(cases[i].text, &address), cases[i].status);
        if (cases[i].status == STATUS_OK)
            assert_int_equal(address_port(&address), cases[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparison),
        cmocka_unit_test(test_verdict_table),
        cmocka_unit_test(test_backends),
        cmocka_unit_test(test_backend_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
