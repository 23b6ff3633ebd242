/* Verdicts from the keys of OONI's tests, one small function a test.
 * Owner: nothing; the record is borrowed.
 * Why: other clients measured for ten years; their records count, but no surer than what they hold. */
#include "collector/observation_ooni.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/json.h"

static struct verdict verdict_unknown(void)
{
    return (struct verdict){.outcome = OUTCOME_UNKNOWN};
}

static struct verdict verdict_ok(void)
{
    return (struct verdict){.outcome = OUTCOME_OK};
}

static struct verdict verdict_blocked(enum verdict_layer layer, const char *method,
                                      enum verdict_confidence confidence)
{
    struct verdict verdict = {.outcome = OUTCOME_BLOCKED, .layer = layer, .confidence = confidence};
    snprintf(verdict.method, sizeof verdict.method, "%s", method);
    return verdict;
}

static bool text_is(const json_t *keys, const char *key, const char *expected)
{
    const char *text = json_member_text(keys, key);
    return text && strcmp(text, expected) == 0;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether an element of the list failed this way. */
static bool list_has_failure(const json_t *keys, const char *list_name, const char *failure)
{
    const json_t *list = json_member_array(keys, list_name);
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        const json_t *element = json_array_get(list, i);
        const json_t *status = json_member_object(element, "status");
        if (text_is(element, "failure", failure) || (status && text_is(status, "failure", failure))) {
            return true;
        }
    }
    return false;
}

/* Where a failure string arose; strings that several steps share are looked for among the steps. */
static enum verdict_layer layer_of_failure(const json_t *keys, const char *failure)
{
    if (has_prefix(failure, "dns_")) {
        return LAYER_DNS;
    }
    if (has_prefix(failure, "ssl_")) {
        return LAYER_TLS;
    }
    if (has_prefix(failure, "http_") || strcmp(failure, "json_parse_error") == 0) {
        return LAYER_HTTP;
    }
    if (list_has_failure(keys, "tls_handshakes", failure)) {
        return LAYER_TLS;
    }
    if (list_has_failure(keys, "tcp_connect", failure) || strcmp(failure, "connection_refused") == 0) {
        return LAYER_TCP;
    }
    if (list_has_failure(keys, "queries", failure)) {
        return LAYER_DNS;
    }
    return LAYER_HTTP;
}

/* A word for the method; `otherwise` where the failure is none that has one. */
static const char *method_of_failure(const char *failure, const char *otherwise)
{
    static const struct {
        const char *failure;
        const char *method;
    } words[] = {
        {"dns_nxdomain_error", "dns_nxdomain"},
        {"dns_no_answer", "dns_no_answer"},
        {"dns_refused_error", "dns_refused"},
        {"dns_servfail_error", "dns_servfail"},
        {"dns_bogon_error", "dns_bogon"},
        {"connection_reset", "connection_reset"},
        {"connection_refused", "connection_refused"},
        {"generic_timeout_error", "timeout"},
        {"eof_error", "connection_closed"},
        {"ssl_invalid_hostname", "certificate_of_another_name"},
        {"ssl_unknown_authority", "certificate_of_unknown_authority"},
        {"ssl_invalid_certificate", "certificate_invalid"},
        {"ssl_failed_handshake", "tls_handshake_failure"},
    };
    for (size_t i = 0; failure && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].failure, failure) == 0) {
            return words[i].method;
        }
    }
    return otherwise;
}

/* A service's own test has no control: a timeout may be the service's, any other answer was somebody's doing.
 */
static struct verdict verdict_of_failure(const json_t *keys, const char *failure, const char *otherwise)
{
    if (!failure) {
        return verdict_blocked(LAYER_TCP, otherwise, CONFIDENCE_WEAK);
    }
    bool is_timeout = strcmp(failure, "generic_timeout_error") == 0;
    return verdict_blocked(layer_of_failure(keys, failure), method_of_failure(failure, otherwise),
                           is_timeout ? CONFIDENCE_WEAK : CONFIDENCE_MEDIUM);
}

/* A success over TLS proves itself by its certificate, without a control. */
static bool has_https_success(const json_t *keys)
{
    const json_t *requests = json_member_array(keys, "requests");
    for (size_t i = 0; requests && i < json_array_size(requests); i++) {
        const json_t *entry = json_array_get(requests, i);
        const json_t *request = json_member_object(entry, "request");
        const json_t *response = json_member_object(entry, "response");
        const char *url = request ? json_member_text(request, "url") : NULL;
        int64_t code = response ? json_member_int(response, "code", 0) : 0;
        if (url && has_prefix(url, "https://") && json_is_null(json_object_get(entry, "failure")) &&
            code >= 200 && (code < 300 || code >= 400)) {
            return true;
        }
    }
    return false;
}

static bool has_control(const json_t *keys)
{
    const json_t *control = json_member_object(keys, "control");
    return control && json_object_size(control) > 0 && !json_member_text(keys, "control_failure");
}

static struct verdict verdict_of_blocking(const json_t *keys, const char *blocking)
{
    const char *http_failure = json_member_text(keys, "http_experiment_failure");
    const char *dns_failure = json_member_text(keys, "dns_experiment_failure");
    if (strcmp(blocking, "dns") == 0) {
        return verdict_blocked(
            LAYER_DNS, method_of_failure(dns_failure, dns_failure ? "dns_failure" : "dns_inconsistent"),
            CONFIDENCE_MEDIUM);
    }
    if (strcmp(blocking, "tcp_ip") == 0) {
        return verdict_blocked(LAYER_TCP, method_of_failure(http_failure, "tcp_connect_failure"),
                               CONFIDENCE_MEDIUM);
    }
    if (strcmp(blocking, "http-failure") == 0) {
        enum verdict_layer layer = http_failure ? layer_of_failure(keys, http_failure) : LAYER_HTTP;
        return verdict_blocked(layer == LAYER_TLS ? LAYER_TLS : LAYER_HTTP,
                               method_of_failure(http_failure, "http_failure"), CONFIDENCE_MEDIUM);
    }
    if (strcmp(blocking, "http-diff") == 0) {
        return verdict_blocked(LAYER_HTTP, "http_diff", CONFIDENCE_MEDIUM);
    }
    return verdict_unknown();
}

static struct verdict web_connectivity_verdict(const json_t *keys)
{
    const json_t *blocking = json_object_get(keys, "blocking");
    const json_t *accessible = json_object_get(keys, "accessible");
    if (json_is_string(blocking)) {
        return has_control(keys) ? verdict_of_blocking(keys, json_string_value(blocking)) : verdict_unknown();
    }
    if (!json_is_false(blocking)) {
        return verdict_unknown();
    }
    if (json_is_true(accessible)) {
        return has_control(keys) || has_https_success(keys) ? verdict_ok() : verdict_unknown();
    }
    if (json_is_false(accessible) && has_control(keys)) {
        return (struct verdict){.outcome = OUTCOME_DOWN, .confidence = CONFIDENCE_MEDIUM};
    }
    return verdict_unknown();
}

/* The predecessor of web_connectivity, until 2016: it compares with a fetch over Tor. */
static struct verdict http_requests_verdict(const json_t *keys)
{
    const char *failure = json_member_text(keys, "experiment_failure");
    if (json_member_text(keys, "control_failure") || !json_object_get(keys, "body_length_match")) {
        return verdict_unknown();
    }
    if (failure) {
        return verdict_blocked(layer_of_failure(keys, failure), method_of_failure(failure, "http_failure"),
                               CONFIDENCE_WEAK);
    }
    if (json_member_bool(keys, "body_length_match", false) ||
        json_member_bool(keys, "headers_match", false)) {
        return verdict_ok();
    }
    return verdict_blocked(LAYER_HTTP, "http_diff", CONFIDENCE_WEAK);
}

static struct verdict whatsapp_verdict(const json_t *keys)
{
    if (text_is(keys, "whatsapp_endpoints_status", "blocked")) {
        return verdict_blocked(LAYER_TCP, "endpoints_unreachable", CONFIDENCE_MEDIUM);
    }
    if (text_is(keys, "registration_server_status", "blocked")) {
        return verdict_of_failure(keys, json_member_text(keys, "registration_server_failure"),
                                  "service_failure");
    }
    if (text_is(keys, "whatsapp_web_status", "blocked")) {
        return verdict_of_failure(keys, json_member_text(keys, "whatsapp_web_failure"), "service_failure");
    }
    bool is_ok = text_is(keys, "whatsapp_endpoints_status", "ok") &&
                 text_is(keys, "registration_server_status", "ok") &&
                 text_is(keys, "whatsapp_web_status", "ok");
    return is_ok ? verdict_ok() : verdict_unknown();
}

static struct verdict telegram_verdict(const json_t *keys)
{
    if (json_member_bool(keys, "telegram_tcp_blocking", false)) {
        return verdict_blocked(LAYER_TCP, "endpoints_unreachable", CONFIDENCE_MEDIUM);
    }
    if (json_member_bool(keys, "telegram_http_blocking", false)) {
        return verdict_blocked(LAYER_HTTP, "endpoints_unreachable", CONFIDENCE_MEDIUM);
    }
    if (text_is(keys, "telegram_web_status", "blocked")) {
        return verdict_of_failure(keys, json_member_text(keys, "telegram_web_failure"), "service_failure");
    }
    bool is_ok = json_is_false(json_object_get(keys, "telegram_tcp_blocking")) &&
                 json_is_false(json_object_get(keys, "telegram_http_blocking")) &&
                 text_is(keys, "telegram_web_status", "ok");
    return is_ok ? verdict_ok() : verdict_unknown();
}

static struct verdict signal_verdict(const json_t *keys)
{
    if (text_is(keys, "signal_backend_status", "blocked")) {
        return verdict_of_failure(keys, json_member_text(keys, "signal_backend_failure"), "service_failure");
    }
    return text_is(keys, "signal_backend_status", "ok") ? verdict_ok() : verdict_unknown();
}

static struct verdict facebook_verdict(const json_t *keys)
{
    if (json_member_bool(keys, "facebook_dns_blocking", false)) {
        return verdict_blocked(LAYER_DNS, "dns_inconsistent", CONFIDENCE_MEDIUM);
    }
    if (json_member_bool(keys, "facebook_tcp_blocking", false)) {
        return verdict_blocked(LAYER_TCP, "endpoints_unreachable", CONFIDENCE_MEDIUM);
    }
    bool is_ok = json_is_false(json_object_get(keys, "facebook_dns_blocking")) &&
                 json_is_false(json_object_get(keys, "facebook_tcp_blocking"));
    return is_ok ? verdict_ok() : verdict_unknown();
}

/* The directory authorities are few, public and always up; bridges come and go, and prove nothing. */
static struct verdict tor_verdict(const json_t *keys)
{
    int64_t total = json_member_int(keys, "or_port_dirauth_total", 0);
    int64_t accessible = json_member_int(keys, "or_port_dirauth_accessible", 0);
    if (total < 3 || accessible < 0 || accessible > total) {
        return verdict_unknown();
    }
    return accessible < total - accessible
               ? verdict_blocked(LAYER_TCP, "authorities_unreachable", CONFIDENCE_MEDIUM)
               : verdict_ok();
}

/* Tunnels start or do not; why not is unknown without a control. */
static struct verdict tunnel_verdict(const json_t *keys)
{
    bool is_up =
        json_is_null(json_object_get(keys, "failure")) && json_member_real(keys, "bootstrap_time", 0) > 0;
    return is_up ? verdict_ok() : verdict_unknown();
}

/* ndt, dash: a measured speed says that the network worked. */
static struct verdict speed_verdict(const json_t *keys)
{
    return json_is_null(json_object_get(keys, "failure")) ? verdict_ok() : verdict_unknown();
}

static struct verdict request_line_verdict(const json_t *keys)
{
    const json_t *tampering = json_object_get(keys, "tampering");
    if (json_is_true(tampering)) {
        return verdict_blocked(LAYER_PATH, "request_line_altered", CONFIDENCE_MEDIUM);
    }
    return json_is_false(tampering) ? verdict_ok() : verdict_unknown();
}

static struct verdict header_field_verdict(const json_t *keys)
{
    static const char *const kinds[] = {"header_field_name", "header_field_number", "header_field_value",
                                        "header_name_capitalization", "request_line_capitalization"};
    const json_t *tampering = json_member_object(keys, "tampering");
    if (!tampering) {
        return verdict_unknown();
    }
    /* "total": something else than the helper answered. */
    if (json_member_bool(tampering, "total", false)) {
        return verdict_blocked(LAYER_PATH, "response_replaced", CONFIDENCE_MEDIUM);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (json_member_bool(tampering, kinds[i], false)) {
            return verdict_blocked(LAYER_PATH, "header_altered", CONFIDENCE_MEDIUM);
        }
    }
    return json_is_false(json_object_get(tampering, "total")) ? verdict_ok() : verdict_unknown();
}

struct verdict verdict_of_ooni(const struct record *record)
{
    static const struct {
        const char *test_name;
        struct verdict (*derive)(const json_t *keys);
    } tests[] = {
        {"web_connectivity", web_connectivity_verdict},
        {"http_requests", http_requests_verdict},
        {"whatsapp", whatsapp_verdict},
        {"telegram", telegram_verdict},
        {"signal", signal_verdict},
        {"facebook_messenger", facebook_verdict},
        {"tor", tor_verdict},
        {"psiphon", tunnel_verdict},
        {"vanilla_tor", tunnel_verdict},
        {"torsf", tunnel_verdict},
        {"ndt", speed_verdict},
        {"dash", speed_verdict},
        {"http_invalid_request_line", request_line_verdict},
        {"http_header_field_manipulation", header_field_verdict},
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        if (strcmp(tests[i].test_name, record->test_name) == 0) {
            return tests[i].derive(record->test_keys);
        }
    }
    return verdict_unknown();
}
