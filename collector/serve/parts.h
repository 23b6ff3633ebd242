/* What the files of the service share. */
#ifndef COLLECTOR_SERVE_PARTS_H
#define COLLECTOR_SERVE_PARTS_H

#include <event2/http.h>
#include <openssl/types.h>
#include <pthread.h>
#include <stdatomic.h>

#include "collector/ingest/pipeline.h"
#include "collector/serve/connection.h"
#include "collector/serve/mailbox.h"
#include "collector/serve/metrics.h"
#include "collector/serve/reply.h"
#include "collector/serve/service.h"
#include "collector/trust/identity.h"
#include "collector/trust/trust.h"

#define SERVICE_LOOPS_MOST 16

struct control_service;
struct evconnlistener;
struct evidence_log;
struct geo;
struct log_keeper;
struct judge;
struct offloader;
struct tls_server;
struct upload;

/* One loop and what its thread owns. Everything that the others share is behind `service`, and stands still while it
 * runs, or has locks of its own. */
struct server {
    struct service *service;
    const struct service_config *config;
    const struct collector_folder *folder; /* its store handle is the writer's: read through `query` */
    const struct secret_key *key;
    const char *key_name;
    struct query *query; /* a reader of its own: what the API shows is what reports see */
    struct clock clock;
    struct loop *loop;
    struct mailbox *mailbox;
    struct evhttp *http;
    struct evconnlistener *listener;
    int accepted_count; /* since the listener paused last */
    struct loop_timer *listening; /* it pauses until then */
    struct connections *connections;
    struct control_service *control;
    const struct geo *geo;
    struct tls_server *tls; /* NULL: plain HTTP */
    struct upload *uploads; /* bundles of this loop that the pipeline has */
    size_t submission_count; /* OONI's measurements, likewise */
    struct loop_timer *draining;
    int64_t drain_until_us;
    pthread_t thread;
    bool is_running;
};

struct service {
    const struct service_config *config;
    struct collector_folder *folder;
    struct secret_key key;
    char key_name[KEY_NAME_BYTES];
    struct clock clock;
    struct geo *geo;
    struct tls_server *tls;
    struct log_keeper *log;
    struct trust *trust;
    struct ingest_policy policy;
    struct age_recipient recipient; /* whom probes seal to */
    bool has_recipient;
    bool is_offline; /* the identity is not on this machine: sealed bundles are kept as they are */
    struct pipeline *pipeline;
    struct judge *judge;
    struct offloader *offloader;
    atomic_size_t held_bytes;
    struct metrics metrics;
    int port;
    int server_count;
    struct server servers[SERVICE_LOOPS_MOST];
};

/* A route answers the request, now or later, in the thread of `server`. `rest` is the path behind the route's own, ""
 * where it is the whole. */
typedef void (*route_handler)(struct server *server, struct evhttp_request *request, const char *rest);
void route_bundles(struct server *server, struct evhttp_request *request, const char *rest);
void route_control(struct server *server, struct evhttp_request *request, const char *rest);
void route_targets(struct server *server, struct evhttp_request *request, const char *rest);
void route_whoami(struct server *server, struct evhttp_request *request, const char *rest);
void route_pace(struct server *server, struct evhttp_request *request, const char *rest);
void route_regions(struct server *server, struct evhttp_request *request, const char *rest);
void route_timeline(struct server *server, struct evhttp_request *request, const char *rest);
void route_signals(struct server *server, struct evhttp_request *request, const char *rest);
void route_events(struct server *server, struct evhttp_request *request, const char *rest);
void route_measurements(struct server *server, struct evhttp_request *request, const char *rest);
void route_keys(struct server *server, struct evhttp_request *request, const char *rest);
void route_probes(struct server *server, struct evhttp_request *request, const char *rest);
void route_report(struct server *server, struct evhttp_request *request, const char *rest);
void route_evidence(struct server *server, struct evhttp_request *request, const char *rest);
void route_openapi(struct server *server, struct evhttp_request *request, const char *rest);
void route_metrics(struct server *server, struct evhttp_request *request, const char *rest);
void route_log(struct server *server, struct evhttp_request *request, const char *rest);
void route_health(struct server *server, struct evhttp_request *request, const char *rest);
void route_site(struct server *server, struct evhttp_request *request, const char *rest);

/* server.c: one loop. The first one to open decides the port. */
enum status server_open(struct service *service, struct server *server, struct why *why);
/* In the loop's thread: takes no more connections, and stops the loop once all are answered, or too late. */
void server_drain(struct server *server);
void server_free(struct server *server);

/* log_keeper.c: one view of the evidence log for all loops, made ready beside them. */
enum status log_keeper_open(struct service *service, struct log_keeper **out, struct why *why);
void log_keeper_free(struct log_keeper *keeper);
/* The log, until it is given back by the same thread. BUSY while it is not ready. */
enum status log_keeper_take(struct log_keeper *keeper, struct evidence_log **out, struct why *why);
void log_keeper_give(struct log_keeper *keeper);

/* signed.c: the headers Dialtone-Signature and Dialtone-Key, over the bytes of the body. */
enum status signed_headers(struct server *server, struct evhttp_request *request, const struct buffer *body,
                           const char *comment);

/* listen.c: the socket, one a loop on the same port. */
enum status listen_open(struct server *server, struct why *why);
/* For good. */
void listen_stop(struct server *server);

/* tls_server.c: the certificate that new connections get, of any thread. */
enum status tls_server_open(const char *certificate_path, const char *key_path, struct tls_server **out,
                            struct why *why);
/* Reads both files again; on failure the old ones stay in use. */
enum status tls_server_reload(struct tls_server *tls, struct why *why);
/* NULL: no memory. */
SSL *tls_server_session(struct tls_server *tls);
void tls_server_free(struct tls_server *tls);

/* judge.c: a thread that judges dirty regions soon after a bundle, and the active ones every half bin, and tells
 * alerts. */
enum status judge_open(struct service *service, struct judge **out, struct why *why);
/* From any thread: there are new rows. */
void judge_dirty(struct judge *judge);
void judge_free(struct judge *judge);

/* offloader.c: a thread that moves raw bundles into object storage every minute, where the folder names some. */
enum status offloader_open(const struct service *service, struct offloader **out, struct why *why);
void offloader_free(struct offloader *offloader);

/* route_control.c */
enum status control_service_open(struct server *server, struct control_service **out, struct why *why);
void control_service_free(struct control_service *service);

/* geo.c: country and network of an address. Any thread may ask. */
enum status geo_open(const char *geo_path, const char *asn_path, struct geo **out, struct why *why);
void geo_free(struct geo *geo);
void geo_find(const struct geo *geo, const char *address, char country[COUNTRY_BYTES], uint32_t *asn);

#endif
