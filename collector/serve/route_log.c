/* GET /api/v1/log, log/proof, log/consistency and log/leaves: the evidence log, for whoever would check it.
 * Owner: the log is the keeper's, taken for one answer and given back.
 * Why: nobody has to believe the collector that a bundle was there, and that nothing was taken away since. */
#include <event2/http.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/log/evidence_log.h"
#include "collector/serve/parts.h"

#define LEAVES_DEFAULT 1000
#define LEAVES_MOST    10000

/* The log as it is now; to be given back where this says OK. */
static enum status log_take(struct server *server, struct evidence_log **out, struct why *why)
{
    enum status status = log_keeper_take(server->service->log, out, why);
    if (status == STATUS_OK) {
        status = evidence_log_update(*out, why);
        if (status != STATUS_OK) {
            log_keeper_give(server->service->log);
        }
    }
    return status;
}

/* What the caller could not know is told; what the operator has to look at is logged. */
static void refuse(struct server *server, struct evhttp_request *request, enum status status, const struct why *why)
{
    if (status == STATUS_CONFLICT || status == STATUS_IO) {
        log_event(&server->config->log, LOG_LEVEL_ERROR, "log_not_told", "status=%s reason=\"%s\"", status_name(status),
                  why->text);
        reply_error(request, 500, "log_damaged", "the log cannot be told: its operator has to look at it");
        return;
    }
    reply_status(request, status, why->text[0] ? why->text : status_name(status));
}

static json_t *proof_encode(const struct merkle_proof *proof)
{
    json_t *list = json_array();
    char digits[2 * SHA256_BYTES + 1];
    for (size_t i = 0; i < proof->count; i++) {
        hex_encode(proof->hashes[i].bytes, SHA256_BYTES, digits);
        json_array_append_new(list, json_string(digits));
    }
    return list;
}

static void checkpoint_send(struct server *server, struct evhttp_request *request)
{
    struct buffer note = {0};
    struct why why = {""};
    struct evidence_log *log = NULL;
    enum status status = log_take(server, &log, &why);
    if (status == STATUS_OK) {
        status = evidence_log_checkpoint(log, server->key, &note, &why);
        log_keeper_give(server->service->log);
    }
    if (status != STATUS_OK) {
        buffer_free(&note);
        refuse(server, request, status, &why);
        return;
    }
    reply_tagged(request, "text/plain; charset=utf-8", &note);
}

static void inclusion_send(struct server *server, struct evhttp_request *request, const struct evkeyvalq *query)
{
    struct why why = {""};
    struct evidence_log *log = NULL;
    struct merkle_proof proof;
    uint8_t bundle[SHA256_BYTES];
    int64_t asked_size = 0;
    uint64_t index = 0;
    const char *digits = reply_query_value(query, "bundle");
    enum status status = STATUS_MALFORMED;
    if (!digits || hex_decode(digits, bundle, SHA256_BYTES) != STATUS_OK) {
        why_set(&why, "bundle is the SHA-256 of a .zst in 64 hexadecimal digits, as its receipt names it");
    } else if (reply_query_number(query, "size", 1, INT64_MAX, &asked_size) != STATUS_OK) {
        why_set(&why, "size is how many entries the tree has, as a checkpoint tells it");
    } else {
        status = log_take(server, &log, &why);
    }
    uint64_t size = (uint64_t)asked_size;
    if (status == STATUS_OK) {
        status = evidence_log_inclusion(log, bundle, &size, &index, &proof, &why);
        log_keeper_give(server->service->log);
    }
    if (status != STATUS_OK) {
        refuse(server, request, status, &why);
        return;
    }
    reply_json(request, 200,
               json_pack("{s:s, s:I, s:I, s:o}", "bundle", digits, "index", (json_int_t)index, "size", (json_int_t)size,
                         "proof", proof_encode(&proof)));
}

static void consistency_send(struct server *server, struct evhttp_request *request, const struct evkeyvalq *query)
{
    struct why why = {""};
    struct evidence_log *log = NULL;
    struct merkle_proof proof;
    int64_t from = -1;
    int64_t to = -1;
    enum status status = STATUS_MALFORMED;
    if (reply_query_number(query, "from", 0, INT64_MAX, &from) != STATUS_OK ||
        reply_query_number(query, "to", 0, INT64_MAX, &to) != STATUS_OK || from < 0 || to < 0) {
        why_set(&why, "from and to are how many entries two trees have, as their checkpoints tell it");
    } else {
        status = log_take(server, &log, &why);
    }
    if (status == STATUS_OK) {
        status = evidence_log_consistency(log, (uint64_t)from, (uint64_t)to, &proof, &why);
        log_keeper_give(server->service->log);
    }
    if (status != STATUS_OK) {
        refuse(server, request, status, &why);
        return;
    }
    reply_json(request, 200,
               json_pack("{s:I, s:I, s:o}", "from", (json_int_t)from, "to", (json_int_t)to, "proof",
                         proof_encode(&proof)));
}

static enum status leaf_append(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    char digits[2 * SHA256_BYTES + 1];
    (void)result;
    hex_encode(row->hash, SHA256_BYTES, digits);
    return json_array_append_new(arg, json_string(digits)) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

static void leaves_send(struct server *server, struct evhttp_request *request, const struct evkeyvalq *query)
{
    struct why why = {""};
    struct store_bundle_filter filter = {.log = server->key_name, .limit = LEAVES_DEFAULT};
    json_t *leaves = json_array();
    enum status status = STATUS_MALFORMED;
    if (reply_query_number(query, "from", 0, INT64_MAX, &filter.from_index) != STATUS_OK) {
        why_set(&why, "from is the number of the first entry that is wanted");
    } else if (reply_query_number(query, "limit", 1, LEAVES_MOST, &filter.limit) != STATUS_OK) {
        why_set(&why, "limit is a number from 1 to %d", LEAVES_MOST);
    } else {
        status = leaves ? query_bundles(server->query, &filter, leaf_append, leaves) : STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK) {
        json_decref(leaves);
        refuse(server, request, status, &why);
        return;
    }
    bool is_last = (int64_t)json_array_size(leaves) < filter.limit;
    json_int_t next = (json_int_t)(filter.from_index + (int64_t)json_array_size(leaves));
    reply_json(request, 200,
               json_pack("{s:I, s:o, s:o}", "from", (json_int_t)filter.from_index, "next",
                         is_last ? json_null() : json_integer(next), "leaves", leaves));
}

void route_log(struct server *server, struct evhttp_request *request, const char *rest)
{
    static const struct {
        const char *rest;
        void (*send)(struct server *server, struct evhttp_request *request, const struct evkeyvalq *query);
    } parts[] = {
        {"/proof", inclusion_send},
        {"/consistency", consistency_send},
        {"/leaves", leaves_send},
    };
    struct evkeyvalq *query = NULL;
    if (!rest[0]) {
        checkpoint_send(server, request);
        return;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(rest, parts[i].rest) != 0) {
            continue;
        }
        if (reply_query(request, &query) != STATUS_OK) {
            reply_error(request, 400, status_name(STATUS_MALFORMED), "the query string cannot be read");
            return;
        }
        parts[i].send(server, request, query);
        reply_query_free(query);
        return;
    }
    reply_error(request, 404, status_name(STATUS_NOT_FOUND), "of the log there are proof, consistency and leaves");
}
