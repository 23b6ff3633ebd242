/* One webhook: what waits to be told, and the telling. */
#ifndef COLLECTOR_ALERT_HOOK_H
#define COLLECTOR_ALERT_HOOK_H

#include "collector/alert/alert.h"
#include "collector/alert/config.h"
#include "collector/alert/journal.h"
#include "measurement/base/fetch.h"

#define ALERT_PENDING_MOST 256

struct hook;

/* Borrows configuration, settings, fetcher and loop, which outlive it. Reads or makes the hook's journal: a
 * new hook is not told of what is over already. `changed` is called when an alert was taken and there may be
 * room for others. */
struct hook_parts {
    const struct alert_hook_config *config;
    const struct alert_settings *settings;
    struct fetcher *fetcher;
    loop_callback changed;
    void *changed_arg;
};
enum status hook_open(const struct hook_parts *parts, struct hook **out, struct why *why);
void hook_free(struct hook *hook);
/* The latest revision of an event, withdrawn ones too: tells it, some day, where the hook asks for it and it
 * is news. */
enum status hook_offer(struct hook *hook, const struct event *event);

#endif
