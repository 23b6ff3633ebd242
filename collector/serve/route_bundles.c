/* POST /v1/bundles: a signed bundle in, a signed receipt out.
 * Owner: evhttp owns the body until the request is answered.
 * Why: a receipt is only written after the store has committed, durably. */
#include <event2/buffer.h>
#include <string.h>

#include "collector/ingest/ingest.h"
#include "collector/ingest/receipt.h"
#include "collector/serve/parts.h"

/* What the headers give. */
struct upload {
    struct public_key key;
    struct buffer minisig;
};

static enum status headers_read(struct evhttp_request *request, struct upload *out, struct why *why)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *key = evhttp_find_header(headers, "Dialtone-Key");
    const char *signature = evhttp_find_header(headers, "Dialtone-Signature");
    const char *encoding = evhttp_find_header(headers, "Content-Encoding");
    if (encoding && strcasecmp(encoding, "identity") != 0) {
        why_set(why, "Content-Encoding is not understood; send the .zst as it was signed");
        return STATUS_UNSUPPORTED;
    }
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

static enum status body_check(const uint8_t *bytes, size_t count, struct why *why)
{
    if (count == 0) {
        why_set(why, "the body is empty; send the .zst");
        return STATUS_MALFORMED;
    }
    if (count > BUNDLE_PACKED_BYTES_MAX) {
        why_set(why, "the bundle has %zu bytes, at most %u are taken; send smaller ones", count,
                BUNDLE_PACKED_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    if (count < 4 || memcmp(bytes, "\x28\xb5\x2f\xfd", 4) != 0) { /* RFC 8878 section 3.1.1 */
        why_set(why, "the body is no zstd frame; send the .zst of a bundle");
        return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

static enum status upload_take(struct server *server, struct evhttp_request *request,
                               uint8_t hash[SHA256_BYTES], struct store_put_result *result, struct why *why)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    struct upload upload = {0};
    size_t count = evbuffer_get_length(body);
    const uint8_t *bytes = evbuffer_pullup(body, -1);
    enum status status = body_check(bytes, count, why);
    if (status == STATUS_OK) {
        status = headers_read(request, &upload, why);
    }
    if (status == STATUS_OK) {
        struct ingest_bundle bundle = {bytes, count, (const char *)upload.minisig.bytes, upload.minisig.count,
                                       &upload.key};
        status = ingest_bundle(server->folder, &bundle, clock_wall_us(&server->clock), hash, result, why);
    }
    buffer_free(&upload.minisig);
    return status;
}

void route_bundles(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    struct why why = {""};
    struct store_put_result result = {0};
    struct buffer receipt = {0};
    uint8_t hash[SHA256_BYTES] = {0};
    enum status status = upload_take(server, request, hash, &result, &why);
    if (status == STATUS_OK) {
        status = receipt_write(&server->key, hash, &result, &receipt);
    }
    if (status != STATUS_OK) {
        log_event(&server->config->log, LOG_LEVEL_WARN, "bundle_refused", "status=%s reason=\"%s\"",
                  status_name(status), why.text);
        buffer_free(&receipt);
        reply_status(request, status, why.text[0] ? why.text : status_name(status));
        return;
    }
    if (!result.is_duplicate_bundle) {
        log_event(&server->config->log, LOG_LEVEL_INFO, "bundle_stored",
                  "log_index=%lld accepted=%zu duplicate=%zu", (long long)result.log_index,
                  result.accepted_count, result.duplicate_count);
        detect_timer_dirty(server->detect);
    }
    reply_bytes(request, result.is_duplicate_bundle ? 200 : 201, "application/json", &receipt);
}
