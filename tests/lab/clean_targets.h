/* Clean targets: sites as varied as the Web's, none of which anybody hinders. Pure: a seed and a number make
 * a target, the same in every process. */
#ifndef TESTS_LAB_CLEAN_TARGETS_H
#define TESTS_LAB_CLEAN_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/bytes.h"
#include "tests/lab/certificates.h"

#define CLEAN_TARGETS_MAX  4000
#define CLEAN_CLUSTERS     60 /* machines that share the targets between them */
#define CLEAN_ADDRESS_ROOM 48

/* What a set of them is made from; count 0: none. */
struct clean_plan {
    int count;
    uint64_t seed;
};

/* How the page is come to from the URL of the list. */
enum clean_start {
    CLEAN_DIRECT,
    CLEAN_TO_HTTPS,  /* http:// leads to https:// */
    CLEAN_TO_WWW,    /* the bare name leads to the one with www. */
    CLEAN_TO_BOTH,   /* first https://, then www. */
    CLEAN_CHAIN,     /* through several paths, some relative */
    CLEAN_BY_COOKIE, /* leads to itself until the cookie comes back */
};

/* What the page is. */
enum clean_page {
    CLEAN_TEXT,
    CLEAN_EMPTY,
    CLEAN_MISSING,       /* 404 for everybody */
    CLEAN_FORBIDDEN,     /* 403 for everybody */
    CLEAN_PUZZLE,        /* 503 and a puzzle for everybody */
    CLEAN_PROBE_REFUSED, /* 403 and a puzzle for probes, the page for others */
    CLEAN_PAGE_COUNT,
};

enum clean_language {
    CLEAN_EN,
    CLEAN_FR,
    CLEAN_AR,
    CLEAN_RU,
    CLEAN_RU_1251,
    CLEAN_SW,
    CLEAN_ZH,
    CLEAN_LANGUAGE_COUNT
};

struct clean_target {
    int number;
    char host[CLEAN_ADDRESS_ROOM]; /* "t17.clean.lab" */
    char url[2 * CLEAN_ADDRESS_ROOM];
    int cluster;
    bool has_two_edges; /* resolvers of the provider tell another address than others do */
    bool has_ipv6;
    bool is_plain_server; /* its pages over http:// come from a server that adds no header of note */
    bool is_chunked;
    bool is_gzipped;
    bool has_own_header;
    enum clean_start start;
    enum clean_page page;
    enum clean_language language;
    enum certificate_key key;
    bool has_intermediate;
    bool has_many_names;
    size_t body_bytes;
    int dynamic_percent; /* of the body that is another at each request */
    bool is_title_dynamic;
    int delay_ms;       /* before the answer */
    int piece_delay_ms; /* between pieces of it; 0: all at once */
};

struct clean_target clean_target_of(uint64_t seed, int number);
/* The number in "t17.clean.lab" or "www.t17.clean.lab"; -1 for another name. */
int clean_number_of(const char *host);

/* Address of a cluster: its first edge, which most resolvers tell, or its second. */
void clean_address(int cluster, int edge, char out[CLEAN_ADDRESS_ROOM]);
void clean_address6(int cluster, char out[CLEAN_ADDRESS_ROOM]);
/* Whether the cluster's port 80 belongs to the lab's own server. */
bool clean_cluster_is_plain(int cluster);

/* dnsmasq's and nginx's lines for all targets, and a target list. `folder` holds the certificates,
 * "clean-17.crt". */
void clean_dnsmasq(const struct clean_plan *plan, int whose, bool has_ipv6, struct buffer *out);
void clean_nginx(const struct clean_plan *plan, const char *folder, bool has_ipv6, struct buffer *out);
void clean_list(const struct clean_plan *plan, struct buffer *out);
/* Names for a target's certificate. */
void clean_certificate_names(const struct clean_target *target, struct buffer *out);

#endif
