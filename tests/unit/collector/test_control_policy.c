/* What the helper may reach, in a network of the test's own with public and inside addresses and real servers on both: names
 * that lead inside, names that change where they lead, redirects inside, ports outside the list. Nothing inside may ever see
 * as much as a connection.
 * Owner: the fixture owns loop and servers; the network ends with the process.
 * Why: whoever may post to the helper must not reach through it what only its machine can reach. */
#include "collector/control/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests/unit/skipped.h"

#define PUBLIC "45.45.45.45"

static const char *const addresses[] = {PUBLIC, "10.1.2.3", "192.168.7.7", "169.254.169.254", "100.64.0.9", "198.18.0.5"};
static bool is_apart; /* set once in main */

struct inside {
    int fd;
    struct loop_watch *watch;
    int *visits;
};

struct fixture {
    struct nettest_context context;
    struct control *control;
    struct evhttp *http; /* on the public address, port 80 */
    int dns_fd;
    struct loop_watch *dns_watch;
    struct inside inside[16];
    size_t inside_count;
    int visits;  /* to anything that must not be reached */
    int pages;   /* that the public server sent */
    int lookups; /* of names that change */
    json_t *response;
};

/* lo up, with addresses that look public and addresses that do not. */
static bool network_make(void)
{
    bool is_root = geteuid() == 0;
    if (unshare(CLONE_NEWNET | (is_root ? 0 : CLONE_NEWUSER)) != 0) {
        return false;
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = {.ifr_name = "lo"};
    request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    bool is_made = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0] && is_made; i++) {
        struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
        snprintf(request.ifr_name, sizeof request.ifr_name, "lo:%zu", i + 1);
        *address = (struct sockaddr_in){.sin_family = AF_INET};
        inet_pton(AF_INET, addresses[i], &address->sin_addr);
        is_made = ioctl(fd, SIOCSIFADDR, &request) == 0;
    }
    close(fd);
    return is_made;
}

/* Where a name leads. Those that change lead outside the first time, and inside from then on. */
static const char *address_of(struct fixture *fixture, const char *name)
{
    static const struct {
        const char *name, *address;
    } names[] = {
        {"public", PUBLIC},      {"loop", "127.0.0.1"},        {"ten", "10.1.2.3"},    {"home", "192.168.7.7"},
        {"cloud", "169.254.169.254"}, {"shared", "100.64.0.9"}, {"bench", "198.18.0.5"}, {"zero", "0.0.0.0"},
    };
    if (strcmp(name, "rebind") == 0 || strcmp(name, "rebindten") == 0) {
        bool is_first = fixture->lookups++ == 0;
        return is_first ? PUBLIC : strcmp(name, "rebind") == 0 ? "127.0.0.1" : "10.1.2.3";
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i].name) == 0) {
            return names[i].address;
        }
    }
    return NULL;
}

static size_t record_add(uint8_t *message, size_t count, int type, const void *address, size_t address_count)
{
    const uint8_t head[] = {0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 0, 0, (uint8_t)address_count};
    memcpy(message + count, head, sizeof head);
    memcpy(message + count + sizeof head, address, address_count);
    message[7]++;
    return count + sizeof head + address_count;
}

/* NAME.test; "mixed" has an inside and an outside address, "six" ::1, "mapped" 127.0.0.1 inside IPv6. */
static void on_question(int fd, bool readable, bool writable, void *arg)
{
    struct fixture *fixture = arg;
    uint8_t message[512];
    char name[64] = "";
    uint8_t bytes[16];
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(fd, message, sizeof message - 64, 0, (struct sockaddr *)&from, &length);
    (void)readable;
    (void)writable;
    if (got < 17) {
        return;
    }
    size_t label = message[12] < sizeof name ? message[12] : 0;
    memcpy(name, message + 13, label);
    size_t count = 12;
    while (count < (size_t)got && message[count] != 0) {
        count += 1u + message[count];
    }
    int type = message[count + 2];
    count += 5;
    message[2] = 0x84;
    message[3] = 0x80;
    memset(message + 6, 0, 6);
    const char *address = type == 1 ? address_of(fixture, name) : NULL;
    if (address) {
        inet_pton(AF_INET, address, bytes);
        count = record_add(message, count, 1, bytes, 4);
    }
    if (type == 1 && strcmp(name, "mixed") == 0) {
        inet_pton(AF_INET, "127.0.0.1", bytes);
        count = record_add(message, count, 1, bytes, 4);
        inet_pton(AF_INET, PUBLIC, bytes);
        count = record_add(message, count, 1, bytes, 4);
    }
    if (type == 28 && (strcmp(name, "six") == 0 || strcmp(name, "mapped") == 0)) {
        inet_pton(AF_INET6, strcmp(name, "six") == 0 ? "::1" : "::ffff:127.0.0.1", bytes);
        count = record_add(message, count, 28, bytes, 16);
    }
    sendto(fd, message, count, 0, (struct sockaddr *)&from, length);
}

/* /to?URL sends the caller there. */
static void on_page(struct evhttp_request *request, void *arg)
{
    struct fixture *fixture = arg;
    const char *uri = evhttp_request_get_uri(request);
    fixture->pages++;
    if (strncmp(uri, "/to?", 4) == 0) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Location", uri + 4);
        evhttp_send_reply(request, 302, "Found", NULL);
        return;
    }
    evbuffer_add_printf(evhttp_request_get_output_buffer(request), "<title>Outside</title>");
    evhttp_send_reply(request, 200, "OK", NULL);
}

static void on_visit(int fd, bool readable, bool writable, void *arg)
{
    struct inside *inside = arg;
    (void)readable;
    (void)writable;
    int visitor = accept(fd, NULL, NULL);
    if (visitor >= 0) {
        (*inside->visits)++;
        close(visitor);
    }
}

static void inside_listen(struct fixture *fixture, const char *address, uint16_t port)
{
    struct sockaddr_storage endpoint;
    assert_int_equal(address_parse(address, port, &endpoint), STATUS_OK);
    socklen_t length = endpoint.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int fd = socket(endpoint.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&endpoint, length) == 0;
    if (!is_bound && endpoint.ss_family == AF_INET6) {
        close(fd); /* a machine without IPv6 */
        return;
    }
    assert_true(is_bound);
    struct inside *inside = &fixture->inside[fixture->inside_count++];
    inside->visits = &fixture->visits;
    inside->fd = fd;
    assert_int_equal(listen(inside->fd, 16), 0);
    assert_int_equal(loop_watch(fixture->context.loop, inside->fd, true, false, on_visit, inside, &inside->watch),
                     STATUS_OK);
}

static void servers_open(struct fixture *fixture)
{
    struct sockaddr_in dns = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fixture->dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fixture->dns_fd, (struct sockaddr *)&dns, sizeof dns), 0);
    assert_int_equal(loop_watch(fixture->context.loop, fixture->dns_fd, true, false, on_question, fixture,
                                &fixture->dns_watch),
                     STATUS_OK);
    fixture->http = evhttp_new(loop_base(fixture->context.loop));
    assert_non_null(evhttp_bind_socket_with_handle(fixture->http, PUBLIC, 80));
    evhttp_set_gencb(fixture->http, on_page, fixture);
    inside_listen(fixture, "127.0.0.1", 80);
    inside_listen(fixture, "127.0.0.1", 443);
    for (size_t i = 1; i < sizeof addresses / sizeof addresses[0]; i++) {
        inside_listen(fixture, addresses[i], 80);
    }
    inside_listen(fixture, "::1", 80);
    inside_listen(fixture, PUBLIC, 22);
    inside_listen(fixture, PUBLIC, 8080);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct why why = {""};
    *state = fixture;
    if (!is_apart) {
        return 0;
    }
    struct nettest_context *context = &fixture->context;
    *context = (struct nettest_context){
        .clock = clock_system(), .random = random_system(), .limits = nettest_limits_default(), .resolver_count = 1};
    context->limits.dns_timeout_us = US_PER_S;
    assert_int_equal(loop_open(&context->loop), STATUS_OK);
    assert_int_equal(fetcher_open(context->loop, &context->fetcher), STATUS_OK);
    assert_int_equal(address_parse("127.0.0.1", 53, &context->resolvers[0]), STATUS_OK);
    servers_open(fixture);
    const struct control_config config = {.context = context};
    assert_int_equal(control_open(&config, &fixture->control, &why), STATUS_OK);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (is_apart) {
        control_free(fixture->control);
        evhttp_free(fixture->http);
        loop_watch_free(fixture->dns_watch);
        close(fixture->dns_fd);
        for (size_t i = 0; i < fixture->inside_count; i++) {
            loop_watch_free(fixture->inside[i].watch);
            close(fixture->inside[i].fd);
        }
        fetcher_free(fixture->context.fetcher);
        loop_free(fixture->context.loop);
    }
    json_decref(fixture->response);
    free(fixture);
    return 0;
}

static void on_response(const json_t *response, void *arg)
{
    struct fixture *fixture = arg;
    fixture->response = json_deep_copy(response);
    loop_stop(fixture->context.loop);
}

static void look_done(void *arg)
{
    loop_stop(arg);
}

/* OK: `response` is there. Whatever might still knock has a moment to. */
static enum status ask(struct fixture *fixture, const char *url, const char *endpoints)
{
    char text[1024];
    struct control_job *job = NULL;
    struct why why = {""};
    snprintf(text, sizeof text, "{\"http_request\":\"%s\",\"tcp_connect\":[%s]}", url, endpoints);
    json_decref(fixture->response);
    fixture->response = NULL;
    fixture->lookups = 0;
    fixture->pages = 0;
    enum status status =
        control_start(fixture->control, text, strlen(text), on_response, fixture, &job, &why);
    if (status == STATUS_OK) {
        assert_int_equal(loop_run(fixture->context.loop), STATUS_OK);
        assert_non_null(fixture->response);
    }
    assert_int_equal(loop_after(fixture->context.loop, 20 * US_PER_MS, look_done, fixture->context.loop, NULL), STATUS_OK);
    assert_int_equal(loop_run(fixture->context.loop), STATUS_OK);
    return status;
}

static const json_t *section(const struct fixture *fixture, const char *name)
{
    return json_member_object(fixture->response, name);
}

static void inside_is_untouched(const struct fixture *fixture, const char *url)
{
    if (fixture->visits != 0) {
        fail_msg("%s reached inside", url);
    }
}

static void test_outside_is_reached(void **state)
{
    struct fixture *fixture = *state;
    if (!is_apart) {
        skip_because("no network namespace can be made here");
    }
    assert_int_equal(ask(fixture, "http://public.test/", "\"" PUBLIC ":80\""), STATUS_OK);
    const json_t *http = section(fixture, "http_request");
    assert_int_equal(json_member_int(http, "status_code", 0), 200);
    assert_string_equal(json_member_text(http, "title"), "Outside");
    assert_int_equal(ask(fixture, "http://public.test/to?http://public.test/again", ""), STATUS_OK);
    assert_int_equal(json_member_int(section(fixture, "http_request"), "status_code", 0), 200);
    assert_int_equal(fixture->pages, 2);
    inside_is_untouched(fixture, "a public page");
}

/* The address is told, as OONI's helper tells it; it is not connected to. */
static void test_names_that_lead_inside(void **state)
{
    static const char *const names[] = {"loop", "ten", "home", "cloud", "shared", "bench", "zero", "six", "mapped"};
    struct fixture *fixture = *state;
    if (!is_apart) {
        skip_because("no network namespace can be made here");
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://%s.test/", names[i]);
        assert_int_equal(ask(fixture, url, ""), STATUS_OK);
        assert_non_null(json_member_text(section(fixture, "http_request"), "failure"));
        assert_int_equal(json_object_size(section(fixture, "tcp_connect")), 0);
        assert_int_equal(json_array_size(json_member_array(section(fixture, "dns"), "addrs")), 1);
        inside_is_untouched(fixture, url);
    }
    assert_int_equal(ask(fixture, "https://loop.test/", ""), STATUS_OK);
    inside_is_untouched(fixture, "https://loop.test/");
    assert_int_equal(ask(fixture, "http://mixed.test/", ""), STATUS_OK);
    assert_int_equal(json_member_int(section(fixture, "http_request"), "status_code", 0), 200);
    inside_is_untouched(fixture, "a name with an address on each side");
}

static void test_redirects_inside(void **state)
{
    static const char *const targets[] = {
        "http://127.0.0.1/",       "http://10.1.2.3/",       "http://loop.test/",     "http://ten.test/",
        "http://cloud.test/latest/meta-data/", "https://loop.test/", "http://[::1]/",  "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a01:203]/", "http://2130706433/",    "http://0x7f000001/",    "http://127.1/",
        "http://017700000001/",    "http://0/",              "//loop.test/",          "//127.0.0.1/",
        "http://user@127.0.0.1/",  "http://public.test:22/", "http://public.test:8080/", "http://" PUBLIC ":8080/",
        "http://127.0.0.1:443/",   "http://localhost/",      "file:///etc/passwd",    "gopher://127.0.0.1:80/",
        "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    };
    struct fixture *fixture = *state;
    if (!is_apart) {
        skip_because("no network namespace can be made here");
    }
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char url[256];
        snprintf(url, sizeof url, "http://public.test/to?%s", targets[i]);
        assert_int_equal(ask(fixture, url, ""), STATUS_OK);
        assert_int_equal(fixture->pages, 1); /* it was followed, and went nowhere */
        if (!json_member_text(section(fixture, "http_request"), "failure")) {
            fail_msg("%s is no failure", targets[i]);
        }
        inside_is_untouched(fixture, targets[i]);
    }
}

/* The name that was public when it was asked for leads inside a moment later. */
static void test_rebinding(void **state)
{
    static const char *const names[] = {"rebind", "rebindten"};
    struct fixture *fixture = *state;
    if (!is_apart) {
        skip_because("no network namespace can be made here");
    }
    for (size_t i = 0; i < 2; i++) {
        char url[128];
        snprintf(url, sizeof url, "http://%s.test/", names[i]);
        assert_int_equal(ask(fixture, url, ""), STATUS_OK);
        assert_int_equal(json_member_int(section(fixture, "http_request"), "status_code", 0), 200);
        assert_int_equal(fixture->lookups, 1); /* what was judged is what was connected to */
        inside_is_untouched(fixture, url);
        snprintf(url, sizeof url, "http://%s.test/to?http://%s.test/again", names[i], names[i]);
        assert_int_equal(ask(fixture, url, ""), STATUS_OK);
        inside_is_untouched(fixture, url);
        snprintf(url, sizeof url, "http://public.test/to?http://%s.test/to?http://%s.test/", names[i], names[i]);
        assert_int_equal(ask(fixture, url, ""), STATUS_OK);
        inside_is_untouched(fixture, url);
    }
}

static void test_what_is_refused_at_once(void **state)
{
    static const char *const urls[] = {
        "http://127.0.0.1/", "http://10.1.2.3/", "http://192.168.7.7/", "http://169.254.169.254/", "http://[::1]/",
        "http://[::ffff:10.1.2.3]/", "http://0.0.0.0/", "http://public.test:22/", "http://public.test:8080/",
        "http://" PUBLIC ":25/",
    };
    struct fixture *fixture = *state;
    if (!is_apart) {
        skip_because("no network namespace can be made here");
    }
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        if (ask(fixture, urls[i], "") != STATUS_REFUSED) {
            fail_msg("%s is not refused", urls[i]);
        }
        inside_is_untouched(fixture, urls[i]);
    }
}

/* Other ways to write an address inside: whatever is made of them, nothing there is touched. */
static void test_spellings_of_addresses_inside(void **state)
{
    static const char *const hosts[] = {
        "2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "localhost", "localhost.",
        "user@127.0.0.1", "public.test@10.1.2.3", "127.0.0.1%00.public.test", "[::ffff:7f00:1]", "[::127.0.0.1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2002:a01:203::1]", "[fe80::1%25lo]", "[::1%lo]", "\xe2\x91\xa0.0.0.1",
    };
    struct fixture *fixture = *state;
    if (!is_apart) {
        skip_because("no network namespace can be made here");
    }
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char url[128];
        snprintf(url, sizeof url, "http://%s/", hosts[i]);
        if (ask(fixture, url, "") == STATUS_OK) {
            assert_int_not_equal(json_member_int(section(fixture, "http_request"), "status_code", 0), 200);
        }
        inside_is_untouched(fixture, url);
        snprintf(url, sizeof url, "http://public.test/to?http://%s/", hosts[i]);
        if (ask(fixture, url, "") == STATUS_OK) {
            assert_int_not_equal(json_member_int(section(fixture, "http_request"), "status_code", 0), 200);
        }
        inside_is_untouched(fixture, url);
    }
}

static void test_endpoints_inside_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    if (!is_apart) {
        skip_because("no network namespace can be made here");
    }
    assert_int_equal(ask(fixture, "http://public.test/",
                         "\"127.0.0.1:80\",\"10.1.2.3:80\",\"[::1]:80\",\"[::ffff:127.0.0.1]:80\",\"169.254.169.254:80\",\"" PUBLIC
                         ":8080\",\"" PUBLIC ":22\",\"100.64.0.9:80\",\"" PUBLIC ":80\""),
                     STATUS_OK);
    const json_t *seen = section(fixture, "tcp_connect");
    const char *endpoint;
    json_t *value;
    assert_non_null(json_object_get(seen, PUBLIC ":80"));
    json_object_foreach((json_t *)seen, endpoint, value) {
        if (strncmp(endpoint, PUBLIC ":80", sizeof PUBLIC ":80") != 0 && strcmp(endpoint, PUBLIC ":443") != 0) {
            fail_msg("%s was connected to", endpoint);
        }
    }
    inside_is_untouched(fixture, "endpoints");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_outside_is_reached),      TEST(test_names_that_lead_inside),
        TEST(test_redirects_inside),        TEST(test_rebinding),
        TEST(test_what_is_refused_at_once), TEST(test_endpoints_inside_are_left_out),
        TEST(test_spellings_of_addresses_inside),
    };
    is_apart = network_make();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
