/* The places people are reached through. A channel is data: rows of channel,kind,url, several rows a channel; all of
 * its URLs must work for the channel to work. */
#ifndef PROBE_CHANNELS_H
#define PROBE_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "measurement/base/status.h"
#include "measurement/verdict.h"
#include "tests-network/target.h"

#define CHANNEL_NAME_BYTES 48
#define CHANNEL_KIND_BYTES 24
#define CHANNELS_MAX       256
#define CHANNEL_URLS_MAX   1024

struct channel_url {
    size_t channel; /* index into channels */
    char *url;
};

struct channel {
    char name[CHANNEL_NAME_BYTES];
    char kind[CHANNEL_KIND_BYTES]; /* "messaging", "radio", ...; free text */
};

struct channel_list {
    struct channel *channels; /* in the order of their first rows */
    size_t count;
    struct channel_url *urls;
    size_t url_count;
};

/* Reads CSV text with the columns channel, kind and url in any order. A broken row refuses the file with its line: a
 * channel silently left out would read as "nothing wrong". MALFORMED, TOO_LARGE, NO_MEMORY. */
enum status channel_list_read(const char *text, size_t count, struct channel_list *out, struct why *why);
/* The list that the program carries. */
enum status channel_list_default(struct channel_list *out, struct why *why);
void channel_list_free(struct channel_list *list);

/* Appends the URLs to `out`, for measuring without a list of one's own. Leaves out the kind "circumvention": what
 * nobody asked for must not endanger who hosts the probe. */
enum status channel_list_targets(const struct channel_list *list, struct target_list *out);

/* Folds the verdict of one URL into the channel's: any blocked makes it blocked, then offline, down, unknown; OK only
 * where all are. Start from channel_verdict_start(). */
struct verdict channel_verdict_start(void);
void channel_verdict_fold(struct verdict *channel, const struct verdict *url);

#endif
