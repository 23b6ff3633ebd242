/* One question to one resolver address over one transport. */
#ifndef TESTS_NETWORK_STEPS_LOOKUP_H
#define TESTS_NETWORK_STEPS_LOOKUP_H

#include "tests-network/steps/resolver_url.h"
#include "tests-network/steps/step.h"
#include "tests-network/steps/tls.h"

#define LOOKUP_ADDRESSES_MAX 16

/* How far it came: the stage that failed, or DONE. */
enum lookup_stage { LOOKUP_CONNECT, LOOKUP_TLS, LOOKUP_EXCHANGE, LOOKUP_ANSWER, LOOKUP_DONE };

struct lookup_request {
    const struct resolver_url *resolver; /* borrowed until the lookup is freed */
    struct sockaddr_storage remote;
    const char *domain;
    uint16_t type;
    struct tls_trust *trust;
    struct step_label label;
};

struct lookup_result {
    enum lookup_stage stage; /* ANSWER: the resolver answered, but with no address */
    const char *failure;
    bool is_injected;
    bool is_bogon; /* all addresses of the answer are special-purpose ones */
    struct sockaddr_storage addresses[LOOKUP_ADDRESSES_MAX];
    size_t address_count;
};

struct lookup;
typedef void (*lookup_callback)(struct lookup *lookup, void *arg);

enum status lookup_start(const struct step_trace *trace, const struct lookup_request *request,
                         lookup_callback callback, void *arg, struct lookup **out);
const struct lookup_result *lookup_result(const struct lookup *lookup);
/* Appends to the arrays queries (df-002), tcp_connect, tls_handshakes, requests of `keys`. */
void lookup_encode(const struct lookup *lookup, json_t *keys);
void lookup_free(struct lookup *lookup); /* cancels; no callback follows */

#endif
