/* Requests over the stream pump: whole and cut responses, TLS or not, large bodies, titles, URLs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/http.h"
#include "tests-network/steps/tcp.h"
#include "tests-network/steps/url.h"
#include "tests/unit/tests-network/step_servers.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

struct client {
    struct nettest_context context;
    struct step_trace trace;
    struct tcp_attempt *attempt;
    struct tls_handshake *handshake;
    struct http_exchange *exchange;
    struct sockaddr_storage remote;
    const char *url;
    int fd;
    int call_count;
};

static void answered(struct http_exchange *exchange, void *arg)
{
    (void)exchange;
    ((struct client *)arg)->call_count++;
}

static void ask(struct client *client, SSL *ssl)
{
    struct stream_config config = {.fd = client->fd, .ssl = ssl, .remote = client->remote};
    struct http_request request = {
        .url = client->url, .is_tls = ssl != NULL, .alpn = "", .wants_record = true};
    assert_int_equal(stream_open(&client->trace, &config, &request.stream), STATUS_OK);
    request.remote = client->remote;
    assert_int_equal(http_start(&client->trace, &request, answered, client, &client->exchange), STATUS_OK);
}

static void shaken(struct tls_handshake *handshake, void *arg)
{
    SSL *ssl = tls_take_session(handshake);
    assert_non_null(ssl);
    ask(arg, ssl);
}

static void connected(struct tcp_attempt *attempt, void *arg)
{
    struct client *client = arg;
    client->fd = tcp_take_fd(attempt);
    struct tls_request request = {.trust = client->context.trust,
                                  .fd = client->fd,
                                  .remote = client->remote,
                                  .server_name = "site.test",
                                  .no_http2 = true};
    if (client->context.trust)
        assert_int_equal(tls_start(&client->trace, &request, shaken, client, &client->handshake), STATUS_OK);
    else
        ask(client, NULL);
}

static const struct http_result *fetch_page(struct client *client, const struct server *server,
                                            const struct authority *authority, const char *url)
{
    *client = (struct client){.url = url};
    context_open(&client->context);
    if (server->behaviour == STAY_SILENT)
        client->context.limits.http_timeout_us = SILENCE_US;
    if (authority)
        assert_int_equal(tls_trust_open(authority->path, &client->context.trust, NULL), STATUS_OK);
    client->trace = (struct step_trace){.context = &client->context,
                                        .zero_us = clock_monotonic_us(&client->context.clock),
                                        .network_events = json_array()};
    client->remote = endpoint("127.0.0.1", server->port);
    struct tcp_request request = {.remote = client->remote};
    assert_int_equal(tcp_start(&client->trace, &request, connected, client, &client->attempt), STATUS_OK);
    loop_run(client->context.loop);
    assert_int_equal(client->call_count, 1);
    return http_result(client->exchange);
}

static void client_close(struct client *client)
{
    http_free(client->exchange);
    tls_free(client->handshake);
    tcp_free(client->attempt);
    json_decref(client->trace.network_events);
    context_close(&client->context);
}

struct http_case {
    const char *what;
    enum behaviour behaviour;
    const char *response;
    const char *failure;
    long code;
    int64_t body_length;
};

static const struct http_case cases[] = {
    {"length", SERVE, OK_HEAD "Content-Length: 5\r\n\r\nhello", NULL, 200, 5},
    {"until the end", SERVE, OK_HEAD "\r\nhello", NULL, 200, 5},
    {"chunked", SERVE, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL, 200, 5},
    {"no body", SERVE, "HTTP/1.1 204 No Content\r\n\r\n", NULL, 204, 0},
    {"redirect", SERVE, "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", NULL, 302, 0},
    {"after 103", SERVE, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\nok",
     NULL, 200, 2},
    {"cut by the end", SERVE, OK_HEAD "Content-Length: 50\r\n\r\nhello", FAILURE_EOF, 200, 5},
    {"cut by a reset", RESET_AFTER_BODY, OK_HEAD "Content-Length: 50\r\n\r\nhello", FAILURE_RESET, 200, 5},
    {"reset instead of the end", RESET_AFTER_BODY, OK_HEAD "\r\nhello", FAILURE_RESET, 200, 5},
    {"reset after a whole response", RESET_AFTER_BODY, OK_HEAD "Content-Length: 5\r\n\r\nhello", NULL, 200,
     5},
    {"reset of the request", RESET_ON_DATA, NULL, FAILURE_RESET, 0, 0},
    {"end after the request", CLOSE_ON_DATA, NULL, FAILURE_EOF, 0, 0},
    {"silence", STAY_SILENT, NULL, FAILURE_TIMEOUT, 0, 0},
    {"no HTTP", SERVE, "SSH-2.0-OpenSSH_9.2\r\n", "unknown_failure: malformed HTTP response", 0, 0},
};

static void test_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct server server = {.behaviour = cases[i].behaviour, .response = cases[i].response};
        struct client client;
        server_start(&server);
        const struct http_result *result = fetch_page(&client, &server, NULL, "http://site.test/");
        if (!failure_same(result->failure, cases[i].failure) || result->code != cases[i].code)
            print_error("%s: %s, code %ld\n", cases[i].what, result->failure, result->code);
        assert_true(failure_same(result->failure, cases[i].failure));
        assert_int_equal(result->code, cases[i].code);
        assert_int_equal(result->body_length, cases[i].body_length);
        client_close(&client);
        server_stop(&server);
    }
}

/* A body far larger than one chunk and than a socket's buffer arrives whole, in TLS and out of it. */
static void test_large_bodies(void **state)
{
    (void)state;
    struct authority authority;
    authority_make(&authority);
    size_t body_bytes = 3u << 20;
    struct buffer text = {0};
    buffer_printf(&text, OK_HEAD "Content-Length: %zu\r\n\r\n", body_bytes);
    uint8_t *room = buffer_reserve(&text, body_bytes);
    memset(room, 'x', body_bytes);
    text.count += body_bytes;
    char *response = buffer_take_text(&text);
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct server server = {.response = response};
        struct client client;
        server.settings = is_tls ? server_settings(&authority, "site.test", 3600) : NULL;
        server_start(&server);
        const struct http_result *result = fetch_page(&client, &server, is_tls ? &authority : NULL,
                                                      is_tls ? "https://site.test/" : "http://site.test/");
        assert_null(result->failure);
        assert_true(result->is_truncated); /* at limits.body_bytes */
        assert_int_equal(result->body_length, client.context.limits.body_bytes);
        client_close(&client);
        server_stop(&server);
    }
    free(response);
    authority_free(&authority);
}

static void whole_body(struct http_exchange *exchange, void *arg)
{
    struct client *client = arg;
    const struct http_result *result = http_result(exchange);
    assert_null(result->failure);
    assert_false(result->is_truncated);
    assert_int_equal(result->body_length, 3 << 20);
    client->call_count++;
}

static void connected_for_all(struct tcp_attempt *attempt, void *arg)
{
    struct client *client = arg;
    struct stream_config config = {.fd = tcp_take_fd(attempt), .remote = client->remote};
    struct http_request request = {
        .url = client->url, .body_limit_bytes = 4u << 20, .timeout_us = 10 * US_PER_S};
    assert_int_equal(stream_open(&client->trace, &config, &request.stream), STATUS_OK);
    assert_int_equal(http_start(&client->trace, &request, whole_body, client, &client->exchange), STATUS_OK);
}

static void test_large_body_without_cut(void **state)
{
    (void)state;
    size_t body_bytes = 3u << 20;
    struct buffer text = {0};
    buffer_printf(&text, OK_HEAD "Content-Length: %zu\r\n\r\n", body_bytes);
    memset(buffer_reserve(&text, body_bytes), 'x', body_bytes);
    text.count += body_bytes;
    char *response = buffer_take_text(&text);
    struct server server = {.response = response};
    struct client client = {.url = "http://site.test/"};
    server_start(&server);
    context_open(&client.context);
    client.trace.context = &client.context;
    client.remote = endpoint("127.0.0.1", server.port);
    struct tcp_request request = {.remote = client.remote};
    assert_int_equal(tcp_start(&client.trace, &request, connected_for_all, &client, &client.attempt),
                     STATUS_OK);
    loop_run(client.context.loop);
    assert_int_equal(client.call_count, 1);
    client_close(&client);
    server_stop(&server);
    free(response);
}

static void test_record(void **state)
{
    (void)state;
    struct authority authority;
    struct client client;
    authority_make(&authority);
    struct server server = {
        .response =
            OK_HEAD "X-Own: a\r\nx-own: b\r\nContent-Length: 26\r\n\r\n<title> A \n page </title>\xff\x00"};
    server.settings = server_settings(&authority, "site.test", 3600);
    server_start(&server);
    char url[64];
    snprintf(url, sizeof url, "https://site.test:%u/path?q=1", (unsigned)server.port);
    const struct http_result *result = fetch_page(&client, &server, &authority, url);
    assert_string_equal(result->title, "A page");
    assert_non_null(strstr(server.request, "GET /path?q=1 HTTP/1.1\r\n"));
    char host[64];
    snprintf(host, sizeof host, "\r\nHost: site.test:%u\r\n", (unsigned)server.port);
    assert_non_null(strstr(server.request, host));
    assert_null(strstr(server.request, "curl"));
    json_t *record = http_take_record(client.exchange);
    assert_null(http_take_record(client.exchange));
    const json_t *response = json_member_object(record, "response");
    assert_int_equal(json_array_size(json_member_array(response, "headers_list")), 3);
    assert_string_equal(json_member_text(json_member_object(response, "headers"), "X-Own"), "a");
    assert_string_equal(json_member_text(json_member_object(response, "body"), "format"), "base64");
    assert_string_equal(json_member_text(json_member_object(record, "request"), "url"), url);
    json_decref(record);
    client_close(&client);
    server_stop(&server);
    authority_free(&authority);
}

static void test_titles(void **state)
{
    (void)state;
    static const struct {
        const char *page;
        const char *title;
    } pages[] = {
        {"<html><TITLE>One</TITLE>", "One"},
        {"<title lang=en> Two\n\t words </title>", "Two words"},
        {"<title></title>", ""},
        {"<title>never ends", "never ends"},
        {"<titles>no</titles><title>yes</title>", "yes"},
        {"<title", ""},
        {"<title ", ""},
        {"", ""},
        {"<title>caf\xc3\xa9</title>", "caf\xc3\xa9"},
        {"<title>\xff\xfe\xfd\xfc\xfb</title>", ""},
    };
    char title[HTTP_TITLE_BYTES];
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        assert_int_equal(http_title(pages[i].page, strlen(pages[i].page), title), pages[i].title[0] != '\0');
        assert_string_equal(title, pages[i].title);
    }
    char page[1024] = "<title>";
    for (size_t i = 7; i + 2 < sizeof page; i += 2)
        memcpy(page + i, "\xc3\xa9", 2);
    assert_true(http_title(page, sizeof page - 1, title)); /* cut between characters, not inside one */
    assert_int_equal(strlen(title) % 2, 0);
    assert_true(strlen(title) >= HTTP_TITLE_BYTES - 3);
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: no URL */
        uint16_t port;
        bool is_https;
    } urls[] = {
        {"http://Site.Test", "site.test", 80, false},
        {"https://site.test:8443/a?b#c", "site.test", 8443, true},
        {"http://user:secret@site.test/", "site.test", 80, false},
        {"https://[2001:db8::1]:444/", "2001:db8::1", 444, true},
        {"http://192.0.2.1/", "192.0.2.1", 80, false},
        {"http://\xd1\x8f\xd0\xbd\xd0\xb4\xd0\xb5\xd0\xba\xd1\x81.\xd1\x80\xd1\x84/",
         "xn--d1acpjx3f.xn--p1ai", 80, false},
        {"http://\xd0\xaf\xd0\xbd\xd0\xb4\xd0\xb5\xd0\xba\xd1\x81.\xd1\x80\xd1\x84/",
         "xn--d1acpjx3f.xn--p1ai", 80, false},
        {"ftp://site.test/", NULL, 0, false},
        {"site.test", NULL, 0, false},
        {"http://", NULL, 0, false},
        {"http:///path", "path", 80, false}, /* as browsers read it */
        {"http://site.test:0/", NULL, 0, false},
        {"http://site.test:99999/", NULL, 0, false},
        {"javascript:alert(1)", NULL, 0, false},
        {"", NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct url url;
        enum status status = url_parse(urls[i].text, &url);
        if ((status == STATUS_OK) != (urls[i].host != NULL))
            print_error("%s\n", urls[i].text);
        assert_int_equal(status == STATUS_OK, urls[i].host != NULL);
        if (status != STATUS_OK)
            continue;
        assert_string_equal(url.host, urls[i].host);
        assert_int_equal(url.port, urls[i].port);
        assert_int_equal(url.is_https, urls[i].is_https);
        assert_null(strstr(url.text, "secret"));
        assert_null(strchr(url.text, '#'));
        url_free(&url);
    }
}

static void test_redirect_targets(void **state)
{
    (void)state;
    static const char *const steps[][2] = {
        {"/b", "https://site.test/b"},
        {"//other.test/", "https://other.test/"},
        {"?q", "https://site.test/a/page?q"},
        {"../up", "https://site.test/up"},
        {"http://other.test", "http://other.test/"},
        {"with space", "https://site.test/a/with%20space"},
        {"http://", NULL},
        {"https://", NULL},
        {"ftp://other.test/", NULL},
    };
    struct url base;
    assert_int_equal(url_parse("https://site.test/a/page", &base), STATUS_OK);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct url next;
        enum status status = url_resolve(&base, steps[i][0], &next);
        if ((status == STATUS_OK) != (steps[i][1] != NULL))
            print_error("%s\n", steps[i][0]);
        assert_int_equal(status == STATUS_OK, steps[i][1] != NULL);
        if (status != STATUS_OK)
            continue;
        assert_string_equal(next.text, steps[i][1]);
        url_free(&next);
    }
    url_free(&base);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_large_body_without_cut),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_titles),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_redirect_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
