/* POST /v1/probes: a probe enrols its key, or names the one that follows it.
 * Owner: the statement lives for one request.
 * Why: where not everybody may send, the one who holds the key says so itself; nobody else can. */
#include <event2/buffer.h>
#include <event2/http.h>
#include <string.h>

#include "collector/serve/parts.h"
#include "collector/trust/enrolment.h"

static enum status said_read(struct server *server, struct evhttp_request *request, struct enrolment *out,
                             struct why *why)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *key = evhttp_find_header(headers, "Dialtone-Key");
    const char *signature = evhttp_find_header(headers, "Dialtone-Signature");
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    size_t count = evbuffer_get_length(body);
    const char *text = count <= ENROLMENT_BYTES_MAX ? (const char *)evbuffer_pullup(body, -1) : "";
    struct public_key signer;
    struct buffer minisig = {.limit = MINISIG_BYTES_MAX};
    if (!key || !signature || public_key_parse(key, &signer) != STATUS_OK ||
        base64_decode(signature, strlen(signature), &minisig) != STATUS_OK) {
        buffer_free(&minisig);
        why_set(why, "send the key in Dialtone-Key and its signature of the body in Dialtone-Signature, as for bundles");
        return STATUS_BAD_SIGNATURE;
    }
    enum status status = enrolment_read(text ? text : "", count, &signer, (const char *)minisig.bytes, minisig.count,
                                        &server->key->public_key, clock_wall_us(&server->clock), out, why);
    buffer_free(&minisig);
    return status;
}

static void answer(struct server *server, struct evhttp_request *request, const struct enrolment *enrolment, bool is_new)
{
    char name[KEY_NAME_BYTES];
    struct trust_probe row;
    public_key_name(enrolment->is_rotation ? &enrolment->successor : &enrolment->key, name);
    trust_find(server->service->trust, name, &row);
    reply_json(request, is_new ? 201 : 200,
               json_pack("{s:s, s:s, s:s}", "probe", name, "standing",
                         row.standing == TRUST_ENROLLED ? "enrolled" : "taken", "enrolment",
                         trust_enrolment_name(trust_enrolment_of(server->service->trust))));
}

void route_probes(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct enrolment enrolment;
    struct why why = {""};
    (void)rest;
    enum status status = said_read(server, request, &enrolment, &why);
    if (status == STATUS_OK) {
        status = enrolment_apply(server->service->trust, &enrolment, false, &why);
    }
    if (status == STATUS_OK || status == STATUS_DUPLICATE) {
        log_event(&server->config->log, LOG_LEVEL_INFO, "key_enrolled", "status=%s rotation=%s", status_name(status),
                  enrolment.is_rotation ? "yes" : "no");
        answer(server, request, &enrolment, status == STATUS_OK);
        return;
    }
    log_event(&server->config->log, LOG_LEVEL_WARN, "enrolment_refused", "status=%s reason=\"%s\"", status_name(status),
              why.text);
    reply_status(request, status, why.text[0] ? why.text : status_name(status));
}
