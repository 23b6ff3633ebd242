/* What every step does alike: time relative to the measurement, labels, network events.
 * Events belong to the array of the trace; nothing is kept here.
 * The shape of df-008's common keys stands here once. */
#include "tests-network/steps/step.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"

#define LOG_PLACES_MAX 64 /* labels, and addresses, that one log tells apart */
#define LOG_ADDRESS_BYTES 64

struct step_moment {
    struct step_event event; /* its address stands in the log; its other words are static */
    uint16_t order;
    uint8_t label;
    uint8_t address; /* LOG_PLACES_MAX: none */
};

struct step_log {
    struct step_moment *moments;
    size_t count;
    struct step_label *labels;
    size_t label_count;
    char (*addresses)[LOG_ADDRESS_BYTES];
    size_t address_count;
};

struct step_log *step_log_new(void)
{
    return calloc(1, sizeof(struct step_log));
}

void step_log_free(struct step_log *log)
{
    if (!log)
        return;
    free(log->moments);
    free(log->labels);
    free(log->addresses);
    free(log);
}

static bool label_same(const struct step_label *a, const struct step_label *b)
{
    if (a->transaction_id != b->transaction_id || a->tag_count != b->tag_count)
        return false;
    for (size_t i = 0; i < a->tag_count; i++) {
        if (strcmp(a->tags[i], b->tags[i]) != 0)
            return false;
    }
    return true;
}

/* Index of the label; false where there is no room for another. */
static bool label_place(struct step_log *log, const struct step_label *label, uint8_t *out)
{
    for (size_t i = log->label_count; i > 0; i--) {
        if (label_same(&log->labels[i - 1], label)) {
            *out = (uint8_t)(i - 1);
            return true;
        }
    }
    if (log->label_count == LOG_PLACES_MAX)
        return false;
    struct step_label *grown = reallocarray(log->labels, log->label_count + 1, sizeof *grown);
    if (!grown)
        return false;
    log->labels = grown;
    grown[log->label_count] = *label;
    *out = (uint8_t)log->label_count++;
    return true;
}

static bool address_place(struct step_log *log, const char *address, uint8_t *out)
{
    *out = LOG_PLACES_MAX;
    if (!address)
        return true;
    for (size_t i = log->address_count; i > 0; i--) {
        if (strcmp(log->addresses[i - 1], address) == 0) {
            *out = (uint8_t)(i - 1);
            return true;
        }
    }
    if (log->address_count == LOG_PLACES_MAX)
        return false;
    char(*grown)[LOG_ADDRESS_BYTES] = reallocarray(log->addresses, log->address_count + 1, sizeof *grown);
    if (!grown)
        return false;
    log->addresses = grown;
    snprintf(grown[log->address_count], LOG_ADDRESS_BYTES, "%s", address);
    *out = (uint8_t)log->address_count++;
    return true;
}

/* Room is made by eight. An event for which there is none is left out, as those past the bound. */
static void step_log_add(struct step_log *log, const struct step_label *label, const struct step_event *event)
{
    struct step_moment moment = {.event = *event, .order = (uint16_t)log->count};
    if (log->count >= STEP_EVENTS_MAX || !label_place(log, label, &moment.label) ||
        !address_place(log, event->address, &moment.address))
        return;
    if (log->count % 8 == 0) {
        struct step_moment *grown = reallocarray(log->moments, log->count + 8, sizeof *grown);
        if (!grown)
            return;
        log->moments = grown;
    }
    moment.event.address = NULL;
    log->moments[log->count++] = moment;
}

void step_label_tag(struct step_label *label, const char *format, ...)
{
    if (label->tag_count == STEP_TAGS_MAX)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(label->tags[label->tag_count++], sizeof label->tags[0], format, args);
    va_end(args);
}

int64_t step_now_us(const struct step_trace *trace)
{
    return clock_monotonic_us(&trace->context->clock);
}

struct nettest_result step_result(const struct step_trace *trace, int64_t start_wall_us, bool was_resolver_asked)
{
    const struct nettest_context *context = trace->context;
    struct nettest_result result = {.start_us = start_wall_us, .runtime_s = step_seconds(trace, step_now_us(trace))};
    if (was_resolver_asked && context->resolver_count > 0 && !address_is_bogon(&context->resolvers[0]))
        address_format(&context->resolvers[0], result.resolver_ip);
    return result;
}

double step_seconds(const struct step_trace *trace, int64_t monotonic_us)
{
    return (double)(monotonic_us - trace->zero_us) / (double)US_PER_S;
}

void step_stamp(const struct step_trace *trace, json_t *object, const struct step_label *label,
                int64_t start_us, int64_t end_us)
{
    if (start_us > trace->zero_us)
        json_object_set_new(object, "t0", json_real(step_seconds(trace, start_us)));
    json_object_set_new(object, "t", json_real(step_seconds(trace, end_us)));
    json_t *tags = json_array();
    for (size_t i = 0; i < label->tag_count; i++)
        json_array_append_new(tags, json_string(label->tags[i]));
    json_object_set_new(object, "tags", tags);
    if (label->transaction_id != 0)
        json_object_set_new(object, "transaction_id", json_integer(label->transaction_id));
}

static json_t *event_encode(const struct step_trace *trace, const struct step_label *label,
                            const struct step_event *event)
{
    json_t *object = json_object();
    if (event->address)
        json_object_set_new(object, "address", json_string(event->address));
    json_object_set_new(object, "failure", json_text_or_null(event->failure));
    if (event->byte_count > 0)
        json_object_set_new(object, "num_bytes", json_integer(event->byte_count));
    json_object_set_new(object, "operation", json_string(event->operation));
    if (event->proto)
        json_object_set_new(object, "proto", json_string(event->proto));
    step_stamp(trace, object, label, event->start_us, event->end_us);
    return object;
}

void step_event(const struct step_trace *trace, const struct step_label *label,
                const struct step_event *event)
{
    if (trace->log)
        step_log_add(trace->log, label, event);
    else if (trace->network_events && json_array_size(trace->network_events) < STEP_EVENTS_MAX)
        json_array_append_new(trace->network_events, event_encode(trace, label, event));
}

static int moment_compare(const void *a, const void *b)
{
    const struct step_moment *left = a, *right = b;
    if (left->event.end_us != right->event.end_us)
        return left->event.end_us < right->event.end_us ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

json_t *step_log_encode(const struct step_trace *trace)
{
    struct step_log *log = trace->log;
    json_t *events = json_array();
    if (log && log->count > 1)
        qsort(log->moments, log->count, sizeof *log->moments, moment_compare);
    for (size_t i = 0; log && i < log->count; i++) {
        const struct step_moment *moment = &log->moments[i];
        struct step_event event = moment->event;
        event.address = moment->address < log->address_count ? log->addresses[moment->address] : NULL;
        json_array_append_new(events, event_encode(trace, &log->labels[moment->label], &event));
    }
    return events;
}

#define SLOW_LINE_SHARE 3
#define SLOW_LEAST_US   US_PER_S /* however little time a site is given */

static bool is_slow(int64_t took_us, int64_t limit_us)
{
    int64_t share_us = limit_us / SLOW_LINE_SHARE;
    return took_us >= (share_us > SLOW_LEAST_US ? share_us : SLOW_LEAST_US);
}

bool step_is_slow_line(const struct nettest_limits *limits, const struct fetch_response *control)
{
    return is_slow(control->lookup_us, limits->dns_timeout_us) || is_slow(control->connect_us, limits->tcp_timeout_us) ||
           is_slow(control->handshake_us, limits->tls_timeout_us);
}
