/* Cookies of one measurement, from one answer to the requests that its redirects lead to (RFC 6265). */
#ifndef TESTS_NETWORK_STEPS_COOKIE_H
#define TESTS_NETWORK_STEPS_COOKIE_H

#include <stddef.h>
#include <stdint.h>

#include "tests-network/steps/url.h"

#define COOKIES_MAX      64   /* further ones are dropped */
#define COOKIE_BYTES_MAX 4096 /* a longer one is dropped */

struct cookie;
struct cookie_jar { /* zero-initialise for an empty one */
    struct cookie *cookies;
    size_t count;
};

/* Takes a Set-Cookie header of an answer from `url`; what is malformed or not the host's to set is dropped. An expiry
 * that lies before `now_s` (UTC) removes the cookie; others live as long as the jar. */
void cookie_take(struct cookie_jar *jar, const struct url *url, const char *set_cookie, int64_t now_s);
/* The value of the Cookie header for a request to `url`, the caller's; NULL where none applies. */
char *cookie_header(const struct cookie_jar *jar, const struct url *url);
void cookie_jar_free(struct cookie_jar *jar); /* the cookies, not the jar */

#endif
