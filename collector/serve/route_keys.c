/* GET /v1/keys: whom probes seal to, and whose receipts and checkpoints they believe; signed.
 * Owner: the answer lives for one request.
 * Why: a probe takes the collector's key once; from then on everything else follows from it. */
#include <event2/http.h>

#include "collector/serve/parts.h"
#include "measurement/base/json.h"
#include "measurement/note.h"

static enum status body_make(const struct server *server, struct buffer *out)
{
    char key[PUBLIC_KEY_TEXT_BYTES];
    char recipient[AGE_RECIPIENT_BYTES] = "";
    char origin[NOTE_NAME_BYTES];
    char verifier[NOTE_VERIFIER_BYTES];
    const struct service *service = server->service;
    public_key_format(&server->key->public_key, key);
    note_origin(&server->key->public_key, origin);
    if (service->has_recipient) {
        age_recipient_format(&service->recipient, recipient);
    }
    enum status status = note_verifier_format(&server->key->public_key, verifier);
    json_t *root = json_pack("{s:s, s:o, s:s, s:s, s:s}", "key", key, "recipient",
                             json_text_or_null(service->has_recipient ? recipient : NULL), "log", origin,
                             "log_verifier", verifier, "enrolment",
                             trust_enrolment_name(trust_enrolment_of(service->trust)));
    if (status == STATUS_OK) {
        status = root ? json_write(root, out) : STATUS_NO_MEMORY;
    }
    json_decref(root);
    return status;
}

void route_keys(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct buffer body = {0};
    (void)rest;
    enum status status = body_make(server, &body);
    if (status == STATUS_OK) {
        status = signed_headers(server, request, &body, "dialtone keys");
    }
    if (status != STATUS_OK) {
        buffer_free(&body);
        reply_status(request, status, "the keys cannot be told now; try again later");
        return;
    }
    reply_tagged(request, "application/json", &body);
}
