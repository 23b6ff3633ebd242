/* The service: what it holds, its routes, its life.
 * Owner: the server owns everything in it but the folder and the configuration.
 * Why: one loop and one writer; a request that needs time waits in the loop, the others go on. */
#include "collector/serve/server.h"

#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "collector/alert/alert.h"
#include "collector/serve/parts.h"
#include "measurement/bundle.h"

#define HEADER_BYTES_MAX 16384
/* A little above a bundle, so that one that is a little too large is told so in our words. */
#define BODY_BYTES_MAX (BUNDLE_PACKED_BYTES_MAX + (1u << 20))
#define IDLE_S         60

#define METHOD_READ (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD)

struct route {
    const char *path;
    int methods;
    bool has_rest; /* also PATH/... */
    route_handler handle;
};

static const struct route routes[] = {
    {"/v1/bundles", EVHTTP_REQ_POST, false, route_bundles},
    {"/v1/control", EVHTTP_REQ_POST | METHOD_READ, false, route_control},
    {"/v1/targets", METHOD_READ, false, route_targets},
    {"/v1/whoami", METHOD_READ, false, route_whoami},
    {"/api/v1/regions", METHOD_READ, false, route_regions},
    {"/api/v1/timeline", METHOD_READ, false, route_timeline},
    {"/api/v1/events", METHOD_READ, false, route_events},
    {"/api/v1/measurements", METHOD_READ, true, route_measurements},
    {"/healthz", METHOD_READ, false, route_health},
};

static const struct route *route_find(const char *path, const char **out_rest)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        size_t count = strlen(routes[i].path);
        if (strncmp(path, routes[i].path, count) == 0 &&
            (path[count] == 0 || (routes[i].has_rest && path[count] == '/'))) {
            *out_rest = path + count;
            return &routes[i];
        }
    }
    return NULL;
}

static void on_request(struct evhttp_request *request, void *arg)
{
    static const struct route site = {"", METHOD_READ, true, route_site};
    struct server *server = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *rest = path && path[0] ? path : "/";
    const struct route *route = route_find(rest, &rest);
    int method = (int)evhttp_request_get_command(request);
    if (!route) {
        route = &site;
    }
    if (method & route->methods) {
        route->handle(server, request, rest);
        return;
    }
    if (route == &site) {
        reply_error(request, 404, "not_found", "there is nothing at this path");
        return;
    }
    reply_header(request, "Allow",
                 route->methods == EVHTTP_REQ_POST  ? "POST"
                 : route->methods & EVHTTP_REQ_POST ? "GET, HEAD, POST"
                                                    : "GET, HEAD");
    reply_error(request, 405, "method_not_allowed", "this path does not take that method");
}

static enum status http_open(struct server *server, struct why *why)
{
    server->http = evhttp_new(loop_base(server->loop));
    if (!server->http) {
        return STATUS_NO_MEMORY;
    }
    evhttp_set_max_headers_size(server->http, HEADER_BYTES_MAX);
    evhttp_set_max_body_size(server->http, BODY_BYTES_MAX);
    evhttp_set_timeout(server->http, IDLE_S);
    evhttp_set_allowed_methods(server->http, METHOD_READ | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                                 EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(server->http, on_request, server);
    return listen_open(server, why);
}

static enum status hooks_open(struct server *server, struct why *why)
{
    struct alert_settings settings = alert_settings_default();
    public_key_name(&server->key.public_key, server->key_name);
    settings.config_path = server->config->alerts_path;
    settings.data_folder = server->folder->path;
    settings.collector = server->key_name;
    settings.query = server->query;
    settings.loop = server->loop;
    settings.log = &server->config->log;
    return alerts_open(&settings, &server->alerts, why);
}

static enum status parts_open(struct server *server, struct why *why)
{
    const struct server_config *config = server->config;
    enum status status = collector_folder_key(server->folder, &server->key, why);
    if (status == STATUS_OK) {
        status = query_open(server->folder->path, &server->query, why);
    }
    if (status == STATUS_OK) {
        status = geo_open(config->geo_path, config->asn_path, &server->geo, why);
    }
    if (status == STATUS_OK && config->certificate_path) {
        status = tls_server_open(config->certificate_path, config->key_path, &server->tls, why);
    }
    if (status == STATUS_OK) {
        status = loop_open(&server->loop);
    }
    if (status == STATUS_OK) {
        status = control_service_open(server, &server->control, why);
    }
    if (status == STATUS_OK) {
        status = detect_timer_open(server, &server->detect);
    }
    if (status == STATUS_OK && config->alerts_path) {
        status = hooks_open(server, why);
    }
    return status == STATUS_OK ? http_open(server, why) : status;
}

enum status server_open(const struct server_config *config, struct collector_folder *folder,
                        struct server **out, struct why *why)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server) {
        return STATUS_NO_MEMORY;
    }
    server->config = config;
    server->folder = folder;
    server->clock = clock_system();
    enum status status = parts_open(server, why);
    if (status == STATUS_OK) {
        *out = server;
    } else {
        server_free(server);
    }
    return status;
}

enum status server_run(struct server *server)
{
    signal(SIGPIPE, SIG_IGN);
    enum status status = loop_stop_on_signals(server->loop);
    if (status == STATUS_OK) {
        log_event(&server->config->log, LOG_LEVEL_INFO, "listening", "port=%d tls=%s bin_length_s=%lld",
                  server->port, server->tls ? "yes" : "no", (long long)server->folder->bin_length_s);
        status = loop_run(server->loop);
    }
    log_event(&server->config->log, LOG_LEVEL_INFO, "stopped", "status=%s", status_name(status));
    return status;
}

int server_port(const struct server *server)
{
    return server->port;
}

void server_free(struct server *server)
{
    if (!server) {
        return;
    }
    control_service_free(server->control);
    connection_limits_free(server->limits);
    if (server->http) {
        evhttp_free(server->http);
    }
    alerts_free(server->alerts);
    detect_timer_free(server->detect);
    loop_free(server->loop);
    SSL_CTX_free(server->tls);
    geo_free(server->geo);
    query_close(server->query);
    secret_key_wipe(&server->key);
    free(server);
}
