/* Writes the explanation of an event from its own figures.
 * Owner: the event's text buffer; nothing is allocated.
 * Why: a reader who has never seen a formula must be able to tell what is known from what is not. */
#include "collector/detect/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "measurement/base/clock.h"

struct text {
    char *at;
    size_t left;
};

static void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    size_t taken = length < 0 ? 0 : (size_t)length < text->left ? (size_t)length : text->left - 1;
    text->at += taken;
    text->left -= taken;
}

/* "2026-01-31 23:59:58 UTC", the middle of the interval, and its half width. */
static void add_moment(struct text *text, int64_t after_us, int64_t by_us)
{
    char moment[TIME_TEXT_BYTES];
    int64_t half_s = (by_us - after_us) / 2 / US_PER_S;
    time_format_ooni(after_us + (by_us - after_us) / 2, moment);
    text_add(text, "%s UTC", moment);
    if (half_s >= 60)
        text_add(text, " (give or take %lld min)", (long long)((half_s + 59) / 60));
    else
        text_add(text, " (give or take %lld s)", (long long)(half_s > 0 ? half_s : 1));
}

static void add_end(struct text *text, const struct event *event)
{
    if (event->end_latest_us == 0) {
        text_add(text, " It has not been seen to end.");
        return;
    }
    text_add(text, " It ended at ");
    add_moment(text, event->end_earliest_us, event->end_latest_us);
    text_add(text, ".");
}

static const char *region_called(const struct event *event)
{
    const char *name = region_name(event->region);
    return name != NULL ? name : event->region;
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static void add_probes(struct text *text, const struct event *event)
{
    text_add(text, "%u probe%s in %u network%s", event->probe_count, plural(event->probe_count),
             event->network_count, plural(event->network_count));
}

static void add_sureness(struct text *text, const struct event *event)
{
    double percent = 100.0 * event->confidence;
    text_add(text, " We call it %s, with a confidence of %.0f%%. Who ordered it, if anyone, is not known from measurements.",
             region_state_name(event->state), percent > 99.0 ? 99.0 : percent);
}

static const char *what_failed(enum event_kind kind)
{
    switch (kind) {
    case EVENT_FULL_SHUTDOWN:
        return "the Internet was cut off";
    case EVENT_MOBILE_SHUTDOWN:
        return "mobile Internet was cut off while fixed lines worked";
    case EVENT_INTERNATIONAL_CUT:
        return "connections abroad were cut off while domestic ones worked";
    case EVENT_DNS_FAILURE:
        return "names stopped resolving while addresses still answered";
    case EVENT_OPERATOR_OUTAGE:
        return "one operator's network failed, and no other was seen to";
    case EVENT_SERVICE_BLOCKING:
        return "encrypted connections were broken while plain ones were let through";
    case EVENT_POWER_CUT:
        return "probes were switched off together, as in a power cut";
    case EVENT_COLLECTOR_FAULT:
        return "our own collector was hardly reached";
    case EVENT_THROTTLING:
        return "connections were slowed down";
    }
    return "the network failed";
}

static void add_doubt(struct text *text, uint32_t doubtful_count)
{
    text_add(text, "%u probe%s told of it and reached us meanwhile: there was a way out, or it is not true. %s not counted.",
             doubtful_count, plural(doubtful_count), doubtful_count == 1 ? "It is" : "They are");
}

static void add_failure(struct text *text, const struct event *event, const struct span *span,
                        const struct doubts *doubts)
{
    if (event->probe_count == 0) {
        add_doubt(text, doubts->probe_count);
        return;
    }
    add_probes(text, event);
    text_add(text, " had a working link and gateway and reported it (%u failing checks of independent controls);"
             " their journals ran on: they were not switched off.", event->evidence_count[CONFIDENCE_STRONG]);
    if (doubts->is_power_open)
        text_add(text, " A power cut is not ruled out: they run on without it, and their network may not.");
    else if (span->mobile_only)
        text_add(text, " Fixed lines worked on, which speaks against a power cut.");
    else
        text_add(text, " Devices on fixed lines are among them, which speaks against a power cut.");
    if (span->witness_count > 0)
        text_add(text, " %u probe%s went on working meanwhile.", span->witness_count, plural(span->witness_count));
    if (doubts->probe_count > 0) {
        text_add(text, " ");
        add_doubt(text, doubts->probe_count);
    }
}

static void add_silence(struct text *text, const struct event *event, const struct span *span)
{
    const struct silence_evidence *evidence = &span->evidence;
    text_add(text, "About %.1f probes were expected at this hour and %.1f of them were missing.", span->expected,
             span->lost);
    if (evidence->off_count > 0)
        text_add(text, " %u of the missing have since shown a gap in their journals: they were off.",
                 evidence->off_count);
    if (evidence->silent_count > 0)
        text_add(text, " %u fell silent, which alone does not tell a cut from a power failure.",
                 evidence->silent_count);
    if (event->kind != EVENT_POWER_CUT)
        text_add(text, " Silence alone never confirms.");
}

/* Whether only silence, or nobody who is believed, tells of it. */
static bool is_unseen(const struct event *event, const struct span *span)
{
    if (event->kind == EVENT_POWER_CUT)
        return span->evidence.off_count == 0;
    return span->is_silence || event->probe_count == 0;
}

void explain_connectivity(struct event *event, const struct span *span, const struct doubts *doubts)
{
    struct text text = {event->explanation, sizeof event->explanation};
    text_add(&text, "In %s", region_called(event));
    if (event->asn != 0)
        text_add(&text, " (network AS%u)", event->asn);
    text_add(&text, ", %s%s from ", is_unseen(event, span) ? "it may be that " : "",
             what_failed(event->kind));
    add_moment(&text, event->onset_earliest_us, event->onset_latest_us);
    text_add(&text, ". ");
    if (span->is_silence)
        add_silence(&text, event, span);
    else
        add_failure(&text, event, span, doubts);
    add_end(&text, event);
    add_sureness(&text, event);
}

void explain_fault(struct event *event)
{
    struct text text = {event->explanation, sizeof event->explanation};
    text_add(&text, "In %s, our own collector heard nobody, or far fewer probes than usual, in all regions alike from ", region_called(event));
    add_moment(&text, event->onset_earliest_us, event->onset_latest_us);
    text_add(&text, ": it was stopped, or its own line failed. Silence in this time, and half an hour after it, says"
             " nothing of the region's networks and is not judged; what probes kept in their journals arrives later,"
             " and is.");
    add_end(&text, event);
    text_add(&text, " It rests on what the collector wrote down of itself and on when bundles came in, not on what"
             " probes saw. Who or what stopped it is not known.");
}

void explain_recurrence(struct event *event, size_t other_count)
{
    size_t length = strlen(event->explanation);
    struct text text = {event->explanation + length, sizeof event->explanation - length};
    text_add(&text, " It began at the same hour as %zu others within two weeks, as cuts during exams do.", other_count);
}

void explain_blocking(struct event *event, uint32_t working_count)
{
    struct text text = {event->explanation, sizeof event->explanation};
    uint32_t strong = event->evidence_count[CONFIDENCE_STRONG] + event->evidence_count[CONFIDENCE_CERTAIN];
    uint32_t medium = event->evidence_count[CONFIDENCE_MEDIUM];
    text_add(&text, "In %s", region_called(event));
    if (event->asn != 0)
        text_add(&text, " (network AS%u)", event->asn);
    text_add(&text, ", %s was %s from ", event->subject,
             event->kind == EVENT_THROTTLING ? "slowed down" : "interfered with");
    add_moment(&text, event->onset_earliest_us, event->onset_latest_us);
    text_add(&text, " in the %s layer (%s). ", layer_name(event->verdict.layer),
             event->verdict.method[0] != '\0' ? event->verdict.method : "method not told");
    add_probes(&text, event);
    text_add(&text, " measured it: %u with strong or certain evidence, %u with medium. Each was compared with a"
             " control that reached the service meanwhile, or shows interference in itself, as two answers to one"
             " question do: that the service was down does not explain it.", strong, medium);
    if (working_count > 0)
        text_add(&text, " %u probe%s reached it meanwhile.", working_count, plural(working_count));
    add_end(&text, event);
    add_sureness(&text, event);
}
