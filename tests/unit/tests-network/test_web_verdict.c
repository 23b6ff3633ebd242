/* Both verdicts from evidence, by a table: what was seen at the probe and at the control, and what must
 * follow. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/verdict.h"
#include "tests/unit/tests-network/web_verdict_rows.h"

static const char *const own_headers[] = {"Server", "X-Own", "Content-Type"};
static const char *const box_headers[] = {"Content-Type", "X-Box"};

static struct web_page page_of(enum page kind)
{
    struct web_page page = {.code = 200, .body_length = 1533, .header_names = own_headers, .header_count = 3};
    snprintf(page.title, sizeof page.title, "Default Web Page");
    page.server = "genuine";
    if (kind == DIFFERENT) {
        page.body_length = 188;
        snprintf(page.title, sizeof page.title, "Access Denied");
        page.header_names = box_headers;
        page.header_count = 2;
        page.server = NULL;
    } else if (kind == DIFFERENT_TEXT) {
        page.body_length = 188;
        snprintf(page.title, sizeof page.title, "Access Denied");
    } else if (kind == CAPTCHA) {
        page.code = 503;
        page.body_length = 8432;
    }
    return page;
}

static const char *word(const char *text)
{
    return text && text[0] ? text : NULL;
}

static void address_put(const char *text, struct sockaddr_storage *out)
{
    assert_int_equal(address_parse(text, 443, out), STATUS_OK);
}

struct made {
    struct web_evidence evidence;
    struct web_endpoint endpoints[14];
    struct web_lookup lookups[12];
    struct web_control_endpoint control_endpoint;
};

static void endpoint_put(const struct row *row, int depth, struct made *made)
{
    bool is_last = depth == row->depth;
    struct web_endpoint *endpoint = &made->endpoints[made->evidence.endpoint_count++];
    *endpoint = (struct web_endpoint){.depth = depth, .is_classic = true, .is_https = row->is_https};
    address_put(is_last && row->dns ? row->dns : GENUINE, &endpoint->remote);
    endpoint->tcp_tried = !is_last || row->tcp;
    endpoint->tls_tried = row->is_https && (!is_last || row->tls);
    endpoint->http_tried = !is_last || row->http;
    endpoint->code = 302;
    if (!is_last)
        return;
    endpoint->tcp_failure = word(row->tcp);
    endpoint->tls_failure = word(row->tls);
    endpoint->http_failure = word(row->http);
    endpoint->is_special = row->is_special;
    endpoint->received_bytes = row->received_bytes;
    made->evidence.reference_bytes_per_s = row->reference;
    endpoint->silence_us = row->silence_us;
    endpoint->transfer_us = 10000000;
    endpoint->not_before_s = NOW_S - 86400;
    endpoint->not_after_s = NOW_S + 86400 * 90;
    endpoint->code = row->page ? page_of(row->page).code : endpoint->http_failure ? 0 : 302;
}

static void check_put(const struct row *row, struct made *made)
{
    struct web_endpoint *endpoint = &made->endpoints[made->evidence.endpoint_count++];
    *endpoint = made->endpoints[made->evidence.endpoint_count - 2];
    endpoint->is_check = endpoint->is_https = endpoint->tls_tried = true;
    endpoint->http_tried = false;
    endpoint->http_failure = NULL;
    endpoint->tls_failure = word(row->check);
    endpoint->code = 0;
}

static void control_put(const struct row *row, struct made *made)
{
    struct web_control *control = &made->evidence.control;
    control->is_there = row->has_control;
    control->failure = row->has_control ? NULL : row->c_failure ? row->c_failure : RESET;
    control->time_s = NOW_S;
    control->dns_failure = row->c_dns_failure;
    if (row->c_dns) {
        address_put(row->c_dns, &control->addresses[0]);
        control->address_count = 1;
    }
    if (row->dns && (row->c_tcp || row->c_tls)) {
        address_put(row->is_special ? GENUINE : row->dns, &made->control_endpoint.remote);
        made->control_endpoint.tcp_tried = row->c_tcp;
        made->control_endpoint.tcp_failure = word(row->c_tcp);
        made->control_endpoint.tls_tried = row->c_tls;
        made->control_endpoint.tls_failure = word(row->c_tls);
        control->endpoints = &made->control_endpoint;
        control->endpoint_count = 1;
    }
    control->http_tried = row->has_control;
    control->http_failure = word(row->c_http);
    control->page = page_of(SAME);
}

static void evidence_make(const struct row *row, struct made *made)
{
    struct web_evidence *evidence = &made->evidence;
    *made = (struct made){0};
    evidence->endpoints = made->endpoints;
    evidence->lookups = made->lookups;
    evidence->hop_count = (size_t)row->depth + 1;
    for (int depth = 0; depth <= row->depth; depth++) {
        struct web_lookup *lookup = &evidence->lookups[depth];
        lookup->failure = depth == row->depth ? row->dns_failure : NULL;
        lookup->is_literal = depth == row->depth && row->is_literal;
        if (!lookup->failure) {
            bool is_of_site = row->is_special && depth < row->depth;
            address_put(row->dns && !is_of_site ? row->dns : GENUINE, &lookup->addresses[0]);
            lookup->address_count = 1;
        }
        if (row->tcp || depth < row->depth)
            endpoint_put(row, depth, made);
    }
    if (row->check)
        check_put(row, made);
    evidence->wall_s = row->wall_s;
    evidence->lookups[0].is_injected = row->is_injected;
    evidence->is_cleartext_crossing = row->is_crossing;
    evidence->redirect_failure = row->redirect;
    evidence->has_page = row->page != NO_PAGE;
    evidence->page_is_https = row->is_https;
    evidence->page = page_of(row->page);
    evidence->connectivity = row->connectivity;
    evidence->signature.scope = row->signature;
    control_put(row, made);
    if (row->recheck) {
        evidence->has_control_address_page = true;
        evidence->control_address_is_https = strcmp(row->recheck, "https") == 0;
        evidence->control_address_page = page_of(SAME);
    }
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void test_ours(void **state)
{
    (void)state;
    int wrong_count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct made made;
        evidence_make(&rows[i], &made);
        struct verdict found = web_verdict(&made.evidence);
        if (found.outcome == rows[i].outcome && strcmp(found.method, rows[i].method) == 0 &&
            found.confidence == rows[i].confidence)
            continue;
        wrong_count++;
        print_error("%s: %s %s %s\n", rows[i].name, outcome_name(found.outcome), found.method,
                    confidence_name(found.confidence));
    }
    assert_int_equal(wrong_count, 0);
}

static void test_keys(void **state)
{
    (void)state;
    int wrong_count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct made made;
        evidence_make(&rows[i], &made);
        struct web_keys found = web_keys_derive(&made.evidence);
        if (found.blocking == rows[i].blocking && found.accessible == rows[i].accessible &&
            same_text(found.dns_consistency, rows[i].consistency) &&
            found.blocking_flags == rows[i].blocking_flags && found.dns_flags == rows[i].dns_flags &&
            found.null_null_flags == rows[i].null_flags)
            continue;
        wrong_count++;
        print_error("%s: blocking %d accessible %d %s flags %d %d %d\n", rows[i].name, found.blocking,
                    found.accessible, found.dns_consistency ? found.dns_consistency : "null",
                    found.blocking_flags, found.dns_flags, found.null_null_flags);
    }
    assert_int_equal(wrong_count, 0);
}

/* Whatever else is in the evidence: without a control and without a good certificate nothing is ever
 * accessible. */
static void test_nothing_is_accessible_without_control(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct row row = rows[i];
        struct made made;
        row.has_control = false;
        row.c_dns = row.c_tcp = row.c_tls = row.c_http = row.c_dns_failure = row.recheck = NULL;
        evidence_make(&row, &made);
        bool is_proven = row.page != NO_PAGE && row.is_https;
        struct verdict found = web_verdict(&made.evidence);
        struct web_keys keys = web_keys_derive(&made.evidence);
        if (is_proven)
            continue;
        assert_int_not_equal(found.outcome, OUTCOME_OK);
        assert_int_not_equal(found.outcome, OUTCOME_DOWN);
        assert_int_not_equal(keys.accessible, WEB_TRUE);
        assert_true(found.outcome != OUTCOME_BLOCKED || row.is_injected);
    }
}

static void test_pages(void **state)
{
    (void)state;
    static const struct {
        struct web_page page, control;
        enum web_truth length, headers, status, title;
        bool is_same;
    } cases[] = {
        {{.code = 200, .body_length = 100, .title = "Welcome home"},
         {.code = 200, .body_length = 100, .title = "welcome HOME"},
         WEB_TRUE, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .body_length = 70, .title = "Another"}, {.code = 200, .body_length = 100},
         WEB_FALSE, WEB_FALSE, WEB_TRUE, WEB_FALSE, false},
        {{.code = 200, .body_length = 70, .title = "tiny"}, {.code = 200, .body_length = 100},
         WEB_FALSE, WEB_FALSE, WEB_TRUE, WEB_TRUE, true}, /* no long word differs */
        {{.code = 200, .body_length = 71}, {.code = 200, .body_length = 100},
         WEB_TRUE, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .body_length = 9, .is_truncated = true}, {.code = 200, .body_length = 100},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 404, .body_length = 100}, {.code = 404, .body_length = 100},
         WEB_TRUE, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .body_length = 100}, {.code = 404, .body_length = 100},
         WEB_TRUE, WEB_FALSE, WEB_NULL, WEB_TRUE, false},
        {{.code = 403, .body_length = 100}, {.code = 200, .body_length = 100},
         WEB_TRUE, WEB_FALSE, WEB_FALSE, WEB_TRUE, false},
        {{.code = 200, .title = "News from Welcome"}, {.code = 200, .title = "Welcome"},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .title = "Access Denied"}, {.code = 200, .title = "Denied"},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_FALSE, false},
        {{.code = 200, .title = "  spaced   "}, {.code = 200, .title = "spaced"},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .title = "Denied", .header_names = own_headers, .header_count = 3},
         {.code = 200, .title = "Welcome", .header_names = box_headers, .header_count = 2},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_FALSE, false},
        {{.code = 200, .title = "Denied", .header_names = own_headers, .header_count = 3},
         {.code = 200, .title = "Welcome", .header_names = own_headers, .header_count = 3},
         WEB_NULL, WEB_TRUE, WEB_TRUE, WEB_FALSE, true},
        {{.code = 200, .title = "Denied"}, {.code = -1}, WEB_NULL, WEB_NULL, WEB_NULL, WEB_NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_control control = {.is_there = true, .http_tried = true, .page = cases[i].control};
        struct web_comparison found = web_compare(&cases[i].page, &control);
        assert_int_equal(found.body_length_match, cases[i].length);
        assert_int_equal(found.headers_match, cases[i].headers);
        assert_int_equal(found.status_code_match, cases[i].status);
        assert_int_equal(found.title_match, cases[i].title);
        assert_int_equal(found.is_same, cases[i].is_same);
    }
}

static void test_same_network_agrees(void **state)
{
    (void)state;
    struct made made;
    struct web_asn asns[2] = {{.asn = 15133}, {.asn = 15133}};
    evidence_make(&rows[3], &made);
    assert_false(web_lookup_agrees(&made.evidence));
    address_put(FORGED, &asns[0].address);
    address_put(GENUINE, &asns[1].address);
    made.evidence.control.asns = asns;
    made.evidence.control.asn_count = 2;
    assert_true(web_lookup_agrees(&made.evidence));
    asns[0].asn = asns[1].asn = 0; /* unknown networks are not the same network */
    assert_false(web_lookup_agrees(&made.evidence));
}

/* The first name is refused by the resolver; the control's address redirects to a name that is not. */
static void test_helped_by_the_control(void **state)
{
    (void)state;
    const struct row row = {"", true, .dns_failure = NXDOMAIN, CONTROL_GOOD};
    struct made made;
    evidence_make(&row, &made);
    struct web_evidence *evidence = &made.evidence;
    struct web_endpoint *first = &made.endpoints[0], *second = &made.endpoints[1];
    *first = (struct web_endpoint){.is_https = true, .tcp_tried = true, .tls_tried = true, .http_tried = true, .code = 308};
    address_put(GENUINE, &first->remote);
    *second = *first;
    second->depth = 1;
    second->is_classic = true;
    second->code = 200;
    evidence->endpoint_count = 2;
    evidence->hop_count = 2;
    address_put(GENUINE, &evidence->lookups[1].addresses[0]);
    evidence->lookups[1].address_count = 1;
    evidence->is_helped = true;
    evidence->has_page = evidence->page_is_https = true;
    evidence->page = page_of(SAME);
    struct verdict ours = web_verdict(evidence);
    assert_int_equal(ours.outcome, OUTCOME_BLOCKED);
    assert_string_equal(ours.method, "dns_nxdomain");
    assert_int_equal(ours.confidence, CONFIDENCE_STRONG);
    struct web_keys keys = web_keys_derive(evidence);
    assert_int_equal(keys.blocking, WEB_BLOCKING_FALSE);
    assert_int_equal(keys.accessible, WEB_TRUE);
    assert_string_equal(keys.dns_consistency, "inconsistent");
    assert_string_equal(keys.dns_experiment_failure, NXDOMAIN);
    assert_null(keys.http_experiment_failure);
    assert_int_equal(keys.blocking_flags, 33);
    assert_int_equal(keys.dns_flags, 2);
    /* And where what lies behind the redirect is cut off too. */
    second->tls_failure = RESET;
    second->http_tried = false;
    evidence->has_page = evidence->page_is_https = false;
    keys = web_keys_derive(evidence);
    assert_int_equal(keys.blocking, WEB_BLOCKING_DNS);
    assert_int_equal(keys.accessible, WEB_FALSE);
    assert_int_equal(keys.blocking_flags, 5);
    assert_int_equal(web_verdict(evidence).outcome, OUTCOME_BLOCKED);
    assert_string_equal(web_verdict(evidence).method, "dns_nxdomain");
}

/* A machine that had no time for us makes timeouts of its own; what was said to us it did not make. */
static void test_a_busy_machine_blames_nobody(void **state)
{
    (void)state;
    int timed_count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct made made;
        evidence_make(&rows[i], &made);
        const struct verdict before = web_verdict(&made.evidence);
        made.evidence.is_machine_busy = true;
        const struct verdict found = web_verdict(&made.evidence);
        bool is_slow = strstr(before.method, "timeout") || strcmp(before.method, "slow_transfer") == 0 ||
                       strcmp(before.method, "transfer_frozen") == 0;
        bool is_reached_for = !rows[i].is_special; /* no site's address: that it is silent decides nothing */
        bool took_long = same_text(rows[i].dns_failure, TIMEOUT) ||
                         (is_reached_for && same_text(rows[i].tcp, TIMEOUT)) ||
                         same_text(rows[i].tls, TIMEOUT) || same_text(rows[i].http, TIMEOUT);
        bool rests_on_time = (before.outcome == OUTCOME_BLOCKED && is_slow) ||
                             (before.outcome == OUTCOME_DOWN && took_long);
        timed_count += rests_on_time;
        assert_int_equal(found.outcome, rests_on_time ? OUTCOME_UNKNOWN : before.outcome);
        assert_string_equal(found.method, rests_on_time ? "machine_busy" : before.method);
    }
    assert_true(timed_count >= 5);
}

#define C_DEAD(word) .has_control = true, .c_dns = GENUINE, .c_tcp = word, .c_http = word
#define C_SLOW       .has_control = true, .c_dns = GENUINE, .c_tcp = GOOD, .c_tls = GOOD, .c_http = TIMEOUT

/* What both could not get is down only where neither had no time for it. */
static void test_down_needs_machines_that_had_time(void **state)
{
    (void)state;
    static const struct {
        struct row row;
        bool is_machine_busy, is_control_busy;
        enum verdict_outcome outcome;
        const char *method;
    } cases[] = {
        {{"silent for both", true, GENUINE, .tcp = TIMEOUT, C_DEAD(TIMEOUT)}, false, false, OUTCOME_DOWN, ""},
        {{"silent for both, we are busy", true, GENUINE, .tcp = TIMEOUT, C_DEAD(TIMEOUT)}, true, false,
         OUTCOME_UNKNOWN, "machine_busy"},
        {{"silent for both, the control is busy", true, GENUINE, .tcp = TIMEOUT, C_DEAD(TIMEOUT)}, false, true,
         OUTCOME_UNKNOWN, "control_busy"},
        {{"page too slow for both, the control is busy", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = TIMEOUT,
          C_SLOW}, false, true, OUTCOME_UNKNOWN, "control_busy"},
        {{"page too slow for both, we are busy", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = TIMEOUT, C_SLOW},
         true, false, OUTCOME_UNKNOWN, "machine_busy"},
        {{"no answer to our question, the control is busy", true, .dns_failure = TIMEOUT, .has_control = true,
          .c_dns_failure = "unknown_error", .c_http = TIMEOUT}, false, true, OUTCOME_UNKNOWN, "control_busy"},
        {{"refused here, we are busy", true, GENUINE, .tcp = REFUSED, C_DEAD("connection_refused_error")}, true,
         false, OUTCOME_DOWN, ""},
        {{"we have the page, the control is busy", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = GOOD,
          .page = SAME, C_SLOW}, false, true, OUTCOME_OK, ""},
        {{"we have the page in the clear, the control is busy", false, GENUINE, .tcp = GOOD, .http = GOOD,
          .page = DIFFERENT, C_SLOW}, false, true, OUTCOME_UNKNOWN, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made made;
        evidence_make(&cases[i].row, &made);
        made.evidence.is_machine_busy = cases[i].is_machine_busy;
        made.evidence.control.is_busy = cases[i].is_control_busy;
        const struct verdict found = web_verdict(&made.evidence);
        if (found.outcome != cases[i].outcome || strcmp(found.method, cases[i].method) != 0)
            fail_msg("%s: %s %s", cases[i].row.name, outcome_name(found.outcome), found.method);
    }
}

/* What a full line made late is not silent; what was said to us was said. */
static void test_a_slow_line_blames_nobody(void **state)
{
    (void)state;
    static const struct {
        struct row row;
        enum verdict_outcome outcome;
        const char *method;
    } cases[] = {
        {{"silence in the handshake", true, GENUINE, .tcp = GOOD, .tls = TIMEOUT, CONTROL_GOOD}, OUTCOME_UNKNOWN,
         "slow_line"},
        {{"silent resolver", true, .dns_failure = TIMEOUT, CONTROL_GOOD}, OUTCOME_UNKNOWN, "slow_line"},
        {{"silent address", true, GENUINE, .tcp = TIMEOUT, CONTROL_GOOD}, OUTCOME_UNKNOWN, "slow_line"},
        {{"reset in the handshake", true, GENUINE, .tcp = GOOD, .tls = RESET, CONTROL_GOOD}, OUTCOME_BLOCKED,
         "tls_reset"},
        {{"silent for both", true, GENUINE, .tcp = TIMEOUT, C_DEAD(TIMEOUT)}, OUTCOME_DOWN, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made made;
        evidence_make(&cases[i].row, &made);
        made.evidence.control.is_line_slow = true;
        const struct verdict found = web_verdict(&made.evidence);
        assert_int_equal(found.outcome, cases[i].outcome);
        assert_string_equal(found.method, cases[i].method);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_helped_by_the_control),
        cmocka_unit_test(test_a_busy_machine_blames_nobody),
        cmocka_unit_test(test_a_slow_line_blames_nobody),
        cmocka_unit_test(test_down_needs_machines_that_had_time),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_nothing_is_accessible_without_control),
        cmocka_unit_test(test_same_network_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
