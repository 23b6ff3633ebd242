/* The DNS part of one hop: A and AAAA at the system's resolver, the next resolver where one is no use.
 * A run owns its questions; one frees itself when no further answer is awaited and its record is written.
 * Like a stub resolver, so that what is measured is what users of this network get. */
#include <stdlib.h>
#include <string.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/run.h"

#define TRANSACTION_DNS 20000

void web_question_free(struct web_question *question)
{
    LIST_REMOVE(question, link);
    dns_free(question->query);
    free(question);
}

static struct web_lookup *lookup_of(struct nettest_run *run, int depth)
{
    return &run->evidence.lookups[depth];
}

static void answer_take(struct web_question *question)
{
    struct nettest_run *run = question->run;
    const struct dns_result *result = dns_result(question->query);
    struct web_hop *hop = run->hops[question->depth];
    size_t kind = result->type == DNS_TYPE_AAAA;
    hop->failures[kind] = result->failure;
    hop->address_counts[kind] = dns_addresses(result, hop->url.port, hop->addresses[kind], WEB_ADDRESSES_MAX);
}

/* Puts what came beyond the first answer where it is seen as such. */
static void question_record(struct web_question *question)
{
    struct nettest_run *run = question->run;
    const struct dns_result *result = dns_result(question->query);
    struct web_lookup *lookup = lookup_of(run, question->depth);
    size_t before = json_array_size(run->queries);
    dns_encode(&run->trace, result, run->queries);
    for (size_t i = before + 1; i < json_array_size(run->queries); i++)
        json_array_append(run->duplicates, json_array_get(run->queries, i));
    lookup->is_injected = lookup->is_injected || result->is_injected;
    for (size_t i = 0; i < result->reply_count; i++)
        lookup->is_foreign = lookup->is_foreign || result->replies[i].is_foreign;
}

void web_question_close(struct web_question *question)
{
    question_record(question);
    web_question_free(question);
}

static void question_told(struct dns_query *query, enum dns_moment moment, void *arg)
{
    (void)query;
    struct web_question *question = arg;
    struct nettest_run *run = question->run;
    switch (moment) {
    case DNS_ANSWERED:
        question->is_answered = true;
        run->answered_us = step_now_us(&run->trace);
        answer_take(question);
        break;
    case DNS_CLOSED:
        web_question_close(question);
        break;
    }
    web_advance(run);
}

static void question_start(struct nettest_run *run, uint16_t type)
{
    struct web_hop *hop = run->hops[run->depth];
    hop->failures[type == DNS_TYPE_AAAA] = "unknown_failure: the question could not be asked";
    hop->address_counts[type == DNS_TYPE_AAAA] = 0;
    struct web_question *question = calloc(1, sizeof *question);
    if (!question)
        return;
    *question = (struct web_question){.run = run, .depth = run->depth, .resolver = hop->resolver};
    struct dns_request request = {.host = hop->url.host,
                                  .type = type,
                                  .resolver = run->context->resolvers[hop->resolver],
                                  .late_us = -1};
    request.label.transaction_id = TRANSACTION_DNS + ++run->transaction_count;
    step_label_tag(&request.label, "classic");
    step_label_tag(&request.label, "depth=%d", run->depth);
    enum status status = dns_start(&run->trace, &request, question_told, question, &question->query);
    if (status != STATUS_OK) {
        if (status == STATUS_USAGE)
            hop->failures[type == DNS_TYPE_AAAA] = FAILURE_NXDOMAIN; /* no name that DNS could hold */
        free(question);
        return;
    }
    LIST_INSERT_HEAD(&run->questions, question, link);
}

static void questions_ask(struct nettest_run *run)
{
    if (run->hops[run->depth]->resolver >= run->context->resolver_count) {
        run->hops[run->depth]->failures[0] = "unknown_failure: no resolver is configured";
        run->hops[run->depth]->failures[1] = run->hops[run->depth]->failures[0];
        return;
    }
    question_start(run, DNS_TYPE_A);
    question_start(run, DNS_TYPE_AAAA);
}

void web_lookup_start(struct nettest_run *run)
{
    struct web_hop *hop = run->hops[run->depth];
    struct web_lookup *lookup = lookup_of(run, run->depth);
    struct sockaddr_storage address;
    lookup->host = hop->url.host;
    lookup->is_literal = dns_host_is_address(hop->url.host, &address);
    if (!lookup->is_literal) {
        questions_ask(run);
        return;
    }
    address_parse(hop->url.host, hop->url.port, &hop->addresses[0][0]);
    hop->address_counts[0] = 1;
}

/* A resolver that is silent, out of reach or unable: as a stub resolver, ask the next one. */
static bool is_resolvers_fault(const char *failure)
{
    return failure && !failure_same(failure, FAILURE_NXDOMAIN) && !failure_same(failure, FAILURE_NO_ANSWER);
}

/* IPv4 first, as far as there is room, but never without any IPv6. */
static void lookup_fill(struct nettest_run *run)
{
    struct web_hop *hop = run->hops[run->depth];
    struct web_lookup *lookup = lookup_of(run, run->depth);
    size_t six_count =
        hop->address_counts[1] < WEB_ADDRESSES_MAX / 2 ? hop->address_counts[1] : WEB_ADDRESSES_MAX / 2;
    size_t four_room = WEB_ADDRESSES_MAX - six_count;
    for (size_t i = 0; i < hop->address_counts[0] && i < four_room; i++)
        lookup->addresses[lookup->address_count++] = hop->addresses[0][i];
    for (size_t i = 0; i < hop->address_counts[1] && lookup->address_count < WEB_ADDRESSES_MAX; i++)
        lookup->addresses[lookup->address_count++] = hop->addresses[1][i];
    bool says_no_answer = failure_same(hop->failures[0], FAILURE_NO_ANSWER);
    if (lookup->address_count == 0)
        lookup->failure = says_no_answer && hop->failures[1] ? hop->failures[1] : hop->failures[0];
    if (lookup->failure && run->context->is_resolver_opaque)
        lookup->failure = FAILURE_ANDROID;
}

bool web_lookup_is_over(struct nettest_run *run)
{
    struct web_hop *hop = run->hops[run->depth];
    struct web_question *question;
    LIST_FOREACH(question, &run->questions, link)
    {
        if (question->depth == run->depth && question->resolver == hop->resolver && !question->is_answered)
            return false;
    }
    bool is_useless = !lookup_of(run, run->depth)->is_literal && is_resolvers_fault(hop->failures[0]) &&
                      is_resolvers_fault(hop->failures[1]);
    if (is_useless && hop->resolver + 1 < run->context->resolver_count) {
        hop->resolver++;
        questions_ask(run);
        return web_lookup_is_over(run);
    }
    lookup_fill(run);
    return true;
}
