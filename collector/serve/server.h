/* The collector's HTTP service. Design contract section 6. No address of a client is ever logged or kept. */
#ifndef COLLECTOR_SERVE_SERVER_H
#define COLLECTOR_SERVE_SERVER_H

#include "collector/folder.h"
#include "collector/query.h"
#include "measurement/base/log.h"
#include "measurement/base/loop.h"

struct evhttp_request;

struct server_config {
    const char *listen;           /* "127.0.0.1:8047", "[::1]:8047"; port 0: any free one, told in the log */
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
    struct log log;
};

struct server;

/* Borrows folder and config. REFUSED where it would speak plain HTTP to the network unasked. */
enum status server_open(const struct server_config *config, struct collector_folder *folder,
                        struct server **out, struct why *why);
/* Serves until SIGTERM or SIGINT. */
enum status server_run(struct server *server);
/* Stops listening and answers no more. */
void server_free(struct server *server);
/* The port that it listens on. */
int server_port(const struct server *server);

#endif
