/* The thread that judges: when the detector runs, and who is told.
 * Owner: the judge owns its loop, its own handles on the data folder, and the alerts.
 * Why: soon after a bundle, but once for many; and again while nothing comes, because silence is what a shutdown is. Judging
 * a region takes a good part of a second, in which connections must not wait. */
#include <signal.h>
#include <stdlib.h>

#include "collector/alert/alert.h"
#include "collector/detect_run.h"
#include "collector/hearing.h"
#include "collector/serve/parts.h"

#define DEBOUNCE_MOST_US (5 * US_PER_S)
#define PERIOD_LEAST_US  US_PER_S

struct judge {
    struct service *service;
    struct collector_folder folder;
    struct query *query; /* of the alerts */
    struct hearing *hearing; /* that the collector is up */
    struct alerts *alerts; /* NULL: nobody is told */
    struct loop *loop;
    struct mailbox *mailbox;
    struct mail dirty_mail;
    struct mail stop_mail;
    atomic_bool is_dirty; /* the letter is on its way, or its timer runs */
    struct loop_timer *soon;
    struct loop_timer *again;
    int64_t debounce_us;
    int64_t period_us;
    pthread_t thread;
    bool is_running;
};

static void regions_judge(struct judge *judge, enum detect_scope scope)
{
    const struct log *log = &judge->service->config->log;
    struct why why = {""};
    struct detect_counts count = {0};
    int64_t now_s = clock_wall_us(&judge->service->clock) / US_PER_S;
    enum status status = hearing_beat(judge->hearing, now_s, &why);
    if (status != STATUS_OK) {
        log_event(log, LOG_LEVEL_ERROR, "hearing_not_kept", "status=%s reason=\"%s\"", status_name(status), why.text);
    }
    status = detect_run(&judge->folder, scope, now_s, &count, &why);
    if (status != STATUS_OK) {
        log_event(log, LOG_LEVEL_ERROR, "detect_failed", "status=%s reason=\"%s\"", status_name(status),
                  why.text);
    } else if (count.region_count > 0) {
        log_event(log, LOG_LEVEL_DEBUG, "detected", "regions=%zu rescored_bins=%zu", count.region_count,
                  count.rescored_bin_count);
        alerts_scan(judge->alerts);
    }
}

static void on_soon(void *arg)
{
    struct judge *judge = arg;
    judge->soon = NULL;
    atomic_store(&judge->is_dirty, false); /* what comes from here on is judged the next time */
    regions_judge(judge, DETECT_DIRTY);
}

static void on_again(void *arg)
{
    struct judge *judge = arg;
    judge->again = NULL;
    regions_judge(judge, DETECT_ACTIVE);
    loop_after(judge->loop, judge->period_us, on_again, judge, &judge->again);
}

static void dirty_deliver(struct mail *mail)
{
    struct judge *judge = (struct judge *)((char *)mail - offsetof(struct judge, dirty_mail));
    if (!judge->soon) {
        loop_after(judge->loop, judge->debounce_us, on_soon, judge, &judge->soon);
    }
}

static void stop_deliver(struct mail *mail)
{
    struct judge *judge = (struct judge *)((char *)mail - offsetof(struct judge, stop_mail));
    loop_stop(judge->loop);
}

void judge_dirty(struct judge *judge)
{
    if (!atomic_exchange(&judge->is_dirty, true)) {
        mailbox_post(judge->mailbox, &judge->dirty_mail);
    }
}

static enum status hooks_open(struct judge *judge, struct why *why)
{
    const struct service *service = judge->service;
    struct alert_settings settings = alert_settings_default();
    enum status status = query_open(service->folder->path, &judge->query, why);
    if (status != STATUS_OK) {
        return status;
    }
    settings.config_path = service->config->alerts_path;
    settings.data_folder = service->folder->path;
    settings.collector = service->key_name;
    settings.query = judge->query;
    settings.loop = judge->loop;
    settings.log = &service->config->log;
    return alerts_open(&settings, &judge->alerts, why);
}

static void *judge_run(void *arg)
{
    struct judge *judge = arg;
    loop_run(judge->loop);
    return NULL;
}

static enum status parts_open(struct judge *judge, struct why *why)
{
    const struct service *service = judge->service;
    enum status status = collector_folder_open(service->folder->path, 0, &judge->folder, why);
    if (status == STATUS_OK) {
        status = hearing_open(service->folder->path, clock_wall_us(&service->clock) / US_PER_S,
                              HEARING_PATIENCE_BINS * judge->folder.bin_length_s, &judge->hearing, why);
    }
    if (status == STATUS_OK) {
        status = loop_open(&judge->loop);
    }
    if (status == STATUS_OK) {
        status = mailbox_open(judge->loop, &judge->mailbox);
    }
    if (status == STATUS_OK) {
        status = loop_after(judge->loop, judge->debounce_us, on_again, judge, &judge->again);
    }
    if (status == STATUS_OK && service->config->alerts_path) {
        status = hooks_open(judge, why);
    }
    return status;
}

enum status judge_open(struct service *service, struct judge **out, struct why *why)
{
    struct judge *judge = calloc(1, sizeof *judge);
    if (!judge) {
        return STATUS_NO_MEMORY;
    }
    int64_t half_bin_us = service->folder->bin_length_s * US_PER_S / 2;
    judge->service = service;
    judge->dirty_mail.deliver = dirty_deliver;
    judge->stop_mail.deliver = stop_deliver;
    judge->debounce_us = half_bin_us < DEBOUNCE_MOST_US ? half_bin_us : DEBOUNCE_MOST_US;
    judge->period_us = half_bin_us > PERIOD_LEAST_US ? half_bin_us : PERIOD_LEAST_US;
    enum status status = parts_open(judge, why);
    if (status == STATUS_OK && pthread_create(&judge->thread, NULL, judge_run, judge) != 0) {
        why_set(why, "no thread for the detector; allow the collector more threads");
        status = STATUS_NO_MEMORY;
    }
    judge->is_running = status == STATUS_OK;
    if (status == STATUS_OK) {
        *out = judge;
    } else {
        judge_free(judge);
    }
    return status;
}

void judge_free(struct judge *judge)
{
    if (!judge) {
        return;
    }
    if (judge->is_running) {
        mailbox_post(judge->mailbox, &judge->stop_mail);
        pthread_join(judge->thread, NULL);
    }
    alerts_free(judge->alerts);
    query_close(judge->query);
    mailbox_free(judge->mailbox);
    loop_free(judge->loop);
    hearing_free(judge->hearing);
    collector_folder_close(&judge->folder);
    free(judge);
}
