/* The collector's signed target list: asked for once a day, taken only where it is newer and signed.
 * Owner: the daemon's lists work owns the worker.
 * Why: what is worth measuring changes with events, and a probe that runs for months should follow. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "probe/daemon/daemon_inner.h"
#include "probe/state/state.h"
#include "probe/state/target_store.h"

#define LISTS_DEADLINE_US (300 * US_PER_S)

static bool key_find(const struct daemon *daemon, struct public_key *out)
{
    *out = daemon->settings.collector_key;
    return daemon->settings.has_collector_key ||
           state_collector_read(daemon->settings.state_folder, out, NULL) == STATUS_OK;
}

void daemon_targets_renew(struct daemon *daemon)
{
    struct target_list targets = {0};
    daemon->is_list_waiting = daemon->round.order != NULL;
    if (daemon->is_list_waiting || run_targets_open(&daemon->settings, &targets) != EXIT_NOTHING_WRONG) {
        target_list_free(&targets);
        return;
    }
    target_list_free(&daemon->targets);
    daemon->targets = targets;
}

static void list_take(struct daemon *daemon, const struct upload_answer *answer)
{
    struct public_key key;
    struct target_store_facts known = {0}, facts = {0};
    struct why why = {0};
    const char *folder = daemon->settings.state_folder;
    if (answer->status != STATUS_OK || answer->code != 200 || !key_find(daemon, &key)) {
        if (answer->code != 304)
            log_event(&daemon->log, LOG_LEVEL_INFO, "no_list", "status=%s code=%ld", status_name(answer->status),
                      answer->code);
        return;
    }
    (void)target_store_read(folder, &key, &known, NULL, NULL);
    enum status status = target_store_check(answer->body, answer->body_bytes, answer->signature, &key, &known, &facts, &why);
    if (status == STATUS_OK)
        status = target_store_publish(folder, answer->body, answer->body_bytes, answer->signature, &why);
    if (status != STATUS_OK) {
        log_event(&daemon->log, LOG_LEVEL_WARN, "list_refused", "status=%s why=\"%s\"", status_name(status), why.text);
        return;
    }
    log_event(&daemon->log, LOG_LEVEL_INFO, "list_taken", "serial=%lld version=%s", (long long)facts.serial,
              facts.version);
    daemon_round_drop(daemon);
    daemon_targets_renew(daemon);
}

static void on_line(char *text, size_t count, void *arg)
{
    struct daemon_work *work = arg;
    struct worker_line line;
    struct upload_answer answer;
    struct buffer body = {0};
    json_t *note = NULL;
    if (worker_line_read(text, count, &line, &note) == STATUS_OK) {
        daemon_usage_take(work->daemon, DATA_OTHER, json_member_object(note, "usage"));
        if (upload_answer_decode(json_member_object(note, "answer"), &body, &answer) == STATUS_OK)
            list_take(work->daemon, &answer);
    }
    buffer_free(&body);
    json_decref(note);
}

static void on_end(const struct worker_end *end, void *arg)
{
    struct daemon_work *work = arg;
    work->daemon->lost_worker_count += end->exit_code != 0;
    worker_free(work->worker);
    work->worker = NULL;
}

/* {"get": "/v1/targets?cc=CD", "etag", "is_long"} */
static json_t *order_encode(const struct daemon *daemon, const struct target_store_facts *known)
{
    const char *country = daemon->settings.options.vantage.country;
    bool is_placed = strcmp(country, COUNTRY_UNKNOWN) != 0;
    struct buffer path = {0}, etag = {0};
    buffer_printf(&path, "/v1/targets%s%s", is_placed ? "?cc=" : "", is_placed ? country : "");
    if (known->serial > 0)
        buffer_printf(&etag, "\"%s\"", known->version);
    char *path_text = buffer_take_text(&path), *etag_text = known->serial > 0 ? buffer_take_text(&etag) : NULL;
    json_t *order = path_text ? json_pack("{s:s, s:s*, s:b}", "get", path_text, "etag", etag_text, "is_long", 1) : NULL;
    free(path_text);
    free(etag_text);
    return order;
}

enum status daemon_lists_start(struct daemon *daemon)
{
    struct public_key key;
    struct target_store_facts known = {0};
    if (daemon->lists.worker || daemon->settings.targets_path)
        return STATUS_BUSY;
    if (!key_find(daemon, &key))
        return STATUS_NOT_FOUND; /* nobody's signature is known yet */
    (void)target_store_read(daemon->settings.state_folder, &key, &known, NULL, NULL);
    enum status status =
        daemon_work_start(daemon, &daemon->lists, "upload", LISTS_DEADLINE_US, on_line, on_end);
    daemon->lists.what = "lists";
    if (status == STATUS_OK)
        status = daemon_ways_say(daemon, daemon->lists.worker);
    if (status == STATUS_OK)
        status = daemon_object_say(daemon->lists.worker, order_encode(daemon, &known));
    if (status == STATUS_OK) {
        worker_say_no_more(daemon->lists.worker);
    } else {
        worker_free(daemon->lists.worker);
        daemon->lists.worker = NULL;
    }
    return status;
}
