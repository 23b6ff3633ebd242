/* QUIC reachability: the verdict by table, and the whole test against servers on 127.0.0.1. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/quic_reachability/verdict.h"
#include "tests-network/steps/failure.h"
#include "tests/unit/tests-network/quic_vectors.h"
#include "tests/unit/tests-network/step_servers.h"

extern const struct nettest nettest_quic_reachability;

/* ---- a server's half, made of the same codec with the sides exchanged ---- */

enum manner {
    ANSWER,
    ACK_ONLY,
    REFUSE,
    NEGOTIATE,
    RETRY,
    SILENT,
    SILENT_FOR_NAME,
    CUT_FOR_NAME,
    SILENT_ONCE
};

struct half {
    enum manner manner;
    int seen_count;
    int retried_count;
    struct quic_cid retry_cid;
    char name[64]; /* of SILENT_FOR_NAME, CUT_FOR_NAME */
    uint32_t number;
};

static void half_initial(struct half *half, const struct quic_header *to, const struct quic_cid *keyed,
                         const uint8_t *frames, size_t count, struct buffer *out)
{
    struct quic_keys keys;
    const struct quic_initial initial = {.destination = to->source,
                                         .source = cid_of("f067a5502a4262b5"),
                                         .packet_number = half->number++,
                                         .payload = frames,
                                         .payload_bytes = count};
    must(quic_initial_keys(keyed, QUIC_SERVER, &keys) == STATUS_OK);
    must(quic_initial_seal(&keys, &initial, out) == STATUS_OK);
}

/* A Retry with a token, made by its definition (RFC 9001 section 5.8). */
static void half_retry(struct half *half, const struct quic_header *to, struct buffer *out)
{
    static const uint8_t key[] = {0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a,
                                  0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e};
    static const uint8_t nonce[] = {0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb};
    uint8_t head[64] = {0xf0, 0, 0, 0, 1, (uint8_t)to->source.count};
    uint8_t whole[128] = {(uint8_t)to->destination.count};
    uint8_t tag[16];
    int count = 0;
    size_t at = 6;
    memcpy(head + at, to->source.bytes, to->source.count);
    at += to->source.count;
    head[at++] = 4;
    memcpy(head + at, "\1\2\3\4", 4);
    at += 4;
    half->retry_cid = cid_of("01020304");
    memcpy(head + at, "please", 6);
    at += 6;
    memcpy(whole + 1, to->destination.bytes, to->destination.count);
    memcpy(whole + 1 + to->destination.count, head, at);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, key, nonce);
    EVP_EncryptUpdate(context, NULL, &count, whole, (int)(1 + to->destination.count + at));
    EVP_EncryptFinal_ex(context, tag, &count);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(context);
    buffer_append(out, head, at);
    buffer_append(out, tag, sizeof tag);
}

/* The first datagram's id keys all later ones of a flow; the flow is told by the client's own id. */
struct flow_seen {
    struct quic_cid client, keyed;
    bool has_hello, is_named;
};

struct quic_server {
    struct half half;
    int fd, tcp_fd;
    uint16_t port;
    struct flow_seen flows[8];
    size_t flow_count;
    atomic_bool stops;
    pthread_t thread;
};

static struct flow_seen *flow_of(struct quic_server *server, const struct quic_header *header)
{
    for (size_t i = 0; i < server->flow_count; i++) {
        if (memcmp(server->flows[i].client.bytes, header->source.bytes, header->source.count) == 0)
            return &server->flows[i];
    }
    must(server->flow_count < 8);
    server->flows[server->flow_count] =
        (struct flow_seen){.client = header->source, .keyed = header->destination};
    return &server->flows[server->flow_count++];
}

/* What this manner of server says to an Initial that it could read. */
static void half_answer(struct quic_server *server, struct flow_seen *flow, const struct quic_header *header,
                        bool is_first, uint32_t number, struct buffer *out)
{
    struct half *half = &server->half;
    uint8_t frames[256] = {0x02, (uint8_t)number, 0, 0, 0};
    uint8_t crypto[200];
    size_t crypto_count = bytes_of(server_payload, crypto);
    switch (half->manner) {
    case SILENT:
        break;
    case SILENT_ONCE:
        if (server->flow_count > 1)
            half_initial(half, header, &flow->keyed, frames, 5, out);
        break;
    case SILENT_FOR_NAME:
        if (!flow->is_named)
            half_initial(half, header, &flow->keyed, frames, 5, out);
        break;
    case CUT_FOR_NAME:
        if (!flow->is_named || is_first)
            half_initial(half, header, &flow->keyed, frames, 5, out);
        break;
    case ACK_ONLY:
        half_initial(half, header, &flow->keyed, frames, 5, out);
        break;
    case ANSWER:
        memcpy(frames + 5, crypto + 5, crypto_count - 5);
        half_initial(half, header, &flow->keyed, frames, crypto_count, out);
        break;
    case REFUSE:
        memcpy(frames + 5, "\x1c\x41\x78\x00\x05no h3", 10); /* 0x178: no_application_protocol */
        half_initial(half, header, &flow->keyed, frames, 15, out);
        break;
    case NEGOTIATE:
        buffer_append(out, "\x80\0\0\0\0\x08", 6);
        buffer_append(out, header->source.bytes, 8);
        buffer_append(out, "\x08", 1);
        buffer_append(out, header->destination.bytes, 8);
        buffer_append(out, "\x6b\x33\x43\xcf\xfa\xfa\xfa\xfa", 8);
        break;
    case RETRY:
        if (header->token_bytes == 0) {
            half->retried_count++;
            half_retry(half, header, out);
            flow->has_hello = false;
        } else {
            half_initial(half, header, &flow->keyed, frames, 5, out);
        }
        break;
    }
}

static void server_answer(struct quic_server *server, const uint8_t *bytes, size_t count, struct buffer *out)
{
    struct half *half = &server->half;
    struct quic_header header;
    struct quic_keys keys;
    struct buffer payload = {0};
    uint32_t number = 0;
    if (quic_header_read(bytes, count, &header) != STATUS_OK || header.kind != QUIC_INITIAL)
        return;
    struct flow_seen *flow = flow_of(server, &header);
    if (half->manner == RETRY && header.token_bytes > 0)
        flow->keyed = header.destination.count == 4 ? header.destination : flow->keyed;
    must(quic_initial_keys(&flow->keyed, QUIC_CLIENT, &keys) == STATUS_OK);
    if (quic_initial_open(&keys, bytes, &header, &payload, &number) != STATUS_OK) {
        buffer_free(&payload);
        return;
    }
    bool is_first = !flow->has_hello;
    flow->has_hello = true;
    flow->is_named = flow->is_named ||
                     (half->name[0] && memmem(payload.bytes, payload.count, half->name, strlen(half->name)));
    half->seen_count++;
    half_answer(server, flow, &header, is_first, number, out);
    buffer_free(&payload);
}

static void *quic_server_run(void *arg)
{
    struct quic_server *server = arg;
    while (!atomic_load(&server->stops)) {
        struct pollfd waiting = {.fd = server->fd, .events = POLLIN};
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        uint8_t bytes[2048];
        struct buffer out = {0};
        if (poll(&waiting, 1, 10) <= 0)
            continue;
        ssize_t count = recvfrom(server->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);
        if (count > 0)
            server_answer(server, bytes, (size_t)count, &out);
        if (out.count > 0)
            sendto(server->fd, out.bytes, out.count, 0, (struct sockaddr *)&from, length);
        buffer_free(&out);
    }
    return NULL;
}

static void quic_server_start(struct quic_server *server, bool with_tcp)
{
    struct sockaddr_storage at = endpoint("127.0.0.1", 0);
    socklen_t length = sizeof at;
    server->tcp_fd = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(server->tcp_fd, (struct sockaddr *)&at, address_length(&at)) == 0);
    getsockname(server->tcp_fd, (struct sockaddr *)&at, &length);
    if (with_tcp)
        must(listen(server->tcp_fd, 8) == 0);
    server->port = address_port(&at);
    server->fd = socket(AF_INET, SOCK_DGRAM, 0);
    must(bind(server->fd, (struct sockaddr *)&at, address_length(&at)) == 0);
    pthread_create(&server->thread, NULL, quic_server_run, server);
}

static void quic_server_stop(struct quic_server *server)
{
    atomic_store(&server->stops, true);
    pthread_join(server->thread, NULL);
    close(server->fd);
    close(server->tcp_fd);
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

static const struct dns_entry zone[] = {{"site.test", DNS_ANSWER, {"127.0.0.1"}, NULL}, {0}};

/* `control_url` NULL: no control. */
static struct outcome measure_with(uint16_t port, const char *control_url)
{
    struct nettest_context context;
    struct outcome outcome = {0};
    struct nettest_run *run = NULL;
    struct dns_server dns = {.entries = zone};
    char url[64];
    const char *control_urls[] = {control_url};
    context_open(&context);
    context.control_urls = control_urls;
    context.control_count = control_url ? 1 : 0;
    dns_server_start(&dns);
    context.resolvers[0] = endpoint("127.0.0.1", dns.port);
    context.resolver_count = 1;
    context.limits.tls_timeout_us = 800 * US_PER_MS;
    snprintf(url, sizeof url, "https://site.test:%u/", (unsigned)port);
    assert_int_equal(nettest_quic_reachability.start(&context, url, measured, &outcome, &run), STATUS_OK);
    loop_run(context.loop);
    assert_non_null(outcome.keys);
    dns_server_stop(&dns);
    context_close(&context);
    return outcome;
}

static void test_servers(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        bool with_tcp;
        enum verdict_outcome outcome;
        const char *method;
        enum verdict_confidence confidence;
        const char *reply; /* of the first flight; "" none */
        size_t flights;
        const char *failure;
    } cases[] = {
        {ANSWER, true, OUTCOME_OK, "", CONFIDENCE_NONE, "server_hello", 1, NULL},
        {ACK_ONLY, true, OUTCOME_OK, "", CONFIDENCE_NONE, "ack", 1, NULL},
        {REFUSE, true, OUTCOME_OK, "", CONFIDENCE_NONE, "connection_close", 1, NULL},
        {NEGOTIATE, true, OUTCOME_OK, "", CONFIDENCE_NONE, "version_negotiation", 1,
         "quic_incompatible_version"},
        {RETRY, true, OUTCOME_OK, "", CONFIDENCE_NONE, "ack", 1, NULL},
        {SILENT, true, OUTCOME_UNKNOWN, "quic_unanswered", CONFIDENCE_NONE, "", 2, "generic_timeout_error"},
        {SILENT_ONCE, true, OUTCOME_UNKNOWN, "quic_unstable", CONFIDENCE_NONE, "", 3,
         "generic_timeout_error"},
        {SILENT_FOR_NAME, true, OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_STRONG, "", 3,
         "generic_timeout_error"},
        {SILENT_FOR_NAME, false, OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_MEDIUM, "", 3,
         "generic_timeout_error"},
        {CUT_FOR_NAME, true, OUTCOME_BLOCKED, "quic_sni_filter", CONFIDENCE_STRONG, "ack", 3, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct quic_server server = {.half = {.manner = cases[i].manner, .name = "site.test"}};
        quic_server_start(&server, cases[i].with_tcp);
        struct outcome outcome = measure_with(server.port, NULL);
        quic_server_stop(&server);
        const json_t *flights = json_object_get(outcome.keys, "quic_handshakes");
        const char *reply =
            json_member_text(json_member_object(json_array_get(flights, 0), "x_dialtone"), "reply");
        assert_int_equal(outcome.verdict.outcome, cases[i].outcome);
        assert_string_equal(outcome.verdict.method, cases[i].method);
        assert_int_equal(outcome.verdict.confidence, cases[i].confidence);
        assert_string_equal(reply ? reply : "", cases[i].reply);
        assert_int_equal(json_array_size(flights), cases[i].flights);
        const char *failure = json_member_text(outcome.keys, "failure");
        assert_string_equal(failure ? failure : "", cases[i].failure ? cases[i].failure : "");
        assert_string_equal(json_member_text(json_array_get(flights, 0), "server_name"), "site.test");
        assert_int_equal(json_array_size(json_object_get(outcome.keys, "tcp_connect")), 1);
        assert_int_equal(server.half.retried_count, cases[i].manner == RETRY);
        json_decref(outcome.keys);
    }
}

static void test_controls(void **state)
{
    (void)state;
    static const struct {
        const char *handshake, *offered; /* NULL: the control answers nothing that it should */
        enum verdict_outcome outcome;
        enum verdict_confidence confidence;
        const char *says;
    } cases[] = {
        {"{\"127.0.0.1:%u\":{\"server_name\":\"site.test\",\"status\":true,\"failure\":null}}", "",
         OUTCOME_BLOCKED, CONFIDENCE_MEDIUM, "reaches"},
        {"{\"127.0.0.1:%u\":{\"status\":false,\"failure\":\"generic_timeout_error\"}}", "site.test:443",
         OUTCOME_DOWN, CONFIDENCE_MEDIUM, "fails"},
        {"{\"127.0.0.2:%u\":{\"status\":true,\"failure\":null}}", "", OUTCOME_UNKNOWN, CONFIDENCE_NONE, ""},
        {"{}", "site.test:443", OUTCOME_UNKNOWN, CONFIDENCE_NONE, "offered"},
        {"[]", "", OUTCOME_UNKNOWN, CONFIDENCE_NONE, ""},
        {NULL, NULL, OUTCOME_UNKNOWN, CONFIDENCE_NONE, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct quic_server silent = {.half = {.manner = SILENT}};
        char handshake[160] = "", body[400] = "nothing", response[600], url[64];
        quic_server_start(&silent, true);
        char *place = cases[i].handshake ? strstr(cases[i].handshake, "%u") : NULL;
        if (cases[i].handshake)
            snprintf(handshake, sizeof handshake, "%s", cases[i].handshake);
        if (place)
            snprintf(handshake + (place - cases[i].handshake),
                     sizeof handshake - (size_t)(place - cases[i].handshake), "%u%s", (unsigned)silent.port,
                     place + 2);
        if (cases[i].handshake)
            snprintf(body, sizeof body,
                     "{\"quic_handshake\":%s,\"http_request\":{\"discovered_h3_endpoint\":\"%s\"}}",
                     handshake, cases[i].offered);
        snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
                 body);
        struct server control = {.response = response};
        server_start(&control);
        snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)control.port);
        struct outcome outcome = measure_with(silent.port, url);
        server_stop(&control);
        quic_server_stop(&silent);
        const char *says = json_member_text(json_member_object(outcome.keys, "x_dialtone"), "control");
        assert_int_equal(outcome.verdict.outcome, cases[i].outcome);
        assert_int_equal(outcome.verdict.confidence, cases[i].confidence);
        assert_string_equal(says ? says : "", cases[i].says);
        assert_non_null(strstr(control.request, "POST / HTTP/1.1"));
        json_decref(outcome.keys);
    }
}

static void test_closed_port_is_unknown(void **state)
{
    (void)state;
    struct outcome outcome = measure_with(1, NULL);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_UNKNOWN);
    assert_string_equal(json_member_text(outcome.keys, "failure"), FAILURE_REFUSED);
    json_decref(outcome.keys);
}

static const struct {
    struct quic_evidence evidence;
    enum verdict_outcome outcome;
    const char *method;
    enum verdict_confidence confidence;
} verdict_rows[] = {
    {{.target = QUIC_REACHED}, OUTCOME_OK, "", CONFIDENCE_NONE},
    {{.target = QUIC_REACHED, .connectivity = CONNECTIVITY_FULL_SHUTDOWN},
     OUTCOME_OK,
     "",
     CONFIDENCE_NONE},
    {{0}, OUTCOME_UNKNOWN, "", CONFIDENCE_NONE},
    {{.dns_failure = FAILURE_NXDOMAIN}, OUTCOME_UNKNOWN, "dns_failure", CONFIDENCE_NONE},
    {{.dns_failure = FAILURE_NXDOMAIN, .is_injected = true},
     OUTCOME_BLOCKED,
     "dns_injection",
     CONFIDENCE_CERTAIN},
    {{.dns_failure = "network_unreachable"}, OUTCOME_OFFLINE, "", CONFIDENCE_NONE},
    {{.target = QUIC_SILENT, .control_name = QUIC_SILENT, .connectivity = CONNECTIVITY_NO_LINK},
     OUTCOME_OFFLINE,
     "",
     CONFIDENCE_NONE},
    {{.target = QUIC_REFUSED, .target_failure = FAILURE_REFUSED, .connectivity = CONNECTIVITY_NO_LINK},
     OUTCOME_UNKNOWN,
     "quic_unanswered",
     CONFIDENCE_NONE},
    {{.target = QUIC_SILENT, .control_name = QUIC_SILENT, .tcp_tried = true},
     OUTCOME_UNKNOWN,
     "quic_unanswered",
     CONFIDENCE_NONE},
    {{.target = QUIC_SILENT,
      .control_name = QUIC_REACHED,
      .target_again = QUIC_SILENT,
      .tcp_tried = true},
     OUTCOME_BLOCKED,
     "quic_sni_filter",
     CONFIDENCE_STRONG},
    {{.target = QUIC_SILENT,
      .control_name = QUIC_REACHED,
      .target_again = QUIC_REACHED,
      .tcp_tried = true},
     OUTCOME_UNKNOWN,
     "quic_unstable",
     CONFIDENCE_NONE},
    {{.target = QUIC_SILENT,
      .control_name = QUIC_REACHED,
      .target_again = QUIC_SILENT,
      .tcp_tried = true,
      .tcp_failure = FAILURE_TIMEOUT},
     OUTCOME_BLOCKED,
     "quic_sni_filter",
     CONFIDENCE_MEDIUM},
    {{.target = QUIC_SILENT, .control_name = QUIC_REACHED},
     OUTCOME_BLOCKED,
     "quic_sni_filter",
     CONFIDENCE_MEDIUM},
    {{.target = QUIC_CUT, .control_name = QUIC_REACHED, .target_again = QUIC_CUT, .tcp_tried = true},
     OUTCOME_BLOCKED,
     "quic_sni_filter",
     CONFIDENCE_STRONG},
    {{.target = QUIC_SILENT,
      .control_name = QUIC_SILENT,
      .tcp_tried = true,
      .control = QUIC_CONTROL_REACHES},
     OUTCOME_BLOCKED,
     "quic_unanswered",
     CONFIDENCE_MEDIUM},
    {{.target = QUIC_CUT, .control_name = QUIC_CUT, .control = QUIC_CONTROL_REACHES},
     OUTCOME_BLOCKED,
     "quic_flow_dropped",
     CONFIDENCE_MEDIUM},
    {{.target = QUIC_SILENT, .control_name = QUIC_SILENT, .control = QUIC_CONTROL_OFFERED},
     OUTCOME_UNKNOWN,
     "quic_unanswered",
     CONFIDENCE_NONE},
    {{.target = QUIC_SILENT,
      .control_name = QUIC_SILENT,
      .control = QUIC_CONTROL_FAILS,
      .connectivity = CONNECTIVITY_NO_LINK},
     OUTCOME_DOWN,
     "",
     CONFIDENCE_MEDIUM},
    {{.target = QUIC_CUT, .control_name = QUIC_CUT},
     OUTCOME_UNKNOWN,
     "quic_flow_dropped",
     CONFIDENCE_NONE},
};

static void test_verdict_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof verdict_rows / sizeof verdict_rows[0]; i++) {
        struct verdict verdict = quic_verdict(&verdict_rows[i].evidence);
        assert_int_equal(verdict.outcome, verdict_rows[i].outcome);
        assert_string_equal(verdict.method, verdict_rows[i].method);
        assert_int_equal(verdict.confidence, verdict_rows[i].confidence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict_table),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_closed_port_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
