/* Sends the bundles that wait in the spool, one after the other, and deletes each on its receipt. */
#ifndef PROBE_UPLOAD_UPLOAD_H
#define PROBE_UPLOAD_UPLOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/log.h"
#include "probe/state/clock_offset.h"
#include "probe/upload/routes.h"
#include "probe/spool/spool.h"

#define UPLOAD_ANSWER_BYTES_MAX 65536
#define UPLOAD_RETRY_MAX_US     (INT64_C(3600) * 1000000) /* no collector is waited for longer on its own word */
#define UPLOAD_LIST_BYTES_MAX   (4u << 20) /* where an order asks for more */

struct upload;

/* What became of one route: OK where a collector answered, MALFORMED where something else did. */
struct upload_attempt {
    bool is_tried;
    enum status status;
    long code;
};

/* What the collector, or whoever answered in its place, said to one order. */
struct upload_answer {
    enum status status; /* OK: a whole HTTP response */
    size_t route;       /* that it came by; of failures the last one tried */
    struct upload_attempt attempts[ROUTES_MAX]; /* by route */
    const char *signature; /* the header Dialtone-Signature, or NULL; borrowed for the callback's time */
    long code;
    const uint8_t *body; /* borrowed for the callback's time */
    size_t body_bytes;
    bool is_truncated;
    int64_t retry_after_us; /* what it asked for, or 0 */
    int64_t sent_bytes;
    int64_t received_bytes;
    struct clock_sight seen; /* the server's clock, and ours around it; server_us 0: none */
};

/* An answer as it travels from a worker to the daemon. New reference. */
json_t *upload_answer_encode(const struct upload_answer *answer);
/* `body` receives the bytes that out->body points to. */
enum status upload_answer_decode(const json_t *object, struct buffer *body, struct upload_answer *out);

typedef void (*upload_answer_callback)(const struct upload_answer *answer, void *arg);

/* What is asked of a collector: a bundle is posted, or else a path is fetched. */
struct upload_order {
    const struct spool_bundle *bundle;
    const char *path;
    const char *etag; /* of what is known already, or NULL */
    bool is_long;     /* the answer may have UPLOAD_LIST_BYTES_MAX */
    size_t working; /* the route to begin with */
};

/* How an order gets to the collector. One at a time; all of it stays until the callback, which comes later, once. */
struct upload_sender {
    enum status (*send)(void *state, const struct upload_order *order, upload_answer_callback callback, void *arg);
    void (*rest)(void *state); /* nothing more now; what is in flight is dropped, without a callback */
    void *state;
};

struct upload_config {
    struct upload_sender sender;
    const struct log *log;
    struct spool *spool;
    const char *state_folder;               /* where the collector's key and the receipts are kept */
    const struct public_key *collector_key; /* NULL: the one remembered; without that, the first receipt's */
    const struct route_list *routes;        /* NULL: one, of no name */
    const struct age_recipient *recipient;  /* whom to seal to; NULL: whom the collector names */
    /* Told of each answer's clock; `is_signed`: a receipt that holds. NULL: nobody asks. */
    void (*on_clock)(const struct clock_sight *sight, bool is_signed, void *arg);
    void *arg;
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
    int64_t received_bytes;
    int64_t last_accepted_us; /* wall time; 0: none */
};

/* Everything in `config` is borrowed until upload_free. */
enum status upload_open(const struct upload_config *config, struct upload **out, struct why *why);
/* Sends until the spool is empty or something stands against it; then calls back, once, perhaps before this returns.
 * Nothing where it is already under way. */
enum status upload_start(struct upload *upload, upload_callback callback, void *arg);
bool upload_is_running(const struct upload *upload);
struct upload_counts upload_count(const struct upload *upload);
/* [{"route", "state": "works" | "fails" | "untried", "failure"?, "is_used"}], in their order. New reference, NULL without memory. */
json_t *upload_routes_encode(const struct upload *upload);
/* Why bundles are not sealed, for people; NULL where they are. */
const char *upload_unsealed_reason(const struct upload *upload);
void upload_free(struct upload *upload); /* what is in flight is sent again next time */

#endif
