/* Can Tor be reached from here: its directory authorities, which every client knows (ooni/spec ts-023).
 * Owns nothing: the run is steps/service.c's.
 * Why a rule of its own: authorities fail now and then one by one; Tor is blocked where most of those are
 * gone that a client would connect to. */
#include "tests-network/tor/tor.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/json.h"

extern const char tor_targets_csv[];

#define AUTHORITY "or_port_dirauth"

static void role_count(const struct service_evidence *evidence, const char *role, size_t *out_total,
                       size_t *out_reached)
{
    *out_total = *out_reached = 0;
    for (size_t i = 0; i < evidence->count; i++) {
        if (!service_is_role(&evidence->endpoints[i], role))
            continue;
        *out_total += evidence->endpoints[i].is_tried;
        *out_reached += service_reached(&evidence->endpoints[i]);
    }
}

static bool tor_counts(const struct service_evidence *evidence, size_t index)
{
    size_t total, reached;
    role_count(evidence, AUTHORITY, &total, &reached);
    return service_is_role(&evidence->endpoints[index], AUTHORITY) && reached < total - reached;
}

static json_t *summary_encode(const struct service_endpoint *endpoint)
{
    json_t *summary = json_object();
    if (!endpoint->is_tried)
        return summary;
    const char *connect = endpoint->failed_at == LAYER_TCP ? endpoint->failure : NULL;
    json_object_set_new(summary, "connect", json_pack("{s:s?}", "failure", connect));
    if (endpoint->is_connected && endpoint->target->reach != REACH_HTTP)
        json_object_set_new(summary, "handshake", json_pack("{s:s?}", "failure", endpoint->failure));
    return summary;
}

static json_t *target_encode(const struct service_endpoint *endpoint, const char *address)
{
    static const char *const kinds[] = {"network_events", "queries", "requests", "tcp_connect",
                                        "tls_handshakes"};
    json_t *object = json_object();
    json_object_set_new(object, "agent", json_string("redirect"));
    json_object_set_new(
        object, "failure",
        json_text_or_null(endpoint->is_tried ? endpoint->failure : "unknown_failure: not measured"));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        json_t *records = endpoint->records ? json_object_get(endpoint->records, kinds[i]) : NULL;
        json_object_set_new(object, kinds[i], records ? json_incref(records) : json_array());
    }
    json_object_set_new(object, "summary", summary_encode(endpoint));
    json_object_set_new(object, "target_address", json_string(address));
    json_object_set_new(object, "target_name", json_string(endpoint->target->name));
    json_object_set_new(object, "target_protocol", json_string(endpoint->target->role));
    return object;
}

/* Ids as stable as addresses: the hash of protocol and address. */
static void target_put(const struct service_endpoint *endpoint, json_t *targets)
{
    char address[sizeof endpoint->target->host + 16], whole[sizeof address + sizeof endpoint->target->role];
    char id[2 * SHA256_BYTES + 1];
    uint8_t hash[SHA256_BYTES];
    snprintf(address, sizeof address, strchr(endpoint->target->host, ':') ? "[%s]:%u" : "%s:%u",
             endpoint->target->host, (unsigned)endpoint->target->port);
    snprintf(whole, sizeof whole, "%s %s", endpoint->target->role, address);
    sha256(whole, strlen(whole), hash);
    hex_encode(hash, sizeof hash, id);
    json_object_set_new(targets, id, target_encode(endpoint, address));
}

static void tor_keys(const struct service_evidence *evidence, json_t *keys)
{
    static const char *const roles[] = {"dir_port", "obfs4", "or_port", AUTHORITY};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        char key[64];
        size_t total, reached;
        role_count(evidence, roles[i], &total, &reached);
        snprintf(key, sizeof key, "%s_total", roles[i]);
        json_object_set_new(keys, key, json_integer((json_int_t)total));
        snprintf(key, sizeof key, "%s_accessible", roles[i]);
        json_object_set_new(keys, key, json_integer((json_int_t)reached));
    }
    json_t *targets = json_object();
    for (size_t i = 0; i < evidence->count; i++)
        target_put(&evidence->endpoints[i], targets);
    json_object_set_new(keys, "targets", targets);
}

const struct service service_tor = {
    .name = "tor",
    .targets = tor_targets_csv,
    .has_own_records = true,
    .counts = tor_counts,
    .keys = tor_keys,
};

static enum status tor_start(const struct nettest_context *context, const char *input,
                             nettest_callback callback, void *arg, struct nettest_run **out)
{
    (void)input;
    return service_start(&service_tor, context, callback, arg, out);
}

extern const struct nettest nettest_tor;
/* test_keys: ROLE_total and ROLE_accessible for the roles dir_port, obfs4, or_port, or_port_dirauth; targets
 * by id, each with its records; x_dialtone. No bridges are carried: to try one is to give it away. */
const struct nettest nettest_tor = {
    .name = "tor",
    .version = "0.4.0",
    .summary = "Tor: the directory authorities",
    .needs_input = false,
    .start = tor_start,
    .cancel = service_cancel,
};
