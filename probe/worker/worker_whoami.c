/* The asking worker: where this probe stands, by its collector's word and the databases.
 * Owner: the setup lives for the task.
 * Why: the own public address is learnt here and kept in the daemon's memory, nowhere else. */
#include "measurement/base/address.h"
#include "probe/worker/worker_kinds.h"
#include "probe/worker/worker_line.h"
#include "tests-network/steps/address.h"

/* Those that are public first: only so many fit. The others too: a collector inside a network of its own tells such. */
static json_t *own_encode(const struct scrub_addresses *own)
{
    json_t *array = json_array();
    for (int public = 1; public >= 0; public--) {
        for (size_t i = 0; i < own->count && array; i++) {
            char text[ADDRESS_TEXT_BYTES];
            if (address_is_public((const struct sockaddr *)&own->addresses[i]) != (public == 1))
                continue;
            address_format(&own->addresses[i], text);
            (void)json_array_append_new(array, json_string(text));
        }
    }
    return array;
}

enum exit_status worker_whoami(const struct worker_context *context)
{
    struct worker_task task = {0};
    struct probe_setup setup;
    struct why why = {0};
    struct probe_options options = *context->options;
    options.is_ladder_only = true; /* nothing is captured for a question */
    enum status status = worker_task_take(&task);
    if (status != STATUS_OK)
        return EXIT_OWN_FAILURE;
    status = setup_open(&options, &setup, &why);
    if (status == STATUS_OK) {
        status = setup_confine(&setup, &options, &why);
        if (status == STATUS_OK)
            status = task.url ? setup_whoami(&setup, task.url) : STATUS_USAGE;
        if (status == STATUS_OK)
            status = worker_note_print(json_pack("{s:o, s:o, s:s, s:b}", "vantage", worker_vantage_encode(&setup.vantage),
                                                 "own", own_encode(&setup.own), "seen", setup.seen_country,
                                                 "is_answered", setup.is_answered));
        setup_free(&setup);
        if (status == STATUS_OK)
            status = worker_usage_print(&setup.meter);
    }
    worker_task_free(&task);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG : EXIT_OWN_FAILURE;
}
