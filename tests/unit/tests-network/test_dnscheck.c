/* Resolver checks: URLs and verdicts by table, and each transport against real resolvers on 127.0.0.1. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/dnscheck/verdict.h"
#include "tests-network/steps/failure.h"
#include "tests/unit/tests-network/step_servers.h"

extern const struct nettest nettest_dnscheck;

#define PUBLIC_ADDRESS "93.184.215.14"

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        enum resolver_transport transport;
        const char *host;
        uint16_t port;
        const char *path;
    } cases[] = {
        {"udp://8.8.8.8:53", STATUS_OK, RESOLVER_UDP, "8.8.8.8", 53, ""},
        {"udp://8.8.8.8", STATUS_OK, RESOLVER_UDP, "8.8.8.8", 53, ""},
        {"tcp://8.8.8.8:5353/", STATUS_OK, RESOLVER_TCP, "8.8.8.8", 5353, ""},
        {"dot://dns.google", STATUS_OK, RESOLVER_DOT, "dns.google", 853, ""},
        {"dot://[2001:4860:4860::8888]:853", STATUS_OK, RESOLVER_DOT, "2001:4860:4860::8888", 853, ""},
        {"https://dns.google/dns-query", STATUS_OK, RESOLVER_DOH, "dns.google", 443, "/dns-query"},
        {"https://dns.google", STATUS_OK, RESOLVER_DOH, "dns.google", 443, "/dns-query"},
        {"https://dns.example:8443/q?x=1", STATUS_OK, RESOLVER_DOH, "dns.example", 8443, "/q?x=1"},
        {"http://dns.google/dns-query", STATUS_MALFORMED, 0, "", 0, ""},
        {"udp://8.8.8.8/path", STATUS_MALFORMED, 0, "", 0, ""},
        {"udp://user@8.8.8.8", STATUS_MALFORMED, 0, "", 0, ""},
        {"udp://8.8.8.8:0", STATUS_MALFORMED, 0, "", 0, ""},
        {"udp://8.8.8.8:70000", STATUS_MALFORMED, 0, "", 0, ""},
        {"8.8.8.8", STATUS_MALFORMED, 0, "", 0, ""},
        {"udp://", STATUS_MALFORMED, 0, "", 0, ""},
        {"", STATUS_MALFORMED, 0, "", 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolver_url url = {0};
        struct why why = {0};
        assert_int_equal(resolver_url_parse(cases[i].text, &url, &why), cases[i].status);
        if (cases[i].status != STATUS_OK) {
            assert_non_null(strstr(why.text, "udp://"));
            continue;
        }
        assert_int_equal(url.transport, cases[i].transport);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.path, cases[i].path);
    }
}

static const struct {
    struct dnscheck_evidence evidence;
    enum verdict_outcome outcome;
    enum verdict_layer layer;
    const char *method;
    enum verdict_confidence confidence;
} verdict_rows[] = {
    {{.lookup_count = 2,
      .lookups = {{.result = {.stage = LOOKUP_DONE, .failure = NULL}},
                  {.result = {.stage = LOOKUP_ANSWER, .failure = FAILURE_NO_ANSWER}}}},
     OUTCOME_OK,
     LAYER_NONE,
     "",
     CONFIDENCE_NONE},
    {{.lookup_count = 1, .lookups = {{.result = {.stage = LOOKUP_DONE, .failure = NULL, .is_injected = true}}}},
     OUTCOME_BLOCKED,
     LAYER_DNS,
     "dns_injection",
     CONFIDENCE_CERTAIN},
    {{.lookup_count = 1, .lookups = {{.result = {.stage = LOOKUP_DONE, .failure = NULL, .is_bogon = true}}}},
     OUTCOME_BLOCKED,
     LAYER_DNS,
     "dns_bogon",
     CONFIDENCE_STRONG},
    {{.bootstrap_failure = FAILURE_NXDOMAIN},
     OUTCOME_UNKNOWN,
     LAYER_NONE,
     "bootstrap_failure",
     CONFIDENCE_NONE},
    {{.bootstrap_failure = FAILURE_BOGON, .is_bootstrap_injected = true},
     OUTCOME_BLOCKED,
     LAYER_DNS,
     "dns_injection",
     CONFIDENCE_CERTAIN},
    {{.bootstrap_failure = "network_unreachable"}, OUTCOME_OFFLINE, LAYER_NONE, "", CONFIDENCE_NONE},
    {{.lookup_count = 1, .lookups = {{.result = {.stage = LOOKUP_EXCHANGE, .failure = FAILURE_TIMEOUT}}}},
     OUTCOME_UNKNOWN,
     LAYER_NONE,
     "resolver_unanswered",
     CONFIDENCE_NONE},
    {{.lookup_count = 1,
      .lookups = {{.result = {.stage = LOOKUP_EXCHANGE, .failure = FAILURE_TIMEOUT}}},
      .connectivity = CONNECTIVITY_FULL_SHUTDOWN},
     OUTCOME_OFFLINE,
     LAYER_NONE,
     "",
     CONFIDENCE_NONE},
    {{.lookup_count = 1, .lookups = {{.result = {.stage = LOOKUP_ANSWER, .failure = FAILURE_DNS_REFUSED}}}},
     OUTCOME_UNKNOWN,
     LAYER_NONE,
     "resolver_refuses",
     CONFIDENCE_NONE},
    {{.lookup_count = 1, .lookups = {{.result = {.stage = LOOKUP_TLS, .failure = FAILURE_RESET}}}},
     OUTCOME_UNKNOWN,
     LAYER_NONE,
     "",
     CONFIDENCE_NONE},
    {{.lookup_count = 1,
      .lookups = {{.result = {.stage = LOOKUP_TLS, .failure = FAILURE_RESET}}},
      .control = DNSCHECK_CONTROL_REACHES},
     OUTCOME_BLOCKED,
     LAYER_TLS,
     "tls_reset",
     CONFIDENCE_STRONG},
    {{.lookup_count = 1,
      .lookups = {{.result = {.stage = LOOKUP_TLS, .failure = FAILURE_RESET}}},
      .control = DNSCHECK_CONTROL_FAILS},
     OUTCOME_DOWN,
     LAYER_NONE,
     "",
     CONFIDENCE_MEDIUM},
    {{.lookup_count = 1,
      .lookups = {{.result = {.stage = LOOKUP_CONNECT, .failure = FAILURE_TIMEOUT}}},
      .control = DNSCHECK_CONTROL_REACHES},
     OUTCOME_BLOCKED,
     LAYER_TCP,
     "connection_timeout",
     CONFIDENCE_WEAK},
    {{.lookup_count = 2,
      .control = DNSCHECK_CONTROL_REACHES,
      .lookups = {{.result = {.stage = LOOKUP_CONNECT, .failure = FAILURE_REFUSED}},
                  {.result = {.stage = LOOKUP_CONNECT, .failure = "network_unreachable"},
                   .is_ipv6_missing = true}}},
     OUTCOME_BLOCKED,
     LAYER_TCP,
     "connection_refused",
     CONFIDENCE_MEDIUM},
    {{.lookup_count = 1, .lookups = {{.result = {.stage = LOOKUP_CONNECT, .failure = "network_unreachable"}}}},
     OUTCOME_OFFLINE,
     LAYER_NONE,
     "",
     CONFIDENCE_NONE},
};

static void test_verdict_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof verdict_rows / sizeof verdict_rows[0]; i++) {
        struct verdict verdict = dnscheck_verdict(&verdict_rows[i].evidence);
        assert_int_equal(verdict.outcome, verdict_rows[i].outcome);
        assert_int_equal(verdict.layer, verdict_rows[i].layer);
        assert_string_equal(verdict.method, verdict_rows[i].method);
        assert_int_equal(verdict.confidence, verdict_rows[i].confidence);
    }
}

/* ---- a resolver inside of TLS ---- */

enum manner { DOT_ANSWERS, DOH_ANSWERS, DOH_FORBIDS, DOT_HANGS_UP };

struct secure {
    enum manner manner;
    SSL_CTX *settings;
    int fd;
    uint16_t port;
    atomic_bool stop;
    pthread_t thread;
};

/* Refuses whoever does not offer what this resolver speaks. */
static int alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                       const unsigned char *offered, unsigned count, void *arg)
{
    const struct secure *secure = arg;
    static const unsigned char dot[] = {3, 'd', 'o', 't'};
    static const unsigned char http[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    bool is_dot = secure->manner == DOT_ANSWERS || secure->manner == DOT_HANGS_UP;
    unsigned char *chosen = NULL;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_length, is_dot ? dot : http, is_dot ? sizeof dot : sizeof http,
                              offered, count) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static const char *const public_addresses[] = {PUBLIC_ADDRESS, NULL};

static void secure_talk(const struct secure *secure, SSL *ssl)
{
    uint8_t in[4096], out[2048];
    char name[512], head[256];
    size_t at = 2;
    int count = SSL_read(ssl, in, sizeof in);
    if (secure->manner == DOT_HANGS_UP || count < 16)
        return;
    if (secure->manner == DOH_FORBIDS) {
        SSL_write(ssl, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 45);
        return;
    }
    if (secure->manner == DOH_ANSWERS) {
        uint8_t *end = memmem(in, (size_t)count, "\r\n\r\n", 4);
        if (!end)
            return;
        at = (size_t)(end - in) + 4;
        while ((size_t)count < at + 17) {
            int more = SSL_read(ssl, in + count, (int)(sizeof in - (size_t)count));
            if (more <= 0)
                return;
            count += more;
        }
    }
    size_t end = question_name(in + at, (size_t)count - at, name);
    size_t length = answer_make(in + at, end, 0, false, public_addresses, out + 2);
    out[0] = (uint8_t)(length >> 8);
    out[1] = (uint8_t)length;
    if (secure->manner == DOT_ANSWERS) {
        SSL_write(ssl, out, (int)length + 2);
        return;
    }
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: %zu\r\n\r\n",
             length);
    SSL_write(ssl, head, (int)strlen(head));
    SSL_write(ssl, out + 2, (int)length);
}

static void *secure_run(void *arg)
{
    struct secure *secure = arg;
    while (!atomic_load(&secure->stop)) {
        struct pollfd ready = {.fd = secure->fd, .events = POLLIN};
        int fd = poll(&ready, 1, 20) > 0 ? accept(secure->fd, NULL, NULL) : -1;
        if (fd < 0)
            continue;
        struct timeval patience = {.tv_usec = 300000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        SSL *ssl = SSL_new(secure->settings);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
            secure_talk(secure, ssl);
            SSL_shutdown(ssl);
        }
        SSL_free(ssl);
        close(fd);
    }
    return NULL;
}

static void secure_start(struct secure *secure, const struct authority *authority)
{
    struct sockaddr_storage at = endpoint("127.0.0.1", 0);
    socklen_t length = sizeof at;
    secure->settings = server_settings(authority, "dns.test", 3600);
    SSL_CTX_set_alpn_select_cb(secure->settings, alpn_choose, secure);
    secure->fd = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(secure->fd, (struct sockaddr *)&at, address_length(&at)) == 0);
    must(listen(secure->fd, 16) == 0);
    getsockname(secure->fd, (struct sockaddr *)&at, &length);
    secure->port = address_port(&at);
    pthread_create(&secure->thread, NULL, secure_run, secure);
}

static void secure_stop(struct secure *secure)
{
    atomic_store(&secure->stop, true);
    pthread_join(secure->thread, NULL);
    close(secure->fd);
    SSL_CTX_free(secure->settings);
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

struct world {
    struct nettest_context context;
    struct dns_server system; /* where names are bootstrapped */
    struct authority authority;
};

static const struct dns_entry system_zone[] = {{"dns.test", DNS_ANSWER, {"127.0.0.1"}, NULL},
                                               {"raced.test", DNS_FORGED_RACE, {"127.0.0.1"}, "10.1.2.3"},
                                               {0}};

static void world_open(struct world *world)
{
    *world = (struct world){.system = {.entries = system_zone}};
    context_open(&world->context);
    authority_make(&world->authority);
    assert_int_equal(tls_trust_open(world->authority.path, &world->context.trust, NULL), STATUS_OK);
    dns_server_start(&world->system);
    world->context.resolvers[0] = endpoint("127.0.0.1", world->system.port);
    world->context.resolver_count = 1;
}

static void world_close(struct world *world)
{
    dns_server_stop(&world->system);
    context_close(&world->context);
    authority_free(&world->authority);
}

static struct outcome measure(struct world *world, const char *format, uint16_t port)
{
    struct outcome outcome = {0};
    struct nettest_run *run = NULL;
    char input[128];
    snprintf(input, sizeof input, "%s:%u", format, (unsigned)port);
    assert_int_equal(nettest_dnscheck.check_input(input, NULL), STATUS_OK);
    assert_int_equal(nettest_dnscheck.start(&world->context, input, measured, &outcome, &run), STATUS_OK);
    loop_run(world->context.loop);
    assert_non_null(outcome.keys);
    return outcome;
}

/* The only resolver address of a record. */
static const json_t *only_lookup(const json_t *keys, const char **resolver)
{
    json_t *lookups = json_object_get(keys, "lookups");
    assert_int_equal(json_object_size(lookups), 1);
    void *entry = json_object_iter(lookups);
    *resolver = json_object_iter_key(entry);
    return json_object_iter_value(entry);
}

static const struct {
    const char *scheme;
    struct dns_entry entry;
    enum verdict_outcome outcome;
    const char *method, *engine, *failure;
} plain_rows[] = {
    {"udp://127.0.0.1", {"example.org", DNS_ANSWER, {PUBLIC_ADDRESS}, NULL}, OUTCOME_OK, "", "udp", NULL},
    {"tcp://127.0.0.1", {"example.org", DNS_ANSWER, {PUBLIC_ADDRESS}, NULL}, OUTCOME_OK, "", "tcp", NULL},
    {"udp://dns.test", {"example.org", DNS_ANSWER, {PUBLIC_ADDRESS}, NULL}, OUTCOME_OK, "", "udp", NULL},
    {"udp://127.0.0.1",
     {"example.org", DNS_FORGED_RACE, {PUBLIC_ADDRESS}, "8.7.198.45"},
     OUTCOME_BLOCKED,
     "dns_injection",
     "udp",
     NULL},
    {"udp://127.0.0.1",
     {"example.org", DNS_ANSWER, {"10.10.34.35"}, NULL},
     OUTCOME_BLOCKED,
     "dns_bogon",
     "udp",
     NULL},
    {"tcp://127.0.0.1",
     {"example.org", DNS_ANSWER, {"10.10.34.35"}, NULL},
     OUTCOME_BLOCKED,
     "dns_bogon",
     "tcp",
     NULL},
    {"udp://127.0.0.1",
     {"example.org", DNS_REFUSED, {NULL}, NULL},
     OUTCOME_UNKNOWN,
     "resolver_refuses",
     "udp",
     FAILURE_DNS_REFUSED},
    {"udp://127.0.0.1",
     {"example.org", DNS_SILENT, {NULL}, NULL},
     OUTCOME_UNKNOWN,
     "resolver_unanswered",
     "udp",
     FAILURE_TIMEOUT},
};

static void test_plain_resolvers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain_rows / sizeof plain_rows[0]; i++) {
        const struct dns_entry zone[] = {plain_rows[i].entry, {0}};
        struct dns_server server = {.entries = zone};
        struct world world;
        const char *resolver = NULL;
        world_open(&world);
        if (plain_rows[i].entry.behaviour == DNS_SILENT)
            world.context.limits.dns_timeout_us = SILENCE_US;
        if (plain_rows[i].entry.behaviour == DNS_FORGED_RACE)
            world.context.limits.dns_late_us = LATE_US;
        dns_server_start(&server);
        struct outcome outcome = measure(&world, plain_rows[i].scheme, server.port);
        const json_t *lookup = only_lookup(outcome.keys, &resolver);
        const char *failure = json_member_text(lookup, "failure");
        assert_int_equal(outcome.verdict.outcome, plain_rows[i].outcome);
        assert_string_equal(outcome.verdict.method, plain_rows[i].method);
        assert_string_equal(failure ? failure : "", plain_rows[i].failure ? plain_rows[i].failure : "");
        assert_int_equal(strncmp(resolver, plain_rows[i].scheme, 6), 0);
        assert_string_equal(json_member_text(json_array_get(json_object_get(lookup, "queries"), 0), "engine"),
                            plain_rows[i].engine);
        assert_int_equal(json_is_null(json_object_get(outcome.keys, "bootstrap")),
                         strstr(plain_rows[i].scheme, "test") == NULL);
        assert_string_equal(json_member_text(outcome.keys, "domain"), "example.org");
        json_decref(outcome.keys);
        dns_server_stop(&server);
        world_close(&world);
    }
}

static void test_secure_resolvers(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        enum manner manner;
        enum verdict_outcome outcome;
        const char *method, *engine, *failure;
        size_t requests;
    } cases[] = {
        {"dot://dns.test", DOT_ANSWERS, OUTCOME_OK, "", "dot", NULL, 0},
        {"https://dns.test", DOH_ANSWERS, OUTCOME_OK, "", "doh", NULL, 2},
        {"https://dns.test", DOH_FORBIDS, OUTCOME_UNKNOWN, "resolver_unanswered", "doh",
         "http_request_failed", 2},
        {"dot://dns.test", DOT_HANGS_UP, OUTCOME_UNKNOWN, "resolver_unanswered", "dot", FAILURE_EOF, 0},
        {"dot://127.0.0.1", DOT_ANSWERS, OUTCOME_UNKNOWN, "", "dot", FAILURE_TLS_HOSTNAME, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        struct secure secure = {.manner = cases[i].manner};
        const char *resolver = NULL;
        world_open(&world);
        secure_start(&secure, &world.authority);
        struct outcome outcome = measure(&world, cases[i].scheme, secure.port);
        const json_t *lookup = only_lookup(outcome.keys, &resolver);
        const json_t *query = json_array_get(json_object_get(lookup, "queries"), 0);
        const char *failure = json_member_text(lookup, "failure");
        assert_int_equal(outcome.verdict.outcome, cases[i].outcome);
        assert_string_equal(outcome.verdict.method, cases[i].method);
        assert_string_equal(failure ? failure : "", cases[i].failure ? cases[i].failure : "");
        assert_string_equal(json_member_text(query, "engine"), cases[i].engine);
        assert_int_equal(json_array_size(json_object_get(lookup, "tls_handshakes")), 2);
        assert_int_equal(json_array_size(json_object_get(lookup, "tcp_connect")), 2);
        assert_int_equal(json_array_size(json_object_get(lookup, "requests")), cases[i].requests);
        if (cases[i].outcome == OUTCOME_OK)
            assert_string_equal(
                json_member_text(json_array_get(json_object_get(query, "answers"), 0), "ipv4"),
                PUBLIC_ADDRESS);
        json_decref(outcome.keys);
        secure_stop(&secure);
        world_close(&world);
    }
}

static void test_bootstrap(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    struct outcome outcome = measure(&world, "dot://nowhere.test", 853);
    assert_string_equal(outcome.verdict.method, "bootstrap_failure");
    assert_string_equal(json_member_text(outcome.keys, "bootstrap_failure"), FAILURE_NXDOMAIN);
    json_decref(outcome.keys);
    outcome = measure(&world, "dot://raced.test", 853);
    assert_string_equal(outcome.verdict.method, "dns_injection");
    json_decref(outcome.keys);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_verdict_table),
        cmocka_unit_test(test_plain_resolvers),
        cmocka_unit_test(test_secure_resolvers),
        cmocka_unit_test(test_bootstrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
