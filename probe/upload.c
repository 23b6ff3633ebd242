/* Each bundle of the spool to the collector, and what its answer means for the bundle.
 * Owner: the upload owns the bundle in flight.
 * Why: nothing is deleted before a verified receipt is on the disk, and one bad bundle does not hold up the rest. */
#include "probe/upload.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "probe/receipt.h"
#include "probe/state.h"

struct upload {
    struct upload_config config;
    struct public_key pinned;
    bool is_pinned;
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

enum status upload_open(const struct upload_config *config, struct upload **out, struct why *why)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        return STATUS_NO_MEMORY;
    upload->config = *config;
    enum status status = pin_open(upload, why);
    if (status == STATUS_OK) {
        *out = upload;
        upload = NULL;
    }
    upload_free(upload);
    return status;
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
        status = upload->config.sender.send(upload->config.sender.state, &upload->bundle, on_answer, upload);
    if (status != STATUS_OK) {
        log_event(upload->config.log, LOG_LEVEL_ERROR, "upload_not_started", "status=%s", status_name(status));
        upload_end(upload, UPLOAD_LATER, 0);
    }
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
    if (!upload->is_pinned) {
        enum status status = state_collector_publish(upload->config.state_folder, key, why);
        if (status != STATUS_OK)
            return status;
        upload->pinned = *key;
        upload->is_pinned = true;
    }
    return receipt_append(upload, answer, why);
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
    enum status status = receipt_check(answer->body, answer->body_bytes, upload->bundle.hash,
                                       upload->bundle.is_sealed ? upload->bundle.file_hash : NULL,
                                       upload->is_pinned ? &upload->pinned : NULL, &key, &why);
    if (status == STATUS_OK)
        clock_tell(upload, answer, true);
    if (status == STATUS_OK)
        status = receipt_keep(upload, answer, &key, &why);
    if (status == STATUS_OK)
        status = spool_remove(upload->config.spool, upload->bundle.name, &why);
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
    if (answer->status == STATUS_OK)
        clock_tell(upload, answer, false);
    if (answer->status == STATUS_OK && (answer->code == 200 || answer->code == 201) && !answer->is_truncated)
        status = accepted(upload, answer);
    else if (answer->status == STATUS_OK && is_final_refusal(answer))
        status = refused(upload, answer->code);
    else
        log_event(upload->config.log, LOG_LEVEL_WARN, "upload_failed", "bundle=%s status=%s code=%ld",
                  upload->bundle.name, status_name(answer->status), answer->code);
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

void upload_free(struct upload *upload)
{
    if (!upload)
        return;
    upload->config.sender.rest(upload->config.sender.state);
    spool_bundle_free(&upload->bundle);
    free(upload);
}
