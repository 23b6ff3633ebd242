/* The pass over the spool: each bundle to the collector in turn, until none waits or something stands against it.
 * Owner: the upload owns the bundle in flight.
 * Why: one bundle at a time, so that a link that breaks costs one. */
#include "probe/upload/upload.h"

#include <stdlib.h>

#include "probe/upload/upload_inner.h"

enum status upload_open(const struct upload_config *config, struct upload **out, struct why *why)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        return STATUS_NO_MEMORY;
    upload->config = *config;
    upload_routes_open(upload);
    enum status status = upload_keys_open(upload, why);
    if (status == STATUS_OK) {
        *out = upload;
        upload = NULL;
    }
    upload_free(upload);
    return status;
}

void upload_answer_note(struct upload *upload, const struct upload_answer *answer)
{
    upload->counts.sent_bytes += answer->sent_bytes;
    upload->counts.received_bytes += answer->received_bytes;
    upload_routes_note(upload, answer);
}

void upload_end(struct upload *upload, enum upload_outcome outcome, int64_t retry_after_us)
{
    upload->is_running = false;
    upload->counts.failed_count += outcome == UPLOAD_LATER;
    spool_bundle_free(&upload->bundle);
    upload->config.sender.rest(upload->config.sender.state);
    upload->callback(outcome, retry_after_us, upload->arg);
}

enum status upload_order_send(struct upload *upload, const struct spool_bundle *bundle, const char *path,
                              upload_answer_callback callback)
{
    const struct upload_order order = {.bundle = bundle, .path = path, .working = upload->working};
    return upload->config.sender.send(upload->config.sender.state, &order, callback, upload);
}

static void on_answer(const struct upload_answer *answer, void *arg)
{
    struct upload *upload = arg;
    upload_answer_note(upload, answer);
    enum status status = upload_receipt_take(upload, answer);
    if (status != STATUS_OK && upload_route_is_others(upload, answer->route))
        upload->working = ROUTES_MAX; /* it takes nothing: the next attempt begins with the first route */
    if (status == STATUS_OK)
        upload_next(upload);
    else
        upload_end(upload, UPLOAD_LATER, answer->status == STATUS_OK ? answer->retry_after_us : 0);
}

void upload_next(struct upload *upload)
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
        status = upload_order_send(upload, &upload->bundle, NULL, on_answer);
    if (status != STATUS_OK) {
        log_event(upload->config.log, LOG_LEVEL_ERROR, "upload_not_started", "status=%s", status_name(status));
        upload_end(upload, UPLOAD_LATER, 0);
    }
}

enum status upload_start(struct upload *upload, upload_callback callback, void *arg)
{
    if (upload->is_running)
        return STATUS_OK;
    upload->is_running = true;
    upload->callback = callback;
    upload->arg = arg;
    if (!upload_keys_are_due(upload) || upload_keys_ask(upload) != STATUS_OK)
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

void upload_free(struct upload *upload)
{
    if (!upload)
        return;
    upload->config.sender.rest(upload->config.sender.state);
    spool_bundle_free(&upload->bundle);
    free(upload);
}
