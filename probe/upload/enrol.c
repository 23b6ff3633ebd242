/* Enrols a key at a collector.
 * Owner: one request at a time, freed before the call returns.
 * Why: where not everybody may send, the one who holds the key has to say so, once. */
#include "probe/upload/enrol.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/fetch.h"
#include "measurement/base/json.h"
#include "measurement/minisig.h"

#define TIMEOUT_US       (60 * US_PER_S)
#define ANSWER_BYTES_MAX 65536

struct sending {
    const char *collector;
    struct loop *loop;
    enum status status;
    struct why *why;
};

static enum status answer_status(long code)
{
    return code == 403 || code == 409 ? STATUS_REFUSED
           : code == 429 || code == 503 ? STATUS_BUSY
           : code == 401                ? STATUS_BAD_SIGNATURE
                                        : STATUS_MALFORMED;
}

static void on_answer(const struct fetch_response *response, void *arg)
{
    struct sending *sending = arg;
    json_t *answer = NULL;
    sending->status = response->status;
    if (response->status != STATUS_OK) {
        sending->status = STATUS_OFFLINE;
        why_set(sending->why, "%.120s does not answer: %.120s", sending->collector,
                response->detail[0] ? response->detail : status_name(response->status));
    } else if (response->code != 200 && response->code != 201) {
        const char *detail = json_read((const char *)response->body, response->body_bytes, &answer, NULL) == STATUS_OK
                                 ? json_member_text(answer, "detail")
                                 : NULL;
        sending->status = answer_status(response->code);
        why_set(sending->why, "%.120s answers %ld: %.160s", sending->collector, response->code,
                detail ? detail : "no reason that could be read");
    }
    json_decref(answer);
    loop_stop(sending->loop);
}

static enum status statement_send(const struct enrol_request *request, const struct public_key *signer, const void *text,
                                  size_t count, const void *minisig, size_t minisig_count, struct why *why)
{
    struct sending sending = {.collector = request->collector, .why = why};
    struct fetcher *fetcher = NULL;
    struct fetch *fetch = NULL;
    struct buffer url = {0}, signature = {0};
    char key[PUBLIC_KEY_TEXT_BYTES];
    size_t length = strlen(request->collector);
    bool has_slash = length > 0 && request->collector[length - 1] == '/';
    buffer_printf(&url, "%.*s/v1/probes", (int)(has_slash ? length - 1 : length), request->collector);
    base64url_append(&signature, minisig, minisig_count);
    public_key_format(signer, key);
    char *url_text = buffer_take_text(&url), *signature_text = buffer_take_text(&signature);
    const struct fetch_header headers[] = {
        {"Dialtone-Key", key}, {"Dialtone-Signature", signature_text}, {"Content-Type", "application/json"}};
    const struct fetch_request post = {.method = "POST",
                                       .url = url_text,
                                       .headers = headers,
                                       .header_count = 3,
                                       .body = text,
                                       .body_bytes = count,
                                       .timeout_us = TIMEOUT_US,
                                       .body_limit_bytes = ANSWER_BYTES_MAX,
                                       .ca_file = request->ca_file,
                                       .proxy = request->proxy,
                                       .connected_fd = -1};
    enum status status = url_text && signature_text ? loop_open(&sending.loop) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = fetcher_open(sending.loop, &fetcher);
    if (status == STATUS_OK)
        status = fetch_start(fetcher, &post, on_answer, &sending, &fetch);
    if (status == STATUS_OK)
        status = loop_run(sending.loop);
    if (status == STATUS_OK)
        status = sending.status;
    fetcher_free(fetcher);
    loop_free(sending.loop);
    free(url_text);
    free(signature_text);
    return status;
}

enum status enrol_key(const struct enrol_request *request, const struct secret_key *key, int64_t now_us, struct why *why)
{
    char key_text[PUBLIC_KEY_TEXT_BYTES], now[TIME_TEXT_BYTES];
    struct buffer text = {0}, minisig = {0};
    public_key_format(&key->public_key, key_text);
    time_format_utc(now_us, now);
    json_t *root = json_pack("{s:i, s:s, s:s}", "dialtone_enrolment", 1, "key", key_text, "time", now);
    if (root && request->invitation)
        json_object_set_new(root, "invitation", json_string(request->invitation));
    enum status status = root ? json_write(root, &text) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = minisig_sign(key, text.bytes, text.count, "dialtone enrolment", &minisig);
    if (status == STATUS_OK)
        status = statement_send(request, &key->public_key, text.bytes, text.count, minisig.bytes, minisig.count, why);
    json_decref(root);
    buffer_free(&text);
    buffer_free(&minisig);
    return status;
}

enum status enrol_rotation(const struct enrol_request *request, const struct public_key *old, const void *statement,
                           size_t count, const void *minisig, size_t minisig_count, struct why *why)
{
    return statement_send(request, old, statement, count, minisig, minisig_count, why);
}
