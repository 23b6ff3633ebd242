/* POST /v1/bundles, and the answer as the daemon judges it.
 * Owner: an upload_send owns the request in flight and its headers.
 * Why: apart from what is done on the answer's word, so that it can run in a process which holds no key. */
#include "probe/upload_send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/clock_offset.h"

#define TIMEOUT_DEFAULT_US (120 * US_PER_S)
#define RETRY_AFTER_MAX_US (3600 * US_PER_S)

struct upload_send {
    struct upload_send_config config;
    char *url;
    char *signature; /* the header's text */
    struct fetch *fetch;
    int64_t sent_boot_us;
    upload_answer_callback callback;
    void *arg;
};

enum status upload_send_open(const struct upload_send_config *config, struct upload_send **out)
{
    struct buffer url = {0};
    struct upload_send *send = calloc(1, sizeof *send);
    if (!send)
        return STATUS_NO_MEMORY;
    send->config = *config;
    size_t length = strlen(config->collector_url);
    while (length > 0 && config->collector_url[length - 1] == '/')
        length--;
    buffer_append(&url, config->collector_url, length);
    buffer_text(&url, "/v1/bundles");
    send->url = buffer_take_text(&url);
    if (!send->url) {
        free(send);
        return STATUS_NO_MEMORY;
    }
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
    if (errno != 0 || *end != '\0' || seconds > RETRY_AFTER_MAX_US / US_PER_S)
        return RETRY_AFTER_MAX_US;
    return seconds * US_PER_S;
}

static void on_response(const struct fetch_response *response, void *arg)
{
    struct upload_send *send = arg;
    const struct upload_answer answer = {
        .status = response->status,
        .code = response->code,
        .body = response->body,
        .body_bytes = response->body_bytes,
        .is_truncated = response->is_truncated,
        .retry_after_us = retry_after_us(response),
        .sent_bytes = response->sent_bytes,
        .received_bytes = response->received_bytes,
        .seen = {.server_us = clock_offset_http_date_us(fetch_header_value(response, "Date")),
                 .sent_boot_us = send->sent_boot_us,
                 .received_boot_us = clock_offset_boot_us()},
    };
    send->fetch = NULL;
    free(send->signature);
    send->signature = NULL;
    send->callback(&answer, send->arg);
}

static enum status send_one(void *state, const struct spool_bundle *bundle, upload_answer_callback callback, void *arg)
{
    struct upload_send *send = state;
    struct buffer signature = {0};
    base64url_append(&signature, bundle->minisig.bytes, bundle->minisig.count);
    send->signature = buffer_take_text(&signature);
    if (!send->signature)
        return STATUS_NO_MEMORY;
    const struct fetch_header headers[] = {
        {"Content-Type", bundle->is_sealed ? "application/age" : "application/zstd"},
        {"Dialtone-Signature", send->signature},
        {"Dialtone-Key", bundle->public_key},
    };
    const struct fetch_request request = {
        .method = "POST",
        .url = send->url,
        .headers = headers,
        .header_count = bundle->is_sealed ? 1 : sizeof headers / sizeof headers[0], /* the rest is inside */
        .body = bundle->packed.bytes,
        .body_bytes = bundle->packed.count,
        .timeout_us = send->config.timeout_us > 0 ? send->config.timeout_us : TIMEOUT_DEFAULT_US,
        .body_limit_bytes = UPLOAD_ANSWER_BYTES_MAX,
        .ca_file = send->config.ca_file,
        .connected_fd = -1,
    };
    send->callback = callback;
    send->arg = arg;
    send->sent_boot_us = clock_offset_boot_us();
    return fetch_start(send->config.fetcher, &request, on_response, send, &send->fetch);
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
    free(send->url);
    free(send);
}
