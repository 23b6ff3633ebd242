/* Handshakes with servers whose certificates are good, bad and odd, and with servers that break off. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/tcp.h"
#include "tests/unit/tests-network/step_servers.h"

struct shaker {
    struct nettest_context context;
    struct step_trace trace;
    struct tls_request request;
    struct tcp_attempt *attempt;
    struct tls_handshake *handshake;
    int fd;
    int call_count;
    bool frees_inside;
};

static void shaken(struct tls_handshake *handshake, void *arg)
{
    struct shaker *shaker = arg;
    shaker->call_count++;
    if (shaker->frees_inside)
        tls_free(handshake);
}

static void connected(struct tcp_attempt *attempt, void *arg)
{
    struct shaker *shaker = arg;
    shaker->fd = tcp_take_fd(attempt);
    assert_true(shaker->fd >= 0);
    shaker->request.fd = shaker->fd;
    assert_int_equal(tls_start(&shaker->trace, &shaker->request, shaken, shaker, &shaker->handshake),
                     STATUS_OK);
}

static void shake(struct shaker *shaker, const struct server *server, struct tls_trust *trust,
                  const char *name)
{
    *shaker = (struct shaker){.frees_inside = shaker->frees_inside};
    context_open(&shaker->context);
    if (server->behaviour == STAY_SILENT)
        shaker->context.limits.tls_timeout_us = SILENCE_US;
    shaker->trace = (struct step_trace){.context = &shaker->context,
                                        .zero_us = clock_monotonic_us(&shaker->context.clock),
                                        .network_events = json_array()};
    struct tcp_request request = {.remote = endpoint("127.0.0.1", server->port)};
    shaker->request = (struct tls_request){.trust = trust, .remote = request.remote, .server_name = name};
    assert_int_equal(tcp_start(&shaker->trace, &request, connected, shaker, &shaker->attempt), STATUS_OK);
    loop_run(shaker->context.loop);
    assert_int_equal(shaker->call_count, 1);
}

static void shaker_close(struct shaker *shaker)
{
    tcp_free(shaker->attempt);
    if (!shaker->frees_inside)
        tls_free(shaker->handshake);
    close(shaker->fd);
    json_decref(shaker->trace.network_events);
    context_close(&shaker->context);
}

enum signer { AUTHORITY, ITSELF, STRANGER };

struct tls_case {
    const char *what;
    const char *asked;
    const char *certified;
    enum signer signer;
    long lasts_s;
    const char *failure;
};

static const struct tls_case cases[] = {
    {"good", "site.test", "site.test", AUTHORITY, 3600, NULL},
    {"good by wildcard", "www.site.test", "*.site.test", AUTHORITY, 3600, NULL},
    {"other name", "site.test", "other.test", AUTHORITY, 3600, FAILURE_TLS_HOSTNAME},
    {"signs itself", "site.test", "site.test", ITSELF, 3600, FAILURE_TLS_AUTHORITY},
    {"signed by a stranger", "site.test", "site.test", STRANGER, 3600, FAILURE_TLS_AUTHORITY},
    {"expired", "site.test", "site.test", AUTHORITY, -3600, FAILURE_TLS_INVALID},
    {"a block page's own certificate", "site.test", "block.test", ITSELF, 3600, FAILURE_TLS_HOSTNAME},
    {"an address is not in the certificate", "127.0.0.1", "site.test", AUTHORITY, 3600, FAILURE_TLS_HOSTNAME},
};

static void test_certificates(void **state)
{
    (void)state;
    struct authority authority, stranger;
    struct tls_trust *trust = NULL;
    authority_make(&authority);
    authority_make(&stranger);
    assert_int_equal(tls_trust_open(authority.path, &trust, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct authority *signers[] = {&authority, NULL, &stranger};
        struct server server = {
            .response = "",
            .settings = server_settings(signers[cases[i].signer], cases[i].certified, cases[i].lasts_s)};
        struct shaker shaker = {0};
        server_start(&server);
        shake(&shaker, &server, trust, cases[i].asked);
        const struct tls_result *result = tls_result(shaker.handshake);
        if (!failure_same(result->failure, cases[i].failure))
            print_error("%s: %s\n", cases[i].what, result->failure);
        assert_true(failure_same(result->failure, cases[i].failure));
        /* What was shown is kept, good or bad; the session only where it is good. */
        assert_true(result->is_complete);
        assert_true(result->certificate_count >= 1);
        assert_string_equal(result->version, "TLSv1.3");
        assert_true(strncmp(result->cipher, "TLS_", 4) == 0);
        SSL *ssl = tls_take_session(shaker.handshake);
        assert_int_equal(ssl != NULL, cases[i].failure == NULL);
        SSL_free(ssl);
        shaker_close(&shaker);
        server_stop(&server);
    }
    tls_trust_free(trust);
    authority_free(&authority);
    authority_free(&stranger);
}

static void test_broken_off(void **state)
{
    (void)state;
    static const struct {
        enum behaviour behaviour;
        const char *response;
        const char *failure;
    } breaks[] = {
        {RESET_ON_DATA, NULL, FAILURE_RESET},
        {CLOSE_ON_DATA, NULL, FAILURE_EOF},
        {STAY_SILENT, NULL, FAILURE_TIMEOUT},
        {ANSWER_ON_DATA, "HTTP/1.1 400 Bad Request\r\n\r\n", FAILURE_TLS_HANDSHAKE}, /* no TLS spoken there */
    };
    struct authority authority;
    struct tls_trust *trust = NULL;
    authority_make(&authority);
    assert_int_equal(tls_trust_open(authority.path, &trust, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        struct server server = {.behaviour = breaks[i].behaviour, .response = breaks[i].response};
        struct shaker shaker = {0};
        server_start(&server);
        shake(&shaker, &server, trust, "site.test");
        const struct tls_result *result = tls_result(shaker.handshake);
        assert_string_equal(result->failure, breaks[i].failure);
        assert_false(result->is_complete);
        assert_int_equal(result->certificate_count, 0);
        assert_int_equal(result->received_bytes > 0, breaks[i].response != NULL);
        assert_null(tls_take_session(shaker.handshake));
        shaker_close(&shaker);
        server_stop(&server);
    }
    tls_trust_free(trust);
    authority_free(&authority);
}

static void test_record(void **state)
{
    (void)state;
    struct authority authority;
    struct tls_trust *trust = NULL;
    struct shaker shaker = {0};
    authority_make(&authority);
    assert_int_equal(tls_trust_open(authority.path, &trust, NULL), STATUS_OK);
    struct server server = {.response = "", .settings = server_settings(&authority, "site.test", 3600)};
    server_start(&server);
    shake(&shaker, &server, trust, "site.test");
    json_t *record = tls_encode(&shaker.trace, tls_result(shaker.handshake));
    assert_string_equal(json_member_text(record, "server_name"), "site.test");
    assert_string_equal(json_member_text(record, "negotiated_protocol"), "");
    const json_t *leaf = json_array_get(json_member_array(record, "peer_certificates"), 0);
    struct buffer der = {0};
    const char *data = json_member_text(leaf, "data");
    assert_int_equal(base64_decode(data, strlen(data), &der), STATUS_OK);
    const uint8_t *at = der.bytes;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.count);
    assert_non_null(certificate);
    X509_free(certificate);
    buffer_free(&der);
    const char *const wanted[] = {"connect", "tls_handshake_start", "write", "read", "tls_handshake_done"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        bool is_there = false;
        for (size_t j = 0; j < json_array_size(shaker.trace.network_events); j++)
            is_there = is_there ||
                       strcmp(json_member_text(json_array_get(shaker.trace.network_events, j), "operation"),
                              wanted[i]) == 0;
        assert_true(is_there);
    }
    json_decref(record);
    shaker_close(&shaker);
    server_stop(&server);
    tls_trust_free(trust);
    authority_free(&authority);
}

static void test_free_inside(void **state)
{
    (void)state;
    struct authority authority;
    struct tls_trust *trust = NULL;
    struct shaker shaker = {.frees_inside = true};
    authority_make(&authority);
    assert_int_equal(tls_trust_open(authority.path, &trust, NULL), STATUS_OK);
    struct server server = {.behaviour = RESET_ON_DATA};
    server_start(&server);
    shake(&shaker, &server, trust, "site.test");
    shaker_close(&shaker);
    server_stop(&server);
    tls_free(NULL);
    tls_trust_free(NULL);
    tls_trust_free(trust);
    authority_free(&authority);
}

static void test_trust_that_is_none(void **state)
{
    (void)state;
    struct tls_trust *trust = NULL;
    struct why why = {0};
    assert_int_equal(tls_trust_open("/nonexistent/ca.pem", &trust, &why), STATUS_NOT_FOUND);
    assert_non_null(strstr(why.text, "/nonexistent/ca.pem"));
    assert_int_equal(tls_trust_open("/dev/null", &trust, &why), STATUS_NOT_FOUND);
    assert_null(trust);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_free_inside),
        cmocka_unit_test(test_trust_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
