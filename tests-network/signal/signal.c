/* Does Signal work here: the servers that its apps need, all of them (ooni/spec ts-029).
 * Owns nothing: the run is steps/service.c's.
 * Why authorities of its own: most of Signal's servers show certificates that only Signal's own root signs.
 */
#include "tests-network/signal/signal.h"

#include "measurement/base/json.h"

extern const char signal_targets_csv[];
extern const char signal_authorities_pem[];

/* The name "uptime" is looked up for those who read the record; no app needs it. */
static bool signal_counts(const struct service_evidence *evidence, size_t index)
{
    return !service_is_role(&evidence->endpoints[index], "uptime");
}

static void signal_keys(const struct service_evidence *evidence, json_t *keys)
{
    const char *failure = NULL;
    size_t tried_count = 0;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct service_endpoint *endpoint = &evidence->endpoints[i];
        if (!endpoint->is_tried || service_is_role(endpoint, "uptime"))
            continue;
        tried_count++;
        failure = failure ? failure : endpoint->failure;
    }
    json_object_set_new(keys, "signal_backend_status",
                        json_text_or_null(tried_count == 0 ? NULL
                                          : failure        ? "blocked"
                                                           : "ok"));
    json_object_set_new(keys, "signal_backend_failure", json_text_or_null(failure));
}

const struct service service_signal = {
    .name = "signal",
    .targets = signal_targets_csv,
    .authorities = signal_authorities_pem,
    .counts = signal_counts,
    .keys = signal_keys,
};

static enum status signal_start(const struct nettest_context *context, const char *input,
                                nettest_callback callback, void *arg, struct nettest_run **out)
{
    (void)input;
    return service_start(&service_signal, context, callback, arg, out);
}

extern const struct nettest nettest_signal;
/* test_keys: signal_backend_status, signal_backend_failure; records; x_dialtone. A role of its own for each
 * server, and uptime. */
const struct nettest nettest_signal = {
    .name = "signal",
    .version = "0.2.5",
    .summary = "Signal: the servers that its apps need",
    .needs_input = false,
    .start = signal_start,
    .cancel = service_cancel,
};
