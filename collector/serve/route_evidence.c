/* GET /api/v1/evidence?id=: one measurement with all that stands behind it: its line, the bundle, the proof that the bundle is
 * in the log, and the checkpoint that the proof leads to.
 * Owner: the tree lives for one answer.
 * Why: one file that can be put beside a claim, and checked years later. It names no probe. */
#include <event2/http.h>
#include <string.h>

#include "collector/log/evidence_log.h"
#include "collector/serve/parts.h"
#include "measurement/base/json.h"

static enum status row_keep(const struct store_measurement *row, void *arg)
{
    *(struct store_measurement *)arg = *row;
    return STATUS_OK;
}

static json_t *proof_json(const struct merkle_proof *proof)
{
    json_t *list = json_array();
    char digits[2 * SHA256_BYTES + 1];
    for (size_t i = 0; i < proof->count; i++) {
        hex_encode(proof->hashes[i].bytes, SHA256_BYTES, digits);
        json_array_append_new(list, json_string(digits));
    }
    return list;
}

/* {"checkpoint", "index", "size", "proof"} of the bundle, or null where it is in another collector's log. */
static enum status log_json(struct server *server, const uint8_t bundle[SHA256_BYTES], json_t **out, struct why *why)
{
    struct buffer note = {0};
    struct merkle_proof proof;
    uint64_t size = 0;
    uint64_t index = 0;
    struct evidence_log *log = NULL;
    enum status status = log_keeper_take(server->service->log, &log, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = evidence_log_checkpoint(log, server->key, &note, why);
    if (status == STATUS_OK) {
        status = evidence_log_inclusion(log, bundle, &size, &index, &proof, why);
    }
    log_keeper_give(server->service->log);
    if (status == STATUS_OK) {
        *out = json_pack("{s:s%, s:I, s:I, s:o}", "checkpoint", (const char *)note.bytes, note.count, "index",
                         (json_int_t)index, "size", (json_int_t)size, "proof", proof_json(&proof));
        status = *out ? STATUS_OK : STATUS_NO_MEMORY;
    } else if (status == STATUS_NOT_FOUND) {
        *out = json_null();
        status = STATUS_OK;
    }
    buffer_free(&note);
    return status;
}

static enum status evidence_gather(struct server *server, const uint8_t identity[SHA256_BYTES], const char *id,
                                   json_t **out, struct why *why)
{
    struct store_measurement row = {.line = -1};
    struct store_measurement_filter filter = {.identity = identity, .limit = 1};
    struct buffer line = {0};
    char bundle[2 * SHA256_BYTES + 1];
    json_t *log = NULL;
    enum status status = query_measurements(server->query, &filter, row_keep, &row);
    if (status == STATUS_OK && row.line < 0) {
        why_set(why, "there is no measurement with that id");
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        status = query_evidence(server->query, identity, &line, why);
    }
    if (status == STATUS_OK) {
        status = log_json(server, row.bundle_hash, &log, why);
    }
    if (status == STATUS_OK) {
        hex_encode(row.bundle_hash, SHA256_BYTES, bundle);
        *out = json_pack("{s:s, s:s%, s:s, s:I, s:b, s:o}", "id", id, "text", (const char *)line.bytes, line.count,
                         "bundle", bundle, "line", (json_int_t)row.line, "is_signed", (int)row.observation.is_signed,
                         "log", log);
        status = *out ? STATUS_OK : STATUS_NO_MEMORY;
    }
    buffer_free(&line);
    return status;
}

void route_evidence(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct evkeyvalq *query = NULL;
    struct why why = {""};
    uint8_t identity[SHA256_BYTES];
    json_t *root = NULL;
    struct buffer body = {0};
    (void)rest;
    enum status status = reply_query(request, &query);
    const char *id = status == STATUS_OK ? reply_query_value(query, "id") : NULL;
    if (!id || hex_decode(id, identity, SHA256_BYTES) != STATUS_OK) {
        why_set(&why, "id is a measurement's, 64 hexadecimal digits");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        status = evidence_gather(server, identity, id, &root, &why);
    }
    if (status == STATUS_OK) {
        body.failed = json_write(root, &body) != STATUS_OK;
        buffer_text(&body, "\n");
        reply_tagged(request, "application/json", &body);
    } else if (status == STATUS_MALFORMED || status == STATUS_NOT_FOUND || status == STATUS_BUSY) {
        reply_status(request, status, why.text);
    } else {
        log_event(&server->config->log, LOG_LEVEL_ERROR, "evidence_not_told", "status=%s reason=\"%s\"",
                  status_name(status), why.text);
        reply_error(request, status == STATUS_OFFLINE ? 503 : 500, status_name(status),
                    "the evidence cannot be read now: the operator has to look at it");
    }
    json_decref(root);
    reply_query_free(query);
}
