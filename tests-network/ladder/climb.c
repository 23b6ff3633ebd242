/* One anchor, climbed as far as it holds.
 * Owner: a climb owns the step in flight and the socket between steps; climb_free.
 * Why: each rung tells apart one kind of cut, so that each keeps its own failure. */
#include "tests-network/ladder/climb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/http.h"
#include "tests-network/steps/stream.h"
#include "tests-network/steps/tcp.h"
#include "tests-network/steps/url.h"

#define DNS_ADDRESSES_MAX 16
#define ADDRESSES_MAX     2 /* of one name that are tried, one after the other */

/* 1. Lookup: A, at the first resolver that answers; AAAA where there is no A.
 * 2. TCP to the first address that accepts.
 * 3. A control goes on: TLS with its name, or HTTP where its port is 80.
 * The first rung that breaks ends the climb. */

struct climb {
    const struct step_trace *trace;
    struct anchor anchor;
    struct tls_trust *trust;
    climb_callback callback;
    void *arg;
    struct climb_result result;
    size_t resolver;
    uint16_t question_type;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    size_t address_count;
    size_t address;
    struct dns_query *query;
    struct tcp_attempt *attempt;
    struct tls_handshake *handshake;
    struct http_exchange *exchange;
    int fd;
};

static void finish(struct climb *climb)
{
    climb->callback(climb, climb->arg);
}

static void rung_close(struct climb_rung *rung, const char *failure, int64_t runtime_us)
{
    rung->outcome = failure == NULL ? RUNG_OK : RUNG_FAILED;
    rung->failure = failure;
    rung->runtime_us += runtime_us;
}

static void on_tls(struct tls_handshake *handshake, void *arg)
{
    struct climb *climb = arg;
    const struct tls_result *tls = tls_result(handshake);
    rung_close(&climb->result.top, tls->failure, tls->end_us - tls->start_us);
    /* A certificate out of date is most often a wrong clock of ours: no evidence about the network. */
    if (failure_same(tls->failure, FAILURE_TLS_INVALID)) {
        climb->result.top.outcome = RUNG_UNTRIED;
    }
    finish(climb);
}

/* Who redirects elsewhere or shows a page where nothing was due sits between us and the anchor. */
static const char *http_judge(struct climb *climb, const struct http_result *http)
{
    struct url base;
    struct url target;
    char text[sizeof climb->anchor.host + 16];
    bool is_elsewhere = false;
    if (http->failure != NULL || http->code == 204) {
        return http->failure;
    }
    snprintf(text, sizeof text, "http://%s/", climb->anchor.host);
    if (http_is_redirect(http->code) && http->location != NULL && url_parse(text, &base) == STATUS_OK) {
        if (url_resolve(&base, http->location, &target) == STATUS_OK) {
            is_elsewhere = strcasecmp(base.host, target.host) != 0;
            url_free(&target);
        }
        url_free(&base);
    }
    climb->result.portal_seen =
        is_elsewhere || http->code == 511 || (http->code == 200 && http->body_length > 0);
    return is_elsewhere ? "http_unexpected_redirect_url" : "http_unexpected_status_code";
}

static void on_http(struct http_exchange *exchange, void *arg)
{
    struct climb *climb = arg;
    const struct http_result *http = http_result(exchange);
    rung_close(&climb->result.top, http_judge(climb, http), http->end_us - http->start_us);
    finish(climb);
}

static enum status http_begin(struct climb *climb)
{
    char url[sizeof climb->anchor.host + 32];
    struct stream *stream = NULL;
    const struct stream_config config = {.fd = climb->fd, .remote = climb->addresses[climb->address]};
    enum status status = stream_open(climb->trace, &config, &stream);
    if (status != STATUS_OK) {
        return status;
    }
    climb->fd = -1;
    snprintf(url, sizeof url, "http://%s" CLIMB_HTTP_PATH, climb->anchor.host);
    const struct http_request request = {
        .stream = stream, .url = url, .alpn = "", .remote = config.remote, .body_limit_bytes = 4096};
    return http_start(climb->trace, &request, on_http, climb, &climb->exchange);
}

static enum status top_begin(struct climb *climb)
{
    if (climb->anchor.port == CLIMB_HTTP_PORT) {
        return http_begin(climb);
    }
    if (climb->trust == NULL) {
        return STATUS_UNSUPPORTED;
    }
    const struct tls_request request = {.trust = climb->trust,
                                        .fd = climb->fd,
                                        .remote = climb->addresses[climb->address],
                                        .server_name = climb->anchor.host};
    return tls_start(climb->trace, &request, on_tls, climb, &climb->handshake);
}

static void tcp_begin(struct climb *climb);

static void on_tcp(struct tcp_attempt *attempt, void *arg)
{
    struct climb *climb = arg;
    const struct tcp_result *tcp = tcp_result(attempt);
    bool is_ok = tcp->failure == NULL;
    rung_close(&climb->result.tcp, tcp->failure, tcp->end_us - tcp->start_us);
    climb->fd = is_ok ? tcp_take_fd(attempt) : -1;
    tcp_free(attempt);
    climb->attempt = NULL;
    if (!is_ok && climb->address + 1 < climb->address_count) {
        climb->address++;
        tcp_begin(climb);
        return;
    }
    if (!is_ok || climb->anchor.kind != ANCHOR_CONTROL || top_begin(climb) != STATUS_OK) {
        finish(climb);
    }
}

static enum status tcp_try(struct climb *climb)
{
    const struct tcp_request request = {.remote = climb->addresses[climb->address]};
    return tcp_start(climb->trace, &request, on_tcp, climb, &climb->attempt);
}

static void tcp_begin(struct climb *climb)
{
    if (tcp_try(climb) != STATUS_OK) {
        climb->result.tcp = (struct climb_rung){.outcome = RUNG_UNTRIED};
        finish(climb);
    }
}

static enum status lookup_try(struct climb *climb);

/* Whether another question is worth asking, and which. */
static bool lookup_next(struct climb *climb, const char *failure, bool is_answered)
{
    if (is_answered && failure_same(failure, FAILURE_NO_ANSWER) && climb->question_type == DNS_TYPE_A) {
        climb->question_type = DNS_TYPE_AAAA;
        return true;
    }
    if (!is_answered && climb->resolver + 1 < climb->trace->context->resolver_count) {
        climb->resolver++;
        return true;
    }
    return false;
}

/* What the answer lets us connect to. A forged answer must not make a volunteer's probe speak to their own
 * router; an anchor at home may well live in the operator's private network. */
static const char *addresses_take(struct climb *climb, const struct dns_result *dns)
{
    struct sockaddr_storage found[DNS_ADDRESSES_MAX];
    size_t count = dns_addresses(dns, (uint16_t)climb->anchor.port, found, DNS_ADDRESSES_MAX);
    bool allows_all = climb->anchor.kind == ANCHOR_DOMESTIC || climb->trace->context->allow_private_targets;
    climb->address_count = 0;
    for (size_t i = 0; i < count && climb->address_count < ADDRESSES_MAX; i++) {
        if (allows_all || !address_is_bogon(&found[i])) {
            climb->addresses[climb->address_count++] = found[i];
        }
    }
    return climb->address_count > 0 ? NULL : FAILURE_BOGON;
}

static void on_dns(struct dns_query *query, enum dns_moment moment, void *arg)
{
    struct climb *climb = arg;
    const struct dns_result *dns = dns_result(query);
    if (moment != DNS_ANSWERED) {
        return;
    }
    const char *failure = dns->failure != NULL ? dns->failure : addresses_take(climb, dns);
    bool is_answered = dns->chosen >= 0;
    climb->result.resolver_answered |= is_answered;
    rung_close(&climb->result.lookup, failure, dns->end_us - dns->start_us);
    dns_free(query);
    climb->query = NULL;
    if (failure == NULL) {
        tcp_begin(climb);
    } else if (!lookup_next(climb, failure, is_answered) || lookup_try(climb) != STATUS_OK) {
        finish(climb);
    }
}

static enum status lookup_try(struct climb *climb)
{
    const struct nettest_context *context = climb->trace->context;
    if (climb->resolver >= context->resolver_count) {
        return STATUS_NOT_FOUND;
    }
    const struct dns_request request = {.host = climb->anchor.host,
                                        .type = climb->question_type,
                                        .resolver = context->resolvers[climb->resolver]};
    return dns_start(climb->trace, &request, on_dns, climb, &climb->query);
}

enum status climb_start(const struct step_trace *trace, const struct anchor *anchor, struct tls_trust *trust,
                        climb_callback callback, void *arg, struct climb **out)
{
    enum status status = STATUS_OK;
    struct climb *climb = calloc(1, sizeof *climb);
    if (climb == NULL) {
        return STATUS_NO_MEMORY;
    }
    *climb = (struct climb){.trace = trace,
                            .anchor = *anchor,
                            .trust = trust,
                            .callback = callback,
                            .arg = arg,
                            .question_type = DNS_TYPE_A,
                            .fd = -1};
    if (address_parse(anchor->host, (uint16_t)anchor->port, &climb->addresses[0]) == STATUS_OK) {
        climb->address_count = 1;
        status = tcp_try(climb);
    } else {
        climb->result.is_named = true;
        status = lookup_try(climb);
    }
    if (status != STATUS_OK) {
        climb_free(climb);
        return status;
    }
    *out = climb;
    return STATUS_OK;
}

const struct anchor *climb_anchor(const struct climb *climb)
{
    return &climb->anchor;
}

const struct climb_result *climb_result(const struct climb *climb)
{
    return &climb->result;
}

void climb_free(struct climb *climb)
{
    if (climb == NULL) {
        return;
    }
    dns_free(climb->query);
    tcp_free(climb->attempt);
    tls_free(climb->handshake);
    http_free(climb->exchange);
    if (climb->fd >= 0) {
        socket_meter_close(climb->trace->context->meter, climb->fd);
    }
    free(climb);
}
