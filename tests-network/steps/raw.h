/* Bytes of our own on a fresh TCP connection, and what comes back: for tests that must choose every byte. */
#ifndef TESTS_NETWORK_STEPS_RAW_H
#define TESTS_NETWORK_STEPS_RAW_H

#include "measurement/base/bytes.h"
#include "tests-network/steps/step.h"
#include "tests-network/steps/tcp.h"

struct raw_result {
    const char *connect_failure;
    const char
        *failure; /* how it ended once connected: NULL enough came, generic_timeout_error, eof_error, ... */
    struct buffer received; /* what came, within the limit */
    bool is_cut;            /* there was more than the limit */
};

struct raw_request {
    struct sockaddr_storage remote;
    struct step_label label;
    const void *bytes; /* sent as they are; borrowed until the callback */
    size_t count;
    size_t limit_bytes; /* of what is kept; reading ends there */
    /* Whether what came is enough; NULL: only the limit, the end or the timeout ends reading. */
    bool (*is_enough)(const void *received, size_t count, void *arg);
    int64_t timeout_us; /* after the connect; 0: context->limits.http_timeout_us */
};

struct raw_exchange;
typedef void (*raw_callback)(struct raw_exchange *exchange, void *arg);

/* `arg` goes to the callback and to is_enough. */
enum status raw_start(const struct step_trace *trace, const struct raw_request *request,
                      raw_callback callback, void *arg, struct raw_exchange **out);
/* The same on a connected, non-blocking descriptor, which is the exchange's once this says OK. */
enum status raw_start_on(const struct step_trace *trace, const struct raw_request *request, int fd,
                         raw_callback callback, void *arg, struct raw_exchange **out);
const struct raw_result *raw_result(const struct raw_exchange *exchange);
const struct tcp_result *
raw_tcp(const struct raw_exchange *exchange); /* NULL where it did not connect itself */
void raw_free(struct raw_exchange *exchange); /* cancels; no callback follows */

/* The address of a test's backend: ADDRESS[:PORT] or http://ADDRESS[:PORT][/]; port 80 where none stands. No
 * name: what a resolver forges must not look like a middlebox. MALFORMED for anything else. */
enum status raw_backend_parse(const char *text, struct sockaddr_storage *out);

#endif
