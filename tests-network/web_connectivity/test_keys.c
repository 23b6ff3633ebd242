/* What the measurement of a URL says under test_keys, in OONI's order.
 * The arrays of the run move into the object; what is made belongs to the caller.
 * Keys of OONI's that this version measures nothing for are there, and empty. */
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/run.h"
#include "tests-network/web_connectivity/verdict.h"

static json_t *taken(json_t **value)
{
    json_t *moved = *value ? *value : json_array();
    *value = NULL;
    return moved;
}

static json_t *truth(enum web_truth value)
{
    return value == WEB_NULL ? json_null() : json_boolean(value == WEB_TRUE);
}

static json_t *blocking_encode(enum web_blocking blocking)
{
    switch (blocking) {
    case WEB_BLOCKING_NULL:
        return json_null();
    case WEB_BLOCKING_FALSE:
        return json_false();
    case WEB_BLOCKING_DNS:
        return json_string("dns");
    case WEB_BLOCKING_TCP:
        return json_string("tcp_ip");
    case WEB_BLOCKING_HTTP_FAILURE:
        return json_string("http-failure");
    case WEB_BLOCKING_HTTP_DIFF:
        return json_string("http-diff");
    }
    return json_null();
}

/* Only a public resolver is told: another one's address says where in a network the probe stands. */
static json_t *client_resolver(const struct nettest_run *run)
{
    char text[ADDRESS_TEXT_BYTES];
    if (run->context->resolver_count == 0 || address_is_bogon(&run->context->resolvers[0]))
        return json_null();
    address_format(&run->context->resolvers[0], text);
    return json_string(text);
}

/* In x_do53 OONI knows queries and events only; connections stand there where a resolver was asked over them. */
static void others_put(struct nettest_run *run, json_t *keys)
{
    json_t *kinds[2];
    for (size_t i = 0; i < 2; i++)
        kinds[i] = json_pack("{s:[], s:[], s:[], s:[], s:[]}", "network_events", "queries", "requests", "tcp_connect",
                             "tls_handshakes");
    web_others_put(run, kinds[0], kinds[1]);
    json_object_del(kinds[0], "requests");
    if (json_array_size(json_object_get(kinds[0], "tcp_connect")) == 0)
        json_object_del(kinds[0], "tcp_connect");
    if (json_array_size(json_object_get(kinds[0], "tls_handshakes")) == 0)
        json_object_del(kinds[0], "tls_handshakes");
    json_object_set_new(keys, "x_doh", kinds[1]);
    json_object_set_new(keys, "x_do53", kinds[0]);
}

static void observations_put(struct nettest_run *run, json_t *keys)
{
    json_object_set_new(keys, "agent", json_string("redirect"));
    json_object_set_new(keys, "client_resolver", client_resolver(run));
    json_object_set_new(keys, "retries", json_null());
    json_object_set_new(keys, "socksproxy", json_null());
    json_object_set_new(keys, "network_events", step_log_encode(&run->trace));
    json_object_set_new(keys, "x_dns_whoami", json_pack("{s:[], s:{}}", "system_v4", "udp_v4"));
    others_put(run, keys);
    json_object_set_new(keys, "x_dns_duplicate_responses", taken(&run->duplicates));
    json_object_set_new(keys, "queries", taken(&run->queries));
    json_object_set_new(keys, "requests", taken(&run->requests));
    json_object_set_new(keys, "tcp_connect", taken(&run->tcp_connect));
    json_object_set_new(keys, "tls_handshakes", taken(&run->tls_handshakes));
    json_object_set_new(keys, "x_control_request",
                        run->control_request ? json_incref(run->control_request) : json_null());
    json_object_set_new(keys, "control", run->control ? json_incref(run->control) : json_null());
    json_object_set_new(keys, "x_conn_priority_log", taken(&run->priorities));
}

static void analysis_put(const struct nettest_run *run, json_t *keys)
{
    struct web_keys found = web_keys_derive(&run->evidence);
    json_object_set_new(keys, "control_failure", json_text_or_null(run->evidence.control.failure));
    json_object_set_new(keys, "x_dns_flags", json_integer(found.dns_flags));
    json_object_set_new(keys, "dns_experiment_failure", json_text_or_null(found.dns_experiment_failure));
    json_object_set_new(keys, "dns_consistency", json_text_or_null(found.dns_consistency));
    json_object_set_new(keys, "http_experiment_failure", json_text_or_null(found.http_experiment_failure));
    json_object_set_new(keys, "x_blocking_flags", json_integer(found.blocking_flags));
    json_object_set_new(keys, "x_null_null_flags", json_integer(found.null_null_flags));
    json_object_set_new(keys, "body_proportion", json_real(found.comparison.body_proportion));
    json_object_set_new(keys, "body_length_match", truth(found.comparison.body_length_match));
    json_object_set_new(keys, "headers_match", truth(found.comparison.headers_match));
    json_object_set_new(keys, "status_code_match", truth(found.comparison.status_code_match));
    json_object_set_new(keys, "title_match", truth(found.comparison.title_match));
    json_object_set_new(keys, "blocking", blocking_encode(found.blocking));
    json_object_set_new(keys, "accessible", truth(found.accessible));
}

/* How fast a transfer was whose time was up: what throttling is told by. NULL where there was none. */
static json_t *transfer_encode(const struct web_evidence *evidence)
{
    int64_t reference = evidence->reference_bytes_per_s;
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        bool is_slow = failure_same(endpoint->http_failure, FAILURE_TIMEOUT) && endpoint->received_bytes > 0;
        if (!is_slow || endpoint->transfer_us <= 0)
            continue;
        double seconds = (double)endpoint->transfer_us / (double)US_PER_S;
        return json_pack("{s:I, s:f, s:f, s:f, s:o}", "received_bytes", (json_int_t)endpoint->received_bytes, "seconds",
                         seconds, "silent_seconds", (double)endpoint->silence_us / (double)US_PER_S,
                         "bytes_per_second", (double)endpoint->received_bytes / seconds, "control_bytes_per_second",
                         reference > 0 ? json_integer((json_int_t)reference) : json_null());
    }
    return NULL;
}

static json_t *own_keys(struct nettest_run *run, const struct verdict *verdict)
{
    const struct flow_tap *tap = run->context->tap;
    const char *absence = tap ? tap->absence : "packets were not asked for";
    json_t *keys =
        json_pack("{s:o, s:o, s:{s:b, s:s?}}", "verdict", verdict_encode(verdict), "packets",
                  taken(&run->packets), "capture", "available", absence == NULL, "reason", absence);
    json_t *transfer = transfer_encode(&run->evidence);
    if (keys && transfer)
        json_object_set_new(keys, "transfer", transfer);
    else
        json_decref(transfer);
    if (keys && run->quic_keys)
        json_object_set(keys, "quic", run->quic_keys);
    if (keys && run->other_count > 0)
        json_object_set_new(keys, "resolvers", web_others_encode(run));
    const struct blockpage_hit *signature = &run->evidence.signature;
    if (keys && signature->scope != BLOCKPAGE_NONE)
        json_object_set_new(keys, "blockpage",
                            json_pack("{s:s, s:s}", "name", signature->name, "scope",
                                      blockpage_scope_name(signature->scope)));
    if (keys && run->context->connectivity)
        json_object_set_new(keys, "connectivity", ladder_result_encode(run->context->connectivity, NULL));
    return keys;
}

json_t *web_test_keys(struct nettest_run *run, const struct verdict *verdict)
{
    json_t *keys = json_object();
    if (!keys)
        return NULL;
    observations_put(run, keys);
    analysis_put(run, keys);
    json_object_set_new(keys, "x_dialtone", own_keys(run, verdict));
    return keys;
}
