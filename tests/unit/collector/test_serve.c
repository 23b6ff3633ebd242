/* The service over real HTTP: a server in a child process, libcurl and raw sockets against it.
 * Owner: each test has a data folder and a server of its own.
 * Why: limits, wrong methods and clients that misbehave are only real on a socket. */
#include "tests/unit/collector/fixture.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "collector/serve/service.h"
#include "measurement/base/json.h"

#define BIN_LENGTH_S 2

struct scene {
    char *path;
    pid_t server;
    int port;
    long code; /* of the last answer */
    json_t *body;
    char headers[4096];
};

/* In the child: opens, tells its port, serves. */
static void serve(const char *path, int told)
{
    struct collector_folder folder = {0};
    struct service *service = NULL;
    struct why why = {""};
    struct service_config config = {
        .listen = "127.0.0.1:0", .allow_private_targets = true, .resolvers = "127.0.0.1:9"};
    config.log.clock = clock_system();
    enum status status = collector_folder_open(path, BIN_LENGTH_S, &folder, &why);
    if (status == STATUS_OK) {
        status = service_open(&config, &folder, &service, &why);
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "%s\n", why.text);
        _exit(9);
    }
    int port = service_port(service);
    if (write(told, &port, sizeof port) != sizeof port) {
        _exit(8);
    }
    close(told);
    status = service_run(service);
    service_free(service);
    collector_folder_close(&folder);
    exit(status == STATUS_OK ? 0 : 7); /* not _exit: a leak of the server is a failure */
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    int ends[2];
    scene->path = fixture_folder();
    assert_int_equal(pipe(ends), 0);
    scene->server = fork();
    if (scene->server == 0) {
        close(ends[0]);
        char *path = strdup(scene->path);
        free(scene->path);
        free(scene);
        serve(path, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &scene->port, sizeof scene->port), sizeof scene->port);
    close(ends[0]);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    int status = 0;
    kill(scene->server, SIGTERM);
    assert_int_equal(waitpid(scene->server, &status, 0), scene->server);
    fixture_folder_free(scene->path);
    json_decref(scene->body);
    free(scene);
    /* Orderly, and without a leak. */
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        print_error("the server ended with %d\n", status);
        return -1;
    }
    return 0;
}

static size_t keep_body(char *bytes, size_t size, size_t count, void *arg)
{
    buffer_append(arg, bytes, size * count);
    return size * count;
}

static size_t keep_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct scene *scene = arg;
    size_t used = strlen(scene->headers);
    if (used + size * count < sizeof scene->headers) {
        memcpy(scene->headers + used, bytes, size * count);
        scene->headers[used + size * count] = 0;
    }
    return size * count;
}

/* One request; `headers` may be NULL. The code, the JSON body (if any) and the headers are in the scene. */
static void ask(struct scene *scene, const char *method, const char *path, struct curl_slist *headers,
                const void *body, size_t count)
{
    struct buffer answer = {0};
    char url[256];
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", scene->port, path);
    scene->headers[0] = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, scene);
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &scene->code);
    curl_easy_cleanup(curl);
    json_decref(scene->body);
    scene->body = NULL;
    json_read((const char *)answer.bytes, answer.count, &scene->body, NULL);
    buffer_free(&answer);
}

static void get(struct scene *scene, const char *path)
{
    ask(scene, "GET", path, NULL, NULL, 0);
}

static void post_bundle(struct scene *scene, const struct secret_key *key,
                        const struct fixture_bundle *bundle)
{
    struct buffer text = {0};
    char key_text[PUBLIC_KEY_TEXT_BYTES];
    public_key_format(&key->public_key, key_text);
    buffer_printf(&text, "Dialtone-Key: %s", key_text);
    char *key_header = buffer_take_text(&text);
    buffer_text(&text, "Dialtone-Signature: ");
    base64url_append(&text, bundle->minisig.bytes, bundle->minisig.count);
    char *signature_header = buffer_take_text(&text);
    struct curl_slist *headers = curl_slist_append(NULL, key_header);
    headers = curl_slist_append(headers, signature_header);
    ask(scene, "POST", "/v1/bundles", headers, bundle->packed.bytes, bundle->packed.count);
    curl_slist_free_all(headers);
    free(key_header);
    free(signature_header);
}

static const struct {
    const char *method;
    const char *path;
    long code;
    const char *error; /* NULL: none */
} path_cases[] = {
    {"GET", "/healthz", 200, NULL},
    {"GET", "/v1/whoami", 200, NULL},
    {"POST", "/v1/pace", 405, "method_not_allowed"},
    {"GET", "/v1/control", 200, NULL},
    {"GET", "/api/v1/regions", 200, NULL},
    {"GET", "/api/v1/events", 200, NULL},
    {"GET", "/api/v1/measurements", 200, NULL},
    {"GET", "/v1/bundles", 405, "method_not_allowed"},
    {"DELETE", "/api/v1/regions", 405, "method_not_allowed"},
    {"PUT", "/v1/control", 405, "method_not_allowed"},
    {"POST", "/healthz", 405, "method_not_allowed"},
    {"GET", "/", 404, "not_found"},
    {"GET", "/v1", 404, "not_found"},
    {"GET", "/v1/bundlesX", 404, "not_found"},
    {"GET", "/healthz/x", 404, "not_found"},
    {"GET", "/../../etc/passwd", 404, "not_found"},
    {"GET", "/%2e%2e/etc/passwd", 404, "not_found"},
    {"GET", "/v1/targets", 404, "not_found"},
    {"GET", "/v1/targets?cc=xx", 400, "malformed"},
    {"GET", "/api/v1/timeline", 400, "malformed"},
    {"GET", "/api/v1/timeline?region=NOWHERE", 400, "malformed"},
    {"GET", "/api/v1/timeline?region=XD", 404, "not_found"},
    {"GET", "/api/v1/timeline?region=XD&from=now", 400, "malformed"},
    {"GET", "/api/v1/events?state=sure", 400, "malformed"},
    {"GET", "/api/v1/measurements?limit=0", 400, "malformed"},
    {"GET", "/api/v1/measurements?limit=1001", 400, "malformed"},
    {"GET", "/api/v1/measurements?limit=99999999999999999999", 400, "malformed"},
    {"GET", "/api/v1/measurements?offset=-1", 400, "malformed"},
    {"GET", "/api/v1/measurements?region=XD&outcome=maybe", 400, "malformed"},
    {"GET", "/api/v1/measurements?outcome=blocked", 400, "malformed"},
    {"GET", "/api/v1/measurements?region=XD&outcome=blocked&subject=a.example&test_name=ladder", 200, NULL},
    {"GET", "/api/v1/measurements?region='%20OR%201=1", 400, "malformed"},
    {"GET", "/api/v1/measurements/12", 400, "malformed"},
    {"GET", "/api/v1/measurements/0000000000000000000000000000000000000000000000000000000000000000", 404,
     "not_found"},
    {"POST", "/v1/control", 400, "malformed"},
    {"POST", "/v1/bundles", 400, "malformed"},
};

static void test_paths_and_methods(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof path_cases / sizeof path_cases[0]; i++) {
        print_message("%s %s\n", path_cases[i].method, path_cases[i].path);
        ask(scene, path_cases[i].method, path_cases[i].path, NULL, strcmp(path_cases[i].method, "POST") == 0 ? "" : NULL, 0);
        assert_int_equal(scene->code, path_cases[i].code);
        assert_non_null(scene->body);
        if (path_cases[i].error) {
            assert_string_equal(json_member_text(scene->body, "error"), path_cases[i].error);
            assert_true(json_member_text(scene->body, "detail")[0] != 0);
        }
    }
    ask(scene, "HEAD", "/healthz", NULL, NULL, 0);
    assert_int_equal(scene->code, 200);
    ask(scene, "PUT", "/v1/bundles", NULL, "x", 1);
    assert_non_null(strstr(scene->headers, "Allow: POST"));
}

/* What the caller has is not sent again: RFC 9110 section 13.1.2. */
static void test_what_is_known(void **state)
{
    static const struct {
        const char *form; /* %s: the tag */
        long code;
    } cases[] = {
        {"%s", 304},        {"W/%s", 304},           {"*", 304},      {"\"a,b\", W/\"c\",%s", 304}, {"\"\", %s , \"d\"", 304},
        {"\"other\"", 200}, {"x%sy", 200},           {"\"x%sx\"", 200}, {"\"unended %s", 200},   {"", 200},
    };
    struct scene *scene = *state;
    char tag[64] = "";
    get(scene, "/api/v1/regions");
    const char *found = strstr(scene->headers, "ETag: ");
    assert_non_null(found);
    assert_int_equal(sscanf(found, "ETag: %63s", tag), 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer text = {0};
        const char *at = strstr(cases[i].form, "%s");
        buffer_printf(&text, "If-None-Match: %.*s%s%s", at ? (int)(at - cases[i].form) : (int)strlen(cases[i].form),
                      cases[i].form, at ? tag : "", at ? at + 2 : "");
        char *header = buffer_take_text(&text);
        struct curl_slist *headers = curl_slist_append(NULL, header);
        print_message("%s\n", header);
        ask(scene, "GET", "/api/v1/regions", headers, NULL, 0);
        assert_int_equal(scene->code, cases[i].code);
        assert_int_equal(scene->body == NULL, cases[i].code == 304);
        curl_slist_free_all(headers);
        free(header);
    }
}

/* Each of three probes uploads four measurements, twice. */
static void probes_upload(struct scene *scene)
{
    struct clock clock = clock_system();
    for (uint64_t probe = 1; probe <= 3; probe++) {
        struct secret_key key = fixture_key(probe);
        struct buffer lines = {0};
        for (int i = 0; i < 4; i++) {
            struct fixture_line line = {.country = "XD",
                                        .subdivision = probe == 1 ? "XD-N" : "XD-S",
                                        .asn = 64500 + (uint32_t)probe,
                                        .state = CONNECTIVITY_WORKING,
                                        .time_us = clock_wall_us(&clock) - (10 - i) * US_PER_S,
                                        .n = i};
            fixture_line_add(&line, &lines);
        }
        struct fixture_bundle bundle = fixture_bundle(&key, 1, &lines);
        post_bundle(scene, &key, &bundle);
        assert_int_equal(scene->code, 201);
        assert_int_equal(json_member_int(json_member_object(scene->body, "receipt"), "log_index", -1),
                         (int64_t)probe - 1);
        post_bundle(scene, &key, &bundle);
        assert_int_equal(scene->code, 200);
        fixture_bundle_free(&bundle);
        buffer_free(&lines);
    }
}

static void test_upload_and_questions(void **state)
{
    struct scene *scene = *state;
    probes_upload(scene);
    get(scene, "/api/v1/measurements?region=XD&limit=5&offset=10");
    assert_int_equal(json_array_size(json_member_array(scene->body, "measurements")), 2);
    /* No answer names a probe. */
    struct secret_key key = fixture_key(1);
    char name[KEY_NAME_BYTES];
    public_key_name(&key.public_key, name);
    char *text = json_dumps(scene->body, 0);
    assert_null(strstr(text, name));
    free(text);
    /* Below country level, what shows fewer than three probes is not told. */
    get(scene, "/api/v1/regions");
    const json_t *regions = json_member_array(scene->body, "regions");
    assert_int_equal(json_array_size(regions), 1);
    assert_string_equal(json_member_text(json_array_get(regions, 0), "region"), "XD");
    assert_int_equal(json_member_int(json_array_get(regions, 0), "probes", 0), 3);
    get(scene, "/api/v1/timeline?region=XD-N");
    assert_int_equal(scene->code, 404);
    get(scene, "/api/v1/measurements?region=XD-N");
    assert_int_equal(scene->code, 404);
    get(scene, "/api/v1/measurements?region=XD");
    const json_t *rows = json_member_array(scene->body, "measurements");
    assert_int_equal(json_array_size(rows), 12);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        int64_t time_us = 0;
        const json_t *row = json_array_get(rows, i);
        assert_string_equal(json_member_text(row, "country"), "XD");
        assert_string_equal(json_member_text(row, "subdivision"), "");
        assert_int_equal(json_member_int(row, "asn", -1), 0);
        assert_int_equal(time_parse(json_member_text(row, "time"), &time_us), STATUS_OK);
        assert_int_equal(time_us % (BIN_LENGTH_S * US_PER_S), 0);
    }
    /* The detector runs by itself, soon. */
    bool is_judged = false;
    for (int i = 0; i < 1000 && !is_judged; i++) {
        usleep(100000);
        get(scene, "/api/v1/timeline?region=XD");
        assert_int_equal(scene->code, 200);
        is_judged = json_array_size(json_member_array(scene->body, "states")) > 0;
    }
    assert_true(is_judged);
}

static int connect_raw(const struct scene *scene)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)scene->port)};
    struct timeval patience = {.tv_sec = 60};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_raw(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The beginning of the answer; "" where the connection was closed without one. */
static void read_raw(int fd, char *out, size_t out_bytes)
{
    ssize_t got = recv(fd, out, out_bytes - 1, 0);
    out[got > 0 ? got : 0] = 0;
}

static void test_clients_that_misbehave(void **state)
{
    static const char *const requests[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
        "GET http://[ HTTP/1.1\r\n\r\n",
        "POST /v1/bundles HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/bundles HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /v1/bundles HTTP/1.1\r\nContent-Length: 100000000\r\n\r\nabc",
        "POST /v1/bundles HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\nabc",
        "POST /v1/bundles HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /api/v1/measurements?limit=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?&&=&a=b&a HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    struct scene *scene = *state;
    char answer[512];
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        int fd = connect_raw(scene);
        send_raw(fd, requests[i]);
        shutdown(fd, SHUT_WR);
        read_raw(fd, answer, sizeof answer);
        assert_null(strstr(answer, " 200 "));
        close(fd);
        get(scene, "/healthz");
        assert_int_equal(scene->code, 200);
    }
    /* A header without end. */
    int fd = connect_raw(scene);
    char filler[1024];
    memset(filler, 'a', sizeof filler);
    send_raw(fd, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 64 && send(fd, filler, sizeof filler, MSG_NOSIGNAL) > 0; i++) {
    }
    read_raw(fd, answer, sizeof answer);
    assert_null(strstr(answer, " 200 "));
    close(fd);
    /* Gone in the middle of an upload. */
    fd = connect_raw(scene);
    send_raw(fd, "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc");
    close(fd);
    get(scene, "/healthz");
    assert_int_equal(scene->code, 200);
}

static void test_many_idle_connections(void **state)
{
    enum { COUNT = 300 };
    struct scene *scene = *state;
    int fds[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fds[i] = connect_raw(scene);
        send_raw(fds[i], "POST /v1/bundles HTTP/1.1\r\nHost: a\r\n");
    }
    get(scene, "/healthz");
    assert_int_equal(scene->code, 200);
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
    get(scene, "/healthz");
    assert_int_equal(scene->code, 200);
}

static void test_control(void **state)
{
    struct scene *scene = *state;
    char request[256];
    /* A page of the server itself: it answers the question while it is asked. */
    snprintf(request, sizeof request,
             "{\"http_request\":\"http://127.0.0.1:%d/healthz\",\"http_request_headers\":{},"
             "\"tcp_connect\":[\"127.0.0.1:%d\"]}",
             scene->port, scene->port);
    ask(scene, "POST", "/v1/control", NULL, request, strlen(request));
    assert_int_equal(scene->code, 200);
    const json_t *page = json_member_object(scene->body, "http_request");
    assert_non_null(page);
    assert_int_equal(json_member_int(page, "status_code", 0), 200);
    ask(scene, "POST", "/v1/control", NULL, "{}", 2);
    assert_int_equal(scene->code, 400);
    /* The asker leaves before the answer; a name is being looked up at a resolver that is silent. */
    int fd = connect_raw(scene);
    const char *body =
        "{\"http_request\":\"http://name.example/\",\"http_request_headers\":{},\"tcp_connect\":[]}";
    char head[256];
    snprintf(head, sizeof head, "POST /v1/control HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    send_raw(fd, head);
    usleep(100000);
    close(fd);
    get(scene, "/healthz");
    assert_int_equal(scene->code, 200);
    /* And one is under way when the server stops. */
    fd = connect_raw(scene);
    send_raw(fd, head);
    usleep(100000);
    kill(scene->server, SIGTERM);
    usleep(200000);
    close(fd);
}

static void test_plain_http_stays_at_home(void **state)
{
    static const struct {
        const char *listen;
        enum status expected;
    } cases[] = {
        {"0.0.0.0:0", STATUS_REFUSED},     {"[::]:0", STATUS_REFUSED},   {"192.0.2.1:80", STATUS_REFUSED},
        {"127.0.0.1", STATUS_USAGE},       {"127.0.0.1:", STATUS_USAGE}, {"localhost:80", STATUS_USAGE},
        {"127.0.0.1:70000", STATUS_USAGE}, {"", STATUS_USAGE},           {":80", STATUS_USAGE},
        {"127.5.5.5:0", STATUS_OK},
    };
    (void)state;
    char *path = fixture_folder();
    struct collector_folder folder = {0};
    struct why why = {""};
    assert_int_equal(collector_folder_open(path, 0, &folder, &why), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct service_config config = {.listen = cases[i].listen, .resolvers = "127.0.0.1:9"};
        struct service *service = NULL;
        print_message("%s\n", cases[i].listen);
        assert_string_equal(status_name(service_open(&config, &folder, &service, &why)),
                            status_name(cases[i].expected));
        assert_int_equal(service != NULL, cases[i].expected == STATUS_OK);
        service_free(service);
    }
    collector_folder_close(&folder);
    fixture_folder_free(path);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_paths_and_methods),
        CASE(test_what_is_known),
        CASE(test_upload_and_questions),
        CASE(test_clients_that_misbehave),
        CASE(test_many_idle_connections),
        CASE(test_control),
        cmocka_unit_test(test_plain_http_stays_at_home),
    };
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed_count = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed_count;
}
