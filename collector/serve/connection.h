/* The connections of one loop, watched from the first byte on: heads that could be read in two ways are refused, every
 * phase has its deadline, and there are never too many. What the bounds are stands in docs/limits.md. */
#ifndef COLLECTOR_SERVE_CONNECTION_H
#define COLLECTOR_SERVE_CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/clock.h"
#include "measurement/base/loop.h"

struct bufferevent;
struct evhttp_request;
struct connections;

struct connection_bounds {
    int count_most;            /* open at once in this loop; past it the one that waits longest without use goes */
    uint64_t body_bytes_most;  /* of one request */
    int64_t first_us;          /* from the connection to the first byte */
    int64_t idle_us;           /* between two requests */
    int64_t head_us;           /* from the first byte to the end of the head */
    int64_t body_grace_us;     /* from the head on, after which a body must have come at the least rate */
    int64_t body_bytes_per_s;
    int64_t whole_us;          /* of a request, from its first byte to the last byte of its answer */
    size_t held_bytes_most;    /* of bodies under way, in all loops together; past it the oldest body of the loop goes ... */
    int64_t body_yield_us;     /* ... if it has been under way for as long as this, else the newest */
};
struct connection_bounds connection_bounds_default(void);

/* `held_bytes` is shared by all loops. */
enum status connections_open(struct loop *loop, const struct connection_bounds *bounds,
                             atomic_size_t *held_bytes, struct connections **out);
void connections_free(struct connections *connections);
/* Watches a connection that was just made; to be called before it reads. */
enum status connections_add(struct connections *connections, struct bufferevent *bufferevent);
/* A whole request has come; its answer is awaited until it is sent. */
void connections_request(struct connections *connections, struct evhttp_request *request);
/* Calls back after each answer that was sent whole. */
void connections_answered(struct connections *connections, void (*answered)(struct evhttp_request *request, void *arg),
                          void *arg);
/* From now on connections are closed as soon as they are answered. How many are left. */
void connections_drain(struct connections *connections);
size_t connections_count(const struct connections *connections);

#endif
