/* The second opinion: one job a request, from names over endpoints to the page.
 * Owner: the service owns its jobs and, where the context has none, the trust store; a job owns its steps.
 * Why: without an outside view no failure can be told from a site that is down. */
#include "collector/control/control.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "collector/control/dial.h"
#include "collector/control/flights.h"
#include "collector/control/host_lookup.h"
#include "collector/control/page.h"
#include "collector/control/policy.h"
#include "collector/control/request.h"
#include "measurement/base/address.h"
#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define OWN_FIRST_COUNT                                                                                      \
    2 /* own addresses that are tried before the asker's: its list cannot push them out                      \
       */

/* Endpoints over TCP and UDP; of the page a connection and its socket pair; the asker's own connection. */
#define JOB_DESCRIPTORS (CONTROL_ENDPOINTS_MAX + 4)

#define IP_FLAG_PROBE  1
#define IP_FLAG_HELPER 2
#define IP_FLAG_BOGON  4
#define IP_FLAG_TLS    8

struct control {
    struct control_config config;
    struct tls_trust *trust;
    struct tls_trust *own_trust;
    struct control_job *jobs;
    size_t job_count;
};

/* 1. All addresses of the URL's host.
 * 2. Side by side: TCP (and TLS on 443, and QUIC where it is asked for) to these and the asker's endpoints; the page
 *    with its redirects.
 * 3. The response, when all have ended or the deadline passes: what has not ended by then timed out. */
struct control_job {
    struct control *control;
    struct control_job *next;
    struct control_job **link;      /* what points at this job */
    struct nettest_context context; /* the service's, with the asker's user agent */
    struct step_trace trace;
    struct control_request request;
    struct host_lookup *lookup;
    struct host_lookup_result found;
    bool is_looked_up;
    struct sockaddr_storage endpoints[CONTROL_ENDPOINTS_MAX];
    struct dial *dials[CONTROL_ENDPOINTS_MAX]; /* beside the endpoints; NULL: could not be started */
    size_t endpoint_count;
    struct page *page;
    struct flights *flights; /* NULL: not asked for */
    size_t pending_count;
    struct loop_timer *deadline;
    control_callback callback;
    void *arg;
};

/* Whoever asks must not use up the descriptors that the rest of the collector lives on. */
static size_t in_flight_allowed(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 ||
        files.rlim_cur / 2 / JOB_DESCRIPTORS >= CONTROL_IN_FLIGHT_MAX) {
        return CONTROL_IN_FLIGHT_MAX;
    }
    size_t allowed = (size_t)files.rlim_cur / 2 / JOB_DESCRIPTORS;
    return allowed > 0 ? allowed : 1;
}

enum status control_open(const struct control_config *config, struct control **out, struct why *why)
{
    enum status status = STATUS_OK;
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        return STATUS_NO_MEMORY;
    }
    control->config = *config;
    if (control->config.in_flight_max == 0) {
        control->config.in_flight_max = in_flight_allowed();
    }
    control->trust = config->context->trust;
    if (control->trust == NULL) {
        status = tls_trust_open(config->context->ca_file, &control->own_trust, why);
        control->trust = control->own_trust;
    }
    if (status != STATUS_OK) {
        control_free(control);
        return status;
    }
    *out = control;
    return STATUS_OK;
}

static void job_free(struct control_job *job)
{
    if (job->link != NULL) {
        *job->link = job->next;
        if (job->next != NULL) {
            job->next->link = job->link;
        }
        job->control->job_count--;
    }
    host_lookup_free(job->lookup);
    for (size_t i = 0; i < job->endpoint_count; i++) {
        dial_free(job->dials[i]);
    }
    page_free(job->page);
    flights_free(job->flights);
    if (job->deadline != NULL) {
        loop_timer_cancel(job->deadline);
    }
    control_request_free(&job->request);
    free(job);
}

void control_free(struct control *control)
{
    if (control == NULL) {
        return;
    }
    while (control->jobs != NULL) {
        job_free(control->jobs);
    }
    tls_trust_free(control->own_trust);
    free(control);
}

static json_t *dns_encode_addresses(const struct control_job *job)
{
    json_t *list = json_array();
    const char *failure = job->is_looked_up ? job->found.failure : FAILURE_TIMEOUT;
    for (size_t i = 0; i < job->found.address_count; i++) {
        char text[ADDRESS_TEXT_BYTES];
        address_format(&job->found.addresses[i], text);
        json_array_append_new(list, json_string(text));
    }
    return json_pack("{s:o, s:o}", "failure", json_text_or_null(policy_dns_word(failure)), "addrs", list);
}

/* A failure of this machine's own network says nothing of the endpoint and is left out. */
static void endpoint_encode(const struct control_job *job, size_t index, json_t *tcp_connect,
                            json_t *tls_handshake)
{
    char text[ENDPOINT_TEXT_BYTES];
    const struct dial *dial = job->dials[index];
    const struct tcp_result *tcp = dial != NULL ? dial_tcp(dial) : NULL;
    const char *failure = tcp != NULL ? tcp->failure : FAILURE_TIMEOUT;
    if (dial == NULL || (failure != NULL && failure_is_local(failure))) {
        return;
    }
    endpoint_format(&job->endpoints[index], text);
    json_object_set_new(tcp_connect, text,
                        json_pack("{s:b, s:o}", "status", failure == NULL, "failure",
                                  json_text_or_null(policy_tcp_word(failure))));
    if (failure != NULL || !dial_wants_tls(dial)) {
        return;
    }
    const struct tls_result *tls = dial_tls(dial);
    const char *tls_failure = tls != NULL ? tls->failure : FAILURE_TIMEOUT;
    json_object_set_new(tls_handshake, text,
                        json_pack("{s:s, s:b, s:o}", "server_name", job->request.url.host, "status",
                                  tls_failure == NULL, "failure", json_text_or_null(tls_failure)));
}

static void ip_note(const struct control_job *job, json_t *ip_info, const struct sockaddr_storage *address,
                    int flags)
{
    const struct control_config *config = &job->control->config;
    char text[ADDRESS_TEXT_BYTES];
    address_format(address, text);
    json_t *entry = json_object_get(ip_info, text);
    if (entry == NULL) {
        json_int_t asn = config->asn_of != NULL ? config->asn_of(address, config->asn_state) : 0;
        flags |= address_is_public((const struct sockaddr *)address) ? 0 : IP_FLAG_BOGON;
        json_object_set_new(ip_info, text, json_pack("{s:I, s:i}", "asn", asn, "flags", flags));
        return;
    }
    json_int_t known = json_integer_value(json_object_get(entry, "flags"));
    json_object_set_new(entry, "flags", json_integer(known | flags));
}

static json_t *ip_info_encode(const struct control_job *job)
{
    json_t *ip_info = json_object();
    for (size_t i = 0; i < job->request.endpoint_count; i++) {
        ip_note(job, ip_info, &job->request.endpoints[i], IP_FLAG_PROBE);
    }
    for (size_t i = 0; i < job->found.address_count; i++) {
        ip_note(job, ip_info, &job->found.addresses[i], IP_FLAG_HELPER);
    }
    for (size_t i = 0; i < job->endpoint_count; i++) {
        const struct tls_result *tls = job->dials[i] != NULL ? dial_tls(job->dials[i]) : NULL;
        if (tls != NULL && tls->failure == NULL) {
            ip_note(job, ip_info, &job->endpoints[i], IP_FLAG_TLS);
        }
    }
    return ip_info;
}

/* Of a job whose page never started: the lookup took all the time, we had no memory for it, or no page is there. */
static json_t *page_missing(void)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:{}, s:i}", "body_length", -1, "discovered_h3_endpoint", "",
                     "failure", FAILURE_TIMEOUT, "title", "", "headers", "status_code", -1);
}

/* This machine had no time for the question, and something in the answer took too long: that then says nothing of the
 * site. */
static bool is_busy(const struct control_job *job)
{
    if (!loop_was_late(job->context.loop, job->trace.zero_us)) {
        return false;
    }
    bool has_timeout = !job->is_looked_up || failure_same(job->found.failure, FAILURE_TIMEOUT) || job->page == NULL ||
                       failure_same(page_failure(job->page), FAILURE_TIMEOUT);
    for (size_t i = 0; i < job->endpoint_count; i++) {
        has_timeout = has_timeout ||
                      (job->dials[i] != NULL && failure_same(dial_failure(job->dials[i]), FAILURE_TIMEOUT));
    }
    return has_timeout;
}

static json_t *response_encode(const struct control_job *job)
{
    json_t *tcp_connect = json_object();
    json_t *tls_handshake = json_object();
    for (size_t i = 0; i < job->endpoint_count; i++) {
        endpoint_encode(job, i, tcp_connect, tls_handshake);
    }
    json_t *page = job->page != NULL ? page_encode(job->page) : page_missing();
    json_t *response = json_pack("{s:o, s:o, s:o, s:o, s:n, s:o, s:o}", "tcp_connect", tcp_connect, "tls_handshake",
                     tls_handshake, "quic_handshake", flights_encode(job->flights), "http_request", page, "http3_request",
                     "dns", dns_encode_addresses(job), "ip_info", ip_info_encode(job));
    if (response != NULL && is_busy(job)) {
        json_object_set_new(response, "x_busy", json_true());
    }
    return response;
}

static void job_finish(struct control_job *job)
{
    json_t *response = response_encode(job);
    job->callback(response, job->arg);
    json_decref(response);
    job_free(job);
}

static void part_end(struct control_job *job)
{
    if (--job->pending_count == 0) {
        job_finish(job);
    }
}

static void on_dial(struct dial *dial, void *arg)
{
    struct control_job *job = arg;
    if (job->page != NULL) {
        page_dial_ended(job->page, dial); /* this dial is pending still: the job lives on */
    }
    part_end(job);
}

static void on_flights(void *arg)
{
    part_end(arg);
}

static void on_page(struct page *page, void *arg)
{
    (void)page;
    part_end(arg);
}

static void on_deadline(void *arg)
{
    struct control_job *job = arg;
    job->deadline = NULL;
    job_finish(job);
}

static void endpoint_add(struct control_job *job, const struct sockaddr_storage *address, uint16_t port)
{
    struct sockaddr_storage endpoint = *address;
    address_port_set(&endpoint, port);
    if (job->endpoint_count == CONTROL_ENDPOINTS_MAX ||
        !policy_endpoint_allowed(&endpoint, job->control->config.allow_private)) {
        return;
    }
    for (size_t i = 0; i < job->endpoint_count; i++) {
        if (endpoint_same(&endpoint, &job->endpoints[i])) {
            return;
        }
    }
    job->endpoints[job->endpoint_count++] = endpoint;
}

/* A cleartext site is looked at on 443 too, as OONI's helper does: probes ask whether it moved there. */
static void own_endpoints_add(struct control_job *job, size_t begin, size_t end)
{
    const struct url *url = &job->request.url;
    for (size_t i = begin; i < end && i < job->found.address_count; i++) {
        endpoint_add(job, &job->found.addresses[i], url->port);
        if (!url->is_https && url->port == 80) {
            endpoint_add(job, &job->found.addresses[i], 443);
        }
    }
}

static void endpoints_choose(struct control_job *job)
{
    own_endpoints_add(job, 0, OWN_FIRST_COUNT);
    for (size_t i = 0; i < job->request.endpoint_count; i++) {
        endpoint_add(job, &job->request.endpoints[i], address_port(&job->request.endpoints[i]));
    }
    own_endpoints_add(job, OWN_FIRST_COUNT, job->found.address_count);
}

static void parts_start(struct control_job *job)
{
    const struct url *url = &job->request.url;
    endpoints_choose(job);
    /* Nothing calls back from inside a start, so that the count is whole before the first end. */
    for (size_t i = 0; i < job->endpoint_count; i++) {
        uint16_t port = address_port(&job->endpoints[i]);
        bool is_tls = port == 443 || (url->is_https && port == url->port);
        const struct dial_request dial = {.remote = job->endpoints[i],
                                          .server_name = is_tls ? url->host : NULL,
                                          .trust = job->control->trust};
        job->pending_count += dial_start(&job->trace, &dial, on_dial, job, &job->dials[i]) == STATUS_OK;
    }
    if (job->request.wants_quic) {
        job->pending_count += flights_start(&job->trace, job->endpoints, job->endpoint_count,
                                            url->is_https ? url->port : 443, url->host, on_flights, job,
                                            &job->flights) == STATUS_OK;
    }
    const struct page_request page = {.url = url->text,
                                      .known = &job->found,
                                      .trust = job->control->trust,
                                      .allow_private = job->control->config.allow_private,
                                      .dialled = job->endpoints,
                                      .dials = job->dials,
                                      .dialled_count = job->endpoint_count};
    if (url->port != POLICY_DOT_PORT) {
        job->pending_count += page_start(&job->trace, &page, on_page, job, &job->page) == STATUS_OK;
    }
}

static void on_lookup(const struct host_lookup_result *result, void *arg)
{
    struct control_job *job = arg;
    job->found = *result;
    job->is_looked_up = true;
    host_lookup_free(job->lookup);
    job->lookup = NULL;
    parts_start(job);
    if (job->pending_count == 0) {
        job_finish(job);
    }
}

static enum status job_begin(struct control_job *job)
{
    const struct nettest_context *context = job->control->config.context;
    job->context = *context;
    job->context.tap = NULL;
    if (job->request.user_agent[0] != '\0') {
        job->context.user_agent = job->request.user_agent;
    }
    job->trace =
        (struct step_trace){.context = &job->context, .zero_us = clock_monotonic_us(&context->clock)};
    enum status status = loop_after(context->loop, context->limits.control_timeout_us / 6 * 5, on_deadline,
                                    job, &job->deadline);
    if (status != STATUS_OK) {
        return status;
    }
    return host_lookup_start(&job->trace, job->request.url.host, on_lookup, job, &job->lookup);
}

enum status control_start(struct control *control, const char *text, size_t count, control_callback callback,
                          void *arg, struct control_job **out, struct why *why)
{
    if (control->job_count >= control->config.in_flight_max) {
        why_set(why, "the helper already looks at %zu URLs; try again in half a minute", control->job_count);
        return STATUS_BUSY;
    }
    struct control_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return STATUS_NO_MEMORY;
    }
    job->control = control;
    job->callback = callback;
    job->arg = arg;
    enum status status = control_request_read(text, count, control->config.allow_private, &job->request, why);
    if (status == STATUS_OK) {
        status = job_begin(job);
        if (status != STATUS_OK) {
            why_set(why, "the helper cannot start to look at the URL (%s); check its resolvers",
                    status_name(status));
        }
    }
    if (status != STATUS_OK) {
        job_free(job);
        return status;
    }
    job->next = control->jobs;
    job->link = &control->jobs;
    if (job->next != NULL) {
        job->next->link = &job->next;
    }
    control->jobs = job;
    control->job_count++;
    *out = job;
    return STATUS_OK;
}

void control_cancel(struct control_job *job)
{
    if (job != NULL) {
        job_free(job);
    }
}
