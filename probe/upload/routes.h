/* The ways to a collector: read from flags or configuration, tried in order, the one that works first the next time. */
#ifndef PROBE_UPLOAD_ROUTES_H
#define PROBE_UPLOAD_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "measurement/base/status.h"
#include "measurement/key.h"

#define ROUTES_MAX        16
#define ROUTE_LABEL_BYTES 96

struct route {
    char label[ROUTE_LABEL_BYTES]; /* as status shows it: no password, no address of the volunteer's */
    char *url;                     /* "https://host[:port][/path]", without a slash at its end */
    char *proxy;                   /* in libcurl's form, or NULL */
    char *connect_to;              /* connect here instead of looking the name up, or NULL */
    struct public_key key;         /* receipts on this route are signed with it, where it has its own */
    bool has_key;
};

struct route_list {
    struct route routes[ROUTES_MAX];
    size_t count;
};

/* Adds a route to the collector at `collector_url`:
 *   direct                          as the URL says
 *   name=ALT[:PORT][@ADDRESS]       under another name, which its certificate must hold; connecting to that address
 *   proxy=http://[USER:WORD@]HOST:PORT   through an HTTP proxy
 *   socks5=HOST:PORT                through SOCKS5, which looks the name up: Tor is socks5=127.0.0.1:9050
 *   collector=URL[,KEY]             another collector, whose receipts are signed with KEY
 * USAGE where it is none of these, FULL past ROUTES_MAX. */
enum status route_list_add(struct route_list *list, const char *collector_url, const char *text, struct why *why);
void route_list_free(struct route_list *list);

/* Which route is tried at the n-th attempt (from 0), where `working` was the last that worked. n < count. */
size_t route_order(size_t count, size_t working, size_t n);
/* By label; count where there is none. */
size_t route_find(const struct route_list *list, const char *label);

/* "sha256//BASE64=[;sha256//...]", as CURLOPT_PINNEDPUBLICKEY takes it. */
bool route_pins_are_good(const char *text);

#endif
