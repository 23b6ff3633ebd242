/* The shape of a network test. A test is a folder tests-network/NAME/ whose NAME.c ends with
 * `const struct nettest nettest_NAME`; CMake collects them in nettest_registry. */
#ifndef TESTS_NETWORK_NETTEST_H
#define TESTS_NETWORK_NETTEST_H

#include <jansson.h>
#include <sys/socket.h>

#include "measurement/base/clock.h"
#include "measurement/base/fetch.h"
#include "measurement/base/gate.h"
#include "measurement/base/log.h"
#include "measurement/base/loop.h"
#include "measurement/base/random.h"
#include "measurement/base/socket_meter.h"
#include "measurement/ladder_result.h"
#include "measurement/verdict.h"
#include "tests-network/flow_tap.h"
#include "tests-network/steps/resolver_url.h"

/* OONI's timeouts and limits are the defaults (ooni-formats, "Timeouts and limits"). */
struct nettest_limits {
    int64_t dns_timeout_us;     /* 4 s */
    int64_t dns_late_us;        /* 500 ms: how long later answers to the same query are awaited */
    int64_t tcp_timeout_us;     /* 10 s */
    int64_t tls_timeout_us;     /* 10 s */
    int64_t http_timeout_us;    /* 10 s */
    int64_t control_timeout_us; /* 30 s */
    size_t body_bytes;          /* 512 KiB */
    int redirect_count;         /* 10 */
    int64_t linger_us;          /* how long packets of a failed flow are still awaited: 1 s */
};
struct nettest_limits nettest_limits_default(void);

#define NETTEST_RESOLVERS_MAX 4
#define NETTEST_OTHERS_MAX    4

/* A resolver whose answers are compared with those of the system's. */
struct nettest_resolver {
    struct resolver_url url;
    struct sockaddr_storage address; /* with the port: no other resolver is needed to reach this one */
};
/* "udp://8.8.8.8", "tcp://...", "dot://NAME@ADDRESS", "https://dns.google/dns-query@8.8.8.8": behind the last @ stands
 * the address of a resolver that is told by name. MALFORMED with a reason. */
enum status nettest_resolver_parse(const char *text, struct nettest_resolver *out, struct why *why);

/* A rung of the ladder that is tried. Read from a file (tests-network/ladder/anchors.csv is the default). */
enum anchor_kind { ANCHOR_DOMESTIC, ANCHOR_FOREIGN, ANCHOR_CONTROL };
struct anchor {
    enum anchor_kind kind;
    char operator_name[32];
    char host[128]; /* a name or an address */
    int port;
};
struct anchor_list {
    struct anchor *anchors;
    size_t count;
};

/* What every test of one program shares. Borrowed by the tests; outlives them. */
struct nettest_context {
    struct loop *loop;
    struct fetcher *fetcher;
    struct clock clock;
    struct random_source random;
    const struct log *log;
    struct flow_tap *tap; /* NULL: as with an absent tap */
    struct nettest_limits limits;
    struct sockaddr_storage resolvers[NETTEST_RESOLVERS_MAX]; /* the system's; see nettest_resolvers_read */
    size_t resolver_count;
    const struct nettest_resolver *others; /* at most NETTEST_OTHERS_MAX; web_connectivity asks them too */
    size_t other_count;
    const char *const *control_urls; /* collectors' /v1/control, tried in order */
    size_t control_count;
    const char *ca_file; /* NULL: the system's trust store */
    struct tls_trust
        *trust; /* tls_trust_open(ca_file) of steps/tls.h, made once; NULL: each measurement makes its own */
    bool allow_private_targets; /* read what special-purpose addresses serve that DNS gave (RFC 6890): lab and
                                 * tests only, for a forged answer must not make a volunteer's probe read
                                 * their own router */
    bool wants_quic;         /* web_connectivity looks at QUIC where a site offers HTTP/3 */
    bool is_resolver_opaque; /* the system's resolver does not say why a lookup failed, as Android's getaddrinfo */
    const char *user_agent;     /* NULL: a common browser's */
    uint32_t (*asn_of)(const struct sockaddr_storage *address,
                       void *state); /* NULL: no database of networks; 0 unknown */
    void *asn_state;
    const struct channel_list *channels; /* channel/list.h, of the test "channel"; NULL: services_folder's channel.csv,
                                          * or the list that the program carries */
    const char *services_folder; /* NAME.csv there stands in for the endpoints that a service's test carries
                                  * (steps/service_targets.h); NULL: none does */
    const char *backend; /* ADDRESS[:PORT] or http://ADDRESS[:PORT] of a test that needs a server of its own (an echo, a
                          * reflector of headers); NULL: none, and its verdict is unknown */
    struct blockpage_set *blockpages; /* steps/blockpage.h; NULL: no page is named */
    struct socket_meter *meter; /* counts what the tests' sockets carry; NULL: nobody asks */
    const struct anchor_list *anchors;
    const struct ladder_result *connectivity; /* the latest climb; NULL: not known */
    struct gate *readiness; /* closed while it is still being climbed, and until the own address is known: a test that
                             * starts meanwhile (starts_early) ends only once it is open. NULL: open */
    int64_t ladder_turn; /* counts routine climbs, which try few anchors while all is in order; 0: each tries all */
};

/* Fills `resolvers` from the system's configuration through c-ares, or from a comma-separated list
 * "IP[:PORT],..." */
enum status nettest_resolvers_read(const char *list_or_null, struct nettest_context *context,
                                   struct why *why);

struct nettest_result {
    json_t *test_keys;      /* the consumer's: stolen by setting it to NULL */
    struct verdict verdict; /* also encoded in test_keys.x_dialtone.verdict */
    int64_t start_us;       /* wall time */
    double runtime_s;
    char resolver_ip[64]; /* "" where no resolver was used. Kept only where it is public and not the probe's
                             gateway */
};

struct nettest_run; /* one measurement in flight; each test defines its own behind this name */

/* Called from the loop exactly once; the run is freed after it returns. */
typedef void (*nettest_callback)(struct nettest_result *result, void *arg);

struct nettest {
    const char *name; /* OONI's test_name where the test is the same */
    const char *version;
    const char *summary; /* one line */
    bool needs_input;
    bool starts_early; /* heeds the context's readiness by itself; others start once it is open */
    /* Whether the text can be this test's input; NULL: an http or https URL (target_url_check) */
    enum status (*check_input)(const char *input, struct why *why);
    /* Starts one measurement; `input` (a URL, or NULL) is copied. */
    enum status (*start)(const struct nettest_context *context, const char *input, nettest_callback callback,
                         void *arg, struct nettest_run **out);
    void (*cancel)(struct nettest_run *run); /* no callback follows */
};

extern const char *const nettest_without_input[]; /* names of the tests that need no input; ends with NULL */
extern const struct nettest *const nettest_registry[];
const struct nettest *nettest_find(const char *name); /* NULL: there is none */

/* Reads an anchors file: kind,operator,host,port with a header line. */
enum status anchor_list_read(const char *text, size_t count, struct anchor_list *out, struct why *why);
void anchor_list_free(struct anchor_list *list);

#endif
