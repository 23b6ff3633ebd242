/* POST /v1/control: the web_connectivity test helper; GET says that it is one.
 * Owner: a call owns its request until the helper has answered.
 * Why: probes ask here what a page looks like from outside. */
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>

#include "collector/control/control.h"
#include "collector/serve/parts.h"
#include "tests-network/steps/tls.h"

struct control_call {
    struct control_service *service;
    struct evhttp_request *request;
    struct control_job *job;
    struct control_call *next;
    struct control_call *previous;
};

struct control_service {
    struct server *server;
    struct nettest_context context;
    struct control *control;
    struct control_call *calls; /* in flight */
};

static void call_free(struct control_call *call)
{
    struct control_call **place = call->previous ? &call->previous->next : &call->service->calls;
    *place = call->next;
    if (call->next) {
        call->next->previous = call->previous;
    }
    free(call);
}

/* The asker hung up: nobody is left to answer. */
static void on_hangup(struct evhttp_connection *connection, void *arg)
{
    struct control_call *call = arg;
    (void)connection;
    control_cancel(call->job);
    call_free(call);
}

static void on_answer(const json_t *response, void *arg)
{
    struct control_call *call = arg;
    struct evhttp_request *request = call->request;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    if (connection) {
        evhttp_connection_set_closecb(connection, NULL, NULL);
    }
    call_free(call);
    reply_json(request, 200, json_incref((json_t *)response));
}

static void call_start(struct control_service *service, struct evhttp_request *request)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    struct why why = {""};
    size_t count = evbuffer_get_length(body);
    const char *text = (const char *)evbuffer_pullup(body, -1);
    struct control_call *call = calloc(1, sizeof *call);
    if (!call) {
        reply_status(request, STATUS_NO_MEMORY, "out of memory; try again later");
        return;
    }
    *call = (struct control_call){.service = service, .request = request, .next = service->calls};
    if (service->calls) {
        service->calls->previous = call;
    }
    service->calls = call;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_hangup, call);
    enum status status =
        control_start(service->control, text ? text : "", count, on_answer, call, &call->job, &why);
    if (status != STATUS_OK) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL, NULL);
        call_free(call);
        reply_status(request, status, why.text[0] ? why.text : status_name(status));
    }
}

void route_control(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    if (evhttp_request_get_command(request) == EVHTTP_REQ_POST) {
        call_start(server->control, request);
        return;
    }
    struct buffer body = {0};
    buffer_text(&body, CONTROL_GREETING "\n");
    reply_bytes(request, 200, "application/json", &body);
}

static enum status context_fill(struct server *server, struct nettest_context *context, struct why *why)
{
    context->loop = server->loop;
    context->clock = server->clock;
    context->random = random_system();
    context->limits = nettest_limits_default();
    context->ca_file = server->config->ca_file;
    context->allow_private_targets = server->config->allow_private_targets;
    enum status status = nettest_resolvers_read(server->config->resolvers, context, why);
    if (status == STATUS_OK) {
        status = tls_trust_open(server->config->ca_file, &context->trust, why);
    }
    if (status == STATUS_OK) {
        status = fetcher_open(server->loop, &context->fetcher);
    }
    return status;
}

enum status control_service_open(struct server *server, struct control_service **out, struct why *why)
{
    struct control_service *service = calloc(1, sizeof *service);
    if (!service) {
        return STATUS_NO_MEMORY;
    }
    service->server = server;
    enum status status = context_fill(server, &service->context, why);
    if (status == STATUS_OK) {
        struct control_config config = {.context = &service->context,
                                        .allow_private = server->config->allow_private_targets};
        status = control_open(&config, &service->control, why);
    }
    if (status == STATUS_OK) {
        *out = service;
    } else {
        control_service_free(service);
    }
    return status;
}

void control_service_free(struct control_service *service)
{
    if (!service) {
        return;
    }
    control_free(service->control);
    while (service->calls) {
        struct evhttp_connection *connection = evhttp_request_get_connection(service->calls->request);
        if (connection) {
            evhttp_connection_set_closecb(connection, NULL, NULL);
        }
        call_free(service->calls);
    }
    fetcher_free(service->context.fetcher);
    tls_trust_free(service->context.trust);
    free(service);
}
