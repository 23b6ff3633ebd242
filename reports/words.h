/* Plain words for states, kinds and intervals, shared by all formats. */
#ifndef REPORTS_WORDS_H
#define REPORTS_WORDS_H

#include "measurement/base/clock.h"
#include "reports/model.h"

const char *shown_state_name(enum shown_state state);     /* "no_data", "blind", "ok", ... for exports */
const char *shown_state_title(enum shown_state state);    /* "Disruption confirmed" */
const char *event_state_title(enum shown_state state);    /* "Confirmed" */
const char *shown_state_meaning(enum shown_state state);  /* one sentence */
const char *service_state_name(enum service_state state); /* "blocked" */
const char *service_state_title(enum service_state state);
const char *event_kind_title(enum event_kind kind); /* "Full shutdown" */
const char *confidence_words(double confidence);    /* "very high", "high", "moderate", "low" */
/* What an event is called: "Full shutdown", "Blocking of example.org", "Operator outage, AS64500". */
void event_title(const struct report_event *event, char *out, size_t out_bytes);

/* "2026-01-31 23:50", with seconds where bins are no whole minutes. */
void time_words(int64_t time_s, int64_t bin_length_s, char out[TIME_TEXT_BYTES]);
#define INTERVAL_TEXT_BYTES 80
/* "2026-01-31 23:50", or "between 2026-01-31 23:50 and 23:59" where they differ; never ends with UTC. */
void interval_words(int64_t earliest_s, int64_t latest_s, int64_t bin_length_s,
                    char out[INTERVAL_TEXT_BYTES]);
/* "3 h 20 min", "12 s", "4 days 2 h". */
void duration_words(int64_t duration_s, char out[TIME_TEXT_BYTES]);

#endif
