/* The uploading worker: routes in, then an order a line in, an answer a line out.
 * Owner: orders_serve owns routes and fetcher; an order owns its bundle.
 * Why: TLS and HTTP are spoken where the key is not; the daemon itself checks what comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "measurement/base/socket_meter.h"
#include "probe/upload/upload_send.h"
#include "probe/worker/worker_kinds.h"
#include "probe/worker/worker_line.h"

#define TIMEOUT_STEPS  10 /* --timeout is of a step; an upload has several, and more to send */
#define FILE_BYTES_MAX (BUNDLE_PACKED_BYTES_MAX + (1u << 20)) /* sealing adds a little */

struct uploading {
    struct loop *loop;
    enum status status;
};

/* What one line of standard input asks for. */
struct order {
    json_t *root;
    struct spool_bundle bundle;
    struct upload_order order; /* points into both */
};

static void order_clear(struct order *order)
{
    spool_bundle_free(&order->bundle);
    json_decref(order->root);
    *order = (struct order){0};
}

static enum status bundle_read(const json_t *root, struct spool_bundle *out, struct why *why)
{
    const char *path = json_member_text(root, "packed"), *minisig = json_member_text(root, "minisig");
    const char *key = json_member_text(root, "key");
    if (!path || !minisig || !key || strlen(key) >= sizeof out->public_key)
        return STATUS_MALFORMED;
    memcpy(out->public_key, key, strlen(key) + 1);
    out->is_sealed = json_member_bool(root, "is_sealed", false);
    enum status status = base64_decode(minisig, strlen(minisig), &out->minisig);
    return status == STATUS_OK ? file_read(path, FILE_BYTES_MAX, &out->packed, why) : status;
}

static enum status order_read(const char *line, size_t count, struct order *out, struct why *why)
{
    enum status status = json_read(line, count, &out->root, why);
    if (status != STATUS_OK)
        return status;
    out->order.working = (size_t)json_member_int(out->root, "working", 0);
    out->order.path = json_member_text(out->root, "get");
    out->order.etag = json_member_text(out->root, "etag");
    out->order.is_long = json_member_bool(out->root, "is_long", false);
    if (out->order.path)
        return STATUS_OK;
    out->order.bundle = &out->bundle;
    return bundle_read(out->root, &out->bundle, why);
}

/* The first line: where to send, and by which routes. Kept off the command line, since a proxy's may hold a password. */
struct ways {
    json_t *root;
    struct route_list routes;
    const char *pins; /* in root */
};

static enum status ways_read(const char *line, size_t count, struct ways *out, struct why *why)
{
    enum status status = json_read(line, count, &out->root, why);
    if (status != STATUS_OK)
        return status;
    const char *collector_url = json_member_text(out->root, "collector");
    const json_t *routes = json_member_array(out->root, "routes");
    out->pins = json_member_text(out->root, "pins");
    if (!collector_url || json_array_size(routes) == 0)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < json_array_size(routes) && status == STATUS_OK; i++) {
        const char *text = json_string_value(json_array_get(routes, i));
        status = text ? route_list_add(&out->routes, collector_url, text, why) : STATUS_MALFORMED;
    }
    return status;
}

static void on_answer(const struct upload_answer *answer, void *arg)
{
    struct uploading *uploading = arg;
    uploading->status = worker_note_print(json_pack("{s:o}", "answer", upload_answer_encode(answer)));
    loop_stop(uploading->loop);
}

static enum status order_serve(const struct upload_sender *sender, const char *line, size_t count,
                               struct uploading *uploading)
{
    struct order order = {0};
    struct why why = {0};
    enum status status = order_read(line, count, &order, &why);
    if (status != STATUS_OK)
        cli_fail(EXIT_OWN_FAILURE, "a bundle cannot be read (%s): %s", status_name(status), why.text);
    else
        status = sender->send(sender->state, &order.order, on_answer, uploading);
    if (status == STATUS_OK)
        status = loop_run(uploading->loop);
    if (status == STATUS_OK)
        status = uploading->status;
    order_clear(&order);
    return status;
}

/* Before anything of the network is read. */
static enum status confine(const struct ways *ways, const struct probe_options *options)
{
    struct sandbox_plan plan = {.role = SANDBOX_WORKER};
    struct sandbox_state state;
    struct why why = {0};
    sandbox_plan_read(&plan, options->ca_file);
    sandbox_plan_read(&plan, json_member_text(ways->root, "folder"));
    enum status status = sandbox_enter(&plan, &state, &why);
    if (status != STATUS_OK)
        cli_fail(EXIT_OWN_FAILURE, "%s", why.text);
    return status;
}

static enum status orders_serve(struct loop *loop, const struct worker_context *context, struct socket_meter *meter)
{
    struct uploading uploading = {.loop = loop};
    struct fetcher *fetcher = NULL;
    struct upload_send *send = NULL;
    struct ways ways = {0};
    struct why why = {0};
    char *line = NULL;
    size_t room = 0;
    ssize_t count = getline(&line, &room, stdin);
    enum status status = count > 0 ? ways_read(line, (size_t)count, &ways, &why) : STATUS_MALFORMED;
    if (status != STATUS_OK)
        cli_fail(EXIT_OWN_FAILURE, "the routes cannot be read (%s): %s", status_name(status), why.text);
    if (status == STATUS_OK)
        status = confine(&ways, context->options);
    if (status == STATUS_OK)
        status = fetcher_open(loop, &fetcher);
    if (status == STATUS_OK)
        fetcher_meter(fetcher, meter);
    if (status == STATUS_OK) {
        const struct upload_send_config config = {
            .fetcher = fetcher,
            .routes = &ways.routes,
            .pins = ways.pins,
            .ca_file = context->options->ca_file,
            .timeout_us = context->options->timeout_us * TIMEOUT_STEPS,
        };
        status = upload_send_open(&config, &send);
    }
    while (status == STATUS_OK && (count = getline(&line, &room, stdin)) > 0) {
        const struct upload_sender sender = upload_send_sender(send);
        status = order_serve(&sender, line, (size_t)count, &uploading);
    }
    free(line);
    upload_send_free(send);
    fetcher_free(fetcher);
    route_list_free(&ways.routes);
    json_decref(ways.root);
    return status;
}

enum exit_status worker_send(const struct worker_context *context)
{
    struct loop *loop = NULL;
    struct socket_meter meter = {0};
    enum status status = loop_open(&loop);
    if (status == STATUS_OK)
        status = orders_serve(loop, context, &meter);
    loop_free(loop);
    if (status == STATUS_OK)
        status = worker_usage_print(&meter);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG : EXIT_OWN_FAILURE;
}
