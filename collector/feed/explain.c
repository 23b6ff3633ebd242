/* The paragraph that is told of an event in public.
 * Owner: the caller's text; nothing is allocated.
 * Why: a reader must be able to tell what was seen from what was ruled out and from what nobody knows, and
 * the detector's own text counts single probes and tells exact times. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/feed/feed.h"
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

/* Where only silence speaks, nothing failed before anybody's eyes. */
static bool rests_on_silence(const struct feed_event *event)
{
    return event->state == REGION_SUSPECTED && event->kind != EVENT_SERVICE_BLOCKING &&
           event->kind != EVENT_THROTTLING;
}

static void add_what(struct text *text, const struct feed_event *event)
{
    const char *subject = event->subject[0] ? event->subject : "a service";
    if (!utf8_is_valid(subject, strlen(subject))) {
        subject = "a service whose name is no text";
    }
    text_add(text, rests_on_silence(event) ? "it may be that " : "");
    switch (event->kind) {
    case EVENT_FULL_SHUTDOWN:
        text_add(text, "the Internet was cut off");
        return;
    case EVENT_MOBILE_SHUTDOWN:
        text_add(text, "mobile Internet was cut off");
        return;
    case EVENT_INTERNATIONAL_CUT:
        text_add(text, "connections abroad were cut off");
        return;
    case EVENT_DNS_FAILURE:
        text_add(text, "names stopped resolving");
        return;
    case EVENT_SERVICE_BLOCKING:
        text_add(text, "%s was interfered with", subject);
        return;
    case EVENT_THROTTLING:
        text_add(text, "%s was slowed down", subject);
        return;
    case EVENT_OPERATOR_OUTAGE:
        text_add(text, "one operator's network failed, and no other was seen to");
        return;
    case EVENT_POWER_CUT:
        text_add(text, "probes were switched off together, as in a power cut");
        return;
    case EVENT_COLLECTOR_FAULT:
        text_add(text, "the collector was hardly reached");
        return;
    }
}

/* "2026-01-31 23:50", with seconds where bins are no whole minutes. */
static void moment_format(int64_t time_s, int64_t bin_length_s, char out[TIME_TEXT_BYTES])
{
    time_format_ooni(time_s * US_PER_S, out);
    if (bin_length_s % 60 == 0 && strlen(out) == strlen("2026-01-31 23:50:00")) {
        out[strlen(out) - strlen(":00")] = '\0';
    }
}

static void add_interval(struct text *text, int64_t earliest_s, int64_t latest_s, int64_t bin_length_s)
{
    char earliest[TIME_TEXT_BYTES];
    char latest[TIME_TEXT_BYTES];
    moment_format(earliest_s, bin_length_s, earliest);
    moment_format(latest_s, bin_length_s, latest);
    if (earliest_s == latest_s) {
        text_add(text, "at %s UTC", earliest);
    } else {
        text_add(text, "between %s and %s UTC", earliest, latest);
    }
}

static void add_when(struct text *text, const struct feed_event *event, int64_t bin_length_s)
{
    text_add(text, " from a moment ");
    add_interval(text, event->onset_earliest_s, event->onset_latest_s, bin_length_s);
    if (event->end_latest_s == 0) {
        text_add(text, "; it has not been seen to end.");
        return;
    }
    text_add(text, "; it ended ");
    add_interval(text, event->end_earliest_s, event->end_latest_s, bin_length_s);
    text_add(text, ".");
}

static void add_count(struct text *text, struct report_count count, const char *noun)
{
    char number[COUNT_TEXT_BYTES];
    privacy_count_text(count, number);
    bool is_one = count.precision == COUNT_EXACT && count.value == 1;
    if (count.precision == COUNT_BELOW) {
        snprintf(number, sizeof number, "fewer than %d", (int)count.value);
    }
    text_add(text, "%s%s%s", number, noun, is_one ? "" : "s");
}

static bool count_is_some(struct report_count count)
{
    return count.precision != COUNT_EXACT || count.value > 0;
}

static void add_extent(struct text *text, const struct feed_event *event)
{
    const char *separator = " (";
    if (event->kind == EVENT_COLLECTOR_FAULT) {
        text_add(text, " The collector heard nobody, or far fewer probes than usual, in all regions alike: it was"
                       " stopped, or its own line failed.");
        return;
    }
    bool is_silence = rests_on_silence(event);
    text_add(text, is_silence ? " Silent: " : " Seen by ");
    add_count(text, event->probes, " probe");
    text_add(text, " in ");
    add_count(text, event->networks, " network");
    if (is_silence) {
        text_add(text, ".");
        return;
    }
    for (int i = CONFIDENCE_CERTAIN; i > CONFIDENCE_WEAK; i--) {
        if (count_is_some(event->evidence[i])) {
            char number[COUNT_TEXT_BYTES];
            privacy_count_text(event->evidence[i], number);
            text_add(text, "%s%s %s", separator, number, confidence_name((enum verdict_confidence)i));
            separator = ", ";
        }
    }
    text_add(text, strcmp(separator, ", ") == 0 ? " measurements)." : ".");
    if (event->verdict.layer != LAYER_NONE) {
        bool is_told =
            event->verdict.method[0] && utf8_is_valid(event->verdict.method, strlen(event->verdict.method));
        text_add(text, " It shows in the %s layer%s%s.", layer_name(event->verdict.layer),
                 is_told ? ", as " : "", is_told ? event->verdict.method : "");
    }
}

/* One probe or a few phones rule out less than a confirmation does. */
static const char *ruled_out_of_cut(const struct feed_event *event)
{
    if (event->state != REGION_CONFIRMED) {
        return "Ruled out: that the probes that tell of it were switched off, for they ran on with a working link.";
    }
    if (event->kind == EVENT_MOBILE_SHUTDOWN) {
        return "Ruled out: a cut of everything, for fixed lines worked meanwhile, and that the probes were switched "
               "off, for they ran on with a working link.";
    }
    return "Ruled out: a power cut and faults of single devices, for probes in several networks ran on with a "
           "working link.";
}

static const char *ruled_out(const struct feed_event *event)
{
    if (rests_on_silence(event)) {
        return "Nothing is ruled out yet: silence alone does not tell a cut from a power failure.";
    }
    switch (event->kind) {
    case EVENT_FULL_SHUTDOWN:
    case EVENT_MOBILE_SHUTDOWN:
        return ruled_out_of_cut(event);
    case EVENT_INTERNATIONAL_CUT:
        return "Ruled out: a cut of everything, for connections within the country worked meanwhile.";
    case EVENT_DNS_FAILURE:
        return "Ruled out: a cut of the network, for addresses still answered.";
    case EVENT_SERVICE_BLOCKING:
    case EVENT_THROTTLING:
        if (strcmp(event->subject, "tls") == 0) {
            return "Ruled out: a cut of the network, for unencrypted connections were let through.";
        }
        return "Ruled out: that the service was down, for a control elsewhere reached it meanwhile or the "
               "interference shows in itself, as two answers to one question do.";
    case EVENT_OPERATOR_OUTAGE:
        return "Not seen: a failure of other networks of the region, as far as probes were heard in them.";
    case EVENT_POWER_CUT:
        return "Unlikely: a cut made in the network, for the devices themselves went off.";
    case EVENT_COLLECTOR_FAULT:
        return "Nothing is said of the region's own networks.";
    }
    return "";
}

static const char *cause_of(const char *hint)
{
    static const char *const causes[][2] = {
        {"power", " The pattern fits a loss of power."},
        {"operator", " The pattern fits a fault or a measure of one operator."},
        {"network_cut", " The pattern fits a cut made in several networks at once."},
        {"exam_like", " It began at the same hour of the day as others in these weeks, as shutdowns during exams do."},
    };
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (strcmp(hint, causes[i][0]) == 0) {
            return causes[i][1];
        }
    }
    return "";
}

void feed_event_explain(const struct feed_event *event, int64_t bin_length_s, char out[FEED_TEXT_BYTES])
{
    struct text text = {out, FEED_TEXT_BYTES};
    const char *place = region_name(event->region);
    double percent = 100.0 * event->confidence;
    text_add(&text, "%sIn %s", feed_region_is_emulated(event->region) ? "An exercise; no real place. " : "",
             place ? place : event->region);
    if (event->asn != 0) {
        text_add(&text, " (network AS%u)", event->asn);
    }
    text_add(&text, ", ");
    add_what(&text, event);
    add_when(&text, event, bin_length_s);
    if (event->state == REGION_OK) {
        text_add(&text, " This was withdrawn: later measurements no longer show it.");
        return;
    }
    add_extent(&text, event);
    text_add(&text, " %s%s", ruled_out(event), cause_of(event->cause_hint));
    text_add(&text,
             " We call it %s, with an uncalibrated confidence of %.0f%%. Not known: places without probes, "
             "and who ordered"
             " it, if anyone.",
             region_state_name(event->state), percent > 99.0 ? 99.0 : percent);
}
