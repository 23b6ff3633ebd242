/* The addresses of a name, from the resolvers of the context.
 * Owner: a lookup owns its questions until it is freed: late answers to earlier ones are still evidence.
 * Why: what is measured is what programs of this network get, which ask no further than this. */
#include "tests-network/steps/lookup.h"

#include <stdlib.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define QUESTIONS_MAX (2 * NETTEST_RESOLVERS_MAX)

struct lookup {
    const struct step_trace *trace;
    struct lookup_request request;
    lookup_callback callback;
    void *arg;
    struct lookup_result result;
    struct dns_query *questions[QUESTIONS_MAX];
    size_t question_count;
    size_t open_count;
    size_t resolver;
    uint16_t type;
    bool is_answered;
};

/* A forged answer must not make a volunteer's probe speak to their own router. */
static const char *addresses_take(struct lookup *lookup, const struct dns_result *dns)
{
    struct lookup_result *result = &lookup->result;
    struct sockaddr_storage found[LOOKUP_ADDRESSES_MAX];
    size_t count = dns_addresses(dns, lookup->request.port, found, LOOKUP_ADDRESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (lookup->trace->context->allow_private_targets || !address_is_bogon(&found[i]))
            result->addresses[result->address_count++] = found[i];
    }
    return result->address_count > 0 ? NULL : FAILURE_BOGON;
}

/* Whether another question is worth asking; moves to it. */
static bool question_next(struct lookup *lookup, const char *failure)
{
    bool is_empty = failure_same(failure, FAILURE_NO_ANSWER);
    if (is_empty && lookup->type == DNS_TYPE_A) {
        lookup->type = DNS_TYPE_AAAA;
        return true;
    }
    bool is_answer =
        is_empty || failure_same(failure, FAILURE_NXDOMAIN) || failure_same(failure, FAILURE_BOGON);
    if (is_answer || lookup->resolver + 1 >= lookup->trace->context->resolver_count)
        return false;
    lookup->resolver++;
    return true;
}

static enum status question_ask(struct lookup *lookup);

/* May end with the lookup freed. */
static void answer_take(struct lookup *lookup, const struct dns_result *dns)
{
    const char *failure = dns->failure ? dns->failure : addresses_take(lookup, dns);
    if (failure && question_next(lookup, failure) && question_ask(lookup) == STATUS_OK)
        return;
    lookup->result.failure = failure;
    lookup->is_answered = true;
    lookup->callback(lookup, LOOKUP_ANSWERED, lookup->arg);
}

static void question_told(struct dns_query *query, enum dns_moment moment, void *arg)
{
    struct lookup *lookup = arg;
    const struct dns_result *dns = dns_result(query);
    switch (moment) {
    case DNS_ANSWERED:
        answer_take(lookup, dns);
        return;
    case DNS_CLOSED:
        dns_encode(lookup->trace, dns, lookup->request.queries);
        lookup->result.is_injected = lookup->result.is_injected || dns->is_injected;
        if (--lookup->open_count == 0 && lookup->is_answered)
            lookup->callback(lookup, LOOKUP_CLOSED, lookup->arg);
        return;
    }
}

static enum status question_ask(struct lookup *lookup)
{
    const struct nettest_context *context = lookup->trace->context;
    if (lookup->resolver >= context->resolver_count || lookup->question_count == QUESTIONS_MAX)
        return STATUS_NOT_FOUND;
    const struct dns_request request = {.host = lookup->request.host,
                                        .type = lookup->type,
                                        .resolver = context->resolvers[lookup->resolver],
                                        .label = lookup->request.label,
                                        .late_us = -1};
    enum status status =
        dns_start(lookup->trace, &request, question_told, lookup, &lookup->questions[lookup->question_count]);
    if (status == STATUS_OK) {
        lookup->question_count++;
        lookup->open_count++;
    }
    return status;
}

enum status lookup_start(const struct step_trace *trace, const struct lookup_request *request,
                         lookup_callback callback, void *arg, struct lookup **out)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return STATUS_NO_MEMORY;
    *lookup = (struct lookup){
        .trace = trace, .request = *request, .callback = callback, .arg = arg, .type = DNS_TYPE_A};
    enum status status = question_ask(lookup);
    if (status != STATUS_OK) {
        lookup_free(lookup);
        return status;
    }
    *out = lookup;
    return STATUS_OK;
}

const struct lookup_result *lookup_result(const struct lookup *lookup)
{
    return &lookup->result;
}

void lookup_free(struct lookup *lookup)
{
    if (!lookup)
        return;
    for (size_t i = 0; i < lookup->question_count; i++)
        dns_free(lookup->questions[i]);
    free(lookup);
}
