/* Signed webhooks: what the detector finds, told to who asked for it. Guarantees:
 *   once       one alert an event and revision that says something new (collector/feed/feed.h), however many
 * series it was drawn from; sent again only where no answer was heard, under the same delivery id at least
 * what a receiver did not take with 2xx is tried again, for as long as the hook stands in the file latest a
 * revision that was overtaken before it could be told is not told; `previous_revision` names the last one
 * that was bounded    at most ALERT_PENDING_MOST wait a hook, one is on its way; what finds no room is found
 * again later */
#ifndef COLLECTOR_ALERT_ALERT_H
#define COLLECTOR_ALERT_ALERT_H

#include "collector/query.h"
#include "measurement/base/log.h"
#include "measurement/base/loop.h"
#include "measurement/base/random.h"

struct alert_settings {
    const char *config_path;
    const char *data_folder;
    const char *collector; /* the name of its key: tells its deliveries from another's */
    struct query *query;
    struct loop *loop;
    const struct log *log;
    struct clock clock;
    struct random_source random;
    int64_t retry_first_us; /* doubles with every failure ... */
    int64_t retry_most_us;  /* ... up to this */
    int64_t timeout_us;     /* of one attempt */
};
struct alert_settings alert_settings_default(void);

struct alerts;

/* Copies the settings; borrows what they point to. */
enum status alerts_open(const struct alert_settings *settings, struct alerts **out, struct why *why);
/* What was not answered yet is tried again after the next alerts_open. NULL: nothing. */
void alerts_free(struct alerts *alerts);
/* Looks through the events for what is new. To be called after a detection; it also happens by itself. NULL:
 * nothing. */
void alerts_scan(struct alerts *alerts);
/* How long to wait after the n-th failure in a row (from 1): doubled each time, then shortened by up to a
 * half at random so that hooks which failed together do not come back together. */
int64_t alert_retry_us(const struct alert_settings *settings, int failure_count);

#endif
