/* What the tests of the upload share: a spool, a state folder, and an HTTP server that plays every kind of collector. */
#ifndef TESTS_UNIT_PROBE_UPLOAD_RIG_H
#define TESTS_UNIT_PROBE_UPLOAD_RIG_H

#include <event2/buffer.h>
#include <event2/http.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/file.h"
#include "measurement/minisig.h"
#include "probe/upload/receipt.h"
#include "probe/state/state.h"
#include "probe/upload/upload_send.h"
#include "tests/unit/folder.h"

#define BOOT_ID "00000000-0000-4000-8000-000000000000"

enum play {
    PLAY_HONEST,
    PLAY_AGAIN, /* the same receipt as before */
    PLAY_PORTAL,        /* 200 and a page */
    PLAY_OTHER_BUNDLE,  /* a receipt for something else */
    PLAY_FORGED,        /* a signature that does not hold */
    PLAY_REFUSE,        /* 400 with an error word */
    PLAY_REFUSE_PORTAL, /* 403 and a page, by something on the way */
    PLAY_BUSY,          /* 429 with Retry-After */
    PLAY_BROKEN,        /* 500 */
    PLAY_HUGE,          /* an answer without end */
};

struct fixture {
    char folder[64];
    struct loop *loop;
    struct fetcher *fetcher;
    struct log log;
    struct secret_key key, collector_key;
    struct spool *spool;
    struct upload *upload;
    struct upload_send *send;
    struct route_list routes;
    struct age_identity identity; /* the collector's */
    bool names_recipient;
    bool is_keys_forged;
    int sealed_count;
    int keys_count; /* requests for /v1/keys */
    int signed_count, unsigned_count;
    int64_t signed_us;
    struct evhttp *http;
    char url[64];
    enum play play;
    int request_count;
    bool has_bad_request; /* headers or body were not what they must be */
    int done_count;
    enum upload_outcome outcome;
    int64_t retry_after_us;
};

static void receipt_send(struct fixture *fixture, struct evhttp_request *request, const uint8_t hash[SHA256_BYTES],
                         bool is_forged)
{
    char digits[2 * SHA256_BYTES + 1], key[PUBLIC_KEY_TEXT_BYTES];
    struct buffer receipt = {0}, minisig = {0}, answer = {0};
    hex_encode(hash, SHA256_BYTES, digits);
    public_key_format(&fixture->collector_key.public_key, key);
    buffer_printf(&receipt, "{\"bundle\":\"%s\",\"log_index\":7,\"received\":\"2026-01-02T03:04:05Z\"}", digits);
    assert_int_equal(minisig_sign(is_forged ? &fixture->key : &fixture->collector_key, receipt.bytes, receipt.count,
                                  "dialtone receipt", &minisig),
                     STATUS_OK);
    buffer_printf(&answer, "{\"receipt\":%.*s,\"key\":\"%s\",\"signature\":\"", (int)receipt.count,
                  (const char *)receipt.bytes, key);
    base64url_append(&answer, minisig.bytes, minisig.count);
    buffer_text(&answer, "\"}\n");
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, answer.bytes, answer.count);
    bool is_again = fixture->play == PLAY_AGAIN;
    evhttp_send_reply(request, is_again ? 200 : 201, is_again ? "OK" : "Created", body);
    evbuffer_free(body);
    buffer_free(&receipt);
    buffer_free(&minisig);
    buffer_free(&answer);
}

static void page_send(struct evhttp_request *request, int code, const char *text)
{
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, text, strlen(text));
    evhttp_send_reply(request, code, "Answer", body);
    evbuffer_free(body);
}

/* As the collector does: opened where it is sealed, leaving the .zst as the body. */
static bool sealed_is_good(const struct fixture *fixture, struct buffer *body)
{
    struct buffer plain = {0};
    struct reader line;
    bool is_good = age_open(&fixture->identity, body->bytes, body->count, 8u << 20, &plain, NULL) == STATUS_OK;
    struct reader left = reader_of(plain.bytes, plain.count);
    for (int i = 0; i < 6; i++)
        is_good = is_good && reader_line(&left, &line);
    body->count = 0;
    buffer_append(body, left.bytes, left.left_bytes);
    buffer_free(&plain);
    return is_good;
}

/* The signature is verified over what came. */
static bool request_is_good(struct evhttp_request *request, struct buffer *body)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *signature = evhttp_find_header(headers, "Dialtone-Signature");
    const char *key_text = evhttp_find_header(headers, "Dialtone-Key");
    struct buffer minisig = {0}, lines = {0};
    struct public_key key;
    struct bundle_label label;
    bool is_good = signature && key_text && public_key_parse(key_text, &key) == STATUS_OK &&
                   base64_decode(signature, strlen(signature), &minisig) == STATUS_OK &&
                   bundle_open(&key, body->bytes, body->count, (const char *)minisig.bytes, minisig.count, &label,
                               &lines, NULL) == STATUS_OK;
    buffer_free(&minisig);
    buffer_free(&lines);
    return is_good;
}

static void keys_send(struct fixture *fixture, struct evhttp_request *request)
{
    char recipient[AGE_RECIPIENT_BYTES], key[PUBLIC_KEY_TEXT_BYTES];
    struct buffer text = {0}, minisig = {0}, header = {0};
    age_recipient_format(&fixture->identity.recipient, recipient);
    public_key_format(&fixture->collector_key.public_key, key);
    buffer_printf(&text, "{\"key\":\"%s\",\"recipient\":\"%s\",\"log\":\"test\"}", key, recipient);
    assert_int_equal(minisig_sign(fixture->is_keys_forged ? &fixture->key : &fixture->collector_key, text.bytes,
                                  text.count, "keys", &minisig),
                     STATUS_OK);
    base64url_append(&header, minisig.bytes, minisig.count);
    char *body = buffer_take_text(&text), *signature = buffer_take_text(&header);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Dialtone-Signature", signature);
    page_send(request, 200, body);
    free(body);
    free(signature);
    buffer_free(&minisig);
}

static bool is_portal(const struct fixture *fixture)
{
    return fixture->play == PLAY_PORTAL || fixture->play == PLAY_REFUSE_PORTAL;
}

static void huge_send(struct evhttp_request *request)
{
    char *text = calloc(1, 300001);
    memset(text, ' ', 300000);
    page_send(request, 200, text);
    free(text);
}

/* `hash` is that of the body. */
static void play_answer(struct fixture *fixture, struct evhttp_request *request, uint8_t hash[SHA256_BYTES])
{
    switch (fixture->play) {
    case PLAY_HONEST:
    case PLAY_AGAIN:
        receipt_send(fixture, request, hash, false);
        break;
    case PLAY_PORTAL:
        page_send(request, 200, "<html>Please log in</html>");
        break;
    case PLAY_OTHER_BUNDLE:
        hash[0] ^= 1;
        receipt_send(fixture, request, hash, false);
        break;
    case PLAY_FORGED:
        receipt_send(fixture, request, hash, true);
        break;
    case PLAY_REFUSE:
        page_send(request, 400, "{\"error\":\"malformed\",\"detail\":\"no\"}");
        break;
    case PLAY_REFUSE_PORTAL:
        page_send(request, 401, "<html>Please log in</html>");
        break;
    case PLAY_BUSY:
        evhttp_add_header(evhttp_request_get_output_headers(request), "Retry-After", "90");
        page_send(request, 429, "{\"error\":\"busy\"}");
        break;
    case PLAY_BROKEN:
        page_send(request, 500, "{\"error\":\"io\"}");
        break;
    case PLAY_HUGE:
        huge_send(request);
        break;
    }
}

static void on_upload(struct fixture *fixture, struct evhttp_request *request)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    struct buffer body = {0};
    uint8_t hash[SHA256_BYTES];
    buffer_append(&body, evbuffer_pullup(input, -1), evbuffer_get_length(input));
    fixture->request_count++;
    bool is_sealed = age_is_sealed(body.bytes, body.count);
    if (strcmp(evhttp_request_get_uri(request), "/v1/bundles") != 0 ||
        !(is_sealed ? sealed_is_good(fixture, &body) : request_is_good(request, &body)))
        fixture->has_bad_request = true;
    fixture->sealed_count += is_sealed;
    sha256(body.bytes, body.count, hash);
    play_answer(fixture, request, hash);
    buffer_free(&body);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct fixture *fixture = arg;
    if (strcmp(evhttp_request_get_host(request), "portal.example") == 0) {
        page_send(request, 200, "<html>Please log in</html>");
    } else if (strcmp(evhttp_request_get_uri(request), "/v1/keys") == 0 && !is_portal(fixture)) {
        fixture->keys_count++;
        if (fixture->names_recipient)
            keys_send(fixture, request);
        else
            page_send(request, 404, "{\"error\":\"not_found\"}");
    } else {
        on_upload(fixture, request);
    }
}

static void server_open(struct fixture *fixture)
{
    fixture->http = evhttp_new(loop_base(fixture->loop));
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(fixture->http, "127.0.0.1", 0);
    assert_non_null(bound);
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &length), 0);
    snprintf(fixture->url, sizeof fixture->url, "http://127.0.0.1:%d/",
             ntohs(((struct sockaddr_in *)&address)->sin_port));
    evhttp_set_gencb(fixture->http, on_request, fixture);
}

static int setup_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 21);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/dialtone-upload-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->log.clock = clock_system();
    assert_int_equal(key_make(&random, &fixture->key), STATUS_OK);
    assert_int_equal(key_make(&random, &fixture->collector_key), STATUS_OK);
    assert_int_equal(age_identity_make(&random, &fixture->identity), STATUS_OK);
    assert_int_equal(loop_open(&fixture->loop), STATUS_OK);
    assert_int_equal(fetcher_open(fixture->loop, &fixture->fetcher), STATUS_OK);
    assert_int_equal(spool_open(fixture->folder, &fixture->key, BOOT_ID, 1 << 20, &fixture->spool, NULL), STATUS_OK);
    server_open(fixture);
    *state = fixture;
    return 0;
}

static int teardown_fixture(void **state)
{
    struct fixture *fixture = *state;
    upload_free(fixture->upload);
    upload_send_free(fixture->send);
    route_list_free(&fixture->routes);
    fetcher_free(fixture->fetcher);
    if (fixture->http)
        evhttp_free(fixture->http);
    spool_free(fixture->spool);
    loop_free(fixture->loop);
    folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

static void bundle_add(struct fixture *fixture, int number)
{
    char line[100];
    snprintf(line, sizeof line, "{\"n\":%d,\"measurement_start_time\":\"2026-01-02 03:04:05\"}", number);
    assert_int_equal(spool_append(fixture->spool, line, strlen(line), true, NULL), STATUS_OK);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
}

static void on_done(enum upload_outcome outcome, int64_t retry_after_us, void *arg)
{
    struct fixture *fixture = arg;
    fixture->done_count++;
    fixture->outcome = outcome;
    fixture->retry_after_us = retry_after_us;
    loop_stop(fixture->loop);
}

static void on_clock(const struct clock_sight *sight, bool is_signed, void *arg)
{
    struct fixture *fixture = arg;
    assert_true(sight->sent_boot_us > 0 && sight->sent_boot_us <= sight->received_boot_us);
    if (is_signed) {
        fixture->signed_count++;
        fixture->signed_us = sight->server_us;
    } else {
        fixture->unsigned_count++;
    }
}

static void upload_all(struct fixture *fixture)
{
    if (!fixture->upload) {
        const struct upload_send_config send = {
            .fetcher = fixture->fetcher, .routes = &fixture->routes, .timeout_us = 5 * US_PER_S};
        if (fixture->routes.count == 0)
            assert_int_equal(route_list_add(&fixture->routes, fixture->url, "direct", NULL), STATUS_OK);
        assert_int_equal(upload_send_open(&send, &fixture->send), STATUS_OK);
        const struct upload_config config = {.sender = upload_send_sender(fixture->send),
                                             .routes = &fixture->routes,
                                             .log = &fixture->log,
                                             .spool = fixture->spool,
                                             .state_folder = fixture->folder,
                                             .on_clock = on_clock,
                                             .arg = fixture};
        assert_int_equal(upload_open(&config, &fixture->upload, NULL), STATUS_OK);
    }
    fixture->done_count = 0;
    assert_int_equal(upload_start(fixture->upload, on_done, fixture), STATUS_OK);
    while (fixture->done_count == 0)
        assert_int_equal(loop_run(fixture->loop), STATUS_OK);
    assert_int_equal(fixture->done_count, 1);
}

#define UPLOAD_TEST(name) cmocka_unit_test_setup_teardown(name, setup_fixture, teardown_fixture)

#endif
