/* What the files of the upload share. For no one else. */
#ifndef PROBE_UPLOAD_UPLOAD_INNER_H
#define PROBE_UPLOAD_UPLOAD_INNER_H

#include "probe/upload/upload.h"

struct upload {
    struct upload_config config;
    struct public_key pinned;
    bool is_pinned;
    bool has_recipient;
    bool is_pin_unwritten, is_recipient_unwritten; /* known here alone: the disk was full */
    const char *unsealed_reason;
    int64_t keys_due_us; /* monotonic: not asked before */
    size_t working;      /* the route that worked last; ROUTES_MAX: none */
    struct upload_attempt attempts[ROUTES_MAX]; /* the latest of each */
    struct spool_bundle bundle;
    bool is_running;
    upload_callback callback;
    void *arg;
    struct upload_counts counts;
};

/* upload.c: what each answer has, bytes and routes. */
void upload_answer_note(struct upload *upload, const struct upload_answer *answer);
enum status upload_order_send(struct upload *upload, const struct spool_bundle *bundle, const char *path,
                              upload_answer_callback callback);
/* The next bundle, or the end. */
void upload_next(struct upload *upload);
void upload_end(struct upload *upload, enum upload_outcome outcome, int64_t retry_after_us);

/* upload_keys.c: the collector's key and recipient as they were remembered. */
enum status upload_keys_open(struct upload *upload, struct why *why);
bool upload_keys_are_due(const struct upload *upload);
/* Asks for them, then goes on with the bundles. */
enum status upload_keys_ask(struct upload *upload);
/* Remembers whose receipts count, where nobody is yet. On a full disk it holds for as long as this process lives, and is
 * written when there is room: FULL. */
enum status upload_key_pin(struct upload *upload, const struct public_key *key, struct why *why);

/* upload_receipt.c: what an answer means for the bundle in flight. OK: it is done with. */
enum status upload_receipt_take(struct upload *upload, const struct upload_answer *answer);

/* upload_routes.c */
void upload_routes_open(struct upload *upload);
/* Which routes failed, and which one is now the one that works. */
void upload_routes_note(struct upload *upload, const struct upload_answer *answer);
/* The collector of a route with a key of its own; what was sealed to the first one it may not be able to open. */
bool upload_route_is_others(const struct upload *upload, size_t route);

#endif
