/* One loop of the service: its routes, its connections, its life.
 * Owner: the server owns everything that only its thread touches; the service owns the rest.
 * Why: loops share nothing that is not safe to share, so that a request never waits for another loop's. */
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "collector/serve/head_check.h"
#include "collector/serve/parts.h"
#include "collector/serve/routes.h"

#define ANSWER_IDLE_S      60 /* an answer of which nothing is taken */
#define DRAIN_US           (10 * US_PER_S)
#define DRAIN_LOOK_US      (US_PER_S / 20)
#define DESCRIPTORS_SPARED 256 /* for the store, files and the control's own connections */

/* All who write share one bound: no address is looked at. */
static bool is_admitted(struct server *server, struct evhttp_request *request)
{
    int64_t wait_s = 1;
    char text[24];
    if (trust_admit_request(server->service->trust, &wait_s) == STATUS_OK) {
        return true;
    }
    snprintf(text, sizeof text, "%" PRId64, wait_s);
    reply_header(request, "Retry-After", text);
    reply_error(request, 429, status_name(STATUS_BUSY), "more is sent than this collector takes; try again later");
    return false;
}

/* Which methods a route takes, for Allow. */
static const char *methods_text(int methods)
{
    if ((methods & ROUTE_METHOD_READ) == 0) {
        return "POST";
    }
    return methods & EVHTTP_REQ_POST ? "GET, HEAD, POST" : "GET, HEAD";
}

/* Other sites' pages may read the public interface only where the operator named them. */
static void cors_headers(const struct server *server, struct evhttp_request *request, const struct route *route)
{
    const char *allowed = server->config->cors_origin;
    const char *origin = evhttp_find_header(evhttp_request_get_input_headers(request), "Origin");
    if (!allowed || !origin || strncmp(route->path, "/api/", 5) != 0) {
        return;
    }
    if (strcmp(allowed, "*") == 0 || strcmp(allowed, origin) == 0) {
        reply_header(request, "Access-Control-Allow-Origin", allowed);
        reply_header(request, "Access-Control-Expose-Headers", "ETag, Link");
    }
    reply_header(request, "Vary", "Origin");
}

/* A browser asks first. */
static void preflight_answer(struct evhttp_request *request, const struct route *route)
{
    reply_header(request, "Allow", methods_text(route->methods));
    reply_header(request, "Access-Control-Allow-Methods", "GET, HEAD");
    reply_header(request, "Access-Control-Allow-Headers", "Accept, If-None-Match");
    evhttp_send_reply(request, 204, "No Content", NULL);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct server *server = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *rest = "";
    const struct route *route = routes_find(path && path[0] ? path : "/", &rest);
    int method = (int)evhttp_request_get_command(request);
    connections_request(server->connections, request);
    cors_headers(server, request, route);
    if (method == EVHTTP_REQ_POST && (method & route->methods) && !is_admitted(server, request)) {
        return;
    }
    if (method & route->methods) {
        route->handle(server, request, rest);
    } else if (method == EVHTTP_REQ_OPTIONS && server->config->cors_origin && strncmp(route->path, "/api/", 5) == 0) {
        preflight_answer(request, route);
    } else if (!route->path[0]) {
        reply_error(request, 404, "not_found", "there is nothing at this path");
    } else {
        reply_header(request, "Allow", methods_text(route->methods));
        reply_error(request, 405, "method_not_allowed", "this path does not take that method");
    }
}

/* Every answer that went out, by route and code. */
static void on_answer(struct evhttp_request *request, void *arg)
{
    struct server *server = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    metrics_answer(&server->service->metrics, routes_number(routes_find(path && path[0] ? path : "/", NULL)),
                   evhttp_request_get_response_code(request));
}

/* This loop's share of the descriptors that the process may have. */
static struct connection_bounds bounds_of(const struct service *service)
{
    struct connection_bounds bounds = connection_bounds_default();
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        rlim_t free_count = files.rlim_cur > 2 * DESCRIPTORS_SPARED ? files.rlim_cur - DESCRIPTORS_SPARED
                                                                     : files.rlim_cur / 2;
        bounds.count_most = free_count < (rlim_t)bounds.count_most ? (int)free_count : bounds.count_most;
    }
    bounds.count_most = bounds.count_most / service->server_count + 1;
    return bounds;
}

static enum status http_open(struct server *server, struct why *why)
{
    struct connection_bounds bounds = bounds_of(server->service);
    server->http = evhttp_new(loop_base(server->loop));
    if (!server->http) {
        return STATUS_NO_MEMORY;
    }
    evhttp_set_max_headers_size(server->http, HEAD_BYTES_MAX);
    evhttp_set_max_body_size(server->http, (ev_ssize_t)bounds.body_bytes_most);
    evhttp_set_timeout(server->http, ANSWER_IDLE_S);
    evhttp_set_allowed_methods(server->http, ROUTE_METHOD_READ | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                                 EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(server->http, on_request, server);
    enum status status = connections_open(server->loop, &bounds, &server->service->held_bytes,
                                          &server->connections);
    if (status != STATUS_OK) {
        return status;
    }
    connections_answered(server->connections, on_answer, server);
    return listen_open(server, why);
}

enum status server_open(struct service *service, struct server *server, struct why *why)
{
    *server = (struct server){.service = service,
                              .config = service->config,
                              .folder = service->folder,
                              .key = &service->key,
                              .key_name = service->key_name,
                              .clock = service->clock,
                              .geo = service->geo,
                              .tls = service->tls};
    enum status status = query_open(service->folder->path, &server->query, why);
    if (status == STATUS_OK) {
        status = loop_open(&server->loop);
    }
    if (status == STATUS_OK) {
        status = mailbox_open(server->loop, &server->mailbox);
    }
    if (status == STATUS_OK) {
        status = control_service_open(server, &server->control, why);
    }
    return status == STATUS_OK ? http_open(server, why) : status;
}

static void drain_look(void *arg)
{
    struct server *server = arg;
    bool is_late = clock_monotonic_us(&server->clock) > server->drain_until_us;
    server->draining = NULL;
    if (is_late || (connections_count(server->connections) == 0 && !server->uploads && server->submission_count == 0)) {
        loop_stop(server->loop);
    } else {
        loop_after(server->loop, DRAIN_LOOK_US, drain_look, server, &server->draining);
    }
}

void server_drain(struct server *server)
{
    if (server->draining || !server->http) {
        return;
    }
    listen_stop(server);
    connections_drain(server->connections);
    server->drain_until_us = clock_monotonic_us(&server->clock) + DRAIN_US;
    drain_look(server);
}

void server_free(struct server *server)
{
    control_service_free(server->control);
    if (server->http) {
        loop_timer_cancel(server->listening);
        evhttp_free(server->http); /* and the listener, and the connections: who waits for an upload is gone */
        server->http = NULL;
    }
    connections_free(server->connections);
    mailbox_free(server->mailbox);
    loop_free(server->loop);
    query_close(server->query);
    *server = (struct server){0};
}
