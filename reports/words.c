/* Plain words for what the exports name in one token.
 * Owner: no memory; all text is static or the caller's.
 * Why: every format says the same of the same thing, and says what it does not know. */
#include "reports/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *shown_state_name(enum shown_state state)
{
    static const char *const names[SHOWN_STATE_COUNT] = {"no_data",   "blind",    "ok",
                                                         "suspected", "probable", "confirmed"};
    return names[state];
}

const char *shown_state_title(enum shown_state state)
{
    static const char *const titles[SHOWN_STATE_COUNT] = {
        "No data",
        "Blind: too few probes to tell",
        "Working",
        "Disruption suspected",
        "Disruption probable",
        "Disruption confirmed",
    };
    return titles[state];
}

const char *event_state_title(enum shown_state state)
{
    static const char *const titles[SHOWN_STATE_COUNT] = {
        "No data", "Too few probes to tell", "Withdrawn", "Suspected", "Probable", "Confirmed"};
    return titles[state];
}

const char *shown_state_meaning(enum shown_state state)
{
    static const char *const meanings[SHOWN_STATE_COUNT] = {
        "No probe was heard. No data is not good news: nobody was looking, or nobody could answer.",
        "Some probes were heard, but too few to judge the region by.",
        "Probes were online as expected.",
        "Probes fell silent together. Silence alone can have other causes, so this is a suspicion.",
        "Silence, and at least one probe that was running with a working local network and could reach "
        "nothing.",
        "Several probes on at least two networks were running with a working local network and could not "
        "reach "
        "independent controls abroad.",
    };
    return meanings[state];
}

const char *service_state_name(enum service_state state)
{
    static const char *const names[SERVICE_STATE_COUNT] = {"no_data", "unknown", "ok",
                                                           "down",    "mixed",   "blocked"};
    return names[state];
}

const char *service_state_title(enum service_state state)
{
    static const char *const titles[SERVICE_STATE_COUNT] = {
        "No data", "Tested, no verdict", "Reachable", "Down for everyone", "Blocked for some", "Blocked",
    };
    return titles[state];
}

const char *event_kind_title(enum event_kind kind)
{
    switch (kind) {
    case EVENT_FULL_SHUTDOWN:
        return "Full shutdown";
    case EVENT_MOBILE_SHUTDOWN:
        return "Mobile shutdown";
    case EVENT_INTERNATIONAL_CUT:
        return "International cut-off";
    case EVENT_DNS_FAILURE:
        return "Failure of name resolution";
    case EVENT_SERVICE_BLOCKING:
        return "Blocking";
    case EVENT_THROTTLING:
        return "Throttling";
    case EVENT_OPERATOR_OUTAGE:
        return "Operator outage";
    case EVENT_POWER_CUT:
        return "Power cut";
    case EVENT_COLLECTOR_FAULT:
        return "Fault of the collector";
    }
    return "Event";
}

const char *confidence_words(double confidence)
{
    if (confidence >= 0.99)
        return "very high";
    if (confidence >= 0.9)
        return "high";
    return confidence >= 0.5 ? "moderate" : "low";
}

const char *cause_words(const char *cause_hint)
{
    static const char *const hints[][2] = {
        {"power", "The pattern fits a power cut: devices went off rather than losing the network."},
        {"operator", "Only one operator was affected: this fits a fault or a measure of that operator."},
        {"network_cut",
         "Devices stayed on and lost the network on several operators at once: this fits a cut made in the "
         "network, not a loss of power."},
        {"exam_like",
         "It began on the hour or half hour and recurs daily, as shutdowns during school exams do."},
    };
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strcmp(cause_hint, hints[i][0]) == 0)
            return hints[i][1];
    return "";
}

void event_title(const struct report_event *event, char *out, size_t out_bytes)
{
    const char *kind = event_kind_title(event->kind);
    char network[24] = "";
    if (event->asn != 0)
        snprintf(network, sizeof network, ", AS%" PRIu32, event->asn);
    if (event->subject[0] != '\0')
        snprintf(out, out_bytes, "%s of %s%s", kind, event->subject, network);
    else
        snprintf(out, out_bytes, "%s%s", kind, network);
}

void time_words(int64_t time_s, int64_t bin_length_s, char out[TIME_TEXT_BYTES])
{
    time_format_ooni(time_s * US_PER_S, out);
    if (bin_length_s % 60 == 0 && strlen(out) == strlen("2026-01-31 23:50:00"))
        out[strlen(out) - strlen(":00")] = '\0';
}

void interval_words(int64_t earliest_s, int64_t latest_s, int64_t bin_length_s, char out[INTERVAL_TEXT_BYTES])
{
    char earliest[TIME_TEXT_BYTES], latest[TIME_TEXT_BYTES];
    time_words(earliest_s, bin_length_s, earliest);
    time_words(latest_s, bin_length_s, latest);
    const size_t day_length = strlen("2026-01-31 ");
    bool is_same_day = strncmp(earliest, latest, day_length) == 0;
    if (latest_s <= earliest_s)
        snprintf(out, INTERVAL_TEXT_BYTES, "%s", earliest);
    else
        snprintf(out, INTERVAL_TEXT_BYTES, "between %s and %s", earliest,
                 is_same_day ? latest + day_length : latest);
}

void duration_words(int64_t duration_s, char out[TIME_TEXT_BYTES])
{
    static const struct {
        int64_t length_s;
        const char *one, *many;
    } units[] = {{86400, "day", "days"}, {3600, "h", "h"}, {60, "min", "min"}, {1, "s", "s"}};
    size_t unit = 0;
    if (duration_s < 1) {
        snprintf(out, TIME_TEXT_BYTES, "0 s");
        return;
    }
    while (duration_s < units[unit].length_s)
        unit++;
    int64_t count = duration_s / units[unit].length_s;
    int written = snprintf(out, TIME_TEXT_BYTES, "%" PRId64 " %s", count,
                           count == 1 ? units[unit].one : units[unit].many);
    if (unit + 1 >= sizeof units / sizeof units[0] || written < 0)
        return;
    int64_t rest = duration_s % units[unit].length_s / units[unit + 1].length_s;
    if (rest > 0)
        snprintf(out + written, TIME_TEXT_BYTES - (size_t)written, " %" PRId64 " %s", rest,
                 units[unit + 1].many);
}

/* What happened, by kind. "%s" is the place. */
static const char *what_happened(enum event_kind kind)
{
    switch (kind) {
    case EVENT_FULL_SHUTDOWN:
        return "The Internet was cut in %s. Devices were on and their local networks worked, but nothing "
               "beyond their "
               "provider answered.";
    case EVENT_MOBILE_SHUTDOWN:
        return "Mobile Internet was cut in %s, while fixed lines went on working.";
    case EVENT_INTERNATIONAL_CUT:
        return "%s was cut off from the rest of the Internet: domestic addresses answered, foreign ones did "
               "not.";
    case EVENT_DNS_FAILURE:
        return "Name resolution failed in %s: addresses answered by number, not by name. For most people "
               "that is no "
               "Internet.";
    case EVENT_SERVICE_BLOCKING:
        return "A service was blocked in %s: probes there were interfered with, while controls elsewhere "
               "reached it.";
    case EVENT_THROTTLING:
        return "A service was slowed down on purpose in %s: transfers crawled, while others over the same "
               "lines did not.";
    case EVENT_OPERATOR_OUTAGE:
        return "One operator's customers in %s lost the Internet; other networks there went on working.";
    case EVENT_POWER_CUT:
        return "Devices in %s went off together. This looks like a loss of power, not a cut of the network.";
    case EVENT_COLLECTOR_FAULT:
        return "Every region fell silent at once, seen from the collector: this is a fault of ours, not an "
               "event in %s.";
    }
    return "Something changed in %s.";
}

static const char *layer_words(enum verdict_layer layer)
{
    switch (layer) {
    case LAYER_DNS:
        return "in name resolution (DNS)";
    case LAYER_TCP:
        return "when the connection was opened (TCP)";
    case LAYER_TLS:
        return "when encryption was set up (TLS)";
    case LAYER_HTTP:
        return "in the web answer itself (HTTP)";
    case LAYER_QUIC:
        return "in QUIC";
    case LAYER_THROTTLING:
        return "by slowing the transfer";
    case LAYER_PATH:
        return "on the path";
    case LAYER_NONE:
        break;
    }
    return "";
}

static void explain_extent(const struct report_event *event, char *out, size_t out_bytes)
{
    char probes[COUNT_TEXT_BYTES], networks[COUNT_TEXT_BYTES];
    privacy_count_text(event->probes, probes);
    privacy_count_text(event->networks, networks);
    const char *words = event->probes.precision == COUNT_BELOW ? "fewer than 3" : probes;
    const char *network_words = event->networks.precision == COUNT_BELOW ? "fewer than 3" : networks;
    bool is_one_probe = strcmp(words, "1") == 0, is_one_network = strcmp(network_words, "1") == 0;
    snprintf(out, out_bytes, " Evidence comes from %s probe%s on %s network%s.", words,
             is_one_probe ? "" : "s", network_words, is_one_network ? "" : "s");
}

static void explain_method(const struct report_event *event, char *out, size_t out_bytes)
{
    out[0] = '\0';
    if (event->verdict.layer == LAYER_NONE)
        return;
    char method[VERDICT_METHOD_BYTES];
    memcpy(method, event->verdict.method, sizeof method);
    method[sizeof method - 1] = '\0';
    for (char *c = method; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    snprintf(out, out_bytes, " The interference shows %s%s%s.", layer_words(event->verdict.layer),
             method[0] ? ": " : "", method);
}

void event_explain(const struct report_event *event, int64_t bin_length_s, char out[EVENT_TEXT_BYTES])
{
    char onset[INTERVAL_TEXT_BYTES], end[INTERVAL_TEXT_BYTES] = "", place[128];
    char what[256], until[128], extent[96], method[160];
    const char *name = region_name(event->region);
    snprintf(place, sizeof place, "%s", name ? name : event->region);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(what, sizeof what, what_happened(event->kind), place);
#pragma GCC diagnostic pop
    interval_words(event->onset_earliest_s, event->onset_latest_s, bin_length_s, onset);
    if (report_event_is_open(event)) {
        snprintf(until, sizeof until, " and has not ended");
    } else {
        interval_words(event->end_earliest_s, event->end_latest_s, bin_length_s, end);
        snprintf(until, sizeof until, " and ended %s%s UTC", strncmp(end, "between", 7) == 0 ? "" : "at ",
                 end);
    }
    explain_extent(event, extent, sizeof extent);
    explain_method(event, method, sizeof method);
    const char *cause = cause_words(event->cause_hint);
    snprintf(out, EVENT_TEXT_BYTES, "%s It began %s%s UTC%s.%s%s%s%s", what,
             strncmp(onset, "between", 7) == 0 ? "" : "at ", onset, until, method, extent,
             cause[0] ? " " : "", cause);
}
