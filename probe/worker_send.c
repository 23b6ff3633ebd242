/* The uploading worker: a bundle a line in, an answer a line out.
 * Owner: an uploading owns its setup and the bundle in flight.
 * Why: TLS and HTTP are spoken where the key is not; the daemon itself checks what comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/upload_send.h"
#include "probe/worker_kinds.h"
#include "probe/worker_line.h"

#define FILE_BYTES_MAX (BUNDLE_PACKED_BYTES_MAX + (1u << 20)) /* sealing adds a little */

struct uploading {
    struct loop *loop;
    enum status status;
};

static enum status order_read(const char *line, size_t count, struct spool_bundle *out, struct why *why)
{
    json_t *order = NULL;
    enum status status = json_read(line, count, &order, why);
    const char *path = json_member_text(order, "packed"), *minisig = json_member_text(order, "minisig");
    const char *key = json_member_text(order, "key");
    if (status == STATUS_OK && (!path || !minisig || !key || strlen(key) >= sizeof out->public_key))
        status = STATUS_MALFORMED;
    if (status == STATUS_OK) {
        memcpy(out->public_key, key, strlen(key) + 1);
        status = base64_decode(minisig, strlen(minisig), &out->minisig);
    }
    if (status == STATUS_OK)
        status = file_read(path, FILE_BYTES_MAX, &out->packed, why);
    out->is_sealed = json_member_bool(order, "is_sealed", false);
    json_decref(order);
    return status;
}

static void on_answer(const struct upload_answer *answer, void *arg)
{
    struct uploading *uploading = arg;
    uploading->status = worker_note_print(json_pack("{s:o}", "answer", upload_answer_encode(answer)));
    loop_stop(uploading->loop);
}

static enum status orders_serve(struct loop *loop, const struct upload_sender *sender)
{
    struct uploading uploading = {.loop = loop};
    char *line = NULL;
    size_t room = 0;
    ssize_t count;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && (count = getline(&line, &room, stdin)) > 0) {
        struct spool_bundle bundle = {0};
        struct why why = {0};
        status = order_read(line, (size_t)count, &bundle, &why);
        if (status == STATUS_OK)
            status = sender->send(sender->state, &bundle, on_answer, &uploading);
        else
            cli_fail(EXIT_OWN_FAILURE, "a bundle cannot be read (%s): %s", status_name(status), why.text);
        if (status == STATUS_OK)
            status = loop_run(loop);
        if (status == STATUS_OK)
            status = uploading.status;
        spool_bundle_free(&bundle);
    }
    free(line);
    return status;
}

enum exit_status worker_send(const struct worker_context *context)
{
    struct loop *loop = NULL;
    struct fetcher *fetcher = NULL;
    struct upload_send *send = NULL;
    enum status status = context->collector_url ? loop_open(&loop) : STATUS_USAGE;
    if (status == STATUS_OK)
        status = fetcher_open(loop, &fetcher);
    if (status == STATUS_OK) {
        const struct upload_send_config config = {
            .fetcher = fetcher, .collector_url = context->collector_url, .ca_file = context->options->ca_file};
        status = upload_send_open(&config, &send);
    }
    if (status == STATUS_OK) {
        const struct upload_sender sender = upload_send_sender(send);
        status = orders_serve(loop, &sender);
    }
    upload_send_free(send);
    fetcher_free(fetcher);
    loop_free(loop);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG : EXIT_OWN_FAILURE;
}
