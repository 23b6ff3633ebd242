/* POST /v1/bundles: a signed bundle in, a signed receipt out.
 * Owner: an upload owns what was sent until it is answered; while the pipeline has it, the loop only knows of it. The asker
 * may hang up meanwhile: the bundle is stored all the same, and the same bundle gets the same receipt later.
 * Why: a receipt is only written after the store has committed, durably. */
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest/receipt.h"
#include "collector/serve/parts.h"
#include "measurement/age.h"

struct upload {
    struct pipeline_job job;
    struct mail mail;
    struct server *server;
    struct evhttp_request *request; /* NULL: the asker hung up */
    struct public_key key;
    struct buffer minisig;
    struct buffer body;
    struct upload *next;
    struct upload *previous;
};

static void upload_free(struct upload *upload)
{
    ingest_job_end(&upload->job.ingest);
    buffer_free(&upload->minisig);
    buffer_free(&upload->body);
    free(upload);
}

static enum status headers_read(struct evhttp_request *request, struct upload *out, struct why *why)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *key = evhttp_find_header(headers, "Dialtone-Key");
    const char *signature = evhttp_find_header(headers, "Dialtone-Signature");
    if (!key || !signature) {
        why_set(why, "the header %s is missing; send the probe's public key and the .minisig in base64url",
                key ? "Dialtone-Signature" : "Dialtone-Key");
        return STATUS_BAD_SIGNATURE;
    }
    if (public_key_parse(key, &out->key) != STATUS_OK) {
        why_set(why, "Dialtone-Key is no minisign public key of a probe");
        return STATUS_BAD_SIGNATURE;
    }
    out->minisig.limit = MINISIG_BYTES_MAX;
    if (base64_decode(signature, strlen(signature), &out->minisig) != STATUS_OK) {
        why_set(why, "Dialtone-Signature is no .minisig in base64url");
        return STATUS_BAD_SIGNATURE;
    }
    return STATUS_OK;
}

static enum status body_check(struct evhttp_request *request, const struct buffer *body, struct why *why)
{
    const char *encoding = evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Encoding");
    if (encoding && strcasecmp(encoding, "identity") != 0) {
        why_set(why, "Content-Encoding is not understood; send the .zst as it was signed");
        return STATUS_UNSUPPORTED;
    }
    if (body->count == 0) {
        why_set(why, "the body is empty; send the .zst");
        return STATUS_MALFORMED;
    }
    if (body->count > BUNDLE_PACKED_BYTES_MAX) {
        why_set(why, "the bundle has %zu bytes, at most %u are taken; send smaller ones", body->count,
                BUNDLE_PACKED_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    bool is_zstd = body->count >= 4 && memcmp(body->bytes, "\x28\xb5\x2f\xfd", 4) == 0; /* RFC 8878, 3.1.1 */
    if (!is_zstd && !age_is_sealed(body->bytes, body->count)) {
        why_set(why, "the body is no zstd frame; send the .zst of a bundle");
        return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

static enum status body_take(struct evhttp_request *request, struct buffer *out)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    size_t count = evbuffer_get_length(body);
    uint8_t *room = buffer_reserve(out, count);
    if (!room) {
        return STATUS_NO_MEMORY;
    }
    evbuffer_remove(body, room, count);
    out->count = count;
    return STATUS_OK;
}

static enum status upload_read(struct upload *upload, struct why *why)
{
    struct ingest_job *job = &upload->job.ingest;
    enum status status = body_take(upload->request, &upload->body);
    if (status == STATUS_OK) {
        status = body_check(upload->request, &upload->body, why);
    }
    bool is_sealed = status == STATUS_OK && age_is_sealed(upload->body.bytes, upload->body.count);
    if (status == STATUS_OK && !is_sealed) {
        status = headers_read(upload->request, upload, why);
    }
    job->packed = upload->body.bytes;
    job->packed_count = upload->body.count;
    job->minisig = is_sealed ? NULL : (const char *)upload->minisig.bytes;
    job->minisig_count = upload->minisig.count;
    job->key = is_sealed ? NULL : &upload->key;
    job->now_us = clock_wall_us(&upload->server->clock);
    return status;
}

static void refuse(struct server *server, struct evhttp_request *request, enum status status,
                   const struct why *why)
{
    metrics_bundle(&server->service->metrics, status, 0, 0);
    log_event(&server->config->log, LOG_LEVEL_WARN, "bundle_refused", "status=%s reason=\"%s\"",
              status_name(status), why->text);
    if (request) {
        reply_status(request, status, why->text[0] ? why->text : status_name(status));
    }
}

static void answer(struct upload *upload)
{
    struct server *server = upload->server;
    const struct ingest_job *job = &upload->job.ingest;
    struct buffer receipt = {0};
    enum status status = job->status;
    if (status == STATUS_OK) {
        status = receipt_write(server->key, job->hash, &job->result, &receipt);
    }
    if (status != STATUS_OK) {
        buffer_free(&receipt);
        refuse(server, upload->request, status, &job->why);
        return;
    }
    metrics_bundle(&server->service->metrics, job->result.is_duplicate_bundle ? STATUS_DUPLICATE : STATUS_OK,
                   job->result.accepted_count, job->result.duplicate_count);
    if (!job->result.is_duplicate_bundle) {
        log_event(&server->config->log, LOG_LEVEL_INFO, "bundle_stored",
                  "log_index=%lld accepted=%zu duplicate=%zu", (long long)job->result.log_index,
                  job->result.accepted_count, job->result.duplicate_count);
    }
    if (upload->request) {
        reply_bytes(upload->request, job->result.is_duplicate_bundle ? 200 : 201, "application/json", &receipt);
    }
    buffer_free(&receipt);
}

/* In the loop that took the upload. */
static void upload_deliver(struct mail *mail)
{
    struct upload *upload = (struct upload *)((char *)mail - offsetof(struct upload, mail));
    struct upload **place = upload->previous ? &upload->previous->next : &upload->server->uploads;
    *place = upload->next;
    if (upload->next) {
        upload->next->previous = upload->previous;
    }
    if (upload->request) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(upload->request), NULL, NULL);
    }
    answer(upload);
    upload_free(upload);
}

/* In a thread of the pipeline. */
static void upload_told(struct pipeline_job *job)
{
    struct upload *upload = (struct upload *)((char *)job - offsetof(struct upload, job));
    if (job->ingest.status == STATUS_OK && !job->ingest.result.is_duplicate_bundle) {
        judge_dirty(upload->server->service->judge);
    }
    mailbox_post(upload->server->mailbox, &upload->mail);
}

static void on_hangup(struct evhttp_connection *connection, void *arg)
{
    struct upload *upload = arg;
    (void)connection;
    upload->request = NULL;
}

static void upload_list(struct upload *upload)
{
    struct server *server = upload->server;
    upload->next = server->uploads;
    if (server->uploads) {
        server->uploads->previous = upload;
    }
    server->uploads = upload;
    evhttp_connection_set_closecb(evhttp_request_get_connection(upload->request), on_hangup, upload);
}

static void upload_unlist(struct upload *upload)
{
    evhttp_connection_set_closecb(evhttp_request_get_connection(upload->request), NULL, NULL);
    upload->server->uploads = upload->next;
    if (upload->next) {
        upload->next->previous = NULL;
    }
}

/* Where the identity is elsewhere a sealed bundle is kept as it is, and the receipt is for the sealed file. */
static void sealed_keep(struct upload *upload)
{
    struct server *server = upload->server;
    struct why why = {""};
    struct buffer receipt = {0};
    uint8_t hash[SHA256_BYTES];
    int64_t received_us = 0;
    bool was_there = false;
    enum status status = identity_keep_sealed(server->folder->path, upload->body.bytes, upload->body.count,
                                              upload->job.ingest.now_us, hash, &received_us, &was_there, &why);
    if (status == STATUS_OK) {
        status = receipt_write_sealed(server->key, hash, received_us, &receipt);
    }
    if (status != STATUS_OK) {
        buffer_free(&receipt);
        refuse(server, upload->request, status, &why);
        return;
    }
    log_event(&server->config->log, LOG_LEVEL_INFO, "sealed_kept", "again=%s", was_there ? "yes" : "no");
    reply_bytes(upload->request, was_there ? 200 : 201, "application/json", &receipt);
}

void route_bundles(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct why why = {""};
    struct upload *upload = calloc(1, sizeof *upload);
    (void)rest;
    if (!upload) {
        reply_status(request, STATUS_NO_MEMORY, "out of memory; try again later");
        return;
    }
    upload->server = server;
    upload->request = request;
    upload->mail.deliver = upload_deliver;
    upload->job.told = upload_told;
    enum status status = upload_read(upload, &why);
    if (status != STATUS_OK) {
        refuse(server, request, status, &why);
        upload_free(upload);
        return;
    }
    if (!upload->job.ingest.key && server->service->is_offline) {
        sealed_keep(upload);
        upload_free(upload);
        return;
    }
    upload_list(upload); /* first: it may be told before the submission returns */
    if (pipeline_submit(server->service->pipeline, &upload->job) != STATUS_OK) {
        upload_unlist(upload);
        upload_free(upload);
        reply_header(request, "Retry-After", "2");
        reply_error(request, 503, "busy", "more bundles are on their way in than the store can take; try again soon");
    }
}
