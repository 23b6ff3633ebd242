/* Does WhatsApp work here: registration, the endpoints that phones talk to, and the page (ooni/spec ts-018).
 * Owns nothing: the run is steps/service.c's.
 * Why a rule of its own: a phone needs one endpoint of sixteen, but no other name for registration or page.
 */
#include "tests-network/whatsapp/whatsapp.h"

#include <string.h>

#include "measurement/base/json.h"

extern const char whatsapp_targets_csv[];

static bool whatsapp_counts(const struct service_evidence *evidence, size_t index)
{
    return !service_is_role(&evidence->endpoints[index], "endpoint") ||
           !service_any_reached(evidence, "endpoint");
}

static bool is_listed(const json_t *list, const char *host)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), host) == 0)
            return true;
    }
    return false;
}

/* A host is blocked where it fails at each of its ports. */
static bool is_host_blocked(const struct service_evidence *evidence, const char *host)
{
    for (size_t i = 0; i < evidence->count; i++) {
        if (strcmp(evidence->endpoints[i].target->host, host) == 0 &&
            !service_failed(&evidence->endpoints[i]))
            return false;
    }
    return true;
}

static json_t *hosts_blocked(const struct service_evidence *evidence)
{
    json_t *list = json_array();
    for (size_t i = 0; i < evidence->count; i++) {
        const char *host = evidence->endpoints[i].target->host;
        if (service_is_role(&evidence->endpoints[i], "endpoint") && !is_listed(list, host) &&
            is_host_blocked(evidence, host))
            json_array_append_new(list, json_string(host));
    }
    return list;
}

/* Not measured is neither: null, where OONI's own client says "blocked". */
static json_t *status_encode(bool is_tried, bool is_ok)
{
    return is_tried ? json_string(is_ok ? "ok" : "blocked") : json_null();
}

static bool any_tried(const struct service_evidence *evidence, const char *role)
{
    for (size_t i = 0; i < evidence->count; i++) {
        if (service_is_role(&evidence->endpoints[i], role) && evidence->endpoints[i].is_tried)
            return true;
    }
    return false;
}

static void page_put(const struct service_evidence *evidence, const char *role, const char *status_key,
                     const char *failure_key, json_t *keys)
{
    const struct service_endpoint *page = service_find(evidence, role);
    bool is_tried = page && page->is_tried;
    json_object_set_new(keys, status_key, status_encode(is_tried, is_tried && service_reached(page)));
    json_object_set_new(keys, failure_key, json_text_or_null(is_tried ? page->failure : NULL));
}

static void whatsapp_keys(const struct service_evidence *evidence, json_t *keys)
{
    page_put(evidence, "registration", "registration_server_status", "registration_server_failure", keys);
    json_object_set_new(keys, "whatsapp_endpoints_blocked", hosts_blocked(evidence));
    json_object_set_new(keys, "whatsapp_endpoints_dns_inconsistent", json_array());
    json_object_set_new(
        keys, "whatsapp_endpoints_status",
        status_encode(any_tried(evidence, "endpoint"), service_any_reached(evidence, "endpoint")));
    page_put(evidence, "web", "whatsapp_web_status", "whatsapp_web_failure", keys);
}

const struct service service_whatsapp = {
    .name = "whatsapp",
    .targets = whatsapp_targets_csv,
    .counts = whatsapp_counts,
    .keys = whatsapp_keys,
};

static enum status whatsapp_start(const struct nettest_context *context, const char *input,
                                  nettest_callback callback, void *arg, struct nettest_run **out)
{
    (void)input;
    return service_start(&service_whatsapp, context, callback, arg, out);
}

extern const struct nettest nettest_whatsapp;
/* test_keys: registration_server_status, _failure; whatsapp_endpoints_blocked, _dns_inconsistent, _status;
 * whatsapp_web_status, _failure; records; x_dialtone. Roles: registration, endpoint, web. */
const struct nettest nettest_whatsapp = {
    .name = "whatsapp",
    .version = "0.12.0",
    .summary = "WhatsApp: registration, endpoints, page",
    .needs_input = false,
    .start = whatsapp_start,
    .cancel = service_cancel,
};
