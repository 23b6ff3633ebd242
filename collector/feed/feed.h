/* Events as they leave the collector: JSON, RSS 2.0, Atom (RFC 4287) and CAP 1.2 (OASIS). Pure: events in,
 * text out; what is told went through collector/privacy.h, and names no probe.
 *
 * A revision that changes only counters is no news. A *message* is the first revision that tells something
 * new (feed_event_is_news); feeds date an event by its last message, CAP sends one alert a message. */
#ifndef COLLECTOR_FEED_FEED_H
#define COLLECTOR_FEED_FEED_H

#include <jansson.h>

#include "collector/privacy.h"
#include "collector/store/store.h"

/* One revision of an event, fit for publication. */
struct feed_event {
    char id[EVENT_ID_BYTES];
    int revision;
    enum event_kind kind;
    char region[REGION_BYTES];
    uint32_t asn; /* 0: all networks */
    char subject[SUBJECT_BYTES];
    struct verdict verdict;
    enum region_state state; /* OK: withdrawn */
    double confidence;
    int64_t onset_earliest_s, onset_latest_s;
    int64_t end_earliest_s, end_latest_s; /* 0: still open */
    int64_t revised_s;                    /* 0: not known */
    struct report_count probes, networks;
    struct report_count evidence[CONFIDENCE_COUNT];
    char example[2 * SHA256_BYTES + 1]; /* "": none */
    char cause_hint[64];
};

void feed_event_of(const struct event *event, int64_t bin_length_s, struct feed_event *out);
/* Whether the second says anything new beside the first: state, kind, region, network, subject, or the bins
 * of onset and end. */
bool feed_event_is_news(const struct feed_event *before, const struct feed_event *after);
/* Whether the place is one of the lab's (user-assigned country codes), where nothing really happens. */
bool feed_region_is_emulated(const char *code);
/* When the message was sent: its revision's time; where that is not known, the last moment that it speaks of.
 */
int64_t feed_event_sent_s(const struct feed_event *event);
/* "Full shutdown in Ukraine (AS64500): confirmed, ongoing". */
#define FEED_TITLE_BYTES (SUBJECT_BYTES + 256)
void feed_event_title(const struct feed_event *event, char out[FEED_TITLE_BYTES]);
const char *feed_kind_title(enum event_kind kind);    /* "Full shutdown" */
const char *feed_state_name(enum region_state state); /* region_state_name, but "withdrawn" for OK */
/* One plain paragraph: what was seen, by how many, what is ruled out, what is not known, how sure we are. */
#define FEED_TEXT_BYTES 1024
void feed_event_explain(const struct feed_event *event, int64_t bin_length_s, char out[FEED_TEXT_BYTES]);

/* An event with its history. */
struct feed_entry {
    struct feed_event event;     /* the latest revision */
    struct feed_event *messages; /* oldest first, at least one; owned by the list */
    size_t message_count;
};
struct feed_list {
    struct feed_entry *entries; /* newest message first */
    size_t count;
    size_t room;
    bool is_cut; /* there were more */
};
/* Appends an event from its revisions, oldest first (count > 0). NO_MEMORY. */
enum status feed_list_add(struct feed_list *list, const struct feed_event *revisions, size_t count);
void feed_list_sort(struct feed_list *list);
void feed_list_free(struct feed_list *list);

/* What a reader asks for, of the API and of an alert alike. Zero-initialised it lets everything through. */
#define FEED_FILTER_ITEMS 32
struct feed_filter {
    char regions[FEED_FILTER_ITEMS][REGION_BYTES]; /* a country stands for its subdivisions too */
    size_t region_count;
    uint32_t asns[FEED_FILTER_ITEMS]; /* 0: events of all networks of a region */
    size_t asn_count;
    unsigned kinds; /* bit 1 << kind; 0: all */
    enum region_state least_state;
    struct store_span span;  /* of the API only */
    char id[EVENT_ID_BYTES]; /* of the API only; "": all */
};
/* Sets what `key` (region, asn, kind, state, from, to, id) names from a value; lists are separated by commas.
 * MALFORMED for a value that is none, NOT_FOUND for another key; `why` tells. */
enum status feed_filter_set(struct feed_filter *filter, const char *key, const char *value, struct why *why);
/* Region, network and kind. */
bool feed_filter_covers(const struct feed_filter *filter, const struct event *event);

struct feed_settings {
    int64_t bin_length_s;
    int64_t generated_s;
    const char *public_url; /* "https://collector.example.org/"; NULL: not known */
    const char *sender_url; /* the configured public_url, whose host names the sender of alerts; NULL: none */
    const char *self_url;   /* of this very feed; NULL: not told */
    /* What stands before and behind an event's id in its address; a relative one is left out where the format
     * wants a whole one. NULL: no links. */
    const char *event_prefix, *event_suffix;
};
json_t *feed_event_json(const struct feed_event *event, int64_t bin_length_s); /* new reference */
enum status feed_json(const struct feed_list *list, const struct feed_settings *settings, struct buffer *out);
enum status feed_rss(const struct feed_list *list, const struct feed_settings *settings, struct buffer *out);
enum status feed_atom(const struct feed_list *list, const struct feed_settings *settings, struct buffer *out);
/* The alert of one message of the entry. */
enum status feed_cap(const struct feed_entry *entry, size_t message, const struct feed_settings *settings,
                     struct buffer *out);
/* An Atom feed whose entries hold the alert of each event's last message: CAP knows no lists. */
enum status feed_cap_list(const struct feed_list *list, const struct feed_settings *settings,
                          struct buffer *out);

enum feed_format {
    FEED_JSON,
    FEED_RSS,
    FEED_ATOM,
    FEED_CAP, /* one alert where the filter names one event, else the list */
};
/* "json", "rss", "atom", "cap"; MALFORMED otherwise. */
enum status feed_format_parse(const char *name, enum feed_format *out);
const char *feed_content_type(enum feed_format format, bool is_single);
enum status feed_encode(enum feed_format format, bool is_single, const struct feed_list *list,
                        const struct feed_settings *settings, struct buffer *out);

#endif
