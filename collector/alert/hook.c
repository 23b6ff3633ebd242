/* Tells one hook what is news to it.
 * Owner: a hook owns its journal, what waits, and the request on its way.
 * Why: hooks fail one by one; a slow one must not hold up another.
 * Plan: an offered event is compared with what the journal says was told; news waits in a bounded list, one
 * place an event; the one that is due first goes out; 2xx puts it into the journal, anything else makes it
 * due again later. */
#include "collector/alert/hook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/alert/sign.h"
#include "measurement/base/json.h"

#define ANSWER_BYTES_MOST 4096
#define FAILURES_MOST     1000000

struct pending {
    struct feed_event event;
    int previous_revision; /* 0: none was told */
    int64_t due_us;        /* monotonic */
    int failure_count;
};

/* What happens to an alert that is refused: time did not stand still while it was on its way. */
enum fate {
    FATE_AGAIN,     /* nothing changed */
    FATE_OVERTAKEN, /* there is a newer revision */
    FATE_DROPPED,   /* it is no news any more */
};

struct hook {
    struct hook_parts parts;
    struct journal *journal;
    struct pending *pending; /* ALERT_PENDING_MOST */
    size_t pending_count;
    struct loop_timer *timer;
    struct fetch *fetch; /* on its way: the place `sent` */
    size_t sent;
    enum fate if_refused; /* what became of it meanwhile */
    struct feed_event overtaker;
    struct buffer body;
    int64_t bin_length_s;
};

static int64_t now_us(const struct hook *hook)
{
    return clock_monotonic_us(&hook->parts.settings->clock);
}

static struct pending *pending_find(struct hook *hook, const char *id)
{
    for (size_t i = 0; i < hook->pending_count; i++) {
        if (strcmp(hook->pending[i].event.id, id) == 0) {
            return &hook->pending[i];
        }
    }
    return NULL;
}

static void pending_remove(struct hook *hook, size_t place)
{
    hook->pending[place] = hook->pending[--hook->pending_count];
    if (hook->fetch && hook->sent == hook->pending_count) {
        hook->sent = place;
    }
}

static void next_plan(struct hook *hook);

/* Told: into the journal. An alert that cannot be noted is told in the log: it may go out again after a
 * restart. */
static void taken_note(struct hook *hook, const struct pending *pending)
{
    struct why why = {""};
    const struct log *log = hook->parts.settings->log;
    if (journal_tell(hook->journal, pending->event.id, pending->event.revision, &why) != STATUS_OK) {
        log_event(log, LOG_LEVEL_ERROR, "alert_not_noted", "hook=%s reason=\"%s\"", hook->parts.config->name,
                  why.text);
    }
    log_event(log, LOG_LEVEL_INFO, "alert_told", "hook=%s id=%s revision=%d attempts=%d",
              hook->parts.config->name, pending->event.id, pending->event.revision,
              pending->failure_count + 1);
}

/* Seconds that the receiver asks us to wait; dates are not read. */
static int64_t retry_after_us(const struct fetch_response *response)
{
    const char *value = fetch_header_value(response, "Retry-After");
    char *end = NULL;
    long seconds = value ? strtol(value, &end, 10) : 0;
    return value && end != value && *end == '\0' && seconds > 0 && seconds <= 86400 ? seconds * US_PER_S : 0;
}

static void failure_note(struct hook *hook, struct pending *pending, const struct fetch_response *response)
{
    const struct alert_settings *settings = hook->parts.settings;
    pending->failure_count += pending->failure_count < FAILURES_MOST;
    int64_t wait_us = alert_retry_us(settings, pending->failure_count);
    int64_t asked_us = retry_after_us(response);
    asked_us = asked_us < settings->retry_most_us ? asked_us : settings->retry_most_us;
    wait_us = wait_us > asked_us ? wait_us : asked_us;
    pending->due_us = now_us(hook) + wait_us;
    log_event(settings->log, LOG_LEVEL_WARN, "alert_failed",
              "hook=%s id=%s revision=%d attempt=%d code=%ld status=%s again_in_ms=%" PRId64,
              hook->parts.config->name, pending->event.id, pending->event.revision, pending->failure_count,
              response->code, status_name(response->status), wait_us / US_PER_MS);
}

static void on_answer(const struct fetch_response *response, void *arg)
{
    struct hook *hook = arg;
    struct pending *pending = &hook->pending[hook->sent];
    hook->fetch = NULL;
    buffer_free(&hook->body);
    hook->body = (struct buffer){0};
    if (response->status == STATUS_OK && response->code >= 200 && response->code <= 299) {
        taken_note(hook, pending);
        pending_remove(hook, hook->sent);
        hook->parts.changed(hook->parts.changed_arg);
    } else if (hook->if_refused == FATE_DROPPED) {
        pending_remove(hook, hook->sent);
    } else {
        failure_note(hook, pending, response);
        pending->event = hook->if_refused == FATE_OVERTAKEN ? hook->overtaker : pending->event;
    }
    next_plan(hook);
}

static enum status body_make(struct hook *hook, const struct pending *pending)
{
    json_t *row = feed_event_json(&pending->event, hook->bin_length_s);
    enum status status = row ? STATUS_OK : STATUS_NO_MEMORY;
    if (row) {
        int previous = pending->previous_revision;
        json_object_set_new(row, "previous_revision", previous ? json_integer(previous) : json_null());
        status = json_write(row, &hook->body);
    }
    json_decref(row);
    return status == STATUS_OK && hook->body.failed ? STATUS_NO_MEMORY : status;
}

static const char *word_of(const struct pending *pending)
{
    if (pending->event.state == REGION_OK) {
        return "cancel";
    }
    return pending->previous_revision ? "update" : "alert";
}

static enum status request_start(struct hook *hook, const struct pending *pending)
{
    const struct alert_settings *settings = hook->parts.settings;
    const struct alert_hook_config *config = hook->parts.config;
    int64_t timestamp_s = clock_wall_us(&settings->clock) / US_PER_S;
    char delivery[ALERT_DELIVERY_BYTES];
    char signature[ALERT_SIGNATURE_BYTES];
    char timestamp[24];
    enum status status = body_make(hook, pending);
    if (status == STATUS_OK) {
        status = alert_sign(config->secret, timestamp_s, hook->body.bytes, hook->body.count, signature);
    }
    if (status != STATUS_OK) {
        return status;
    }
    alert_delivery_id(settings->collector, config->name, pending->event.id, pending->event.revision,
                      delivery);
    snprintf(timestamp, sizeof timestamp, "%" PRId64, timestamp_s);
    const struct fetch_header headers[] = {
        {"Content-Type", "application/json"}, {"User-Agent", "Dialtone/" DIALTONE_VERSION},
        {"Dialtone-Event", word_of(pending)}, {"Dialtone-Delivery", delivery},
        {"Dialtone-Timestamp", timestamp},    {"Dialtone-Signature", signature},
    };
    const struct fetch_request request = {.method = "POST",
                                          .url = config->url,
                                          .headers = headers,
                                          .header_count = sizeof headers / sizeof headers[0],
                                          .body = hook->body.bytes,
                                          .body_bytes = hook->body.count,
                                          .timeout_us = settings->timeout_us,
                                          .body_limit_bytes = ANSWER_BYTES_MOST,
                                          .ca_file = config->ca_file,
                                          .connected_fd = -1};
    return fetch_start(hook->parts.fetcher, &request, on_answer, hook, &hook->fetch);
}

/* The one that is due first. */
static size_t pending_first(const struct hook *hook)
{
    size_t first = 0;
    for (size_t i = 1; i < hook->pending_count; i++) {
        if (hook->pending[i].due_us < hook->pending[first].due_us) {
            first = i;
        }
    }
    return first;
}

static void on_due(void *arg)
{
    struct hook *hook = arg;
    hook->timer = NULL;
    if (hook->pending_count == 0 || hook->fetch) {
        return;
    }
    hook->sent = pending_first(hook);
    hook->if_refused = FATE_AGAIN;
    enum status status = request_start(hook, &hook->pending[hook->sent]);
    if (status != STATUS_OK) {
        struct fetch_response none = {.status = status};
        buffer_free(&hook->body);
        hook->body = (struct buffer){0};
        failure_note(hook, &hook->pending[hook->sent], &none);
        next_plan(hook);
    }
}

/* One timer, for the one that is due first; none while a request is on its way. */
static void next_plan(struct hook *hook)
{
    if (hook->timer) {
        loop_timer_cancel(hook->timer);
        hook->timer = NULL;
    }
    if (hook->fetch || hook->pending_count == 0) {
        return;
    }
    int64_t wait_us = hook->pending[pending_first(hook)].due_us - now_us(hook);
    loop_after(hook->parts.settings->loop, wait_us > 0 ? wait_us : 0, on_due, hook, &hook->timer);
}

/* The revision that was told, to compare with. */
struct told {
    int revision;
    int64_t bin_length_s;
    struct feed_event event;
    bool is_there;
};

static enum status told_match(const struct event *event, void *arg)
{
    struct told *told = arg;
    if (event->revision == told->revision) {
        feed_event_of(event, told->bin_length_s, &told->event);
        told->is_there = true;
    }
    return STATUS_OK;
}

/* A store that does not know the revision any more cannot say that it was the same. */
static enum status news_check(struct hook *hook, const struct journal_entry *entry,
                              const struct feed_event *latest, bool *out_is_news)
{
    struct told told = {.revision = entry->revision, .bin_length_s = hook->bin_length_s};
    struct store_event_filter filter = {.id = entry->id};
    enum status status = query_events(hook->parts.settings->query, &filter, told_match, &told);
    if (status == STATUS_OK) {
        *out_is_news = !told.is_there || feed_event_is_news(&told.event, latest);
    }
    return status;
}

static bool is_on_its_way(const struct hook *hook, const struct pending *place)
{
    return hook->fetch && place == &hook->pending[hook->sent];
}

static void pending_put(struct hook *hook, const struct feed_event *event, int previous_revision)
{
    struct pending *place = pending_find(hook, event->id);
    if (!place && hook->pending_count == ALERT_PENDING_MOST) {
        return; /* offered again when there is room */
    }
    if (place && is_on_its_way(hook, place)) {
        hook->if_refused = place->event.revision == event->revision ? FATE_AGAIN : FATE_OVERTAKEN;
        hook->overtaker = *event;
        return;
    }
    if (place && place->event.revision == event->revision) {
        return;
    }
    if (!place) {
        place = &hook->pending[hook->pending_count++];
        *place = (struct pending){.due_us = now_us(hook)};
    }
    place->event = *event;
    place->previous_revision = previous_revision;
    next_plan(hook);
}

static void pending_drop(struct hook *hook, const char *id)
{
    struct pending *place = pending_find(hook, id);
    if (place && is_on_its_way(hook, place)) {
        hook->if_refused = FATE_DROPPED;
    } else if (place) {
        pending_remove(hook, (size_t)(place - hook->pending));
        next_plan(hook);
    }
}

enum status hook_offer(struct hook *hook, const struct event *event)
{
    const struct feed_filter *filter = &hook->parts.config->filter;
    struct journal_entry *entry = journal_find(hook->journal, event->id);
    struct feed_event latest;
    bool is_told = entry && entry->is_told;
    bool is_news = true;
    if (!feed_filter_covers(filter, event) || (entry && entry->seen_revision >= event->revision)) {
        return STATUS_OK;
    }
    if (!is_told && (event->state < REGION_SUSPECTED || event->state < filter->least_state)) {
        pending_drop(hook, event->id); /* it was never told, and is not to be told any more */
        return STATUS_OK;
    }
    feed_event_of(event, hook->bin_length_s, &latest);
    enum status status = entry ? news_check(hook, entry, &latest, &is_news) : STATUS_OK;
    if (status == STATUS_OK && is_news) {
        pending_put(hook, &latest, is_told ? entry->revision : 0);
    } else if (status == STATUS_OK) {
        entry->seen_revision = event->revision;
        pending_drop(hook, event->id);
    }
    return status;
}

static enum status over_know(const struct event *event, void *arg)
{
    struct hook *hook = arg;
    bool is_over = event->state == REGION_OK || event->end_latest_us != 0;
    return is_over && feed_filter_covers(&hook->parts.config->filter, event)
               ? journal_know(hook->journal, event->id, event->revision)
               : STATUS_OK;
}

static enum status journal_make(struct hook *hook, struct why *why)
{
    const struct alert_settings *settings = hook->parts.settings;
    struct store_event_filter filter = {.with_withdrawn = true};
    size_t damaged_count = 0;
    bool is_new = false;
    enum status status = journal_open(settings->data_folder, hook->parts.config->name, &hook->journal,
                                      &is_new, &damaged_count, why);
    if (damaged_count > 0) {
        log_event(settings->log, LOG_LEVEL_WARN, "alert_journal_damaged", "hook=%s lines=%zu",
                  hook->parts.config->name, damaged_count);
    }
    if (status == STATUS_OK && is_new) {
        status = query_events(settings->query, &filter, over_know, hook);
        status = status == STATUS_OK ? journal_begin(hook->journal, why) : status;
    }
    return status;
}

enum status hook_open(const struct hook_parts *parts, struct hook **out, struct why *why)
{
    struct hook *hook = calloc(1, sizeof *hook);
    enum status status = STATUS_NO_MEMORY;
    if (hook) {
        hook->parts = *parts;
        hook->bin_length_s = query_bin_length_s(parts->settings->query);
        hook->pending = calloc(ALERT_PENDING_MOST, sizeof *hook->pending);
        status = hook->pending ? journal_make(hook, why) : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        *out = hook;
    } else {
        hook_free(hook);
    }
    return status;
}

void hook_free(struct hook *hook)
{
    if (!hook) {
        return;
    }
    if (hook->timer) {
        loop_timer_cancel(hook->timer);
    }
    if (hook->fetch) {
        fetch_cancel(hook->fetch);
    }
    buffer_free(&hook->body);
    journal_free(hook->journal);
    free(hook->pending);
    free(hook);
}
