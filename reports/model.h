/* What a report tells, gathered from a collector's data and already fit for publication: counts and times
 * went through privacy.h, and nothing in it names a probe. Formats only write it down. */
#ifndef REPORTS_MODEL_H
#define REPORTS_MODEL_H

#include "collector/query.h"
#include "reports/strip.h"

/* States of a region's timeline, from the least to the most that is said. */
enum shown_state {
    SHOWN_NO_DATA, /* nobody measured */
    SHOWN_BLIND,   /* too few probes to tell */
    SHOWN_OK,
    SHOWN_SUSPECTED,
    SHOWN_PROBABLE,
    SHOWN_CONFIRMED,
};
#define SHOWN_STATE_COUNT 6

/* States of one service in one bin, over the probes that tested it. */
enum service_state {
    SERVICE_NO_DATA,
    SERVICE_UNKNOWN, /* tested, but no verdict: control missing, probe offline, weak signs alone */
    SERVICE_OK,
    SERVICE_DOWN,  /* fails from outside too */
    SERVICE_MIXED, /* blocked for some probes, not for others */
    SERVICE_BLOCKED,
};
#define SERVICE_STATE_COUNT 6

enum evidence_state {
    EVIDENCE_WITHHELD,  /* fewer than PRIVACY_PROBES_LEAST probes in the country: a copy would point at people
                         */
    EVIDENCE_WANTED,    /* may be published; not copied yet */
    EVIDENCE_PUBLISHED, /* the line, and for signed ones its bundle, signature and key, stand in evidence/ */
    EVIDENCE_LINE_ONLY, /* the line stands there; its signed bundle does not: size bound, or no longer kept */
    EVIDENCE_MISSING,   /* the collector no longer holds it */
};

/* One measurement that readers can check. */
struct report_evidence {
    char identity[2 * SHA256_BYTES + 1];
    char bundle[2 * SHA256_BYTES + 1];
    int64_t line; /* in the bundle, from 1 */
    bool is_signed;
    bool is_of_event; /* its bundle is wanted too */
    enum evidence_state state;
    bool has_proof; /* BUNDLE.jsonl.zst.tlog-proof stands in evidence/: the bundle is in the collector's log */
};
#define EVIDENCE_NONE SIZE_MAX

struct report_event {
    char id[EVENT_ID_BYTES];
    int revision;
    enum event_kind kind;
    char region[REGION_BYTES];
    uint32_t asn; /* 0: all networks */
    char subject[SUBJECT_BYTES];
    struct verdict verdict;
    enum shown_state state;
    double confidence; /* uncalibrated */
    int64_t onset_earliest_s, onset_latest_s;
    int64_t end_earliest_s, end_latest_s; /* 0, 0: still open */
    struct report_count probes, networks;
    struct report_count evidence[CONFIDENCE_COUNT]; /* measurements by strength */
    size_t example;                                 /* in model->evidence, or EVIDENCE_NONE */
    char cause_hint[64];
    char explanation[FEED_TEXT_BYTES];
    struct report_event *revisions; /* oldest first, the latest included */
    size_t revision_count;
    struct report_measurement *measurements; /* some that show it, newest first; of a revision none */
    size_t measurement_count;
};

struct report_network {
    uint32_t asn;
    struct strip timeline; /* of enum shown_state, over the span of services; a single network is never confirmed */
    struct report_count probes, measurements;
    int64_t last_s;
};

struct report_service {
    char subject[SUBJECT_BYTES];
    struct strip strip;                     /* of enum service_state */
    int64_t bin_count[SERVICE_STATE_COUNT]; /* bins in that state; NO_DATA stays 0 */
    enum service_state latest;
    int64_t latest_s;         /* bin of the latest word */
    enum verdict_layer layer; /* of the strongest blocked one */
    char method[VERDICT_METHOD_BYTES];
    bool is_unsigned; /* no signed measurement among them */
};

/* An outside signal of the region, as it was imported: no finding of ours, and no part of any. */
struct report_signal_sample {
    int64_t time_s;
    double value;
};
struct report_signal {
    char name[SIGNAL_NAME_BYTES];
    struct report_signal_sample *samples; /* by time */
    size_t count;
};

struct report_measurement {
    int64_t time_s; /* its bin */
    char subject[SUBJECT_BYTES];
    char test_name[32];
    struct verdict verdict;
    enum connectivity_state connectivity; /* of a ladder climb */
    uint32_t asn;                         /* 0: not told */
    bool is_signed;
    size_t evidence; /* in model->evidence, or EVIDENCE_NONE */
};

struct report_region {
    char code[REGION_BYTES];
    const char *name; /* in English; the code where it is user-assigned */
    bool is_country;
    bool is_emulated;           /* a user-assigned code: no real place */
    bool is_signed;             /* at least one signed measurement among the recent ones */
    struct strip timeline;      /* of enum shown_state */
    enum shown_state state_now; /* NO_DATA where the last word is older than the model's patience */
    int64_t state_since_s;
    struct report_count probes, networks_seen, measurements;
    int64_t first_s, last_s;
    struct report_network *networks;
    size_t network_count;
    struct report_service *services; /* most blocked first */
    size_t service_count;
    struct report_signal *signals; /* by name */
    size_t signal_count;
    struct report_measurement *measurements_recent; /* newest first */
    size_t recent_count;
};

struct report_model {
    int64_t generated_s;
    int64_t bin_length_s;
    int64_t service_span_s; /* services are told over this long before a region's last measurement */
    bool has_data_files;           /* data/NAME.csv and data/NAME.json stand beside the pages */
    struct report_region *regions; /* by code, so that a country comes before its subdivisions */
    size_t region_count;
    int64_t unplaced_count;      /* measurements of no known country */
    struct report_event *events; /* newest onset first */
    size_t event_count;
    struct report_evidence *evidence;
    size_t evidence_count;
    char log_key[PUBLIC_KEY_TEXT_BYTES]; /* signs the evidence log; "": no proof is published */
    struct feed_list feed;  /* the events again, with their history and those withdrawn, for feeds */
    const char *public_url; /* where the pages will stand; NULL: not known */
};

struct report_settings {
    int64_t now_us;
    int64_t service_bins; /* the services' picture covers this many bins before a region's last measurement */
    int64_t recent_limit; /* measurements listed a region */
};
struct report_settings report_settings_default(int64_t now_us);

/* Reads everything a report tells. *out is the caller's to free with report_model_free. */
enum status report_model_build(struct query *query, const struct report_settings *settings,
                               struct report_model **out, struct why *why);
void report_model_free(struct report_model *model);

/* Whether the event is of the region itself, or of a subdivision of the country. */
bool report_event_concerns(const struct report_event *event, const struct report_region *region);
static inline bool report_event_is_open(const struct report_event *event)
{
    return event->end_latest_s == 0;
}
/* The region's row by code; NULL where the model has none. */
const struct report_region *report_region_find(const struct report_model *model, const char *code);

/* Steps of report_model_build, apart so that they are tested without a store. */
enum status report_timeline_add(struct report_region *region, const struct bin_state *bin,
                                int64_t bin_length_s);
void report_region_settle(struct report_region *region, int64_t now_s, int64_t bin_length_s);
void report_event_of(const struct event *event, int64_t bin_length_s, struct report_event *out);

#endif
