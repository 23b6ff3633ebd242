/* Where bundles, observations, cells, states and events are kept. A store is a folder collector/store/NAME/
 * whose NAME.c ends with `const struct store store_NAME`.
 *
 * Guarantees of every backend:
 *   durability   put_bundles returns OK only when everything it wrote survives power loss; killed before
 * that, nothing of it is there. idempotence  a bundle is identified by the SHA-256 of its .zst, a measurement
 * by the SHA-256 of its line. Putting either again changes no count. logs         each collector has a log of
 * its own in the store, named by its key: its bundles in the order of their commits, numbered from 0 without
 * gaps. A bundle that two collectors took is in both logs, its measurements count once. isolation    readers
 * see whole transactions only. ownership    rows given to callbacks are borrowed until the callback returns.
 */
#ifndef COLLECTOR_STORE_STORE_H
#define COLLECTOR_STORE_STORE_H

#include "collector/cell.h"
#include "collector/detect/detect.h"

struct store_handle; /* each backend defines its own behind this name */

struct store_bundle {
    uint8_t hash[SHA256_BYTES]; /* of the .zst; for imports of plain JSONL: of the unpacked text */
    char probe[KEY_NAME_BYTES];
    char public_key[PUBLIC_KEY_TEXT_BYTES]; /* "" unsigned */
    bool is_signed;
    struct bundle_label label;
    int64_t received_us;
    char log[KEY_NAME_BYTES]; /* whose log it stands in: the name of the collector's key */
};

struct store_put_result {
    int64_t log_index;      /* of the bundle in its log, from 0, without gaps: what the receipt names */
    int64_t received_us;    /* of the first time */
    size_t accepted_count;  /* measurements new to the store */
    size_t duplicate_count; /* measurements already there */
    bool is_duplicate_bundle;
};

/* One bundle to put, and what became of it. */
struct store_put {
    const struct store_bundle *bundle;
    const struct observation *observations;
    size_t count;
    enum status status; /* OK: stored, now or before. CONFLICT: the probe has signed another bundle of that
                         * sequence number; nothing of this one is stored */
    struct store_put_result result; /* where OK; untouched otherwise */
    struct why why;                 /* where not OK */
    bool may_appear; /* not OK, and nobody can tell yet whether it is stored: what its row names must stay */
};

/* Half-open span of time; 0 at an end: no bound there. Of rows by bin, the bins that overlap it. */
struct store_span {
    int64_t from_us;
    int64_t to_us;
};

struct store_measurement {
    struct observation observation;
    uint8_t bundle_hash[SHA256_BYTES];
    int64_t line; /* from 0, in the bundle */
};

struct store_measurement_filter {
    const char *region;      /* country or subdivision; NULL: any */
    const char *subject;     /* NULL: any */
    const char *test_name;   /* NULL: any */
    const uint8_t *identity; /* NULL: any */
    enum verdict_outcome outcome;
    bool has_outcome;
    struct store_span span;
    int64_t limit; /* at most this many, newest first */
    int64_t offset;
};

struct store_bundle_filter {
    const char *log;   /* NULL: every collector's */
    const char *probe; /* NULL: any */
    int64_t from_index;
    int64_t limit; /* at most this many; 0: all */
};

struct store_event_filter {
    const char *region;
    const char
        *id; /* all revisions of one event; else the latest of each, without those withdrawn (REGION_OK) */
    bool with_withdrawn; /* those too, whatever the least state */
    enum region_state least_state;
    struct store_span span;
};

struct store_pruned {
    int64_t measurement_count;
    int64_t before_us; /* nothing of before is left, now or from earlier prunes; 0: never pruned */
};

struct store_region {
    char region[REGION_BYTES];
    uint32_t asn; /* 0: all networks of it */
    int64_t measurement_count;
    int64_t probe_count;
    int64_t network_count;
    int64_t first_us, last_us;
};

typedef enum status (*store_presence_callback)(const struct presence *row, void *arg);
typedef enum status (*store_sighting_callback)(const struct sighting *row, void *arg);
typedef enum status (*store_measurement_callback)(const struct store_measurement *row, void *arg);
typedef enum status (*store_bundle_callback)(const struct store_bundle *row,
                                             const struct store_put_result *result, void *arg);
typedef enum status (*store_region_callback)(const struct store_region *row, void *arg);
typedef enum status (*store_state_callback)(const struct bin_state *row, void *arg);
typedef enum status (*store_event_callback)(const struct event *row, void *arg);
/* A statement about probes' keys; what it says is collector/trust/'s. */
typedef enum status (*store_trust_callback)(const char *id, int64_t time_us, const char *text, void *arg);
#define STORE_TRUST_BYTES_MAX 2048 /* of its text */
/* Something that is not as it should be: one line that says what and where. */
typedef enum status (*store_finding_callback)(const char *finding, void *arg);
/* `first_us` is the time of the earliest of the region's new measurements. */
typedef enum status (*store_dirty_callback)(const char *region, int64_t first_us, void *arg);

struct store {
    const char *name;
    /* Whether the text after --store NAME= is an address that the store can keep its rows at; USAGE with the
     * reason where it is not. NULL: the store takes none, its rows are in the data folder. (store/setting.h)
     */
    enum status (*check_address)(const char *address, struct why *why);
    /* Opens or makes the store in the data folder, upgrading its schema; CONFLICT where a newer program wrote
     * it. The bin length is fixed when the store is made; *bin_length_s (0: the default) becomes the stored
     * one. */
    enum status (*open)(const char *folder, bool read_only, int64_t *bin_length_s, struct store_handle **out,
                        struct why *why);
    void (*close)(struct store_handle *handle);
    /* All of them in one transaction, in their order, each judged on its own. OK: see each one's status.
     * Another status: each has that status and that reason, and nothing of any is stored, unless it may appear. */
    enum status (*put_bundles)(struct store_handle *handle, struct store_put *puts, size_t count,
                               struct why *why);
    /* Replaces the region's states from the first bin given on, and adds a revision of each event that
     * differs from its latest one in more than words or a hundredth of confidence. An event that began in the
     * given bins and is not given any more gets a revision with state REGION_OK: it is withdrawn. One
     * transaction. */
    enum status (*put_detection)(struct store_handle *handle, const char *region,
                                 const struct detection *detection, struct why *why);
    /* Regions with rows added since their last put_detection, each once; then forgotten by put_detection, as
     * far as the rows were there when regions were listed. */
    enum status (*each_dirty_region)(struct store_handle *handle, store_dirty_callback callback, void *arg);
    enum status (*each_presence)(struct store_handle *handle, const char *region, struct store_span span,
                                 store_presence_callback callback, void *arg);
    enum status (*each_sighting)(struct store_handle *handle, const char *region, struct store_span span,
                                 store_sighting_callback callback, void *arg);
    enum status (*each_region)(struct store_handle *handle, store_region_callback callback, void *arg);
    /* Bins in order. */
    enum status (*each_state)(struct store_handle *handle, const char *region, struct store_span span,
                              store_state_callback callback, void *arg);
    enum status (*each_event)(struct store_handle *handle, const struct store_event_filter *filter,
                              store_event_callback callback, void *arg);
    enum status (*each_measurement)(struct store_handle *handle,
                                    const struct store_measurement_filter *filter,
                                    store_measurement_callback callback, void *arg);
    /* In the log of that name; NULL: in any. NOT_FOUND where it is not there. */
    enum status (*find_bundle)(struct store_handle *handle, const char *log, const uint8_t hash[SHA256_BYTES],
                               struct store_bundle *out, struct store_put_result *out_result);
    /* Bundles by log, then by log_index. */
    enum status (*each_bundle)(struct store_handle *handle, const struct store_bundle_filter *filter,
                               store_bundle_callback callback, void *arg);
    /* Statements about probes' keys (collector/trust/), each known by its id: putting one again changes
     * nothing. By time, then by id. As durable as bundles. */
    enum status (*put_trust)(struct store_handle *handle, const char *id, int64_t time_us, const char *text,
                             struct why *why);
    enum status (*each_trust)(struct store_handle *handle, store_trust_callback callback, void *arg);
    /* A number of the region's last judgement, which each put_detection makes greater, whoever judges; 0 before the first.
     * NULL: nobody but the data folder's own collector can judge. */
    enum status (*judged_version)(struct store_handle *handle, const char *region, int64_t *out, struct why *why);
    /* What follows is for stores whose rows are in the data folder; NULL otherwise. */
    /* Writes the store as it is at one moment, while others write, to files of the same names in another
     * folder. */
    enum status (*copy)(struct store_handle *handle, const char *to_folder, struct why *why);
    /* Forgets measurements of before the time, rounded down to whole blocks of bins; cells, events and the
     * log stay. What comes later about that time is kept, and not counted: nobody knows any more what was. A
     * step at a time, each whole: killed in between, it goes on where it was. */
    enum status (*prune)(struct store_handle *handle, int64_t before_us, struct store_pruned *out,
                         struct why *why);
    /* Recomputes what is derived, and names what differs. */
    enum status (*check)(struct store_handle *handle, store_finding_callback callback, void *arg,
                         struct why *why);
};

extern const struct store *const store_registry[];
const struct store *store_find(const char *name); /* NULL: there is none */
/* put_bundles of one: its own status and reason. */
enum status store_put_one(const struct store *store, struct store_handle *handle,
                          const struct store_bundle *bundle, const struct observation *observations,
                          size_t count, struct store_put_result *out, struct why *why);
/* Gives every one of them the status of the whole, where that is not OK. */
enum status store_puts_end(struct store_put *puts, size_t count, enum status status, const struct why *why);

#endif
