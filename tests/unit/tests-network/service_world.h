/* A world of its own for the measurement of a made-up service: resolver, endpoints, control. */
#ifndef TESTS_UNIT_TESTS_NETWORK_SERVICE_WORLD_H
#define TESTS_UNIT_TESTS_NETWORK_SERVICE_WORLD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/service.h"
#include "tests/unit/tests-network/step_servers.h"

#define HEADER "role,name,reach,host,port,path\n"
#define PAGE   "HTTP/1.1 501 Not Implemented\r\nContent-Length: 2\r\n\r\nno"

static bool all_count(const struct service_evidence *evidence, size_t index)
{
    (void)evidence;
    (void)index;
    return true;
}

/* What was seen is told in keys, so that a test can read it after the run is gone. */
static void seen_put(const struct service_evidence *evidence, json_t *keys)
{
    json_t *seen = json_array();
    for (size_t i = 0; i < evidence->count; i++) {
        const struct service_endpoint *endpoint = &evidence->endpoints[i];
        json_array_append_new(
            seen, json_pack("{s:b, s:s, s:s?, s:b, s:b, s:b, s:i, s:i, s:b, s:i}", "tried",
                            (int)endpoint->is_tried, "layer", layer_name(endpoint->failed_at), "failure",
                            endpoint->failure, "connected", (int)endpoint->is_connected, "proven",
                            (int)endpoint->is_proven, "injected", (int)endpoint->is_injected, "addresses",
                            (int)endpoint->address_count, "opinion", (int)endpoint->opinion, "doubted",
                            (int)endpoint->is_address_doubted, "asn", (int)endpoint->asns[0]));
    }
    json_object_set_new(keys, "seen", seen);
}

struct world {
    struct nettest_context context;
    struct ladder_result ladder;
    struct dns_server dns;
    struct server site;
    struct server control;
    const char *control_urls[2];
    char control_url[64];
    char *control_response;
    struct authority authority;
    struct buffer targets;
    struct service service;
};

struct outcome {
    struct verdict verdict;
    json_t *keys;
    int call_count;
};

static void measured(struct nettest_result *result, void *arg)
{
    struct outcome *outcome = arg;
    outcome->verdict = result->verdict;
    outcome->keys = result->test_keys;
    result->test_keys = NULL;
    outcome->call_count++;
}

static void world_open(struct world *world, const struct dns_entry *entries)
{
    *world = (struct world){.site = {.response = PAGE}, .dns = {.entries = entries}};
    world->service = (struct service){.name = "mail", .counts = all_count, .keys = seen_put};
    world->ladder.state = CONNECTIVITY_WORKING;
    context_open(&world->context);
    world->context.connectivity = &world->ladder;
    authority_make(&world->authority);
    assert_int_equal(tls_trust_open(world->authority.path, &world->context.trust, NULL), STATUS_OK);
    world->context.ca_file = world->authority.path;
    dns_server_start(&world->dns);
    world->context.resolvers[0] = endpoint("127.0.0.1", world->dns.port);
    world->context.resolver_count = 1;
    buffer_text(&world->targets, HEADER);
}

static void world_close(struct world *world)
{
    dns_server_stop(&world->dns);
    if (world->site.fd > 0)
        server_stop(&world->site);
    if (world->control_response)
        server_stop(&world->control);
    free(world->control_response);
    buffer_free(&world->targets);
    context_close(&world->context);
    authority_free(&world->authority);
}

static UNUSED void control_start(struct world *world, const char *json)
{
    struct buffer text = {0};
    buffer_printf(&text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                  strlen(json), json);
    world->control_response = buffer_take_text(&text);
    world->control.response = world->control_response;
    server_start(&world->control);
    snprintf(world->control_url, sizeof world->control_url, "http://127.0.0.1:%u/",
             (unsigned)world->control.port);
    world->control_urls[0] = world->control_url;
    world->context.control_urls = world->control_urls;
    world->context.control_count = 1;
}

/* It answers, and knows the name as we do; of connections and handshakes it says nothing. */
static UNUSED void control_start_without_opinion(struct world *world)
{
    control_start(
        world, "{\"dns\":{\"failure\":null,\"addrs\":[\"127.0.0.1\"]},\"http_request\":{\"failure\":null}}");
}

static UNUSED void target_add(struct world *world, const char *reach, const char *host, unsigned port)
{
    buffer_printf(&world->targets, "%s,,%s,%s,%u,\n", reach, reach, host, port);
}

static struct nettest_run *begin(struct world *world, struct outcome *outcome)
{
    struct nettest_run *run = NULL;
    buffer_append(&world->targets, "", 1); /* its end as a string */
    world->targets.count--;
    world->service.targets = (const char *)world->targets.bytes;
    assert_int_equal(service_start(&world->service, &world->context, measured, outcome, &run), STATUS_OK);
    return run;
}

static UNUSED struct outcome measure(struct world *world)
{
    struct outcome outcome = {0};
    begin(world, &outcome);
    loop_run(world->context.loop);
    assert_int_equal(outcome.call_count, 1);
    assert_non_null(outcome.keys);
    return outcome;
}

static UNUSED const json_t *seen_at(const struct outcome *outcome, size_t index)
{
    return json_array_get(json_object_get(outcome->keys, "seen"), index);
}

static UNUSED const struct dns_entry good_zone[] = {
    {"site.test", DNS_ANSWER, {"127.0.0.1"}, NULL}, {"six.test", DNS_ANSWER, {"::1"}, NULL}, {0}};

#endif
