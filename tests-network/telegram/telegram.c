/* Does Telegram work here: the data centers that apps talk to, by address, and the page (ooni/spec ts-020).
 * Owns nothing: the run is steps/service.c's.
 * Why a rule of its own: an app needs one access point of twelve, and they have no names to look up. */
#include "tests-network/telegram/telegram.h"

#include "measurement/base/json.h"

extern const char telegram_targets_csv[];

static bool telegram_counts(const struct service_evidence *evidence, size_t index)
{
    return !service_is_role(&evidence->endpoints[index], "datacenter") ||
           !service_any_reached(evidence, "datacenter");
}

/* NULL where no access point was tried. */
static json_t *blocking_encode(const struct service_evidence *evidence, bool of_tcp)
{
    bool is_tried = false, is_reached = false;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct service_endpoint *endpoint = &evidence->endpoints[i];
        if (!service_is_role(endpoint, "datacenter") || !endpoint->is_tried)
            continue;
        is_tried = true;
        is_reached = is_reached || service_reached(endpoint) || (of_tcp && endpoint->is_connected);
    }
    return is_tried ? json_boolean(!is_reached) : json_null();
}

static void telegram_keys(const struct service_evidence *evidence, json_t *keys)
{
    const struct service_endpoint *web = service_find(evidence, "web");
    bool is_tried = web && web->is_tried;
    json_object_set_new(keys, "telegram_http_blocking", blocking_encode(evidence, false));
    json_object_set_new(keys, "telegram_tcp_blocking", blocking_encode(evidence, true));
    json_object_set_new(keys, "telegram_web_failure", json_text_or_null(is_tried ? web->failure : NULL));
    json_object_set_new(keys, "telegram_web_status",
                        json_text_or_null(!is_tried              ? NULL
                                          : service_reached(web) ? "ok"
                                                                 : "blocked"));
}

const struct service service_telegram = {
    .name = "telegram",
    .targets = telegram_targets_csv,
    .counts = telegram_counts,
    .keys = telegram_keys,
};

static enum status telegram_start(const struct nettest_context *context, const char *input,
                                  nettest_callback callback, void *arg, struct nettest_run **out)
{
    (void)input;
    return service_start(&service_telegram, context, callback, arg, out);
}

extern const struct nettest nettest_telegram;
/* test_keys: telegram_http_blocking, telegram_tcp_blocking, telegram_web_failure, _status; records;
 * x_dialtone. Roles: datacenter, web. */
const struct nettest nettest_telegram = {
    .name = "telegram",
    .version = "0.3.1",
    .summary = "Telegram: data centers by address, page",
    .needs_input = false,
    .start = telegram_start,
    .cancel = service_cancel,
};
