/* One channel that people are reached through: everything that its rows of the list name, in one record.
 * Owner: a run owns its parts; a part owns the measurement that runs for it, and what that one found.
 * Why: whoever plans outreach asks whether Telegram works here, not whether one of its addresses does. Plan: 1 every
 * endpoint is measured by the test that knows it best, side by side; 2 their verdicts are folded into one. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests-network/channel/list.h"
#include "tests-network/nettest.h"
#include "tests-network/steps/service.h"
#include "tests-network/steps/step.h"

#define LIST_BYTES_MAX (4u << 20)
#define PARTS_MAX      64 /* endpoints of one channel that are measured */

struct part {
    struct nettest_run *run;
    const struct channel_endpoint *endpoint;
    const char *test_name;
    struct service service; /* of an endpoint without a test of its own */
    char *rows;
    struct nettest_run *sub; /* NULL: not begun, or over */
    void (*cancel)(struct nettest_run *sub);
    struct nettest_result result; /* once it is over */
    bool is_measured;
};

struct nettest_run {
    struct nettest_context context; /* the program's, without a folder of services: rows are this test's own */
    const struct nettest_context *original;
    nettest_callback callback;
    void *arg;
    struct channel_list own_list;
    struct channel channel;
    struct part *parts;
    size_t part_count;
    size_t pending_count;
    struct loop_timer *timer;
    struct step_trace trace;
    int64_t start_wall_us;
};

static void run_free(struct nettest_run *run)
{
    if (!run)
        return;
    loop_timer_cancel(run->timer);
    for (size_t i = 0; run->parts && i < run->part_count; i++) {
        struct part *part = &run->parts[i];
        if (part->sub)
            part->cancel(part->sub);
        json_decref(part->result.test_keys);
        free(part->rows);
    }
    free(run->parts);
    channel_list_free(&run->own_list);
    free(run);
}

static json_t *part_encode(struct part *part)
{
    json_t *keys = part->result.test_keys ? json_incref(part->result.test_keys) : json_null();
    return json_pack("{s:s, s:s, s:s, s:o, s:f, s:o}", "endpoint", part->endpoint->text, "role", part->endpoint->role,
                     "test_name", part->test_name, "verdict", verdict_encode(&part->result.verdict), "runtime",
                     part->result.runtime_s, "test_keys", keys);
}

static json_t *keys_make(struct nettest_run *run, const struct verdict *verdict)
{
    json_t *endpoints = json_array(), *dialtone = json_object();
    for (size_t i = 0; i < run->part_count; i++)
        json_array_append_new(endpoints, part_encode(&run->parts[i]));
    json_object_set_new(dialtone, "verdict", verdict_encode(verdict));
    if (run->original->connectivity)
        json_object_set_new(dialtone, "connectivity", ladder_result_encode(run->original->connectivity, NULL));
    return json_pack("{s:s, s:s, s:o, s:o}", "channel", run->channel.name, "kind", run->channel.kind, "endpoints",
                     endpoints, "x_dialtone", dialtone);
}

/* The run is gone when this returns. */
static void run_finish(void *arg)
{
    struct nettest_run *run = arg;
    struct channel_part parts[PARTS_MAX];
    struct nettest_result result = {.start_us = run->start_wall_us};
    run->timer = NULL;
    for (size_t i = 0; i < run->part_count; i++) {
        parts[i] = (struct channel_part){run->parts[i].endpoint->role, run->parts[i].result.verdict};
        if (!result.resolver_ip[0])
            memcpy(result.resolver_ip, run->parts[i].result.resolver_ip, sizeof result.resolver_ip);
    }
    result.verdict = channel_verdict(parts, run->part_count);
    result.runtime_s = step_seconds(&run->trace, step_now_us(&run->trace));
    result.test_keys = keys_make(run, &result.verdict);
    run->callback(&result, run->arg);
    json_decref(result.test_keys);
    run_free(run);
}

/* The last part has called back from inside itself: it must be gone before the run is. */
static void finish_arm(struct nettest_run *run)
{
    if (loop_after(run->original->loop, 0, run_finish, run, &run->timer) != STATUS_OK)
        loop_stop(run->original->loop);
}

static void part_over(struct nettest_result *result, void *arg)
{
    struct part *part = arg;
    part->sub = NULL;
    part->result = *result;
    result->test_keys = NULL;
    part->is_measured = true;
    if (--part->run->pending_count == 0)
        finish_arm(part->run);
}

static bool every_failure_counts(const struct service_evidence *evidence, size_t index)
{
    (void)evidence;
    (void)index;
    return true;
}

static void failure_put(const struct service_evidence *evidence, json_t *keys)
{
    const struct service_endpoint *seen = &evidence->endpoints[0];
    json_object_set_new(keys, "failure", json_text_or_null(seen->is_tried ? seen->failure : "unknown_failure"));
}

static const char *reach_name(enum channel_reach reach)
{
    switch (reach) {
    case CHANNEL_TLS:
        return "tls";
    case CHANNEL_TCP:
        return "tcp";
    case CHANNEL_DNS:
        return "dns";
    case CHANNEL_WEB:
    case CHANNEL_TEST:
        break;
    }
    return "";
}

static enum status service_part_start(struct part *part)
{
    const struct channel_endpoint *endpoint = part->endpoint;
    struct buffer rows = {0};
    buffer_printf(&rows, "role,name,reach,host,port,path\nendpoint,,%s,%s,%d,\n", reach_name(endpoint->reach),
                  endpoint->host, endpoint->port);
    part->rows = buffer_take_text(&rows);
    if (!part->rows)
        return STATUS_NO_MEMORY;
    part->service = (struct service){
        .name = "channel", .targets = part->rows, .counts = every_failure_counts, .keys = failure_put};
    part->test_name = "endpoint";
    part->cancel = service_cancel;
    return service_start(&part->service, &part->run->context, part_over, part, &part->sub);
}

static enum status test_part_start(struct part *part, const char *name, const char *input)
{
    const struct nettest *test = nettest_find(name);
    if (!test)
        return STATUS_UNSUPPORTED;
    part->test_name = test->name;
    part->cancel = test->cancel;
    return test->start(part->run->original, input, part_over, part, &part->sub);
}

static enum status part_start(struct part *part)
{
    switch (part->endpoint->reach) {
    case CHANNEL_WEB:
        return test_part_start(part, "web_connectivity", part->endpoint->text);
    case CHANNEL_TEST:
        return test_part_start(part, part->endpoint->host, NULL);
    case CHANNEL_TLS:
    case CHANNEL_TCP:
    case CHANNEL_DNS:
        return service_part_start(part);
    }
    return STATUS_UNSUPPORTED;
}

static void run_begin(void *arg)
{
    struct nettest_run *run = arg;
    run->timer = NULL;
    for (size_t i = 0; i < run->part_count; i++) {
        struct part *part = &run->parts[i];
        part->test_name = "";
        part->result.verdict = (struct verdict){.outcome = OUTCOME_UNKNOWN};
        if (part_start(part) == STATUS_OK)
            run->pending_count++;
        else
            part->sub = NULL;
    }
    if (run->pending_count == 0)
        finish_arm(run);
}

/* The list that counts: the program's own choice, the folder's, or the one that is built in. */
static enum status list_open(struct nettest_run *run, const struct channel_list **out)
{
    const struct nettest_context *context = run->original;
    struct buffer path = {0}, text = {0};
    struct why why = {0};
    enum status status = STATUS_NOT_FOUND;
    *out = context->channels ? context->channels : &run->own_list;
    if (context->channels)
        return STATUS_OK;
    if (context->services_folder) {
        buffer_printf(&path, "%s/channel.csv", context->services_folder);
        char *name = buffer_take_text(&path);
        status = name ? file_read(name, LIST_BYTES_MAX, &text, &why) : STATUS_NO_MEMORY;
        free(name);
        if (status == STATUS_OK)
            status = channel_list_read((const char *)text.bytes, text.count, &run->own_list, &why);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND)
            log_event(context->log, LOG_LEVEL_ERROR, "channels_refused", "reason=\"%s\"", why.text);
        buffer_free(&text);
    }
    return status == STATUS_NOT_FOUND ? channel_list_default(&run->own_list, &why) : status;
}

static enum status parts_make(struct nettest_run *run, const struct channel_list *list, const char *input)
{
    const struct channel *channel = channel_find(list, input);
    if (!channel)
        return STATUS_NOT_FOUND;
    run->channel = *channel;
    run->parts = calloc(PARTS_MAX, sizeof *run->parts);
    if (!run->parts)
        return STATUS_NO_MEMORY;
    size_t index = (size_t)(channel - list->channels);
    for (size_t i = 0; i < list->endpoint_count && run->part_count < PARTS_MAX; i++) {
        if (list->endpoints[i].channel == index)
            run->parts[run->part_count++] = (struct part){.run = run, .endpoint = &list->endpoints[i]};
    }
    return STATUS_OK;
}

static enum status channel_start(const struct nettest_context *context, const char *input,
                                 nettest_callback callback, void *arg, struct nettest_run **out)
{
    const struct channel_list *list;
    if (!input)
        return STATUS_USAGE;
    struct nettest_run *run = calloc(1, sizeof *run);
    if (!run)
        return STATUS_NO_MEMORY;
    run->context = *context;
    run->context.services_folder = NULL;
    run->original = context;
    run->callback = callback;
    run->arg = arg;
    run->start_wall_us = clock_wall_us(&context->clock);
    run->trace = (struct step_trace){.context = context, .zero_us = clock_monotonic_us(&context->clock)};
    enum status status = list_open(run, &list);
    if (status == STATUS_OK)
        status = parts_make(run, list, input);
    if (status == STATUS_OK)
        status = loop_after(context->loop, 0, run_begin, run, &run->timer);
    if (status != STATUS_OK) {
        run_free(run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

static enum status channel_check_input(const char *input, struct why *why)
{
    size_t length = strlen(input);
    for (const char *at = input; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            length = 0;
    }
    if (length > 0 && length < CHANNEL_NAME_BYTES)
        return STATUS_OK;
    why_set(why, "this is no channel's name; type one of the list, such as whatsapp or \"Radio Okapi\"");
    return STATUS_USAGE;
}

/* test_keys: channel, kind, endpoints[{endpoint, role, test_name, verdict, runtime, test_keys}], x_dialtone {verdict,
 * connectivity}. The input is the channel's id in the list. */
const struct nettest nettest_channel = {
    .name = "channel",
    .version = "0.1.0",
    .summary = "does a channel that people are reached through work: the list's NAME",
    .needs_input = true,
    .check_input = channel_check_input,
    .start = channel_start,
    .cancel = run_free,
};
