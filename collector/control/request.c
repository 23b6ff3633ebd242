/* The helper's request, read within bounds.
 * Owner: a request owns the texts of its URL; control_request_free.
 * Why: anyone may post here; what is not understood is refused before a packet leaves. */
#include "collector/control/request.h"

#include <string.h>

#include "collector/control/policy.h"
#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/target.h"

static enum status url_take(const json_t *root, bool allow_private, struct url *out, struct why *why)
{
    const char *text = json_member_text(root, "http_request");
    struct sockaddr_storage literal;
    if (text == NULL) {
        why_set(why, "request has no http_request; send the URL to look at");
        return STATUS_MALFORMED;
    }
    enum status status = target_url_check(text, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (url_parse(text, out) != STATUS_OK) {
        why_set(why,
                "http_request is no URL that can be fetched: '%.80s'; send http://HOST/ or https://HOST/",
                text);
        return STATUS_MALFORMED;
    }
    bool is_allowed = policy_port_allowed(out->port, allow_private);
    if (is_allowed && dns_host_is_address(out->host, &literal)) {
        address_port_set(&literal, out->port);
        is_allowed = policy_endpoint_allowed(&literal, allow_private);
    }
    if (!is_allowed) {
        why_set(why, "http_request names an address or a port that is not looked at; "
                     "use a public host on port 80 or 443");
        url_free(out);
        return STATUS_REFUSED;
    }
    return STATUS_OK;
}

/* A header value goes out as it came, so that it may hold nothing but visible ASCII and spaces. */
static void agent_take(const json_t *root, char out[REQUEST_AGENT_BYTES])
{
    const json_t *headers = json_member_object(root, "http_request_headers");
    const char *text = json_string_value(json_array_get(json_member_array(headers, "User-Agent"), 0));
    out[0] = '\0';
    if (text == NULL || strlen(text) >= REQUEST_AGENT_BYTES) {
        return;
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return;
        }
    }
    memcpy(out, text, strlen(text) + 1);
}

static void endpoints_take(const json_t *root, bool allow_private, struct control_request *out)
{
    const json_t *list = json_member_array(root, "tcp_connect");
    for (size_t i = 0; i < json_array_size(list) && out->endpoint_count < CONTROL_ENDPOINTS_MAX; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        struct sockaddr_storage endpoint;
        bool is_known = text == NULL || endpoint_parse(text, 443, &endpoint) != STATUS_OK ||
                        !policy_endpoint_allowed(&endpoint, allow_private);
        for (size_t j = 0; !is_known && j < out->endpoint_count; j++) {
            is_known = endpoint_same(&endpoint, &out->endpoints[j]);
        }
        if (!is_known) {
            out->endpoints[out->endpoint_count++] = endpoint;
        }
    }
}

enum status control_request_read(const char *text, size_t count, bool allow_private,
                                 struct control_request *out, struct why *why)
{
    struct control_request request = {0};
    json_t *root = NULL;
    if (count > CONTROL_REQUEST_BYTES_MAX) {
        why_set(why, "request is longer than %d bytes; name fewer endpoints", CONTROL_REQUEST_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    enum status status = json_read(text, count, &root, why);
    if (status == STATUS_OK && !json_is_object(root)) {
        why_set(why, "request is no JSON object; send {\"http_request\": URL, ...}");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        status = url_take(root, allow_private, &request.url, why);
    }
    if (status == STATUS_OK) {
        agent_take(root, request.user_agent);
        request.wants_quic = json_member_bool(root, "x_quic_enabled", false);
        endpoints_take(root, allow_private, &request);
        *out = request;
    }
    json_decref(root);
    return status;
}

void control_request_free(struct control_request *request)
{
    url_free(&request->url);
}
