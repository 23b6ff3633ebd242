/* Sends the bundles that wait in the spool, one after the other, and deletes each on its receipt. */
#ifndef PROBE_UPLOAD_H
#define PROBE_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/fetch.h"
#include "measurement/base/log.h"
#include "probe/spool.h"

struct upload;

struct upload_config {
    struct fetcher *fetcher;
    const struct log *log;
    struct spool *spool;
    const char *state_folder;  /* where the collector's key and the receipts are kept */
    const char *collector_url; /* "https://collector.example.org" */
    const char *ca_file;       /* NULL: the system's */
    const struct public_key *collector_key; /* NULL: the one remembered; without that, the first receipt's */
    int64_t timeout_us;        /* of one bundle; 0: two minutes */
};

enum upload_outcome {
    UPLOAD_DRAINED, /* no bundle waits any more */
    UPLOAD_LATER,   /* collector not reached, or it asked to wait: try again */
};

/* `retry_after_us` is what the collector asked for, or 0. */
typedef void (*upload_callback)(enum upload_outcome outcome, int64_t retry_after_us, void *arg);

struct upload_counts {
    int64_t accepted_count; /* bundles receipted since upload_open */
    int64_t rejected_count; /* bundles refused for good, moved to STATE/rejected */
    int64_t failed_count;   /* attempts that must be made again */
    int64_t sent_bytes;
    int64_t last_accepted_us; /* wall time; 0: none */
};

/* Everything in `config` is borrowed until upload_free. */
enum status upload_open(const struct upload_config *config, struct upload **out, struct why *why);
/* Sends until the spool is empty or something stands against it; then calls back, once, perhaps before this returns.
 * Nothing where it is already under way. */
enum status upload_start(struct upload *upload, upload_callback callback, void *arg);
bool upload_is_running(const struct upload *upload);
struct upload_counts upload_count(const struct upload *upload);
void upload_free(struct upload *upload); /* what is in flight is sent again next time */

#endif
