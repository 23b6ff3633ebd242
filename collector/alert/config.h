/* The file of serve --alerts: one section a webhook.
 *
 *   [name]                       letters, digits, - and _: names the hook in the log and in the data folder
 *   url = https://...            where to POST; plain http only on this machine, or with allow-plain-http =
 * yes secret = WORDS               at least 16 bytes; or secret-file = FILE           its first line region,
 * asn, kind, state     which events: as the parameters of /api/v1/events ca-file = FILE               whom to
 * trust instead of the system's authorities
 *
 * Lines that begin with # or ; are comments. */
#ifndef COLLECTOR_ALERT_CONFIG_H
#define COLLECTOR_ALERT_CONFIG_H

#include "collector/feed/feed.h"

#define ALERT_NAME_BYTES   33
#define ALERT_HOOKS_MOST   32
#define ALERT_SECRET_LEAST 16
#define ALERT_SECRET_MOST  1024

struct alert_hook_config {
    char name[ALERT_NAME_BYTES];
    char *url;
    char *secret; /* never logged; wiped when freed */
    char *ca_file;
    bool allow_plain_http;
    struct feed_filter filter;
};

struct alert_config {
    struct alert_hook_config hooks[ALERT_HOOKS_MOST];
    size_t count;
};

/* USAGE with the line and what is wrong, NOT_FOUND where there is no such file. *out is the caller's to free
 * with alert_config_free, also after a failure. */
enum status alert_config_read(const char *path, struct alert_config *out, struct why *why);
/* The same of a text; `path` is for messages. */
enum status alert_config_parse(const char *path, const char *text, size_t count, struct alert_config *out,
                               struct why *why);
void alert_config_free(struct alert_config *config);

#endif
