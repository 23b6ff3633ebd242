/* All addresses of a host.
 * Owner: a lookup owns its two queries and a copy of the name; host_lookup_free.
 * Why: an address family that the asker has and this machine has not is still part of the answer. */
#include "collector/control/host_lookup.h"

#include <stdlib.h>
#include <string.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"

enum { QUERY_A, QUERY_AAAA, QUERY_COUNT };

static const uint16_t query_types[QUERY_COUNT] = {[QUERY_A] = DNS_TYPE_A, [QUERY_AAAA] = DNS_TYPE_AAAA};

struct host_lookup {
    const struct step_trace *trace;
    char *host;
    size_t resolver;
    struct dns_query *queries[QUERY_COUNT];
    size_t pending_count;
    struct host_lookup_result result;
    host_lookup_callback callback;
    void *arg;
    struct loop_timer *timer;
};

static enum status queries_start(struct host_lookup *lookup);

static void queries_free(struct host_lookup *lookup)
{
    for (size_t i = 0; i < QUERY_COUNT; i++) {
        dns_free(lookup->queries[i]);
        lookup->queries[i] = NULL;
    }
}

/* The addresses of both; without any, what the question for IPv4 met, as the more common one. */
static void result_gather(struct host_lookup *lookup)
{
    struct host_lookup_result *result = &lookup->result;
    const char *failures[QUERY_COUNT] = {NULL};
    for (size_t i = 0; i < QUERY_COUNT; i++) {
        const struct dns_result *dns = dns_result(lookup->queries[i]);
        failures[i] = dns->failure;
        if (dns->failure == NULL) {
            result->address_count += dns_addresses(dns, 0, result->addresses + result->address_count,
                                                   HOST_ADDRESSES_MAX - result->address_count);
        }
    }
    result->failure = NULL;
    if (result->address_count == 0) {
        result->failure = failures[QUERY_A] != NULL ? failures[QUERY_A] : FAILURE_NO_ANSWER;
    }
}

static bool is_unanswered(const struct host_lookup *lookup)
{
    return dns_result(lookup->queries[QUERY_A])->chosen < 0 &&
           dns_result(lookup->queries[QUERY_AAAA])->chosen < 0;
}

static void on_dns(struct dns_query *query, enum dns_moment moment, void *arg)
{
    struct host_lookup *lookup = arg;
    (void)query;
    if (moment != DNS_CLOSED || --lookup->pending_count > 0) {
        return;
    }
    bool has_next = lookup->resolver + 1 < lookup->trace->context->resolver_count;
    if (has_next && is_unanswered(lookup)) {
        queries_free(lookup);
        lookup->resolver++;
        if (queries_start(lookup) == STATUS_OK) {
            return;
        }
        lookup->result.failure = FAILURE_TIMEOUT;
    } else {
        result_gather(lookup);
    }
    lookup->callback(&lookup->result, lookup->arg);
}

static enum status queries_start(struct host_lookup *lookup)
{
    const struct nettest_context *context = lookup->trace->context;
    if (lookup->resolver >= context->resolver_count) {
        return STATUS_NOT_FOUND;
    }
    lookup->pending_count = QUERY_COUNT;
    for (size_t i = 0; i < QUERY_COUNT; i++) {
        const struct dns_request request = {
            .host = lookup->host, .type = query_types[i], .resolver = context->resolvers[lookup->resolver]};
        enum status status = dns_start(lookup->trace, &request, on_dns, lookup, &lookup->queries[i]);
        if (status != STATUS_OK) {
            queries_free(lookup);
            return status;
        }
    }
    return STATUS_OK;
}

static void on_literal(void *arg)
{
    struct host_lookup *lookup = arg;
    lookup->timer = NULL;
    lookup->callback(&lookup->result, lookup->arg);
}

enum status host_lookup_start(const struct step_trace *trace, const char *host, host_lookup_callback callback,
                         void *arg, struct host_lookup **out)
{
    enum status status = STATUS_NO_MEMORY;
    struct host_lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        return STATUS_NO_MEMORY;
    }
    lookup->trace = trace;
    lookup->callback = callback;
    lookup->arg = arg;
    if (dns_host_is_address(host, &lookup->result.addresses[0])) {
        lookup->result.address_count = 1;
        status = loop_after(trace->context->loop, 0, on_literal, lookup, &lookup->timer);
    } else if ((lookup->host = strdup(host)) != NULL) {
        status = queries_start(lookup);
    }
    if (status != STATUS_OK) {
        host_lookup_free(lookup);
        return status;
    }
    *out = lookup;
    return STATUS_OK;
}

void host_lookup_free(struct host_lookup *lookup)
{
    if (lookup == NULL) {
        return;
    }
    queries_free(lookup);
    if (lookup->timer != NULL) {
        loop_timer_cancel(lookup->timer);
    }
    free(lookup->host);
    free(lookup);
}
