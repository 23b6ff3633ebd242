/* POST /report, /report/ID and /report/ID/close: OONI's own protocol; what comes by it is kept as unsigned.
 * Owner: a submission owns its line until it is answered; while the pipeline has it, the loop only knows of it.
 * Why: an answer with a measurement's id is only given once the measurement is stored, durably. */
#include <event2/buffer.h>
#include <event2/http.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zstd.h>

#include "collector/ooni/report.h"
#include "collector/serve/parts.h"

#define BACKEND_VERSION "1.3.5" /* whose protocol this is */
#define CLOSE_SUFFIX    "/close"

struct submission {
    struct pipeline_job job;
    struct mail mail;
    struct server *server;
    struct evhttp_request *request; /* NULL: the asker hung up */
    struct buffer line;
    char uid[REPORT_UID_BYTES];
};

static void submission_free(struct submission *submission)
{
    ingest_job_end(&submission->job.ingest);
    buffer_free(&submission->line);
    free(submission);
}

static void refuse(struct server *server, struct evhttp_request *request, enum status status, const struct why *why)
{
    log_event(&server->config->log, LOG_LEVEL_WARN, "report_refused", "status=%s reason=\"%s\"", status_name(status),
              why->text);
    reply_status(request, status, why->text[0] ? why->text : status_name(status));
}

/* In the loop that took it. */
static void submission_deliver(struct mail *mail)
{
    struct submission *submission = (struct submission *)((char *)mail - offsetof(struct submission, mail));
    struct server *server = submission->server;
    const struct ingest_job *job = &submission->job.ingest;
    server->submission_count--;
    if (job->status == STATUS_OK && !job->result.is_duplicate_bundle) {
        atomic_fetch_add(&server->service->metrics.unsigned_measurements, 1);
    }
    if (submission->request) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(submission->request), NULL, NULL);
        if (job->status == STATUS_OK) {
            reply_json(submission->request, 200, json_pack("{s:s}", "measurement_uid", submission->uid));
        } else {
            refuse(server, submission->request, job->status, &job->why);
        }
    }
    submission_free(submission);
}

/* In a thread of the pipeline. */
static void submission_told(struct pipeline_job *job)
{
    struct submission *submission = (struct submission *)((char *)job - offsetof(struct submission, job));
    if (job->ingest.status == STATUS_OK && !job->ingest.result.is_duplicate_bundle) {
        judge_dirty(submission->server->service->judge);
    }
    mailbox_post(submission->server->mailbox, &submission->mail);
}

static void on_hangup(struct evhttp_connection *connection, void *arg)
{
    struct submission *submission = arg;
    (void)connection;
    submission->request = NULL;
}

/* The body as it was before it was packed. A frame that does not say how large it is, or says too much, is refused before
 * anything is made for it. */
static enum status body_unpack(struct buffer *body, struct why *why)
{
    struct buffer plain = {0};
    unsigned long long count = ZSTD_getFrameContentSize(body->bytes, body->count);
    if (count == ZSTD_CONTENTSIZE_ERROR || count == ZSTD_CONTENTSIZE_UNKNOWN || count > REPORT_BYTES_MAX) {
        why_set(why, "the body is no zstd frame that says its size, of at most %u bytes", REPORT_BYTES_MAX);
        return count == ZSTD_CONTENTSIZE_ERROR ? STATUS_MALFORMED : STATUS_TOO_LARGE;
    }
    uint8_t *room = buffer_reserve(&plain, (size_t)count + 1);
    size_t made = room ? ZSTD_decompress(room, (size_t)count, body->bytes, body->count) : 0;
    if (!room || ZSTD_isError(made)) {
        buffer_free(&plain);
        why_set(why, "the body's zstd frame is damaged");
        return room ? STATUS_MALFORMED : STATUS_NO_MEMORY;
    }
    plain.count = made;
    buffer_free(body);
    *body = plain;
    return STATUS_OK;
}

static enum status body_read(struct evhttp_request *request, struct buffer *out, struct why *why)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    const char *encoding = evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Encoding");
    size_t count = evbuffer_get_length(body);
    uint8_t *room = buffer_reserve(out, count + 1);
    if (!room) {
        return STATUS_NO_MEMORY;
    }
    evbuffer_remove(body, room, count);
    out->count = count;
    if (!encoding || strcasecmp(encoding, "identity") == 0) {
        return STATUS_OK;
    }
    if (strcasecmp(encoding, "zstd") != 0) {
        why_set(why, "Content-Encoding is zstd or none");
        return STATUS_UNSUPPORTED;
    }
    return body_unpack(out, why);
}

static void report_start(struct server *server, struct evhttp_request *request, const struct buffer *body)
{
    struct random_source random = random_system();
    struct why why = {""};
    char id[REPORT_ID_BYTES];
    enum status status =
        report_open((const char *)body->bytes, body->count, clock_wall_us(&server->clock), &random, id, &why);
    if (status != STATUS_OK) {
        refuse(server, request, status, &why);
        return;
    }
    reply_json(request, 200,
               json_pack("{s:s, s:s, s:[s]}", "backend_version", BACKEND_VERSION, "report_id", id, "supported_formats",
                         "json"));
}

static void submission_start(struct server *server, struct evhttp_request *request, struct submission *submission)
{
    struct ingest_job *job = &submission->job.ingest;
    submission->server = server;
    submission->request = request;
    submission->mail.deliver = submission_deliver;
    submission->job.told = submission_told;
    job->packed = submission->line.bytes;
    job->packed_count = submission->line.count;
    job->is_unsigned = true;
    job->now_us = clock_wall_us(&server->clock);
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_hangup, submission);
    server->submission_count++;
    if (pipeline_submit(server->service->pipeline, &submission->job) != STATUS_OK) {
        server->submission_count--;
        evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL, NULL);
        submission_free(submission);
        reply_header(request, "Retry-After", "2");
        reply_error(request, 503, "busy", "more measurements are on their way in than the store can take; try again soon");
    }
}

static void measurement_take(struct server *server, struct evhttp_request *request, const char *id,
                             const struct buffer *body)
{
    struct why why = {""};
    int64_t wait_s = 0;
    int64_t now_us = clock_wall_us(&server->clock);
    struct submission *submission = calloc(1, sizeof *submission);
    enum status status = submission ? report_read(id, (const char *)body->bytes, body->count, now_us, &submission->line, &why)
                                    : STATUS_NO_MEMORY;
    if (status == STATUS_OK && trust_admit_report(server->service->trust, id, &wait_s) != STATUS_OK) {
        why_set(&why, "too many measurements came for this report, or unsigned ones in all; try again later");
        status = STATUS_BUSY;
    }
    if (status == STATUS_OK) {
        report_uid(id, &submission->line, now_us, submission->uid);
        submission_start(server, request, submission);
        return;
    }
    if (submission) {
        submission_free(submission);
    }
    if (status == STATUS_REFUSED) {
        reply_json(request, 200, json_object()); /* dropped in silence, as OONI's own backend does */
    } else {
        refuse(server, request, status, &why);
    }
}

void route_report(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct buffer body = {0};
    struct why why = {""};
    char id[REPORT_ID_BYTES];
    size_t count = strcspn(rest + (rest[0] == '/'), "/");
    const char *behind = rest + (rest[0] == '/') + count;
    if (server->config->refuses_reports) {
        reply_error(request, 403, status_name(STATUS_REFUSED), "this collector takes signed bundles only");
        return;
    }
    enum status status = body_read(request, &body, &why);
    snprintf(id, sizeof id, "%.*s", count < sizeof id ? (int)count : 0, rest + (rest[0] == '/'));
    if (status != STATUS_OK) {
        refuse(server, request, status, &why);
    } else if (!id[0] && !behind[0]) {
        report_start(server, request, &body);
    } else if (!behind[0]) {
        measurement_take(server, request, id, &body);
    } else if (strcmp(behind, CLOSE_SUFFIX) == 0) {
        reply_json(request, 200, json_pack("{s:s}", "status", "success"));
    } else {
        reply_error(request, 404, status_name(STATUS_NOT_FOUND), "of a report there is only close");
    }
    buffer_free(&body);
}
