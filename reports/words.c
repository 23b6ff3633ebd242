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
    return feed_kind_title(kind);
}

const char *confidence_words(double confidence)
{
    if (confidence >= 0.99)
        return "very high";
    if (confidence >= 0.9)
        return "high";
    return confidence >= 0.5 ? "moderate" : "low";
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
