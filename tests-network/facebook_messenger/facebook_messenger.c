/* Does Facebook Messenger work here: seven names, whether they lead to Facebook, and whether they accept
 * (ooni/spec ts-019). Owns nothing: the run is steps/service.c's. Why a rule of its own: that a name leads
 * elsewhere shows in the network that the address lies in; a good certificate shows that it does not,
 * wherever the address lies. */
#include "tests-network/facebook_messenger/facebook_messenger.h"

#include <stdio.h>

#include "measurement/base/json.h"
#include "tests-network/steps/failure.h"

extern const char facebook_messenger_targets_csv[];

static bool facebook_counts(const struct service_evidence *evidence, size_t index)
{
    (void)evidence;
    (void)index;
    return true;
}

enum truth { NOBODY_KNOWS, NO, YES };

static json_t *truth_encode(enum truth truth)
{
    return truth == NOBODY_KNOWS ? json_null() : json_boolean(truth == YES);
}

static bool shows_other_certificate(const struct service_endpoint *endpoint)
{
    return failure_same(endpoint->failure, FAILURE_TLS_HOSTNAME) ||
           failure_same(endpoint->failure, FAILURE_TLS_AUTHORITY);
}

/* OONI's client knows only the number of the network; here a good certificate comes first, for caches stand
 * in other people's networks, and ranges that we know stand in where there is no database. */
static enum truth consistency(const struct service_evidence *evidence,
                              const struct service_endpoint *endpoint)
{
    if (!endpoint->is_tried)
        return NOBODY_KNOWS;
    if (endpoint->is_proven)
        return YES;
    if (endpoint->failed_at == LAYER_DNS || endpoint->is_injected || endpoint->is_address_doubted)
        return NO;
    if (service_home_count(evidence, endpoint, HOME_OUTSIDE) > 0)
        return NO;
    if (service_home_count(evidence, endpoint, HOME_INSIDE) == endpoint->address_count)
        return YES;
    return shows_other_certificate(endpoint) ? NO : NOBODY_KNOWS;
}

/* Whether the connection is worth a word: not where the name led elsewhere. */
static enum truth reachability(const struct service_endpoint *endpoint, enum truth consistent)
{
    if (!endpoint->is_tried || consistent == NO || endpoint->target->reach == REACH_DNS)
        return NOBODY_KNOWS;
    return endpoint->is_connected ? YES : NO;
}

static void facebook_keys(const struct service_evidence *evidence, json_t *keys)
{
    bool dns_blocking = false, tcp_blocking = false, is_tried = false;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct service_endpoint *endpoint = &evidence->endpoints[i];
        enum truth consistent = consistency(evidence, endpoint);
        enum truth reachable = reachability(endpoint, consistent);
        char key[80];
        snprintf(key, sizeof key, "facebook_%s_dns_consistent", endpoint->target->role);
        json_object_set_new(keys, key, truth_encode(consistent));
        snprintf(key, sizeof key, "facebook_%s_reachable", endpoint->target->role);
        json_object_set_new(keys, key, truth_encode(reachable));
        dns_blocking = dns_blocking || consistent == NO;
        tcp_blocking = tcp_blocking || reachable == NO;
        is_tried = is_tried || endpoint->is_tried;
    }
    json_object_set_new(keys, "facebook_dns_blocking", is_tried ? json_boolean(dns_blocking) : json_null());
    json_object_set_new(keys, "facebook_tcp_blocking", is_tried ? json_boolean(tcp_blocking) : json_null());
}

const struct service service_facebook_messenger = {
    .name = "facebook_messenger",
    .targets = facebook_messenger_targets_csv,
    .counts = facebook_counts,
    .keys = facebook_keys,
};

static enum status facebook_start(const struct nettest_context *context, const char *input,
                                  nettest_callback callback, void *arg, struct nettest_run **out)
{
    (void)input;
    return service_start(&service_facebook_messenger, context, callback, arg, out);
}

extern const struct nettest nettest_facebook_messenger;
/* test_keys: facebook_ROLE_dns_consistent, facebook_ROLE_reachable for the roles b_api, b_graph, edge,
 * external_cdn, scontent_cdn, star, stun; facebook_dns_blocking, facebook_tcp_blocking; records; x_dialtone.
 */
const struct nettest nettest_facebook_messenger = {
    .name = "facebook_messenger",
    .version = "0.2.1",
    .summary = "Facebook Messenger: its names, and whether they lead to it",
    .needs_input = false,
    .start = facebook_start,
    .cancel = service_cancel,
};
