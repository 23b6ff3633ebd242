/* An order to the collector, on one route after the other, and the answer as the daemon judges it.
 * Owner: an upload_send owns the request in flight and its headers.
 * Why: apart from what is done on the answer's word, so that it can run in a process which holds no key. */
#include "probe/upload/upload_send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measurement/base/json.h"
#include "probe/state/clock_offset.h"

#define TIMEOUT_DEFAULT_US (120 * US_PER_S)
/* What is dropped in silence must not cost the whole time: there may be another route. Tor builds a circuit first. */
#define CONNECT_TIMEOUT_US       (12 * US_PER_S)
#define CONNECT_PROXY_TIMEOUT_US (40 * US_PER_S)
#define STALL_TIMEOUT_US         (30 * US_PER_S)

struct upload_send {
    struct upload_send_config config;
    struct upload_order order;
    size_t attempt;
    char *signature; /* the header's text */
    struct fetch *fetch;
    struct upload_answer answer; /* what is known of it so far */
    upload_answer_callback callback;
    void *arg;
};

enum status upload_send_open(const struct upload_send_config *config, struct upload_send **out)
{
    struct upload_send *send = calloc(1, sizeof *send);
    if (!send)
        return STATUS_NO_MEMORY;
    send->config = *config;
    *out = send;
    return STATUS_OK;
}

static int64_t retry_after_us(const struct fetch_response *response)
{
    const char *value = fetch_header_value(response, "Retry-After");
    char *end = NULL;
    if (!value || value[0] < '0' || value[0] > '9')
        return 0;
    errno = 0;
    long long seconds = strtoll(value, &end, 10);
    if (errno != 0 || *end != '\0' || seconds > UPLOAD_RETRY_MAX_US / US_PER_S)
        return UPLOAD_RETRY_MAX_US;
    return seconds * US_PER_S;
}

/* A portal or a proxy answers with a page; a collector always with an object, whatever its code. */
static bool is_collectors(const struct fetch_response *response)
{
    json_t *answer = NULL;
    if (response->status != STATUS_OK || response->is_truncated)
        return false;
    bool is_object = json_read((const char *)response->body, response->body_bytes, &answer, NULL) == STATUS_OK &&
                     json_is_object(answer);
    json_decref(answer);
    return is_object;
}

static size_t route_now(const struct upload_send *send)
{
    return route_order(send->config.routes->count, send->order.working, send->attempt);
}

static void answer_fill(struct upload_send *send, const struct fetch_response *response)
{
    struct upload_answer *answer = &send->answer;
    answer->status = response->status;
    answer->route = route_now(send);
    answer->signature = fetch_header_value(response, "Dialtone-Signature");
    answer->code = response->code;
    answer->body = response->body;
    answer->body_bytes = response->body_bytes;
    answer->is_truncated = response->is_truncated;
    answer->retry_after_us = retry_after_us(response);
    answer->sent_bytes += response->sent_bytes;
    answer->received_bytes += response->received_bytes;
    answer->seen.server_us = clock_offset_http_date_us(fetch_header_value(response, "Date"));
    answer->seen.received_boot_us = clock_offset_boot_us();
}

static enum status attempt_start(struct upload_send *send);

static void on_response(const struct fetch_response *response, void *arg)
{
    struct upload_send *send = arg;
    bool is_unchanged = send->order.etag && response->status == STATUS_OK && response->code == 304;
    bool is_good = is_unchanged || is_collectors(response);
    send->fetch = NULL;
    answer_fill(send, response);
    send->answer.attempts[send->answer.route] = (struct upload_attempt){
        .is_tried = true,
        .status = is_good || response->status != STATUS_OK ? response->status : STATUS_MALFORMED,
        .code = response->code,
    };
    send->attempt++;
    if (!is_good && send->attempt < send->config.routes->count && attempt_start(send) == STATUS_OK)
        return;
    free(send->signature);
    send->signature = NULL;
    send->callback(&send->answer, send->arg);
}

/* One route has nothing to make room for. */
static int64_t connect_timeout_us(const struct upload_send *send, const struct route *route)
{
    if (send->config.routes->count < 2)
        return 0;
    return route->proxy ? CONNECT_PROXY_TIMEOUT_US : CONNECT_TIMEOUT_US;
}

static enum status attempt_start(struct upload_send *send)
{
    const struct spool_bundle *bundle = send->order.bundle;
    const struct route *route = &send->config.routes->routes[route_now(send)];
    char *url = NULL;
    if (asprintf(&url, "%s%s", route->url, bundle ? "/v1/bundles" : send->order.path) < 0)
        return STATUS_NO_MEMORY;
    const struct fetch_header headers[] = {
        {"Content-Type", bundle && bundle->is_sealed ? "application/age" : "application/zstd"},
        {"Dialtone-Signature", send->signature},
        {"Dialtone-Key", bundle ? bundle->public_key : ""},
    };
    const struct fetch_header known = {"If-None-Match", send->order.etag};
    /* What is sealed has the rest inside. */
    size_t header_count = !bundle ? send->order.etag != NULL : bundle->is_sealed ? 1 : sizeof headers / sizeof headers[0];
    const struct fetch_request request = {
        .method = bundle ? "POST" : "GET",
        .url = url,
        .headers = bundle ? headers : &known,
        .header_count = header_count,
        .body = bundle ? bundle->packed.bytes : NULL,
        .body_bytes = bundle ? bundle->packed.count : 0,
        .timeout_us = send->config.timeout_us > 0 ? send->config.timeout_us : TIMEOUT_DEFAULT_US,
        .connect_timeout_us = connect_timeout_us(send, route),
        .stall_timeout_us = STALL_TIMEOUT_US,
        .body_limit_bytes = send->order.is_long ? UPLOAD_LIST_BYTES_MAX : UPLOAD_ANSWER_BYTES_MAX,
        .ca_file = send->config.ca_file,
        .proxy = route->proxy,
        .pins = send->config.pins,
        .connect_to = route->connect_to,
        .connected_fd = -1,
    };
    send->answer.seen.sent_boot_us = clock_offset_boot_us();
    enum status status = fetch_start(send->config.fetcher, &request, on_response, send, &send->fetch);
    free(url);
    return status;
}

static enum status send_one(void *state, const struct upload_order *order, upload_answer_callback callback, void *arg)
{
    struct upload_send *send = state;
    struct buffer signature = {0};
    if (order->bundle)
        base64url_append(&signature, order->bundle->minisig.bytes, order->bundle->minisig.count);
    send->signature = buffer_take_text(&signature);
    if (!send->signature)
        return STATUS_NO_MEMORY;
    send->order = *order;
    send->attempt = 0;
    send->answer = (struct upload_answer){0};
    send->callback = callback;
    send->arg = arg;
    return attempt_start(send);
}

static void send_rest(void *state)
{
    struct upload_send *send = state;
    if (send->fetch)
        fetch_cancel(send->fetch);
    send->fetch = NULL;
    free(send->signature);
    send->signature = NULL;
}

struct upload_sender upload_send_sender(struct upload_send *send)
{
    return (struct upload_sender){.send = send_one, .rest = send_rest, .state = send};
}

void upload_send_free(struct upload_send *send)
{
    if (!send)
        return;
    send_rest(send);
    free(send);
}
