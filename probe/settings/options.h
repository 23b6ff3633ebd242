/* The flags that every measuring command shares. */
#ifndef PROBE_SETTINGS_OPTIONS_H
#define PROBE_SETTINGS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/cli.h"
#include "measurement/record.h"
#include "tests-network/nettest.h"

#define OPTIONS_CONTROLS_MAX 8

/* Rows of a command's option table. */
#define OPTIONS_MEASURING                                                                                             \
    {"control", "URL", "a collector's /v1/control to compare with; may be given several times"},                     \
        {"resolver", "IP[:PORT],...", "ask these DNS resolvers instead of the system's"},                            \
        {"compare-resolver", "URL", "ask this resolver too, and tell what it says beside the system's: udp://8.8.8.8, "  \
                                    "https://dns.google/dns-query@8.8.8.8; may be given several times"},             \
        {"ca-file", "FILE", "trust the certificates in this PEM file instead of the system's"},                      \
        {"anchors", "FILE", "rungs of the connectivity ladder: CSV kind,operator,host,port"},                        \
        {"backend", "ADDRESS", "the server of tests that need one: ADDRESS[:PORT] or http://ADDRESS[:PORT]"},          \
        {"blockpages", "FILE", "name block pages by these signatures too: a JSON object a line, fingerprint, pattern"}, \
        {"blockpages-false", "FILE", "pages that only look like block pages, in the same form; asked first"},         \
        {"timeout", "DURATION", "let no single step (DNS, TCP, TLS, HTTP, control) take longer"},                    \
        {"parallel", "N", "measure so many targets at once"},                                                        \
        {"no-capture", NULL, "keep no packet headers of failed flows"},                                              \
        {"allow-private-targets", NULL, "connect to private addresses too: for laboratories and tests only"},        \
        {"quic", NULL, "where a site offers HTTP/3, see whether QUIC reaches it too"},                                \
        {"android-getaddrinfo", NULL, "tell a failed lookup as Android's resolver does, which gives no reason"},      \
        {"country", "CC", "where this is, ISO 3166-1: CD"},                                                          \
        {"subdivision", "CC-XXX", "where this is, ISO 3166-2: CD-KN"},                                               \
        {"asn", "N", "the network's number: 37447 or AS37447"},                                                      \
        {"network", "NAME", "the network's name"},                                                                   \
        {"access", "KIND", "how this machine is connected: fixed or mobile"},                                        \
        {"geo-db", "FILE.mmdb", "look the country up here when the own public address is known"},                    \
    {                                                                                                                 \
        "asn-db", "FILE.mmdb", "look the network up here when the own public address is known"                       \
    }

enum options_format { FORMAT_BOTH, FORMAT_TEXT, FORMAT_JSON };

/* Text is borrowed from argv. */
struct probe_options {
    const char *control_urls[OPTIONS_CONTROLS_MAX];
    size_t control_count;
    const char *resolvers; /* NULL: the system's */
    struct nettest_resolver others[NETTEST_OTHERS_MAX]; /* that are only compared */
    size_t other_count;
    const char *ca_file;
    const char *anchors_file;
    const char *services_folder; /* of measure only */
    const char *backend;
    const char *blockpages_file;
    const char *blockpages_false_file;
    const char *geo_db;
    const char *asn_db;
    int64_t timeout_us;     /* 0: each step's own */
    int64_t parallel_count; /* 0: the command's own */
    bool no_capture;
    bool is_worker;      /* tells the daemon what is missing, not people */
    bool is_ladder_only; /* nothing but climbs: no capture, no block pages */
    bool allow_private_targets;
    bool is_resolver_opaque;
    bool wants_quic;
    struct vantage_point vantage; /* what was declared; country ZZ and ASN 0 where nothing was */
};

struct sandbox_plan;

/* Adds the files that the options name, for the sandbox. */
void options_read_paths(const struct probe_options *options, struct sandbox_plan *plan);
/* Prints one line and returns USAGE where a value is wrong. */
enum status options_read(const struct cli_arguments *arguments, struct probe_options *out);
/* --format, where the command has it; `fallback` where it was not given. USAGE as above. */
enum status options_format(const struct cli_arguments *arguments, bool has_both, enum options_format *out);

#endif
