/* Each bundle of the spool to the collector, and what its answer means for the bundle.
 * Owner: the upload owns the bundle in flight.
 * Why: nothing is deleted before a verified receipt is on the disk, and one bad bundle does not hold up the rest. */
#include "probe/upload/upload.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "probe/upload/collector_keys.h"
#include "probe/upload/receipt.h"
#include "probe/state/state.h"

#define KEYS_PATH    "/v1/keys"
#define KEYS_WAIT_US (6 * 3600 * US_PER_S) /* until a collector that names no recipient is asked again */

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

static enum status pin_open(struct upload *upload, struct why *why)
{
    if (upload->config.collector_key) {
        upload->pinned = *upload->config.collector_key;
        upload->is_pinned = true;
        return STATUS_OK;
    }
    enum status status = state_collector_read(upload->config.state_folder, &upload->pinned, why);
    upload->is_pinned = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* A full disk leaves those open that it has no room to seal: they go as they are, and make room. */
static enum status bundles_seal(struct upload *upload, const struct age_recipient *recipient, struct why *why)
{
    enum status status = spool_seal_to(upload->config.spool, recipient, why);
    if (status != STATUS_FULL)
        return status;
    log_event(upload->config.log, LOG_LEVEL_WARN, "bundles_not_sealed", "status=%s why=\"%s\"", status_name(status),
              why->text);
    return STATUS_OK;
}

static enum status recipient_open(struct upload *upload, struct why *why)
{
    struct age_recipient recipient;
    enum status status = STATUS_OK;
    if (upload->config.recipient)
        recipient = *upload->config.recipient;
    else
        status = state_recipient_read(upload->config.state_folder, &recipient, why);
    if (status == STATUS_NOT_FOUND) {
        upload->unsealed_reason = "the collector was not yet asked whom to seal to";
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return status;
    upload->has_recipient = true;
    return bundles_seal(upload, &recipient, why);
}

static size_t route_count(const struct upload *upload)
{
    return upload->config.routes ? upload->config.routes->count : 1;
}

static const char *route_label(const struct upload *upload, size_t route)
{
    return upload->config.routes ? upload->config.routes->routes[route].label : "direct";
}

static void route_open(struct upload *upload)
{
    char label[ROUTE_LABEL_BYTES];
    upload->working = ROUTES_MAX;
    if (upload->config.routes && state_route_read(upload->config.state_folder, label) == STATUS_OK)
        upload->working = route_find(upload->config.routes, label);
}

enum status upload_open(const struct upload_config *config, struct upload **out, struct why *why)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        return STATUS_NO_MEMORY;
    upload->config = *config;
    route_open(upload);
    enum status status = pin_open(upload, why);
    if (status == STATUS_OK)
        status = recipient_open(upload, why);
    if (status == STATUS_OK) {
        *out = upload;
        upload = NULL;
    }
    upload_free(upload);
    return status;
}

/* Which routes failed, and which one is now the one that works. */
static void routes_note(struct upload *upload, const struct upload_answer *answer)
{
    size_t count = route_count(upload);
    for (size_t i = 0; i < count; i++) {
        if (answer->attempts[i].is_tried)
            upload->attempts[i] = answer->attempts[i];
    }
    if (answer->route >= count || !answer->attempts[answer->route].is_tried ||
        answer->attempts[answer->route].status != STATUS_OK || answer->route == upload->working)
        return;
    upload->working = answer->route;
    const char *label = route_label(upload, answer->route);
    log_event(upload->config.log, LOG_LEVEL_INFO, "route_works", "route=\"%s\"", label);
    struct why why = {0};
    if (state_route_publish(upload->config.state_folder, label, &why) != STATUS_OK)
        log_event(upload->config.log, LOG_LEVEL_WARN, "route_not_kept", "why=\"%s\"", why.text);
}

static void upload_end(struct upload *upload, enum upload_outcome outcome, int64_t retry_after_us)
{
    upload->is_running = false;
    upload->counts.failed_count += outcome == UPLOAD_LATER;
    spool_bundle_free(&upload->bundle);
    upload->config.sender.rest(upload->config.sender.state);
    upload->callback(outcome, retry_after_us, upload->arg);
}

static void on_answer(const struct upload_answer *answer, void *arg);

static enum status order_send(struct upload *upload, const struct spool_bundle *bundle, const char *path,
                              upload_answer_callback callback)
{
    const struct upload_order order = {.bundle = bundle, .path = path, .working = upload->working};
    return upload->config.sender.send(upload->config.sender.state, &order, callback, upload);
}

/* The next bundle, or the end. */
static void upload_next(struct upload *upload)
{
    struct why why = {0};
    enum status status;
    spool_bundle_free(&upload->bundle);
    do {
        status = spool_first(upload->config.spool, &upload->bundle, &why);
        if (status == STATUS_MALFORMED)
            log_event(upload->config.log, LOG_LEVEL_ERROR, "bundle_incomplete", "why=\"%s\"", why.text);
    } while (status == STATUS_MALFORMED);
    if (status == STATUS_NOT_FOUND) {
        upload_end(upload, UPLOAD_DRAINED, 0);
        return;
    }
    if (status == STATUS_OK)
        status = order_send(upload, &upload->bundle, NULL, on_answer);
    if (status != STATUS_OK) {
        log_event(upload->config.log, LOG_LEVEL_ERROR, "upload_not_started", "status=%s", status_name(status));
        upload_end(upload, UPLOAD_LATER, 0);
    }
}

/* On a full disk it holds for as long as this process lives, and is written when there is room. */
static enum status collector_pin(struct upload *upload, const struct public_key *key, struct why *why)
{
    if (upload->is_pinned && !upload->is_pin_unwritten)
        return STATUS_OK;
    enum status status = state_collector_publish(upload->config.state_folder, key, why);
    if (status == STATUS_OK || status == STATUS_FULL) {
        upload->pinned = *key;
        upload->is_pinned = true;
        upload->is_pin_unwritten = status == STATUS_FULL;
    }
    return status;
}

/* From here on everything is sealed, what waits already too. A full disk stands against none of it. */
static enum status keys_keep(struct upload *upload, const struct collector_keys *keys, struct why *why)
{
    enum status status = collector_pin(upload, &keys->key, why);
    if (status == STATUS_FULL)
        status = STATUS_OK;
    if (status != STATUS_OK || !keys->has_recipient || upload->config.recipient)
        return status;
    status = state_recipient_publish(upload->config.state_folder, &keys->recipient, why);
    if (status != STATUS_OK && status != STATUS_FULL)
        return status;
    upload->is_recipient_unwritten = status == STATUS_FULL;
    upload->has_recipient = true;
    upload->unsealed_reason = NULL;
    return bundles_seal(upload, &keys->recipient, why);
}

/* The collector of a route with a key of its own; what was sealed to the first one it may not be able to open. */
static bool is_others(const struct upload *upload, size_t route)
{
    return upload->config.routes && route < route_count(upload) && upload->config.routes->routes[route].has_key;
}

static void on_keys(const struct upload_answer *answer, void *arg)
{
    struct upload *upload = arg;
    struct collector_keys keys;
    struct why why = {0};
    upload->counts.sent_bytes += answer->sent_bytes;
    upload->counts.received_bytes += answer->received_bytes;
    routes_note(upload, answer);
    upload->keys_due_us = clock_monotonic_us(&upload->config.log->clock) + KEYS_WAIT_US;
    if (answer->status != STATUS_OK || answer->attempts[answer->route].status != STATUS_OK) {
        upload->keys_due_us = 0;
        upload->unsealed_reason = "the collector was not reached to ask whom to seal to";
        log_event(upload->config.log, LOG_LEVEL_WARN, "keys_not_learnt", "status=%s", status_name(answer->status));
        upload_end(upload, UPLOAD_LATER, 0);
        return;
    }
    bool is_unfit = answer->code != 200 || !answer->signature || is_others(upload, answer->route);
    enum status status = is_unfit ? STATUS_NOT_FOUND : STATUS_OK;
    if (status == STATUS_OK)
        status = collector_keys_read(answer->body, answer->body_bytes, answer->signature,
                                     upload->is_pinned ? &upload->pinned : NULL, &keys);
    if (status == STATUS_OK)
        status = keys_keep(upload, &keys, &why);
    if (status == STATUS_OK && !upload->has_recipient)
        upload->unsealed_reason = "the collector names nobody to seal to";
    else if (status == STATUS_NOT_FOUND)
        upload->unsealed_reason = "the collector does not say whom to seal to";
    else if (status != STATUS_OK && !upload->has_recipient)
        upload->unsealed_reason = "whom to seal to was not told under the collector's signature";
    bool is_unwritten = upload->is_pin_unwritten || upload->is_recipient_unwritten;
    if (is_unwritten)
        upload->keys_due_us = 0;
    if (status != STATUS_OK || is_unwritten)
        log_event(upload->config.log, LOG_LEVEL_WARN, is_unwritten ? "keys_not_kept" : "keys_not_learnt",
                  "status=%s code=%ld why=\"%s\"",
                  is_unwritten ? status_name(STATUS_FULL) : status_name(status), answer->code, why.text);
    upload_next(upload);
}

/* Asked before anything is sent, until somebody is named and remembered. */
static bool keys_are_due(const struct upload *upload)
{
    bool is_known = upload->has_recipient && !upload->is_pin_unwritten && !upload->is_recipient_unwritten;
    return !is_known && clock_monotonic_us(&upload->config.log->clock) >= upload->keys_due_us &&
           spool_count(upload->config.spool).bundle_count > 0;
}

/* As one line, whatever white space came. */
static enum status receipt_append(const struct upload *upload, const struct upload_answer *answer,
                                  struct why *why)
{
    struct buffer line = {0};
    json_t *object = NULL;
    enum status status = json_read((const char *)answer->body, answer->body_bytes, &object, why);
    if (status == STATUS_OK)
        status = json_write(object, &line);
    if (status == STATUS_OK)
        status = state_receipt_append(upload->config.state_folder, line.bytes, line.count, why);
    json_decref(object);
    buffer_free(&line);
    return status;
}

/* Pin first: a receipt is only worth what its key is worth the next time. */
static enum status receipt_keep(struct upload *upload, const struct upload_answer *answer,
                                const struct public_key *key, struct why *why)
{
    enum status status = is_others(upload, answer->route) ? STATUS_OK : collector_pin(upload, key, why);
    return status == STATUS_OK || status == STATUS_FULL ? receipt_append(upload, answer, why) : status;
}

/* A full disk has no room for the receipt while the bundle is there: it makes room once more before it is given up. */
static enum status bundle_release(struct upload *upload, const struct upload_answer *answer,
                                  const struct public_key *key, struct why *why)
{
    enum status kept = receipt_keep(upload, answer, key, why);
    if (kept != STATUS_OK && kept != STATUS_FULL)
        return kept;
    enum status status = spool_remove(upload->config.spool, upload->bundle.name, why);
    if (status == STATUS_OK && kept == STATUS_FULL && receipt_keep(upload, answer, key, why) != STATUS_OK)
        log_event(upload->config.log, LOG_LEVEL_WARN, "receipt_not_written", "bundle=%s why=\"%s\"", upload->bundle.name,
                  why->text);
    return status;
}

/* Whose receipts count on a route: its own collector's, or the pinned one's; NULL: nobody is pinned yet. */
static const struct public_key *key_expected(const struct upload *upload, size_t route)
{
    if (is_others(upload, route))
        return &upload->config.routes->routes[route].key;
    return upload->is_pinned ? &upload->pinned : NULL;
}

/* A receipt that holds tells the collector's time under its signature; any other answer may have its Date. */
static void clock_tell(const struct upload *upload, const struct upload_answer *answer, bool is_signed)
{
    struct clock_sight sight = answer->seen;
    json_t *object = NULL;
    if (!upload->config.on_clock)
        return;
    if (is_signed && json_read((const char *)answer->body, answer->body_bytes, &object, NULL) == STATUS_OK) {
        const char *received = json_member_text(json_member_object(object, "receipt"), "received");
        if (!received || time_parse(received, &sight.server_us) != STATUS_OK)
            sight.server_us = 0;
    }
    json_decref(object);
    if (sight.server_us > 0)
        upload->config.on_clock(&sight, is_signed, upload->config.arg);
}

static enum status accepted(struct upload *upload, const struct upload_answer *answer)
{
    struct public_key key;
    struct why why = {0};
    const struct public_key *expected = key_expected(upload, answer->route);
    enum status status = receipt_check(answer->body, answer->body_bytes, upload->bundle.hash,
                                       upload->bundle.is_sealed ? upload->bundle.file_hash : NULL, expected, &key, &why);
    /* Code 200 repeats a receipt that was made before, and tells an old time. */
    if (status == STATUS_OK && answer->code == 201)
        clock_tell(upload, answer, true);
    if (status == STATUS_OK)
        status = bundle_release(upload, answer, &key, &why);
    if (status != STATUS_OK) {
        log_event(upload->config.log, LOG_LEVEL_ERROR, "receipt_not_kept", "bundle=%s status=%s why=\"%s\"",
                  upload->bundle.name, status_name(status), why.text);
        return status;
    }
    upload->counts.accepted_count++;
    upload->counts.last_accepted_us = clock_wall_us(&upload->config.log->clock);
    log_event(upload->config.log, LOG_LEVEL_INFO, "bundle_receipted", "bundle=%s", upload->bundle.name);
    return STATUS_OK;
}

/* Whether the collector itself, and not something on the way, refused this very bundle for good. */
static bool is_final_refusal(const struct upload_answer *answer)
{
    static const long codes[] = {400, 401, 409, 413, 415, 422};
    bool is_final = false;
    json_t *object = NULL;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        is_final = is_final || answer->code == codes[i];
    if (!is_final || json_read((const char *)answer->body, answer->body_bytes, &object, NULL) != STATUS_OK)
        return false;
    is_final = json_member_text(object, "error") != NULL;
    json_decref(object);
    return is_final;
}

static enum status refused(struct upload *upload, long code)
{
    struct why why = {0};
    enum status status = spool_reject(upload->config.spool, upload->bundle.name, &why);
    log_event(upload->config.log, LOG_LEVEL_ERROR, "bundle_refused", "bundle=%s code=%ld kept_in=rejected why=\"%s\"",
              upload->bundle.name, code, why.text);
    upload->counts.rejected_count += status == STATUS_OK;
    return status;
}

static void on_answer(const struct upload_answer *answer, void *arg)
{
    struct upload *upload = arg;
    enum status status = STATUS_OFFLINE;
    upload->counts.sent_bytes += answer->sent_bytes;
    upload->counts.received_bytes += answer->received_bytes;
    routes_note(upload, answer);
    if (answer->status == STATUS_OK)
        clock_tell(upload, answer, false);
    if (answer->status == STATUS_OK && (answer->code == 200 || answer->code == 201) && !answer->is_truncated)
        status = accepted(upload, answer);
    else if (answer->status == STATUS_OK && is_final_refusal(answer) && !is_others(upload, answer->route))
        status = refused(upload, answer->code);
    else
        log_event(upload->config.log, LOG_LEVEL_WARN, "upload_failed", "bundle=%s status=%s code=%ld",
                  upload->bundle.name, status_name(answer->status), answer->code);
    if (status != STATUS_OK && is_others(upload, answer->route))
        upload->working = ROUTES_MAX; /* it takes nothing: the next attempt begins with the first route */
    if (status == STATUS_OK)
        upload_next(upload);
    else
        upload_end(upload, UPLOAD_LATER, answer->status == STATUS_OK ? answer->retry_after_us : 0);
}

enum status upload_start(struct upload *upload, upload_callback callback, void *arg)
{
    if (upload->is_running)
        return STATUS_OK;
    upload->is_running = true;
    upload->callback = callback;
    upload->arg = arg;
    if (!keys_are_due(upload) || order_send(upload, NULL, KEYS_PATH, on_keys) != STATUS_OK)
        upload_next(upload);
    return STATUS_OK;
}

bool upload_is_running(const struct upload *upload)
{
    return upload->is_running;
}

struct upload_counts upload_count(const struct upload *upload)
{
    return upload->counts;
}

const char *upload_unsealed_reason(const struct upload *upload)
{
    return upload->has_recipient ? NULL : upload->unsealed_reason;
}

static json_t *route_encode(const struct upload *upload, size_t route)
{
    const struct upload_attempt *attempt = &upload->attempts[route];
    bool is_good = attempt->status == STATUS_OK;
    /* Remembered from an earlier run: not yet tried in this one. */
    const char *state = attempt->is_tried && !is_good ? "fails" : attempt->is_tried ? "works" : "untried";
    const char *failure = attempt->status == STATUS_MALFORMED ? "no_collector" : status_name(attempt->status);
    return json_pack("{s:s, s:s, s:s*, s:b}", "route", route_label(upload, route), "state", state, "failure",
                     is_good ? NULL : failure, "is_used", route == upload->working);
}

json_t *upload_routes_encode(const struct upload *upload)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < route_count(upload); i++) {
        json_t *object = route_encode(upload, i);
        if (!object || json_array_append_new(array, object) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

void upload_free(struct upload *upload)
{
    if (!upload)
        return;
    upload->config.sender.rest(upload->config.sender.state);
    spool_bundle_free(&upload->bundle);
    free(upload);
}
