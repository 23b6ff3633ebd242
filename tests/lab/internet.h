/* The emulated Internet as data: which names live where, who resolves them, and what the servers' programs
 * are told. Names and addresses of the reference environment where it has them. */
#ifndef TESTS_LAB_INTERNET_H
#define TESTS_LAB_INTERNET_H

#include <stdbool.h>

#include "measurement/base/bytes.h"
#include "tests/lab/clean_targets.h"
#include "tests/lab/zone.h"

enum site_page {
    SITE_PAGE,       /* a page of its own; bare names lead to https://www. */
    SITE_BLOCK_PAGE, /* "Access Denied", whatever was asked */
    SITE_RESOLVER, /* an empty page, and DNS over HTTPS and over TLS: what anchors and public resolvers are */
    SITE_NO_CONTENT, /* 204: what a check for captive portals asks for */
    SITE_CLOSING,    /* closes after the TLS handshake */
    SITE_SHORTENER,  /* leads from numbers to the page server, with 308 */
    SITE_CHAIN,      /* leads over three names to a page */
    SITE_LARGE,      /* 32 MiB */
    SITE_CAPTCHA,    /* 503 and a puzzle for probes, the page for others */
    SITE_REDIRECTS,  /* /redirect/N, and redirects that are broken for probes only */
    SITE_HELPER,     /* hands on to the collector, whose control is the test helper */
    SITE_GEOIP,      /* tells the asker's address, as XML */
    SITE_PLAIN,      /* one of the lab's own servers (backend.h) */
    SITE_PROXY,      /* a transparent proxy: by Host in the clear, by the ClientHello's name in TLS */
};

enum site_certificate {
    CERTIFICATE_RIGHT,
    CERTIFICATE_UNTRUSTED, /* by an authority that nobody trusts */
    CERTIFICATE_MISNAMED,  /* trusted, for another name */
    CERTIFICATE_EXPIRED,   /* trusted, until 2017 */
};

struct site {
    const char *address;
    const char *second_address; /* of the same server; NULL: none */
    const char *address6;       /* NULL: IPv4 only */
    const char *names; /* separated by spaces; "" for none; ".x.lab" with all names below it. The first is the
                        * folder of its files */
    const char *title;
    enum site_page page;
    bool has_http;
    bool has_tls;
    bool has_quic; /* HTTP/3 too, where the lab is asked for it */
    enum site_certificate certificate;
    const char *certificate_names; /* NULL: those above */
    size_t page_bytes;             /* 0: as it comes */
    int told_by;                   /* whose resolvers tell this address, of zone.h; 0: all */
};
extern const struct site internet_sites[];
extern const size_t internet_site_count;

struct resolver {
    const char *name;
    const char *addresses; /* separated by spaces */
    int whose;             /* of zone.h */
};
extern const struct resolver internet_resolvers[];
extern const size_t internet_resolver_count;

#define INTERNET_COLLECTOR_ADDRESS "162.55.247.208"
#define INTERNET_COLLECTOR_NAME    "collector.dialtone.lab"
#define INTERNET_PUBLIC_RESOLVER   "8.8.8.8"
#define INTERNET_ISP_RESOLVER      "130.192.3.21" /* of the reference environment's client */
#define INTERNET_PORTAL_ADDRESS    "130.192.3.80" /* of the provider's log-in page */
#define INTERNET_PLAIN_BLOCK_PAGE_ADDRESS                                                                    \
    "83.224.65.41"                                 /* of the reference environment: HTTP, no other header */
#define INTERNET_ECHO_ADDRESS      "37.218.241.93" /* sends back what it gets, on port 80 */
#define INTERNET_REFLECTOR_ADDRESS "37.218.241.94" /* tells the request's headers as JSON, on port 80 */
#define INTERNET_BLOCK_PAGE_ADDRESS                                                                          \
    "83.224.65.42" /* block page over HTTP, and TLS with a wrong certificate */

/* The page of a site: always the same bytes for the same title. */
void internet_page(const struct site *site, struct buffer *out);
/* What probes of the lab climb: a domestic anchor, foreign addresses, three controls at three operators. */
void internet_anchors(struct buffer *out);
/* nginx's configuration; files lie below `folder` as internet_site_stem names them. `stream_module` is the
 * path of nginx's stream module; NULL: the transparent proxy does without TLS. */
void internet_nginx(const char *folder, bool has_ipv6, const char *stream_module,
                    const struct clean_plan *clean, struct buffer *out);
/* dnsmasq's configuration for one resolver: every name of every site but for the changes (NULL: none), and no
 * other; IPv6 addresses where there is IPv6. */
void internet_dnsmasq(const struct resolver *resolver, bool has_ipv6, const struct zone_changes *changes,
                      const struct clean_plan *clean, struct buffer *out);

/* The test helpers' names, NULL at the end: a control that a censor of names can reach for. */
extern const char *const internet_helpers[];

/* 188 bytes, as in the reference environment. */
#define INTERNET_BLOCK_PAGE                                                                                  \
    "<!doctype html>\n<html>\n<head>\n\t<title>Access Denied</title>\n</head>\n<body>\n<div>\n\t<h1>Access " \
    "Denied</h1>\n\t<p>This request cannot be served in your jurisdiction.</p>\n</div>\n</body>\n</html>\n"
#define INTERNET_LARGE_BYTES   (32u << 20)
#define INTERNET_CAPTCHA_BYTES 8432
/* The puzzle that a captcha site shows to probes. */
void internet_captcha(struct buffer *out);

#define SITE_STEM_BYTES 96
/* What a site's files are named by: its first name, or its address. */
void internet_site_stem(const struct site *site, char out[SITE_STEM_BYTES]);

/* Calls back for each word of a text. */
void words_each(const char *words, void (*callback)(const char *word, void *arg), void *arg);

#endif
