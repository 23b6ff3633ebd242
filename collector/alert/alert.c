/* All hooks of a collector, and when they look for news.
 * Owner: alerts own their configuration, hooks and fetcher.
 * Why: the store is the queue. What is to be told follows from its events and from what each hook was told;
 * so a crash loses nothing, and no second list can disagree with the first. */
#include "collector/alert/alert.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/alert/hook.h"

#define SCAN_LEAST_US US_PER_S
#define SCAN_MOST_US  (60 * US_PER_S)

struct alerts {
    struct alert_settings settings;
    struct alert_config config;
    struct fetcher *fetcher;
    struct hook *hooks[ALERT_HOOKS_MOST];
    struct loop_timer *timer;
    struct loop_timer *soon;
    int64_t period_us;
};

struct alert_settings alert_settings_default(void)
{
    return (struct alert_settings){.clock = clock_system(),
                                   .random = random_system(),
                                   .retry_first_us = US_PER_S,
                                   .retry_most_us = 3600 * US_PER_S,
                                   .timeout_us = 20 * US_PER_S};
}

int64_t alert_retry_us(const struct alert_settings *settings, int failure_count)
{
    int64_t wait_us = settings->retry_first_us;
    for (int i = 1; i < failure_count && wait_us < settings->retry_most_us; i++) {
        wait_us *= 2;
    }
    wait_us = wait_us < settings->retry_most_us ? wait_us : settings->retry_most_us;
    return wait_us - (int64_t)(random_unit(&settings->random) * (double)wait_us / 2);
}

static enum status event_offer(const struct event *event, void *arg)
{
    struct alerts *alerts = arg;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < alerts->config.count && status == STATUS_OK; i++) {
        status = hook_offer(alerts->hooks[i], event);
    }
    return status;
}

void alerts_scan(struct alerts *alerts)
{
    struct store_event_filter filter = {.with_withdrawn = true};
    if (!alerts) {
        return;
    }
    enum status status = query_events(alerts->settings.query, &filter, event_offer, alerts);
    if (status != STATUS_OK) {
        log_event(alerts->settings.log, LOG_LEVEL_ERROR, "alert_scan_failed", "status=%s",
                  status_name(status));
    }
}

static void on_soon(void *arg)
{
    struct alerts *alerts = arg;
    alerts->soon = NULL;
    alerts_scan(alerts);
}

/* Not at once: the caller is still at work with the hook. */
static void on_changed(void *arg)
{
    struct alerts *alerts = arg;
    if (!alerts->soon) {
        loop_after(alerts->settings.loop, SCAN_LEAST_US, on_soon, alerts, &alerts->soon);
    }
}

static void on_period(void *arg)
{
    struct alerts *alerts = arg;
    alerts->timer = NULL;
    alerts_scan(alerts);
    loop_after(alerts->settings.loop, alerts->period_us, on_period, alerts, &alerts->timer);
}

/* Whoever reads the secret can speak in our name. */
static void readers_warn(const struct alert_settings *settings)
{
    struct stat facts;
    if (stat(settings->config_path, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_mode & S_IROTH) {
        log_event(settings->log, LOG_LEVEL_WARN, "alert_secret_readable",
                  "reason=\"every user of this machine can read the file of webhooks; chmod 600 it\"");
    }
}

static enum status hooks_open(struct alerts *alerts, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < alerts->config.count && status == STATUS_OK; i++) {
        struct hook_parts parts = {.config = &alerts->config.hooks[i],
                                   .settings = &alerts->settings,
                                   .fetcher = alerts->fetcher,
                                   .changed = on_changed,
                                   .changed_arg = alerts};
        status = hook_open(&parts, &alerts->hooks[i], why);
    }
    return status;
}

enum status alerts_open(const struct alert_settings *settings, struct alerts **out, struct why *why)
{
    struct alerts *alerts = calloc(1, sizeof *alerts);
    if (!alerts) {
        return STATUS_NO_MEMORY;
    }
    alerts->settings = *settings;
    int64_t half_bin_us = query_bin_length_s(settings->query) * US_PER_S / 2;
    alerts->period_us = half_bin_us < SCAN_LEAST_US ? SCAN_LEAST_US : half_bin_us;
    alerts->period_us = alerts->period_us > SCAN_MOST_US ? SCAN_MOST_US : alerts->period_us;
    enum status status = alert_config_read(settings->config_path, &alerts->config, why);
    if (status == STATUS_OK) {
        readers_warn(settings);
        status = fetcher_open(settings->loop, &alerts->fetcher);
    }
    if (status == STATUS_OK) {
        status = hooks_open(alerts, why);
    }
    if (status == STATUS_OK) {
        status = loop_after(settings->loop, 0, on_period, alerts, &alerts->timer);
    }
    if (status == STATUS_OK) {
        *out = alerts;
    } else {
        alerts_free(alerts);
    }
    return status;
}

void alerts_free(struct alerts *alerts)
{
    if (!alerts) {
        return;
    }
    if (alerts->timer) {
        loop_timer_cancel(alerts->timer);
    }
    if (alerts->soon) {
        loop_timer_cancel(alerts->soon);
    }
    for (size_t i = 0; i < alerts->config.count; i++) {
        hook_free(alerts->hooks[i]);
    }
    fetcher_free(alerts->fetcher);
    alert_config_free(&alerts->config);
    free(alerts);
}
