/* The collector's HTTP service. Design contract section 6. No address of a client is ever logged or kept.
 * Threads: each loop has one and serves its own connections; workers and a writer take bundles in (ingest/pipeline.h);
 * one judges. What a thread owns no other touches; they write each other letters (mailbox.h). */
#ifndef COLLECTOR_SERVE_SERVICE_H
#define COLLECTOR_SERVE_SERVICE_H

#include "collector/folder.h"
#include "collector/query.h"
#include "collector/trust/trust.h"
#include "measurement/base/log.h"

struct service_config {
    const char *listen;           /* "127.0.0.1:8047", "[::1]:8047"; port 0: any free one, told in the log */
    int loop_count;               /* threads that serve connections, and as many that read bundles; 0: one a processor */
    const char *targets_path;     /* a CSV file, or a folder with global.csv and CC.csv; NULL: none */
    const char *certificate_path; /* PEM; NULL: plain HTTP */
    const char *key_path;
    bool allow_plain_http; /* beyond loopback */
    bool allow_private_targets;
    const char *resolvers; /* NULL: the system's */
    const char *ca_file;
    const char *geo_path; /* NULL: countries of callers are not known */
    const char *asn_path;
    const char *site_folder; /* NULL: no pages */
    const char *alerts_path; /* file of webhooks; NULL: none */
    const char *public_url;  /* at which others reach us, for links in feeds; NULL: as the caller names us */
    struct trust_config trust; /* who may send, and how much */
    const char *cors_origin;   /* whose pages may read the interface; NULL: no other site's; "*": all */
    bool refuses_reports;      /* OONI's, which nobody signs */
    const char *recipient;     /* where folder->identity_path is "": whom probes seal to; NULL: nobody */
    struct log log;
};

struct service;

/* Borrows folder and config. REFUSED where it would speak plain HTTP to the network unasked. */
enum status service_open(const struct service_config *config, struct collector_folder *folder,
                         struct service **out, struct why *why);
/* Serves until SIGTERM or SIGINT; then takes no more connections, answers what it has been asked, and returns. SIGHUP
 * reads certificate and key again. */
enum status service_run(struct service *service);
void service_free(struct service *service);
/* The port that it listens on. */
int service_port(const struct service *service);

#endif
