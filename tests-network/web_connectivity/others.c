/* What other resolvers say of the first name: the provider's directly, a public one, one over HTTPS.
 * Owner: a run owns its comparisons until it ends; their records move into its keys.
 * Why: a resolver that lies and a box that answers for every resolver look alike to the system's. Their answers change
 * no verdict: they are evidence beside it. Asked only where the program was told of them, for each costs data. */
#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/run.h"
#include "tests-network/web_connectivity/verdict.h"

#define TRANSACTION_UDP 20500 /* behind those of the system's resolver */
#define TRANSACTION_DOH 30000

static bool is_over_https(const struct web_other *other)
{
    return other->run->context->others[other->resolver].url.transport == RESOLVER_DOH;
}

static void other_over(struct lookup *lookup, void *arg)
{
    struct web_other *other = arg;
    (void)lookup;
    other->is_over = true;
    web_advance(other->run);
}

static void other_start(struct nettest_run *run, size_t resolver, uint16_t type)
{
    struct web_other *other = &run->others[run->other_count];
    const struct nettest_resolver *asked = &run->context->others[resolver];
    *other = (struct web_other){.run = run, .resolver = resolver, .type = type};
    struct lookup_request request = {.resolver = &asked->url,
                                     .remote = asked->address,
                                     .domain = run->hops[0]->url.host,
                                     .type = type,
                                     .trust = run->trust};
    request.label.transaction_id = (is_over_https(other) ? TRANSACTION_DOH : TRANSACTION_UDP) + (int64_t)run->other_count + 1;
    step_label_tag(&request.label, "depth=0");
    const struct step_trace *trace = is_over_https(other) ? &run->doh_trace : &run->do53_trace;
    if (lookup_start(trace, &request, other_over, other, &other->lookup) == STATUS_OK)
        run->other_count++;
}

void web_others_start(struct nettest_run *run)
{
    if (run->evidence.lookups[0].is_literal)
        return;
    for (size_t i = 0; i < run->context->other_count; i++) {
        other_start(run, i, DNS_TYPE_A);
        other_start(run, i, DNS_TYPE_AAAA);
    }
}

bool web_others_are_over(const struct nettest_run *run)
{
    for (size_t i = 0; i < run->other_count; i++) {
        if (!run->others[i].is_over)
            return false;
    }
    return true;
}

void web_others_free(struct nettest_run *run)
{
    for (size_t i = 0; i < run->other_count; i++)
        lookup_free(run->others[i].lookup);
    run->other_count = 0;
}

void web_others_put(struct nettest_run *run, json_t *do53, json_t *doh)
{
    for (size_t i = 0; i < run->other_count; i++)
        lookup_encode(run->others[i].lookup, is_over_https(&run->others[i]) ? doh : do53);
    json_object_set_new(do53, "network_events", step_log_encode(&run->do53_trace));
    json_object_set_new(doh, "network_events", step_log_encode(&run->doh_trace));
}

static bool holds_same(const struct sockaddr_storage *addresses, size_t count, const struct lookup_result *result)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < result->address_count; j++) {
            if (address_same(&addresses[i], &result->addresses[j]))
                return true;
        }
    }
    return false;
}

static json_t *addresses_encode(const struct lookup_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->address_count; i++) {
        char text[ADDRESS_TEXT_BYTES];
        address_format(&result->addresses[i], text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

json_t *web_others_encode(const struct nettest_run *run)
{
    const struct web_lookup *own = &run->evidence.lookups[0];
    const struct web_control *control = &run->evidence.control;
    json_t *list = json_array();
    for (size_t i = 0; i < run->other_count; i++) {
        const struct web_other *other = &run->others[i];
        const struct nettest_resolver *asked = &run->context->others[other->resolver];
        const struct lookup_result *result = lookup_result(other->lookup);
        char address[ENDPOINT_TEXT_BYTES];
        endpoint_format(&asked->address, address);
        bool can_compare = other->is_over && result->address_count > 0 && own->address_count > 0;
        bool has_control = other->is_over && result->address_count > 0 && web_control_resolved(control);
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:o, s:o}", "engine", resolver_transport_name(asked->url.transport),
                      "resolver_address", address, "query_type", other->type == DNS_TYPE_A ? "A" : "AAAA", "failure",
                      json_text_or_null(other->is_over ? result->failure : FAILURE_TIMEOUT), "addresses",
                      addresses_encode(result), "is_injected", (int)result->is_injected, "agrees_with_system",
                      can_compare ? json_boolean(holds_same(own->addresses, own->address_count, result)) : json_null(),
                      "agrees_with_control",
                      has_control ? json_boolean(holds_same(control->addresses, control->address_count, result))
                                  : json_null()));
    }
    return list;
}
