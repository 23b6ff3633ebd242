/* Does this resolver answer from here? OONI's dnscheck, over UDP, TCP, TLS and HTTPS.
 * A run owns everything of one measurement; the context is shared and outlives it.
 * Plan: 1 bootstrap: the resolver's name is looked up at the system's resolver; 2 every address is asked for
 * the default domain, A and AAAA, each on a connection of its own, all at once; 3 where none could be
 * connected to, the control is asked whether it can; 4 the verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/lookup.h"
#include "tests-network/dnscheck/verdict.h"
#include "tests-network/nettest.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/opinion.h"

#define DEFAULT_DOMAIN "example.org" /* OONI's */
#define HTTPS_PORT     443
#define DOT_PORT       853

struct nettest_run {
    const struct nettest_context *context;
    struct step_trace trace;
    nettest_callback callback;
    void *arg;
    int64_t start_wall_us;
    struct resolver_url resolver;
    struct tls_trust *own_trust;
    struct tls_trust *trust;
    struct dns_query *bootstrap[2]; /* A, AAAA */
    bool is_bootstrap_closed[2];
    struct sockaddr_storage remotes[DNSCHECK_ADDRESSES_MAX];
    size_t remote_count;
    struct lookup
        *lookups[DNSCHECK_LOOKUPS_MAX]; /* A and AAAA of each remote, side by side; NULL: not begun */
    size_t pending_count;
    struct dnscheck_evidence evidence;
    struct service_target target; /* what the control is asked about */
    struct opinion *opinion;
    struct loop_timer *start_timer;
};

static void run_free(struct nettest_run *run)
{
    if (!run)
        return;
    loop_timer_cancel(run->start_timer);
    opinion_free(run->opinion);
    for (size_t i = 0; i < DNSCHECK_LOOKUPS_MAX; i++)
        lookup_free(run->lookups[i]);
    dns_free(run->bootstrap[0]);
    dns_free(run->bootstrap[1]);
    tls_trust_free(run->own_trust);
    json_decref(run->trace.network_events);
    free(run);
}

static void resolver_text(const struct nettest_run *run, const struct sockaddr_storage *remote, char *out,
                          size_t room)
{
    char endpoint[ENDPOINT_TEXT_BYTES];
    const char *scheme =
        run->resolver.transport == RESOLVER_DOH ? "https" : resolver_transport_name(run->resolver.transport);
    endpoint_format(remote, endpoint);
    snprintf(out, room, "%s://%s%s", scheme, endpoint, run->resolver.path);
}

/* One resolver address in the shape of OONI's urlgetter keys. */
static json_t *lookup_keys(const struct nettest_run *run, size_t remote)
{
    const struct lookup *first = run->lookups[2 * remote];
    json_t *keys = json_pack("{s:s, s:[], s:[], s:[], s:[], s:[]}", "agent", "redirect", "queries",
                             "requests", "tcp_connect", "tls_handshakes", "network_events");
    const char *failure = first ? lookup_result(first)->failure : NULL;
    for (size_t i = 2 * remote; i < 2 * remote + 2 && keys; i++) {
        if (run->lookups[i])
            lookup_encode(run->lookups[i], keys);
        if (run->lookups[i] && !lookup_result(run->lookups[i])->failure)
            failure = NULL;
    }
    if (keys)
        json_object_set_new(keys, "failure", json_text_or_null(failure));
    return keys;
}

static json_t *bootstrap_keys(const struct nettest_run *run)
{
    json_t *queries = json_array();
    if (!run->bootstrap[0] || !queries) {
        json_decref(queries);
        return json_null();
    }
    for (size_t i = 0; i < 2; i++) {
        if (run->bootstrap[i])
            (void)dns_encode(&run->trace, dns_result(run->bootstrap[i]), queries);
    }
    return json_pack("{s:s, s:o, s:[], s:[], s:[], s:[], s:o}", "agent", "redirect", "queries", queries,
                     "requests", "tcp_connect", "tls_handshakes", "network_events", "failure",
                     json_text_or_null(run->evidence.bootstrap_failure));
}

static json_t *keys_encode(const struct nettest_run *run, const struct verdict *verdict)
{
    static const char *const opinions[] = {NULL, "reaches", "fails"};
    char resolver[RESOLVER_PATH_BYTES + 80];
    json_t *lookups = json_object();
    for (size_t i = 0; i < run->remote_count && lookups; i++) {
        resolver_text(run, &run->remotes[i], resolver, sizeof resolver);
        json_object_set_new(lookups, resolver, lookup_keys(run, i));
    }
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:O, s:{s:o, s:o}}", "domain", DEFAULT_DOMAIN,
                     "x_default_addrs", "", "x_residual", 0, "bootstrap", bootstrap_keys(run),
                     "bootstrap_failure", json_text_or_null(run->evidence.bootstrap_failure), "lookups",
                     lookups, "network_events", run->trace.network_events, "x_dialtone", "verdict",
                     verdict_encode(verdict), "control", json_text_or_null(opinions[run->evidence.control]));
}

/* The run is gone when this returns. */
static void run_finish(struct nettest_run *run)
{
    struct nettest_result result = step_result(&run->trace, run->start_wall_us, run->bootstrap[0] != NULL);
    result.verdict = dnscheck_verdict(&run->evidence);
    result.test_keys = keys_encode(run, &result.verdict);
    run->callback(&result, run->arg);
    json_decref(result.test_keys);
    run_free(run);
}

static void on_opinion(const struct opinion_answer *answer, void *arg)
{
    struct nettest_run *run = arg;
    int last = dnscheck_furthest(&run->evidence);
    bool is_tls = last >= 0 && run->evidence.lookups[last].result.stage == LOOKUP_TLS;
    bool is_port_told = run->resolver.port == HTTPS_PORT || run->resolver.port == DOT_PORT;
    if (answer && (!is_tls || is_port_told) && !answer->is_busy) {
        bool is_reached = is_tls ? answer->our_tls_ok_count > 0 : answer->our_tcp_ok_count > 0;
        bool is_failed = is_tls
                             ? answer->tls_ok_count == 0 && answer->tls_cut_count + answer->tls_bad_count > 0
                             : answer->our_tcp_failed_count > 0;
        run->evidence.control = is_reached  ? DNSCHECK_CONTROL_REACHES
                                : is_failed ? DNSCHECK_CONTROL_FAILS
                                            : DNSCHECK_CONTROL_NONE;
    }
    run_finish(run);
}

/* Asks the control about the address that came furthest, where connecting failed. */
static bool opinion_begin(struct nettest_run *run)
{
    int last = dnscheck_furthest(&run->evidence);
    if (last < 0 || run->context->control_count == 0 || run->resolver.transport == RESOLVER_UDP)
        return false;
    enum lookup_stage stage = run->evidence.lookups[last].result.stage;
    if (stage != LOOKUP_CONNECT && stage != LOOKUP_TLS)
        return false;
    run->target.reach = stage == LOOKUP_TLS ? REACH_TLS : REACH_TCP;
    run->target.port = run->resolver.port;
    if ((size_t)snprintf(run->target.host, sizeof run->target.host, "%s", run->resolver.host) >=
        sizeof run->target.host)
        return false;
    struct opinion_question question = {.target = &run->target, .endpoint_count = 1};
    question.endpoints[0] = run->remotes[last / 2];
    return opinion_start(&run->trace, &question, on_opinion, run, &run->opinion) == STATUS_OK;
}

static void lookups_settle(struct nettest_run *run)
{
    struct dnscheck_evidence *evidence = &run->evidence;
    evidence->lookup_count = 2 * run->remote_count;
    for (size_t i = 0; i < evidence->lookup_count; i++) {
        struct dnscheck_seen *seen = &evidence->lookups[i];
        bool is_ipv6 = run->remotes[i / 2].ss_family == AF_INET6;
        seen->result = run->lookups[i] ? *lookup_result(run->lookups[i])
                                       : (struct lookup_result){.failure = "unknown_failure: not begun"};
        seen->is_ipv6_missing =
            !run->lookups[i] || (is_ipv6 && run->remote_count > 1 && failure_is_local(seen->result.failure));
    }
    if (!opinion_begin(run))
        run_finish(run);
}

static void on_lookup(struct lookup *lookup, void *arg)
{
    struct nettest_run *run = arg;
    (void)lookup;
    if (--run->pending_count == 0)
        lookups_settle(run);
}

static void lookups_begin(struct nettest_run *run)
{
    for (size_t i = 0; i < 2 * run->remote_count; i++) {
        struct lookup_request request = {.resolver = &run->resolver,
                                         .remote = run->remotes[i / 2],
                                         .domain = DEFAULT_DOMAIN,
                                         .type = i % 2 == 0 ? DNS_TYPE_A : DNS_TYPE_AAAA,
                                         .trust = run->trust,
                                         .label = {.transaction_id = (int64_t)i + 1}};
        run->pending_count +=
            lookup_start(&run->trace, &request, on_lookup, run, &run->lookups[i]) == STATUS_OK;
    }
    if (run->pending_count == 0)
        lookups_settle(run);
}

static void remotes_take(struct nettest_run *run, const struct dns_result *dns)
{
    struct sockaddr_storage found[DNSCHECK_ADDRESSES_MAX];
    /* Half of the places for each family. */
    size_t room = run->remote_count + DNSCHECK_ADDRESSES_MAX / 2;
    size_t count = dns_addresses(dns, run->resolver.port, found, DNSCHECK_ADDRESSES_MAX);
    for (size_t i = 0; i < count && run->remote_count < room && run->remote_count < DNSCHECK_ADDRESSES_MAX;
         i++) {
        if (run->context->allow_private_targets || !address_is_bogon(&found[i]))
            run->remotes[run->remote_count++] = found[i];
    }
}

static void bootstrap_settle(struct nettest_run *run)
{
    for (size_t i = 0; i < 2; i++) {
        if (!run->bootstrap[i])
            continue;
        const struct dns_result *dns = dns_result(run->bootstrap[i]);
        run->evidence.is_bootstrap_injected = run->evidence.is_bootstrap_injected || dns->is_injected;
        if (!dns->failure)
            remotes_take(run, dns);
    }
    if (run->remote_count > 0) {
        lookups_begin(run);
        return;
    }
    const char *failure = dns_result(run->bootstrap[0])->failure;
    run->evidence.bootstrap_failure = failure ? failure : FAILURE_BOGON;
    run_finish(run);
}

static void on_bootstrap(struct dns_query *query, enum dns_moment moment, void *arg)
{
    struct nettest_run *run = arg;
    if (moment != DNS_CLOSED)
        return;
    run->is_bootstrap_closed[query == run->bootstrap[0] ? 0 : 1] = true;
    if (run->is_bootstrap_closed[0] && (run->is_bootstrap_closed[1] || !run->bootstrap[1]))
        bootstrap_settle(run);
}

static enum status bootstrap_ask(struct nettest_run *run, size_t index)
{
    const struct dns_request request = {.host = run->resolver.host,
                                        .type = index == 0 ? DNS_TYPE_A : DNS_TYPE_AAAA,
                                        .resolver = run->context->resolvers[0],
                                        .late_us = -1};
    return dns_start(&run->trace, &request, on_bootstrap, run, &run->bootstrap[index]);
}

static void on_start(void *arg)
{
    struct nettest_run *run = arg;
    run->start_timer = NULL;
    if (dns_host_is_address(run->resolver.host, &run->remotes[0])) {
        address_port_set(&run->remotes[0], run->resolver.port);
        run->remote_count = 1;
        lookups_begin(run);
        return;
    }
    if (run->context->resolver_count == 0 || bootstrap_ask(run, 0) != STATUS_OK) {
        run->evidence.bootstrap_failure = FAILURE_MISBEHAVING;
        run_finish(run);
        return;
    }
    (void)bootstrap_ask(run, 1); /* without memory for it, IPv4 alone */
}

static enum status dnscheck_start(const struct nettest_context *context, const char *input,
                                  nettest_callback callback, void *arg, struct nettest_run **out)
{
    struct nettest_run *run = calloc(1, sizeof *run);
    if (!run)
        return STATUS_NO_MEMORY;
    run->context = context;
    run->trace = (struct step_trace){
        .context = context, .zero_us = clock_monotonic_us(&context->clock), .network_events = json_array()};
    run->callback = callback;
    run->arg = arg;
    run->start_wall_us = clock_wall_us(&context->clock);
    run->evidence.connectivity = context->connectivity ? context->connectivity->state : CONNECTIVITY_UNKNOWN;
    enum status status = input ? resolver_url_parse(input, &run->resolver, NULL) : STATUS_USAGE;
    if (status == STATUS_OK && !context->trust && run->resolver.transport >= RESOLVER_DOT)
        status = tls_trust_open(context->ca_file, &run->own_trust, NULL);
    run->trust = context->trust ? context->trust : run->own_trust;
    if (status == STATUS_OK)
        status = loop_after(context->loop, 0, on_start, run, &run->start_timer);
    if (status != STATUS_OK) {
        run_free(run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

static enum status dnscheck_check_input(const char *input, struct why *why)
{
    struct resolver_url ignored;
    return resolver_url_parse(input, &ignored, why);
}

extern const struct nettest nettest_dnscheck;
/* test_keys: domain, x_default_addrs, x_residual, bootstrap, bootstrap_failure, lookups {URL of a resolver
 * address: {agent, failure, queries (df-002), requests (df-001), tcp_connect (df-005), tls_handshakes
 * (df-006), network_events}} as OONI's; network_events (df-008) of the whole; x_dialtone {verdict, control:
 * "reaches", "fails" or null}. */
const struct nettest nettest_dnscheck = {
    .name = "dnscheck",
    .version = "0.9.2",
    .summary = "Whether a resolver answers: udp://ADDRESS, tcp://ADDRESS, dot://HOST, https://HOST/dns-query",
    .needs_input = true,
    .check_input = dnscheck_check_input,
    .start = dnscheck_start,
    .cancel = run_free,
};
