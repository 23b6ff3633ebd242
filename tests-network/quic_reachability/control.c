/* Asks a control whether QUIC works for it where it does not for us.
 * Owner: a question owns the request in flight and its body; quic_control_free.
 * Why: a server without QUIC is as silent as a filter of all QUIC; a control that gets through tells them
 * apart. */
#include "tests-network/quic_reachability/control.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/http.h"

#define ANSWER_BYTES_MAX (1u << 20)

struct quic_control {
    const struct step_trace *trace;
    struct sockaddr_storage remote;
    quic_control_callback callback;
    void *arg;
    char *body;
    struct fetch *fetch;
    struct loop_timer *timer;
    size_t next; /* index of the next control */
    int64_t deadline_us;
};

enum quic_control_says quic_control_read(const json_t *answer, const struct sockaddr_storage *remote)
{
    const char *name;
    json_t *result;
    json_object_foreach((json_t *)(uintptr_t)json_member_object(answer, "quic_handshake"), name, result)
    {
        struct sockaddr_storage endpoint;
        if (!json_is_object(result) || endpoint_parse(name, 0, &endpoint) != STATUS_OK ||
            !endpoint_same(&endpoint, remote))
            continue;
        bool is_good = json_member_bool(result, "status", true) && !json_member_text(result, "failure");
        return is_good ? QUIC_CONTROL_REACHES : QUIC_CONTROL_FAILS;
    }
    /* The site offered HTTP/3 to the control (Alt-Svc, RFC 7838): then somebody should answer. */
    const char *offered =
        json_member_text(json_member_object(answer, "http_request"), "discovered_h3_endpoint");
    return offered && offered[0] ? QUIC_CONTROL_OFFERED : QUIC_CONTROL_NONE;
}

static char *body_make(const char *url, const struct sockaddr_storage *remote)
{
    char endpoint[ENDPOINT_TEXT_BYTES];
    struct buffer text = {0};
    endpoint_format(remote, endpoint);
    json_t *request =
        json_pack("{s:s, s:{s:[s], s:[s], s:[s]}, s:[s], s:b}", "http_request", url, "http_request_headers",
                  "Accept", HTTP_ACCEPT, "Accept-Language", HTTP_LANGUAGE, "User-Agent", HTTP_USER_AGENT,
                  "tcp_connect", endpoint, "x_quic_enabled", 1);
    if (request)
        json_write(request, &text);
    json_decref(request);
    char *body = text.count > 0 ? buffer_take_text(&text) : NULL;
    buffer_free(&text);
    return body;
}

static void control_ask(struct quic_control *control);

/* May end with the question freed. */
static void on_answer(const struct fetch_response *response, void *arg)
{
    struct quic_control *control = arg;
    json_t *answer = NULL;
    control->fetch = NULL;
    if (response->status == STATUS_OK && response->code == 200 && !response->is_truncated &&
        json_read((const char *)response->body, response->body_bytes, &answer, NULL) == STATUS_OK &&
        json_member_object(answer, "http_request")) {
        enum quic_control_says says = quic_control_read(answer, &control->remote);
        json_decref(answer);
        control->callback(says, control->arg);
        return;
    }
    json_decref(answer);
    control_ask(control);
}

/* May end with the question freed. */
static void control_ask(struct quic_control *control)
{
    static const struct fetch_header headers[] = {{"Content-Type", "application/json"},
                                                  {"User-Agent", "dialtone/" DIALTONE_VERSION}};
    const struct nettest_context *context = control->trace->context;
    while (control->next < context->control_count) {
        const struct fetch_request request = {.method = "POST",
                                              .url = context->control_urls[control->next++],
                                              .headers = headers,
                                              .header_count = sizeof headers / sizeof headers[0],
                                              .body = control->body,
                                              .body_bytes = strlen(control->body),
                                              .timeout_us =
                                                  control->deadline_us - step_now_us(control->trace),
                                              .body_limit_bytes = ANSWER_BYTES_MAX,
                                              .ca_file = context->ca_file,
                                              .connected_fd = -1};
        if (request.timeout_us > 0 &&
            fetch_start(context->fetcher, &request, on_answer, control, &control->fetch) == STATUS_OK)
            return;
    }
    control->callback(QUIC_CONTROL_NONE, control->arg);
}

static void on_begin(void *arg)
{
    struct quic_control *control = arg;
    control->timer = NULL;
    control_ask(control);
}

enum status quic_control_start(const struct step_trace *trace, const char *url,
                               const struct sockaddr_storage *remote, quic_control_callback callback,
                               void *arg, struct quic_control **out)
{
    struct quic_control *control = calloc(1, sizeof *control);
    if (!control)
        return STATUS_NO_MEMORY;
    *control =
        (struct quic_control){.trace = trace,
                              .remote = *remote,
                              .callback = callback,
                              .arg = arg,
                              .body = body_make(url, remote),
                              .deadline_us = step_now_us(trace) + trace->context->limits.control_timeout_us};
    enum status status = control->body
                             ? loop_after(trace->context->loop, 0, on_begin, control, &control->timer)
                             : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        quic_control_free(control);
        return status;
    }
    *out = control;
    return STATUS_OK;
}

void quic_control_free(struct quic_control *control)
{
    if (!control)
        return;
    loop_timer_cancel(control->timer);
    if (control->fetch)
        fetch_cancel(control->fetch);
    free(control->body);
    free(control);
}
