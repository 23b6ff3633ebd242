/* What every step does alike: time relative to the measurement, labels, network events.
 * Events belong to the array of the trace; nothing is kept here.
 * The shape of df-008's common keys stands here once. */
#include "tests-network/steps/step.h"

#include <stdarg.h>
#include <stdio.h>

#include "measurement/base/json.h"

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

void step_event(const struct step_trace *trace, const struct step_label *label,
                const struct step_event *event)
{
    if (!trace->network_events || json_array_size(trace->network_events) >= STEP_EVENTS_MAX)
        return;
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
    json_array_append_new(trace->network_events, object);
}
