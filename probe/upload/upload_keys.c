/* Whose receipts count and whom bundles are sealed to: as remembered, as given, or as the collector says.
 * Owner: nothing is kept but the upload's own.
 * Why: nothing is sent before the collector was asked, and its word is taken under its signature alone. */
#include "measurement/base/clock.h"
#include "probe/state/state.h"
#include "probe/upload/collector_keys.h"
#include "probe/upload/upload_inner.h"

#define KEYS_PATH    "/v1/keys"
#define KEYS_WAIT_US (6 * 3600 * US_PER_S) /* until a collector that names no recipient is asked again */

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

enum status upload_keys_open(struct upload *upload, struct why *why)
{
    enum status status = pin_open(upload, why);
    return status == STATUS_OK ? recipient_open(upload, why) : status;
}

enum status upload_key_pin(struct upload *upload, const struct public_key *key, struct why *why)
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
    enum status status = upload_key_pin(upload, &keys->key, why);
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

static void on_keys(const struct upload_answer *answer, void *arg)
{
    struct upload *upload = arg;
    struct collector_keys keys;
    struct why why = {0};
    upload_answer_note(upload, answer);
    upload->keys_due_us = clock_monotonic_us(&upload->config.log->clock) + KEYS_WAIT_US;
    if (answer->status != STATUS_OK || answer->attempts[answer->route].status != STATUS_OK) {
        upload->keys_due_us = 0;
        upload->unsealed_reason = "the collector was not reached to ask whom to seal to";
        log_event(upload->config.log, LOG_LEVEL_WARN, "keys_not_learnt", "status=%s", status_name(answer->status));
        upload_end(upload, UPLOAD_LATER, 0);
        return;
    }
    bool is_unfit = answer->code != 200 || !answer->signature || upload_route_is_others(upload, answer->route);
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
bool upload_keys_are_due(const struct upload *upload)
{
    bool is_known = upload->has_recipient && !upload->is_pin_unwritten && !upload->is_recipient_unwritten;
    return !is_known && clock_monotonic_us(&upload->config.log->clock) >= upload->keys_due_us &&
           spool_count(upload->config.spool).bundle_count > 0;
}

enum status upload_keys_ask(struct upload *upload)
{
    return upload_order_send(upload, NULL, KEYS_PATH, on_keys);
}
