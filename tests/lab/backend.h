/* The servers of the emulated Internet that no package brings: a process of the lab's own beside nginx and
 * dnsmasq. It answers what nginx hands on to it (DNS over HTTPS and over TLS, pages of the clean targets),
 * and, at addresses of their own, an echo, a reflector of headers and the block page of the reference
 * environment. */
#ifndef TESTS_LAB_BACKEND_H
#define TESTS_LAB_BACKEND_H

#include <stdint.h>
#include <sys/types.h>

#include "measurement/base/status.h"
#include "tests/lab/clean_targets.h"

struct event_base;
struct evhttp_request;

#define BACKEND_ADDRESS    "127.0.0.2"
#define BACKEND_HTTP_PORT  8053 /* /dns-query (RFC 8484), and pages */
#define BACKEND_DNS_PORT   8054 /* DNS over TCP (RFC 7766): what stands behind nginx's TLS on port 853 */
#define BACKEND_PLAIN_PORT 80   /* of the addresses of internet.h */

/* Forks the process, in the caller's network; it ends with the caller. */
enum status backend_start(const struct clean_plan *clean, pid_t *out_pid, struct why *why);

/* Answers one DNS query by asking the public resolver; the callback gets NULL where it is silent. Both the
 * query and the answer are copied. */
typedef void (*relay_callback)(const uint8_t *answer, size_t count, void *arg);
enum status relay_ask(struct event_base *base, const uint8_t *query, size_t count, relay_callback callback,
                      void *arg);

/* DNS over HTTPS: GET with ?dns= in base64url, or POST. */
void doh_answer(struct evhttp_request *request, void *base);
/* DNS over TCP on the listening port. */
enum status dns_tcp_serve(struct event_base *base);

#endif
