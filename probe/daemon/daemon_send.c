/* Bundles go through one uploading worker a pass; its answers come back to whoever judges them.
 * Owner: the daemon's sender work owns the worker.
 * Why: the upload's logic need not know that it speaks through a process. */
#include <stdlib.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/daemon/daemon_inner.h"

#define SEND_DEADLINE_US (900 * US_PER_S)

static void answer_give(struct daemon *daemon, const struct upload_answer *answer)
{
    upload_answer_callback callback = daemon->on_answer;
    daemon->on_answer = NULL;
    if (callback)
        callback(answer, daemon->on_answer_arg);
}

static void on_line(char *text, size_t count, void *arg)
{
    struct daemon_work *work = arg;
    struct worker_line line;
    struct upload_answer answer;
    struct buffer body = {0};
    json_t *note = NULL;
    enum status status = worker_line_read(text, count, &line, &note);
    if (status == STATUS_OK && json_member_object(note, "usage")) {
        daemon_usage_take(work->daemon, DATA_UPLOAD, json_member_object(note, "usage"));
        goto done;
    }
    if (status == STATUS_OK)
        status = line.kind == WORKER_NOTE
                     ? upload_answer_decode(json_member_object(note, "answer"), &body, &answer)
                     : STATUS_MALFORMED;
    /* A worker that was taken over may say any time; not one outside the exchange that the daemon saw. */
    if (status == STATUS_OK)
        answer.seen = clock_sight_within(&answer.seen, work->daemon->order_said_us, clock_offset_boot_us());
    if (status == STATUS_OK)
        answer_give(work->daemon, &answer);
    else
        log_event(&work->daemon->log, LOG_LEVEL_ERROR, "worker_not_understood", "worker=upload status=%s",
                  status_name(status));
done:
    buffer_free(&body);
    json_decref(note);
}

static void on_end(const struct worker_end *end, void *arg)
{
    struct daemon_work *work = arg;
    struct daemon *daemon = work->daemon;
    const struct upload_answer nothing = {.status = STATUS_OFFLINE};
    if (end->exit_code != 0) {
        daemon->lost_worker_count++;
        log_event(&daemon->log, LOG_LEVEL_ERROR, "worker_failed", "worker=upload exit=%d signal=%d late=%s",
                  end->exit_code, end->signal, end->is_late ? "yes" : "no");
    }
    worker_free(work->worker);
    work->worker = NULL;
    answer_give(daemon, &nothing);
}

static json_t *bundle_encode(const struct daemon *daemon, const struct upload_order *order)
{
    const struct spool_bundle *bundle = order->bundle;
    struct buffer path = {0}, minisig = {0};
    buffer_printf(&path, "%s/spool/%s.jsonl.zst%s", daemon->settings.state_folder, bundle->name,
                  bundle->is_sealed ? ".age" : "");
    base64_append(&minisig, bundle->minisig.bytes, bundle->minisig.count);
    char *path_text = buffer_take_text(&path), *minisig_text = buffer_take_text(&minisig);
    json_t *object = path_text && minisig_text
                         ? json_pack("{s:s, s:b, s:s, s:s, s:I}", "packed", path_text, "is_sealed", bundle->is_sealed,
                                     "minisig", minisig_text, "key", bundle->public_key, "working",
                                     (json_int_t)order->working)
                         : NULL;
    free(path_text);
    free(minisig_text);
    return object;
}

static json_t *order_encode(const struct daemon *daemon, const struct upload_order *order)
{
    return order->bundle ? bundle_encode(daemon, order)
                         : json_pack("{s:s, s:I}", "get", order->path, "working", (json_int_t)order->working);
}

enum status daemon_object_say(struct worker *worker, json_t *object)
{
    struct buffer line = {0};
    enum status status = object ? json_write(object, &line) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = worker_say(worker, line.bytes, line.count);
    json_decref(object);
    buffer_free(&line);
    return status;
}

static json_t *ways_encode(const struct daemon *daemon)
{
    json_t *routes = json_array();
    for (size_t i = 0; i < daemon->settings.route_count; i++)
        json_array_append_new(routes, json_string(daemon->settings.route_texts[i]));
    char *folder = path_join(daemon->settings.state_folder, "spool");
    json_t *object = json_pack("{s:s, s:o, s:s*, s:s*}", "collector", daemon->settings.collector_url, "routes", routes,
                               "pins", daemon->settings.pins, "folder", folder);
    free(folder);
    return object;
}

enum status daemon_ways_say(struct daemon *daemon, struct worker *worker)
{
    return daemon_object_say(worker, ways_encode(daemon));
}

static enum status send_one(void *state, const struct upload_order *order, upload_answer_callback callback, void *arg)
{
    struct daemon *daemon = state;
    enum status status = STATUS_OK;
    if (daemon->sender.worker && daemon->is_sender_resting) {
        worker_free(daemon->sender.worker);
        daemon->sender.worker = NULL;
    }
    daemon->is_sender_resting = false;
    if (!daemon->sender.worker) {
        status = daemon_work_start(daemon, &daemon->sender, "upload", SEND_DEADLINE_US, on_line, on_end);
        if (status == STATUS_OK)
            status = daemon_ways_say(daemon, daemon->sender.worker);
    }
    daemon->order_said_us = clock_offset_boot_us();
    if (status == STATUS_OK)
        status = daemon_object_say(daemon->sender.worker, order_encode(daemon, order));
    if (status == STATUS_OK) {
        daemon->on_answer = callback;
        daemon->on_answer_arg = arg;
    }
    return status;
}

/* The worker ends by itself when it is told no more; at the daemon's own end it is killed. */
static void send_rest(void *state)
{
    struct daemon *daemon = state;
    daemon->on_answer = NULL;
    daemon->is_sender_resting = true;
    if (daemon->sender.worker)
        worker_say_no_more(daemon->sender.worker);
}

struct upload_sender daemon_sender(struct daemon *daemon)
{
    return (struct upload_sender){.send = send_one, .rest = send_rest, .state = daemon};
}
