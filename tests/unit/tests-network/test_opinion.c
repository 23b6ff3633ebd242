/* What a control's answer says of a failure here, by a table of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/opinion.h"

#define OURS             "192.0.2.1"
#define THEIRS           "198.51.100.9"
#define HTTP_GOOD        "'http_request':{'failure':null,'status_code':200}"
#define HTTP_BAD         "'http_request':{'failure':'unknown_error','status_code':-1}"
#define DNS(addrs)       "'dns':{'failure':null,'addrs':[" addrs "]}"
#define TCP(at, failure) "'tcp_connect':{'" at ":443':{'status':false,'failure':" failure "}}"
#define TCP_GOOD(at)     "'tcp_connect':{'" at ":443':{'status':true,'failure':null}}"
#define TLS(at, failure) "'tls_handshake':{'" at ":443':{'status':false,'failure':" failure "}}"
#define TLS_GOOD(at)     "'tls_handshake':{'" at ":443':{'status':true,'failure':null}}"
#define GOOD             "{" DNS("'" OURS "'") "," TCP_GOOD(OURS) "," TLS_GOOD(OURS) "," HTTP_GOOD "}"
#define NO_NAME          "{'dns':{'failure':'dns_name_error','addrs':[]},'tcp_connect':{}," HTTP_BAD "}"
#define OWN_CA                                                                                               \
    "{" DNS("'" OURS "'") "," TCP_GOOD(OURS) "," TLS(OURS, "'ssl_unknown_authority'") "," HTTP_BAD "}"
#define OTHERS "{" DNS("'" THEIRS "'") "," TCP_GOOD(THEIRS) "," TLS_GOOD(THEIRS) "," HTTP_GOOD "}"

static const struct {
    const char *name;
    const char *answer;
    enum verdict_layer failed_at;
    const char *failure;
    bool has_own_authorities;
    enum service_opinion opinion;
    bool is_doubted;
} rows[] = {
    {"no such name here, there it is", GOOD, LAYER_DNS, FAILURE_NXDOMAIN, false, OPINION_REACHES, false},
    {"no such name anywhere", NO_NAME, LAYER_DNS, FAILURE_NXDOMAIN, false, OPINION_FAILS, false},
    {"forged to silence, no such name there", NO_NAME, LAYER_TCP, FAILURE_TIMEOUT, false, OPINION_FAILS,
     false},
    {"connects there", GOOD, LAYER_TCP, FAILURE_TIMEOUT, false, OPINION_REACHES, false},
    {"refused there too", "{" DNS("'" OURS "'") "," TCP(OURS, "'connection_refused_error'") "," HTTP_BAD "}",
     LAYER_TCP, FAILURE_REFUSED, false, OPINION_FAILS, false},
    {"silent there too, but that machine was busy",
     "{'x_busy':true," DNS("'" OURS "'") "," TCP(OURS, "'generic_timeout_error'") "," HTTP_BAD "}", LAYER_TCP,
     FAILURE_TIMEOUT, false, OPINION_BUSY, false},
    {"connects there, though that machine was busy",
     "{'x_busy':true," DNS("'" OURS "'") "," TCP_GOOD(OURS) "," HTTP_BAD "}", LAYER_TCP, FAILURE_TIMEOUT, false,
     OPINION_REACHES, false},
    {"nothing said of connecting", "{" DNS("'" OURS "'") "," HTTP_BAD "}", LAYER_TCP, FAILURE_REFUSED, false,
     OPINION_NONE, false},
    {"reset here, handshake there", GOOD, LAYER_TLS, FAILURE_RESET, false, OPINION_REACHES, false},
    {"reset here, a certificate that the control does not trust", OWN_CA, LAYER_TLS, FAILURE_RESET, true,
     OPINION_REACHES, false},
    {"untrusted here and there, by a service with its own authority", OWN_CA, LAYER_TLS,
     FAILURE_TLS_AUTHORITY, true, OPINION_NONE, false},
    {"untrusted here and there", OWN_CA, LAYER_TLS, FAILURE_TLS_AUTHORITY, false, OPINION_FAILS, false},
    {"reset here and there",
     "{" DNS("'" OURS "'") "," TCP_GOOD(OURS) "," TLS(OURS, "'connection_reset'") "," HTTP_BAD "}", LAYER_TLS,
     FAILURE_RESET, false, OPINION_FAILS, false},
    {"page cut here, whole there", GOOD, LAYER_HTTP, FAILURE_EOF, false, OPINION_REACHES, false},
    {"page cut here and there", "{" DNS("'" OURS "'") "," TCP_GOOD(OURS) "," HTTP_BAD "}", LAYER_HTTP,
     FAILURE_EOF, false, OPINION_FAILS, false},
    {"page cut here, untrusted there, own authority", OWN_CA, LAYER_HTTP, FAILURE_EOF, true, OPINION_NONE,
     false},
    {"other addresses there, and good ones", OTHERS, LAYER_TLS, FAILURE_TLS_HOSTNAME, false, OPINION_REACHES,
     true},
    {"other addresses there, ours prove themselves too",
     "{" DNS("'" THEIRS "'") ",'tls_handshake':{'" OURS ":443':{'status':true,'failure':null},'" THEIRS
                             ":443':{'status':true,'failure':null}}," HTTP_GOOD "}",
     LAYER_TLS, FAILURE_RESET, false, OPINION_REACHES, false},
    {"our port is dead there too, another of the host lives",
     "{" DNS("'" OURS "'") ",'tcp_connect':{'" OURS ":443':{'status':false,'failure':'x'},'" OURS
                           ":80':{'status':true,'failure':null}}," HTTP_BAD "}",
     LAYER_TCP, FAILURE_REFUSED, false, OPINION_FAILS, false},
    {"only another port was tried there",
     "{" DNS("'" OURS "'") ",'tcp_connect':{'" OURS ":80':{'status':true,'failure':null}}," HTTP_BAD "}",
     LAYER_TCP, FAILURE_REFUSED, false, OPINION_NONE, false},
    {"our address is dead there too, its own live",
     "{" DNS("'" THEIRS "'") ",'tcp_connect':{'" OURS ":443':{'status':false,'failure':'x'},'" THEIRS
                             ":443':{'status':true,'failure':null}}," TLS_GOOD(THEIRS) "," HTTP_GOOD "}",
     LAYER_TCP, FAILURE_TIMEOUT, false, OPINION_REACHES, true},
    {"types that are none of theirs",
     "{'dns':{'failure':7,'addrs':[1,null,'x','" OURS "']},'tcp_connect':{'x':1,'" OURS ":443':[]},"
     "'tls_handshake':{'" OURS ":443':'no'},'http_request':{'failure':{}}}",
     LAYER_TCP, FAILURE_TIMEOUT, false, OPINION_NONE, false},
    {"nothing failed", GOOD, LAYER_NONE, NULL, false, OPINION_NONE, false},
};

static json_t *json_of(const char *quoted)
{
    char *text = strdup(quoted);
    json_t *json = NULL;
    for (char *at = text; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    if (json_read(text, strlen(text), &json, NULL) != STATUS_OK)
        fail_msg("no JSON: %s", text);
    free(text);
    return json;
}

static void test_rows(void **state)
{
    (void)state;
    const struct service_target target = {.reach = REACH_HTTPS, .host = "service.example", .port = 443};
    struct opinion_question question = {.target = &target, .endpoint_count = 1};
    assert_int_equal(address_parse(OURS, 443, &question.endpoints[0]), STATUS_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *json = json_of(rows[i].answer);
        struct opinion_answer answer;
        assert_int_equal(opinion_read(json, &question, &answer), STATUS_OK);
        enum service_opinion opinion =
            opinion_of(&answer, rows[i].failed_at, rows[i].failure, rows[i].has_own_authorities);
        if (opinion != rows[i].opinion || opinion_doubts_addresses(&answer) != rows[i].is_doubted)
            fail_msg("%s: the opinion was %d, doubted %d", rows[i].name, (int)opinion,
                     (int)opinion_doubts_addresses(&answer));
        json_decref(json);
    }
}

static void test_literal_needs_no_name(void **state)
{
    (void)state;
    const struct service_target target = {.reach = REACH_HTTP_POST, .host = OURS, .port = 80};
    struct opinion_question question = {.target = &target, .endpoint_count = 1};
    assert_int_equal(address_parse(OURS, 80, &question.endpoints[0]), STATUS_OK);
    json_t *json = json_of("{'dns':{'failure':null,'addrs':[]},'tcp_connect':{'" OURS
                           ":80':{'status':true,'failure':null}}," HTTP_GOOD "}");
    struct opinion_answer answer;
    assert_int_equal(opinion_read(json, &question, &answer), STATUS_OK);
    assert_int_equal(opinion_of(&answer, LAYER_TCP, FAILURE_TIMEOUT, false), OPINION_REACHES);
    answer.is_line_slow = true;
    assert_int_equal(opinion_of(&answer, LAYER_TCP, FAILURE_TIMEOUT, false), OPINION_NONE);
    assert_int_equal(opinion_of(&answer, LAYER_TCP, FAILURE_REFUSED, false), OPINION_REACHES);
    json_decref(json);
}

static void test_no_answers(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "[]", "{'dns':{}}", "{'http_request':{}}",
                                        "{'dns':[],'http_request':{}}"};
    const struct service_target target = {.reach = REACH_TCP, .host = "service.example", .port = 443};
    const struct opinion_question question = {.target = &target};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *json = json_of(texts[i]);
        struct opinion_answer answer;
        assert_int_equal(opinion_read(json, &question, &answer), STATUS_MALFORMED);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_literal_needs_no_name),
                                       cmocka_unit_test(test_no_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
