/* The addresses of a name, from the resolvers of the context.
 * Owner: a lookup owns its questions until it is freed: late answers to earlier ones are still evidence.
 * Why: what is measured is what programs of this network get, which ask no further than this. */
#include "tests-network/steps/resolve.h"

#include <stdlib.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define QUESTIONS_MAX (2 * NETTEST_RESOLVERS_MAX)

struct resolve {
    const struct step_trace *trace;
    struct resolve_request request;
    resolve_callback callback;
    void *arg;
    struct resolve_result result;
    struct dns_query *questions[QUESTIONS_MAX];
    size_t question_count;
    size_t open_count;
    size_t resolver;
    uint16_t type;
    bool is_answered;
};

/* A forged answer must not make a volunteer's probe speak to their own router. */
static const char *addresses_take(struct resolve *resolve, const struct dns_result *dns)
{
    struct resolve_result *result = &resolve->result;
    struct sockaddr_storage found[RESOLVE_ADDRESSES_MAX];
    size_t count = dns_addresses(dns, resolve->request.port, found, RESOLVE_ADDRESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (resolve->trace->context->allow_private_targets || !address_is_bogon(&found[i]))
            result->addresses[result->address_count++] = found[i];
    }
    return result->address_count > 0 ? NULL : FAILURE_BOGON;
}

/* Whether another question is worth asking; moves to it. */
static bool question_next(struct resolve *resolve, const char *failure)
{
    bool is_empty = failure_same(failure, FAILURE_NO_ANSWER);
    if (is_empty && resolve->type == DNS_TYPE_A) {
        resolve->type = DNS_TYPE_AAAA;
        return true;
    }
    bool is_answer =
        is_empty || failure_same(failure, FAILURE_NXDOMAIN) || failure_same(failure, FAILURE_BOGON);
    if (is_answer || resolve->resolver + 1 >= resolve->trace->context->resolver_count)
        return false;
    resolve->resolver++;
    return true;
}

static enum status question_ask(struct resolve *resolve);

/* May end with the resolve freed. */
static void answer_take(struct resolve *resolve, const struct dns_result *dns)
{
    const char *failure = dns->failure ? dns->failure : addresses_take(resolve, dns);
    if (failure && question_next(resolve, failure) && question_ask(resolve) == STATUS_OK)
        return;
    resolve->result.failure = failure;
    resolve->is_answered = true;
    resolve->callback(resolve, RESOLVE_ANSWERED, resolve->arg);
}

static void question_told(struct dns_query *query, enum dns_moment moment, void *arg)
{
    struct resolve *resolve = arg;
    const struct dns_result *dns = dns_result(query);
    switch (moment) {
    case DNS_ANSWERED:
        answer_take(resolve, dns);
        return;
    case DNS_CLOSED:
        dns_encode(resolve->trace, dns, resolve->request.queries);
        resolve->result.is_injected = resolve->result.is_injected || dns->is_injected;
        if (--resolve->open_count == 0 && resolve->is_answered)
            resolve->callback(resolve, RESOLVE_CLOSED, resolve->arg);
        return;
    }
}

static enum status question_ask(struct resolve *resolve)
{
    const struct nettest_context *context = resolve->trace->context;
    if (resolve->resolver >= context->resolver_count || resolve->question_count == QUESTIONS_MAX)
        return STATUS_NOT_FOUND;
    const struct dns_request request = {.host = resolve->request.host,
                                        .type = resolve->type,
                                        .resolver = context->resolvers[resolve->resolver],
                                        .label = resolve->request.label,
                                        .late_us = -1};
    enum status status = dns_start(resolve->trace, &request, question_told, resolve,
                                   &resolve->questions[resolve->question_count]);
    if (status == STATUS_OK) {
        resolve->question_count++;
        resolve->open_count++;
    }
    return status;
}

enum status resolve_start(const struct step_trace *trace, const struct resolve_request *request,
                          resolve_callback callback, void *arg, struct resolve **out)
{
    struct resolve *resolve = calloc(1, sizeof *resolve);
    if (!resolve)
        return STATUS_NO_MEMORY;
    *resolve = (struct resolve){.trace = trace,
                                .request = *request,
                                .callback = callback,
                                .arg = arg,
                                .type = request->is_ipv6_only ? DNS_TYPE_AAAA : DNS_TYPE_A};
    enum status status = question_ask(resolve);
    if (status != STATUS_OK) {
        resolve_free(resolve);
        return status;
    }
    *out = resolve;
    return STATUS_OK;
}

const struct resolve_result *resolve_result(const struct resolve *resolve)
{
    return &resolve->result;
}

void resolve_free(struct resolve *resolve)
{
    if (!resolve)
        return;
    for (size_t i = 0; i < resolve->question_count; i++)
        dns_free(resolve->questions[i]);
    free(resolve);
}
