/* Sites that mean no good, measured whole: each must end in time, in little memory, with a name for what happened.
 * Owner: each case has a resolver, a site and a context of its own.
 * Why: what a probe meets is chosen by strangers, and it runs on small machines that nobody watches. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests/unit/tests-network/step_servers.h"

#define RECORD_BYTES_MAX (4u << 20)
#define CHAIN_LENGTH     100

extern const struct nettest nettest_web_connectivity;

/* One connection after the other, each handed to `serve` until it returns. */
struct site {
    bool (*serve)(struct site *site, SSL *ssl, int fd); /* false: the peer has gone */
    SSL_CTX *settings;
    int fd;
    uint16_t port;
    atomic_bool stop;
    atomic_int turn_count;
    pthread_t thread;
};

static bool put(SSL *ssl, int fd, const void *bytes, size_t count)
{
    if (ssl)
        return SSL_write(ssl, bytes, (int)count) > 0;
    return send(fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

static bool put_text(SSL *ssl, int fd, const char *text)
{
    return put(ssl, fd, text, strlen(text));
}

static void request_skip(SSL *ssl, int fd)
{
    char seen[65536];
    size_t length = 0;
    while (length + 1 < sizeof seen) {
        size_t got = bytes_read(ssl, fd, seen + length, sizeof seen - 1 - length);
        if (got == 0)
            return;
        length += got;
        seen[length] = '\0';
        if (strstr(seen, "\r\n\r\n"))
            return;
    }
}

static void *site_run(void *arg)
{
    struct site *site = arg;
    while (!atomic_load(&site->stop)) {
        struct pollfd ready = {.fd = site->fd, .events = POLLIN};
        int fd = poll(&ready, 1, 20) > 0 ? accept(site->fd, NULL, NULL) : -1;
        struct timeval patience = {.tv_sec = 1};
        SSL *ssl = NULL;
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (site->settings) {
            ssl = SSL_new(site->settings);
            SSL_set_fd(ssl, fd);
        }
        if (!ssl || SSL_accept(ssl) == 1) {
            request_skip(ssl, fd);
            while (!atomic_load(&site->stop) && site->serve(site, ssl, fd))
                continue;
        }
        SSL_free(ssl);
        close(fd);
    }
    return NULL;
}

static void site_start(struct site *site)
{
    struct sockaddr_storage address = endpoint("127.0.0.1", 0);
    socklen_t length = sizeof address;
    site->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(site->fd, (struct sockaddr *)&address, address_length(&address)) == 0);
    must(listen(site->fd, 16) == 0);
    getsockname(site->fd, (struct sockaddr *)&address, &length);
    site->port = address_port(&address);
    must(pthread_create(&site->thread, NULL, site_run, site) == 0);
}

/* ---- how they behave ---- */

static bool one_byte_of_header(struct site *site, SSL *ssl, int fd)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nServer: slow\r\n";
    int turn = atomic_fetch_add(&site->turn_count, 1);
    usleep(200000); /* a second, scaled as the time allowed for a page is */
    return put(ssl, fd, head + turn % (int)(sizeof head - 1), 1);
}

static bool one_byte_of_body(struct site *site, SSL *ssl, int fd)
{
    if (atomic_fetch_add(&site->turn_count, 1) == 0)
        return put_text(ssl, fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    usleep(200000);
    return put(ssl, fd, "x", 1);
}

static bool thirty_two_mebibytes(struct site *site, SSL *ssl, int fd)
{
    static char block[65536];
    int turn = atomic_fetch_add(&site->turn_count, 1);
    if (turn == 0)
        return put_text(ssl, fd, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
    memset(block, 'a', sizeof block);
    return turn <= 512 && put(ssl, fd, block, sizeof block);
}

static bool endless_chunks(struct site *site, SSL *ssl, int fd)
{
    if (atomic_fetch_add(&site->turn_count, 1) == 0)
        return put_text(ssl, fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    return put_text(ssl, fd, "8\r\naaaaaaaa\r\n8\r\naaaaaaaa\r\n8\r\naaaaaaaa\r\n8\r\naaaaaaaa\r\n");
}

static bool endless_headers(struct site *site, SSL *ssl, int fd)
{
    char line[64];
    int turn = atomic_fetch_add(&site->turn_count, 1);
    if (turn == 0)
        return put_text(ssl, fd, "HTTP/1.1 200 OK\r\n");
    snprintf(line, sizeof line, "X-Header-%d: %d\r\n", turn, turn);
    return put_text(ssl, fd, line);
}

static bool endless_header_line(struct site *site, SSL *ssl, int fd)
{
    static char block[65536];
    if (atomic_fetch_add(&site->turn_count, 1) == 0)
        return put_text(ssl, fd, "HTTP/1.1 200 OK\r\nX-Long: ");
    memset(block, 'a', sizeof block);
    return put(ssl, fd, block, sizeof block);
}

static bool endless_continue(struct site *site, SSL *ssl, int fd)
{
    atomic_fetch_add(&site->turn_count, 1);
    return put_text(ssl, fd, "HTTP/1.1 100 Continue\r\nX-More: 1\r\n\r\n");
}

static bool redirect_that_grows(struct site *site, SSL *ssl, int fd)
{
    static char answer[8192];
    int turn = atomic_fetch_add(&site->turn_count, 1);
    int length = snprintf(answer, sizeof answer, "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: /%d",
                          turn);
    memset(answer + length, 'z', 3500);
    memcpy(answer + length + 3500, "\r\n\r\n", 5);
    put_text(ssl, fd, answer);
    return false;
}

static bool page_over_long_chain(struct site *site, SSL *ssl, int fd)
{
    atomic_fetch_add(&site->turn_count, 1);
    put_text(ssl, fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    SSL_shutdown(ssl);
    return false;
}

/* ---- what must follow ---- */

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

/* Measures the site; asserts that it took no longer and left no more than it may. */
static json_t *site_measure(struct site *site, const char *ca_file, const char *scheme, int64_t http_timeout_us)
{
    const struct dns_entry zone[] = {{"site.test", DNS_ANSWER, {"127.0.0.1"}, NULL}, {0}};
    struct nettest_context context;
    struct dns_server dns = {.entries = zone};
    struct outcome outcome = {0};
    struct nettest_run *run = NULL;
    struct buffer record = {0};
    char url[64];
    context_open(&context);
    context.limits.http_timeout_us = http_timeout_us;
    context.limits.body_bytes = 512u << 10;
    assert_int_equal(tls_trust_open(ca_file, &context.trust, NULL), STATUS_OK);
    dns_server_start(&dns);
    context.resolvers[0] = endpoint("127.0.0.1", dns.port);
    context.resolver_count = 1;
    site_start(site);
    snprintf(url, sizeof url, "%s://site.test:%u/", scheme, (unsigned)site->port);
    int64_t start_us = clock_monotonic_us(&context.clock);
    assert_int_equal(nettest_web_connectivity.start(&context, url, measured, &outcome, &run), STATUS_OK);
    loop_run(context.loop);
    assert_true(clock_monotonic_us(&context.clock) - start_us < http_timeout_us + 20 * US_PER_S);
    assert_non_null(outcome.keys);
    assert_true(outcome.verdict.outcome == OUTCOME_UNKNOWN || strcmp(scheme, "https") == 0); /* there is no control */
    assert_int_equal(json_write(outcome.keys, &record), STATUS_OK);
    assert_true(record.count < RECORD_BYTES_MAX);
    buffer_free(&record);
    atomic_store(&site->stop, true);
    pthread_join(site->thread, NULL);
    close(site->fd);
    SSL_CTX_free(site->settings);
    dns_server_stop(&dns);
    context_close(&context);
    return outcome.keys;
}

static void test_every_site_ends(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool (*serve)(struct site *site, SSL *ssl, int fd);
        const char *failure; /* of the newest request */
        bool is_truncated;
        size_t request_count;
    } cases[] = {
        {"one byte of the header a second", one_byte_of_header, "generic_timeout_error", false, 1},
        {"one byte of the body a second", one_byte_of_body, "generic_timeout_error", false, 1},
        {"a body of 32 MiB", thirty_two_mebibytes, NULL, true, 1},
        {"a body without end", endless_chunks, NULL, true, 1},
        {"headers without end", endless_headers, "unknown_failure: the response's headers are too large", false, 1},
        {"a header line without end", endless_header_line, "http_request_failed", false, 1},
        {"interim responses without end", endless_continue, "unknown_failure: the response's headers are too large",
         false, 1},
        {"redirects without end, ever longer", redirect_that_grows,
         "unknown_failure: stopped after too many redirects", false, 11},
    };
    struct authority authority;
    authority_make(&authority);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct site site = {.serve = cases[i].serve};
        bool is_timeout = cases[i].failure && strcmp(cases[i].failure, "generic_timeout_error") == 0;
        json_t *keys = site_measure(&site, authority.path, "http", is_timeout ? 1500 * US_PER_MS : 60 * US_PER_S);
        const json_t *requests = json_object_get(keys, "requests"), *newest = json_array_get(requests, 0);
        const char *failure = json_member_text(newest, "failure");
        if ((failure == NULL) != (cases[i].failure == NULL) || (failure && strcmp(failure, cases[i].failure) != 0))
            fail_msg("%s: %s", cases[i].name, failure ? failure : "no failure");
        assert_int_equal(json_array_size(requests), cases[i].request_count);
        const json_t *response = json_member_object(newest, "response");
        assert_int_equal(json_member_bool(response, "body_is_truncated", false), cases[i].is_truncated);
        json_decref(keys);
    }
    authority_free(&authority);
}

static X509 *link_make(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, bool is_authority)
{
    X509 *made = certificate_make(key, name, issuer, issuer_key, 3600);
    if (is_authority) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, issuer, made, NULL, NULL, 0);
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(made, extension, -1);
        X509_EXTENSION_free(extension);
        must(X509_sign(made, issuer_key, EVP_sha256()) > 0);
    }
    return made;
}

/* A leaf below 99 authorities, each signed by the next, the last by the one that is trusted. */
static SSL_CTX *long_chain(const struct authority *authority)
{
    SSL_CTX *settings = SSL_CTX_new(TLS_server_method());
    X509 *issuer = authority->certificate, *chain[CHAIN_LENGTH] = {0};
    EVP_PKEY *issuer_key = authority->key, *keys[CHAIN_LENGTH] = {0};
    for (int i = CHAIN_LENGTH - 1; i >= 0; i--) {
        char name[32];
        snprintf(name, sizeof name, i == 0 ? "site.test" : "link-%d.test", i);
        keys[i] = EVP_EC_gen("P-256");
        chain[i] = link_make(keys[i], name, issuer, issuer_key, i > 0);
        issuer = chain[i];
        issuer_key = keys[i];
    }
    must(SSL_CTX_use_certificate(settings, chain[0]) == 1);
    must(SSL_CTX_use_PrivateKey(settings, keys[0]) == 1);
    for (int i = 1; i < CHAIN_LENGTH; i++)
        must(SSL_CTX_add1_chain_cert(settings, chain[i]) == 1);
    for (int i = 0; i < CHAIN_LENGTH; i++) {
        X509_free(chain[i]);
        EVP_PKEY_free(keys[i]);
    }
    return settings;
}

static void test_chain_of_a_hundred(void **state)
{
    (void)state;
    struct authority authority;
    authority_make(&authority);
    struct site site = {.serve = page_over_long_chain, .settings = long_chain(&authority)};
    json_t *keys = site_measure(&site, authority.path, "https", 60 * US_PER_S);
    const json_t *handshake = json_array_get(json_object_get(keys, "tls_handshakes"), 0);
    const char *failure = json_member_text(handshake, "failure");
    assert_true(failure == NULL || strncmp(failure, "ssl_", 4) == 0);
    size_t kept_count = json_array_size(json_object_get(handshake, "peer_certificates"));
    assert_true(kept_count >= 1 && kept_count <= TLS_CERTIFICATES_MAX);
    json_decref(keys);
    authority_free(&authority);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_site_ends),
        cmocka_unit_test(test_chain_of_a_hundred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
