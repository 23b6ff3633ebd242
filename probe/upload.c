/* POST /v1/bundles for each bundle of the spool.
 * Owner: the upload owns the bundle in flight and its headers.
 * Why: nothing is deleted before a verified receipt is on the disk, and one bad bundle does not hold up the rest. */
#include "probe/upload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "probe/receipt.h"
#include "probe/state.h"

#define ANSWER_BYTES_MAX   65536
#define TIMEOUT_DEFAULT_US (120 * US_PER_S)
#define RETRY_AFTER_MAX_US (3600 * US_PER_S)

struct upload {
    struct upload_config config;
    char *url;
    struct public_key pinned;
    bool is_pinned;
    struct spool_bundle bundle;
    char *signature; /* the header's text */
    struct fetch *fetch;
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
    struct buffer url = {0};
    struct upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        return STATUS_NO_MEMORY;
    upload->config = *config;
    size_t length = strlen(config->collector_url);
    while (length > 0 && config->collector_url[length - 1] == '/')
        length--;
    buffer_append(&url, config->collector_url, length);
    buffer_text(&url, "/v1/bundles");
    upload->url = buffer_take_text(&url);
    enum status status = upload->url ? pin_open(upload, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        *out = upload;
        upload = NULL;
    }
    upload_free(upload);
    return status;
}

static void bundle_release(struct upload *upload)
{
    spool_bundle_free(&upload->bundle);
    free(upload->signature);
    upload->signature = NULL;
}

static void upload_end(struct upload *upload, enum upload_outcome outcome, int64_t retry_after_us)
{
    upload->is_running = false;
    upload->counts.failed_count += outcome == UPLOAD_LATER;
    bundle_release(upload);
    upload->callback(outcome, retry_after_us, upload->arg);
}

static enum status bundle_send(struct upload *upload);

/* The next bundle, or the end. */
static void upload_next(struct upload *upload)
{
    struct why why = {0};
    enum status status;
    bundle_release(upload);
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
        status = bundle_send(upload);
    if (status != STATUS_OK) {
        log_event(upload->config.log, LOG_LEVEL_ERROR, "upload_not_started", "status=%s", status_name(status));
        upload_end(upload, UPLOAD_LATER, 0);
    }
}

/* As one line, whatever white space came. */
static enum status receipt_append(const struct upload *upload, const struct fetch_response *response,
                                  struct why *why)
{
    struct buffer line = {0};
    json_t *answer = NULL;
    enum status status = json_read((const char *)response->body, response->body_bytes, &answer, why);
    if (status == STATUS_OK)
        status = json_write(answer, &line);
    if (status == STATUS_OK)
        status = state_receipt_append(upload->config.state_folder, line.bytes, line.count, why);
    json_decref(answer);
    buffer_free(&line);
    return status;
}

/* Pin first: a receipt is only worth what its key is worth the next time. */
static enum status receipt_keep(struct upload *upload, const struct fetch_response *response,
                                const struct public_key *key, struct why *why)
{
    if (!upload->is_pinned) {
        enum status status = state_collector_publish(upload->config.state_folder, key, why);
        if (status != STATUS_OK)
            return status;
        upload->pinned = *key;
        upload->is_pinned = true;
    }
    return receipt_append(upload, response, why);
}

static enum status accepted(struct upload *upload, const struct fetch_response *response)
{
    struct public_key key;
    struct why why = {0};
    enum status status = receipt_check(response->body, response->body_bytes, upload->bundle.hash,
                                       upload->bundle.is_sealed ? upload->bundle.file_hash : NULL,
                                       upload->is_pinned ? &upload->pinned : NULL, &key, &why);
    if (status == STATUS_OK)
        status = receipt_keep(upload, response, &key, &why);
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
static bool is_final_refusal(const struct fetch_response *response)
{
    static const long codes[] = {400, 401, 409, 413, 415, 422};
    bool is_final = false;
    json_t *answer = NULL;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        is_final = is_final || response->code == codes[i];
    if (!is_final || json_read((const char *)response->body, response->body_bytes, &answer, NULL) != STATUS_OK)
        return false;
    is_final = json_member_text(answer, "error") != NULL;
    json_decref(answer);
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

static int64_t retry_after_us(const struct fetch_response *response)
{
    const char *value = fetch_header_value(response, "Retry-After");
    char *end = NULL;
    if (!value || value[0] < '0' || value[0] > '9')
        return 0;
    errno = 0;
    long long seconds = strtoll(value, &end, 10);
    if (errno != 0 || *end != '\0' || seconds > RETRY_AFTER_MAX_US / US_PER_S)
        return RETRY_AFTER_MAX_US;
    return seconds * US_PER_S;
}

static void on_answer(const struct fetch_response *response, void *arg)
{
    struct upload *upload = arg;
    enum status status = STATUS_OFFLINE;
    upload->fetch = NULL;
    upload->counts.sent_bytes += response->sent_bytes;
    if (response->status == STATUS_OK && (response->code == 200 || response->code == 201) && !response->is_truncated)
        status = accepted(upload, response);
    else if (response->status == STATUS_OK && is_final_refusal(response))
        status = refused(upload, response->code);
    else
        log_event(upload->config.log, LOG_LEVEL_WARN, "upload_failed", "bundle=%s status=%s code=%ld",
                  upload->bundle.name, status_name(response->status), response->code);
    if (status == STATUS_OK)
        upload_next(upload);
    else
        upload_end(upload, UPLOAD_LATER, response->status == STATUS_OK ? retry_after_us(response) : 0);
}

static enum status bundle_send(struct upload *upload)
{
    struct buffer signature = {0};
    base64url_append(&signature, upload->bundle.minisig.bytes, upload->bundle.minisig.count);
    upload->signature = buffer_take_text(&signature);
    if (!upload->signature)
        return STATUS_NO_MEMORY;
    const struct fetch_header headers[] = {
        {"Content-Type", upload->bundle.is_sealed ? "application/age" : "application/zstd"},
        {"Dialtone-Signature", upload->signature},
        {"Dialtone-Key", upload->bundle.public_key},
    };
    const struct fetch_request request = {
        .method = "POST",
        .url = upload->url,
        .headers = headers,
        .header_count = upload->bundle.is_sealed ? 1 : sizeof headers / sizeof headers[0], /* the rest is inside */
        .body = upload->bundle.packed.bytes,
        .body_bytes = upload->bundle.packed.count,
        .timeout_us = upload->config.timeout_us > 0 ? upload->config.timeout_us : TIMEOUT_DEFAULT_US,
        .body_limit_bytes = ANSWER_BYTES_MAX,
        .ca_file = upload->config.ca_file,
        .connected_fd = -1,
    };
    return fetch_start(upload->config.fetcher, &request, on_answer, upload, &upload->fetch);
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
    if (upload->fetch)
        fetch_cancel(upload->fetch);
    bundle_release(upload);
    free(upload->url);
    free(upload);
}
