/* What the files of the service share. */
#ifndef COLLECTOR_SERVE_PARTS_H
#define COLLECTOR_SERVE_PARTS_H

#include <event2/http.h>
#include <openssl/types.h>

#include "collector/serve/reply.h"
#include "collector/serve/server.h"

struct control_service;
struct alerts;
struct detect_timer;
struct connection_limits;
struct geo;

struct server {
    const struct server_config *config;
    struct collector_folder *folder;
    struct query *query; /* a reader of its own: what the API shows is what reports see */
    struct secret_key key;
    struct clock clock;
    struct loop *loop;
    struct evhttp *http;
    SSL_CTX *tls; /* NULL: plain HTTP */
    int port;
    struct geo *geo;
    struct control_service *control;
    struct detect_timer *detect;
    struct connection_limits *limits;
    struct alerts *alerts; /* NULL: nobody is told */
    char key_name[KEY_NAME_BYTES];
};

/* A route answers the request, now or later. `rest` is the path behind the route's own, "" where it is the
 * whole. */
typedef void (*route_handler)(struct server *server, struct evhttp_request *request, const char *rest);
void route_bundles(struct server *server, struct evhttp_request *request, const char *rest);
void route_control(struct server *server, struct evhttp_request *request, const char *rest);
void route_targets(struct server *server, struct evhttp_request *request, const char *rest);
void route_whoami(struct server *server, struct evhttp_request *request, const char *rest);
void route_regions(struct server *server, struct evhttp_request *request, const char *rest);
void route_timeline(struct server *server, struct evhttp_request *request, const char *rest);
void route_events(struct server *server, struct evhttp_request *request, const char *rest);
void route_measurements(struct server *server, struct evhttp_request *request, const char *rest);
void route_health(struct server *server, struct evhttp_request *request, const char *rest);
void route_site(struct server *server, struct evhttp_request *request, const char *rest);

/* listen.c: the socket and the connections. */
enum status listen_open(struct server *server, struct why *why);

/* tls_server.c */
enum status tls_server_open(const char *certificate_path, const char *key_path, SSL_CTX **out,
                            struct why *why);

/* limits.c: closes connections that live too long, and stops accepting while too many are open. */
struct evconnlistener;
enum status connection_limits_open(struct loop *loop, struct evconnlistener *listener, int port,
                                   struct connection_limits **out);
void connection_limits_free(struct connection_limits *limits);
void connection_limits_accepted(struct connection_limits *limits);

/* detect_timer.c: judges dirty regions soon after a bundle, and the active ones every half bin. */
enum status detect_timer_open(struct server *server, struct detect_timer **out);
void detect_timer_free(struct detect_timer *timer);
void detect_timer_dirty(struct detect_timer *timer);

/* route_control.c */
enum status control_service_open(struct server *server, struct control_service **out, struct why *why);
void control_service_free(struct control_service *service);

/* geo.c: country and network of an address. */
enum status geo_open(const char *geo_path, const char *asn_path, struct geo **out, struct why *why);
void geo_free(struct geo *geo);
void geo_find(const struct geo *geo, const char *address, char country[COUNTRY_BYTES], uint32_t *asn);

#endif
