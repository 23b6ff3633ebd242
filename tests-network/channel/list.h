/* The places people are reached through. A channel is data: rows of channel,kind,endpoint,role, several rows a channel.
 * An endpoint is
 *
 *   http://... or https://...   a page, measured as web_connectivity does
 *   tls://HOST[:PORT]           a handshake with a good certificate for HOST (port 443 where none stands)
 *   tcp://HOST:PORT             a connection
 *   dns://HOST                  a name with an address
 *   test:NAME                   a network test of this program that needs no input: test:whatsapp, test:signal
 *
 * All must work for the channel to work; of those that share a role, one is enough. */
#ifndef TESTS_NETWORK_CHANNEL_LIST_H
#define TESTS_NETWORK_CHANNEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "measurement/base/status.h"
#include "measurement/verdict.h"
#include "tests-network/target.h"

#define CHANNEL_NAME_BYTES 48
#define CHANNEL_KIND_BYTES 24
#define CHANNEL_ROLE_BYTES 24
#define CHANNELS_MAX       256
#define CHANNEL_ENDPOINTS_MAX 1024

enum channel_reach { CHANNEL_WEB, CHANNEL_TLS, CHANNEL_TCP, CHANNEL_DNS, CHANNEL_TEST };

struct channel_endpoint {
    size_t channel; /* index into channels */
    enum channel_reach reach;
    char role[CHANNEL_ROLE_BYTES]; /* "": needed by itself */
    char *text;                    /* as it stands in the list */
    char *host;                    /* or the test's name; NULL for a page */
    int port;                      /* 0 where there is none */
};

struct channel {
    char name[CHANNEL_NAME_BYTES];
    char id[CHANNEL_NAME_BYTES];   /* the name in small letters, "-" for what is neither letter nor digit: a record's
                                    * input */
    char kind[CHANNEL_KIND_BYTES]; /* "messaging", "radio", ...; free text */
};

struct channel_list {
    struct channel *channels; /* in the order of their first rows */
    size_t count;
    struct channel_endpoint *endpoints;
    size_t endpoint_count;
};

/* Reads CSV text with the columns channel, kind, endpoint (or url) and, optionally, role, in any order. A broken row refuses the file with its line: a
 * channel silently left out would read as "nothing wrong". MALFORMED, TOO_LARGE, NO_MEMORY. */
enum status channel_list_read(const char *text, size_t count, struct channel_list *out, struct why *why);
/* The list that the program carries. */
enum status channel_list_default(struct channel_list *out, struct why *why);
void channel_list_free(struct channel_list *list);
/* By name or id, without regard to case; NULL: there is none. */
const struct channel *channel_find(const struct channel_list *list, const char *name);

/* Appends the pages to `out`, for measuring without a list of one's own. Leaves out the kind "circumvention": what
 * nobody asked for must not endanger who hosts the probe. */
enum status channel_list_targets(const struct channel_list *list, struct target_list *out);

/* Folds the verdict of what a channel needs into the channel's: any blocked makes it blocked, then offline, down,
 * unknown; OK only where all are. Start from channel_verdict_start(). */
struct verdict channel_verdict_start(void);
void channel_verdict_fold(struct verdict *channel, const struct verdict *part);
/* The channel's verdict from those of its endpoints. Pure. */
struct channel_part {
    const char *role;
    struct verdict verdict;
};
struct verdict channel_verdict(const struct channel_part *parts, size_t count);

#endif
