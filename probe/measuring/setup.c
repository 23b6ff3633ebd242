/* Opens loop, fetcher, resolvers, anchors, trust and capture for the measuring commands, and turns results into
 * records.
 * Owner: a probe_setup owns all of it; setup_free.
 * Why: measure, check and run start alike, and every record passes the scrubber here. */
#include "probe/measuring/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "measurement/base/file.h"
#include "measurement/base/frugal.h"
#include "measurement/base/json.h"
#include "probe/capture/capture.h"
#include "probe/capture/tampering.h"
#include "probe/measuring/vantage.h"
#include "tests-network/ladder/ladder.h"
#include "tests-network/ladder/machine_facts.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/blockpage.h"
#include "tests-network/steps/tls.h"

#define ANCHORS_BYTES_MAX  (1u << 20)
#define WHOAMI_TIMEOUT_US  (5 * US_PER_S)
#define WHOAMI_BYTES_MAX   4096
#define WHOAMI_QUESTIONS   2 /* IPv4, IPv6 */
#define DESCRIPTORS_WANTED 8192

static struct flow *tap_begin_nothing(void *state, const struct flow_key *key)
{
    (void)state;
    (void)key;
    return NULL;
}

static json_t *tap_end_nothing(void *state, struct flow *flow, bool keep)
{
    (void)state;
    (void)flow;
    return keep ? json_array() : NULL;
}

static enum status tap_open(struct probe_setup *setup, const struct probe_options *options)
{
    setup->context.tap = &setup->tap;
    if (options->no_capture || options->is_ladder_only) {
        setup->tap = (struct flow_tap){.absence = "capture was switched off (--no-capture)",
                                       .begin = tap_begin_nothing,
                                       .end = tap_end_nothing};
        return STATUS_OK;
    }
    struct why why = {0};
    enum status status = capture_open(setup->loop, &setup->context.clock, NULL, &setup->capture, &why);
    if (status != STATUS_OK)
        return status;
    setup->tap = capture_tap(setup->capture);
    if (setup->tap.absence) {
        char quoted[WHY_BYTES];
        log_event(&setup->log, LOG_LEVEL_INFO, "no_capture", "reason=%s",
                  log_quote(setup->tap.absence, quoted, sizeof quoted));
    }
    return STATUS_OK;
}

static void timeout_cap(int64_t *timeout_us, int64_t cap_us)
{
    if (cap_us > 0 && *timeout_us > cap_us)
        *timeout_us = cap_us;
}

static void limits_cap(struct nettest_limits *limits, int64_t cap_us)
{
    timeout_cap(&limits->dns_timeout_us, cap_us);
    timeout_cap(&limits->dns_late_us, cap_us);
    timeout_cap(&limits->tcp_timeout_us, cap_us);
    timeout_cap(&limits->tls_timeout_us, cap_us);
    timeout_cap(&limits->http_timeout_us, cap_us);
    timeout_cap(&limits->control_timeout_us, cap_us);
    timeout_cap(&limits->linger_us, cap_us);
}

static enum status anchors_open(const char *path, struct anchor_list *out, struct why *why)
{
    struct buffer text = {0};
    if (!path)
        return ladder_anchors_default(out);
    enum status status = file_read(path, ANCHORS_BYTES_MAX, &text, why);
    if (status == STATUS_OK)
        status = anchor_list_read((const char *)text.bytes, text.count, out, why);
    buffer_free(&text);
    return status;
}

static enum status resolvers_open(const char *list, struct probe_setup *setup, struct why *why)
{
    enum status status = nettest_resolvers_read(list, &setup->context, why);
    if (list || status == STATUS_OK || status == STATUS_NO_MEMORY)
        return status;
    /* A machine without a network may have none: the ladder is to say so. */
    log_event(&setup->log, LOG_LEVEL_WARN, "no_resolver", "status=%s", status_name(status));
    setup->context.resolver_count = 0;
    return STATUS_OK;
}

/* Each measurement has several sockets, and measurements run side by side. */
static void descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void setup_access_look(struct probe_setup *setup)
{
    struct machine_facts machine;
    if (setup->declared.access != ACCESS_UNKNOWN)
        return;
    machine_facts_read("", &machine);
    setup->vantage.access = machine_facts_access(&machine);
}

static enum status vantage_open(const struct probe_options *options, struct probe_setup *setup, struct why *why)
{
    setup->declared = options->vantage;
    setup->vantage = options->vantage;
    setup_access_look(setup);
    setup->geo_db = options->geo_db;
    setup->asn_db = options->asn_db;
    if (scrub_add_interfaces(&setup->own) != STATUS_OK)
        log_event(&setup->log, LOG_LEVEL_WARN, "interfaces_unknown", "own addresses may not all be scrubbed");
    return vantage_lookup_own(setup->geo_db, setup->asn_db, &setup->own, &setup->vantage, why);
}

static enum status blockpages_open(const struct probe_options *options, struct probe_setup *setup, struct why *why)
{
    enum status status = blockpage_open(options->blockpages_file, options->blockpages_false_file,
                                        &setup->context.blockpages, why);
    if (status != STATUS_OK)
        return status;
    const struct blockpage_counts *counts = blockpage_counts(setup->context.blockpages);
    if (counts->bad_count > 0)
        log_event(&setup->log, LOG_LEVEL_WARN, "blockpages_skipped", "usable=%zu bad=%zu first=\"%s\" line=%zu reason=\"%s\"",
                  counts->signature_count, counts->bad_count, counts->first_bad_name, counts->first_bad_line,
                  counts->first_bad_reason);
    return STATUS_OK;
}

static enum status parts_open(const struct probe_options *options, struct probe_setup *setup, struct why *why)
{
    enum status status = loop_open(&setup->loop);
    if (status == STATUS_OK)
        status = fetcher_open(setup->loop, &setup->fetcher);
    if (status == STATUS_OK)
        status = loop_stop_on_signals(setup->loop);
    if (status != STATUS_OK) {
        why_set(why, "cannot start the event loop (%s); free some memory or descriptors", status_name(status));
        return status;
    }
    setup->context.loop = setup->loop;
    setup->context.fetcher = setup->fetcher;
    fetcher_meter(setup->fetcher, &setup->meter);
    status = resolvers_open(options->resolvers, setup, why);
    if (status == STATUS_OK)
        status = anchors_open(options->anchors_file, &setup->anchors, why);
    if (status == STATUS_OK)
        status = tls_trust_open(options->ca_file, &setup->context.trust, why);
    if (status == STATUS_OK && !options->is_ladder_only)
        status = blockpages_open(options, setup, why);
    if (status == STATUS_OK)
        status = vantage_open(options, setup, why);
    return status == STATUS_OK ? tap_open(setup, options) : status;
}

/* The database is opened for each address: tests ask for a few, and a daemon is to be small between them. */
static uint32_t asn_of(const struct sockaddr_storage *address, void *state)
{
    const struct probe_setup *setup = state;
    struct vantage_point network = {0};
    vantage_lookup(NULL, setup->asn_db, (const struct sockaddr *)address, &network, NULL);
    return network.asn;
}

enum status setup_open(const struct probe_options *options, struct probe_setup *out, struct why *why)
{
    *out = (struct probe_setup){
        .log = {.least = options->is_worker ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, .stream = stderr, .clock = clock_system()},
        .context = {.clock = clock_system(),
                    .random = random_system(),
                    .limits = nettest_limits_default(),
                    .control_urls = options->control_urls,
                    .control_count = options->control_count,
                    .others = options->others,
                    .other_count = options->other_count,
                    .ca_file = options->ca_file,
                    .services_folder = options->services_folder,
                    .backend = options->backend,
                    .allow_private_targets = options->allow_private_targets,
                    .wants_quic = options->wants_quic,
                    .is_resolver_opaque = options->is_resolver_opaque},
    };
    out->context.log = &out->log;
    memcpy(out->seen_country, COUNTRY_UNKNOWN, sizeof out->seen_country);
    out->context.meter = &out->meter;
    out->context.anchors = &out->anchors;
    out->context.asn_of = options->asn_db ? asn_of : NULL;
    out->context.asn_state = out;
    limits_cap(&out->context.limits, options->timeout_us);
    frugal_begin();
    descriptors_raise();
    enum status status = parts_open(options, out, why);
    if (status != STATUS_OK)
        setup_free(out);
    else
        frugal_started();
    return status;
}

enum status setup_confine(struct probe_setup *setup, const struct probe_options *options, struct why *why)
{
    struct sandbox_plan plan = {.role = SANDBOX_WORKER};
    struct sandbox_state state;
    options_read_paths(options, &plan);
    enum status status = sandbox_enter(&plan, &state, why);
    if (status == STATUS_OK && state.landlock_version == 0)
        log_event(&setup->log, LOG_LEVEL_WARN, "no_landlock", "advice=\"use a kernel of 5.13 or later with Landlock on\"");
    return status;
}

void setup_free(struct probe_setup *setup)
{
    if (!setup)
        return;
    tls_trust_free(setup->context.trust);
    setup->context.trust = NULL;
    blockpage_free(setup->context.blockpages);
    setup->context.blockpages = NULL;
    for (size_t i = 0; i < WHOAMI_QUESTIONS; i++) {
        if (setup->whoami[i].fetch)
            fetch_cancel(setup->whoami[i].fetch);
        setup->whoami[i].fetch = NULL;
    }
    measure_queue_free(setup->climbing);
    setup->climbing = NULL;
    anchor_list_free(&setup->anchors);
    capture_free(setup->capture);
    setup->capture = NULL;
    fetcher_free(setup->fetcher);
    setup->fetcher = NULL;
    loop_free(setup->loop);
    setup->loop = NULL;
}

/* The place is told anew each time: a phone changes its network. */
static void whoami_take(const struct setup_question *question, const struct fetch_response *response)
{
    struct probe_setup *setup = question->setup;
    struct vantage_point vantage = setup->declared, seen = {.country = COUNTRY_UNKNOWN};
    bool is_second = setup->is_placed && question->ip_version != 4;
    vantage.access = setup->vantage.access;
    if (response->status != STATUS_OK || response->code != 200 ||
        vantage_read_whoami(response->body, response->body_bytes, &vantage, &setup->own) != STATUS_OK)
        return;
    setup->is_answered = true;
    setup->is_placed = setup->is_placed || question->ip_version == 4;
    if (is_second)
        return;
    (void)vantage_lookup_own(setup->geo_db, setup->asn_db, &setup->own, &vantage, NULL);
    setup->vantage = vantage;
    /* The volunteer's own database first, then the collector's word. */
    (void)vantage_lookup_own(setup->geo_db, NULL, &setup->own, &seen, NULL);
    (void)vantage_read_whoami(response->body, response->body_bytes, &seen, &setup->own);
    memcpy(setup->seen_country, seen.country, sizeof setup->seen_country);
}

static bool is_asking(const struct probe_setup *setup)
{
    return setup->whoami[0].fetch || setup->whoami[1].fetch;
}

static void readiness_look(struct probe_setup *setup)
{
    if (setup->readiness.is_closed && setup->is_climbed && (!is_asking(setup) || setup_is_offline(setup)))
        gate_open(&setup->readiness);
}

static void on_whoami(const struct fetch_response *response, void *arg)
{
    struct setup_question *question = arg;
    struct probe_setup *setup = question->setup;
    question->fetch = NULL;
    whoami_take(question, response);
    if (!is_asking(setup) && !setup->is_answered)
        log_event(&setup->log, LOG_LEVEL_INFO, "whoami_unanswered", "code=%ld", response->code);
    readiness_look(setup);
    if (setup->whoami_ends_loop && !is_asking(setup))
        loop_stop(setup->loop);
}

void setup_whoami_start(struct probe_setup *setup, const char *url)
{
    char *whoami_url = is_asking(setup) ? NULL : vantage_whoami_url(url);
    setup->is_placed = setup->is_answered = false;
    for (size_t i = 0; i < WHOAMI_QUESTIONS && whoami_url; i++) {
        struct setup_question *question = &setup->whoami[i];
        *question = (struct setup_question){.setup = setup, .ip_version = i == 0 ? 4 : 6};
        const struct fetch_request request = {.method = "GET",
                                              .url = whoami_url,
                                              .timeout_us = WHOAMI_TIMEOUT_US,
                                              .body_limit_bytes = WHOAMI_BYTES_MAX,
                                              .ca_file = setup->context.ca_file,
                                              .connected_fd = -1,
                                              .ip_version = question->ip_version};
        if (fetch_start(setup->fetcher, &request, on_whoami, question, &question->fetch) != STATUS_OK)
            question->fetch = NULL;
    }
    free(whoami_url);
}

enum status setup_whoami(struct probe_setup *setup, const char *url)
{
    setup_whoami_start(setup, url);
    return setup_whoami_wait(setup);
}

enum status setup_whoami_wait(struct probe_setup *setup)
{
    if (!is_asking(setup))
        return STATUS_OK;
    setup->whoami_ends_loop = true;
    enum status status = loop_run(setup->loop);
    setup->whoami_ends_loop = false;
    return status == STATUS_OK && is_asking(setup) ? STATUS_REFUSED : status;
}

struct climb_wait {
    struct probe_setup *setup;
    struct nettest_result result;
    enum status status;
};

static void on_climbed(const struct measure_job *job, enum status status, struct nettest_result *result, void *arg)
{
    (void)job;
    struct climb_wait *wait = arg;
    wait->status = status;
    if (!result)
        return;
    wait->result = *result;
    result->test_keys = NULL;
}

static void on_climb_done(void *arg)
{
    const struct climb_wait *wait = arg;
    loop_stop(wait->setup->loop);
}

enum status setup_climb(struct probe_setup *setup, struct nettest_result *out_result)
{
    struct climb_wait wait = {.setup = setup, .status = STATUS_REFUSED};
    struct measure_queue *queue = NULL;
    const struct measure_job job = {.test = nettest_find("ladder")};
    if (!job.test)
        return STATUS_UNSUPPORTED;
    enum status status =
        measure_queue_start(&setup->context, &job, 1, 1, on_climbed, on_climb_done, &wait, &queue);
    if (status != STATUS_OK)
        return status;
    status = loop_run(setup->loop);
    measure_queue_free(queue);
    if (status == STATUS_OK)
        status = wait.status;
    if (status == STATUS_OK) {
        setup_note_climb(setup, &wait.result);
        if (out_result) {
            *out_result = wait.result;
            wait.result.test_keys = NULL;
        }
    }
    json_decref(wait.result.test_keys);
    return status;
}

static void on_climbed_beside(const struct measure_job *job, enum status status, struct nettest_result *result, void *arg)
{
    (void)job;
    struct probe_setup *setup = arg;
    if (result)
        setup_note_climb(setup, result);
    else
        log_event(&setup->log, LOG_LEVEL_ERROR, "not_climbed", "status=%s", status_name(status));
}

static void on_climb_beside_done(void *arg)
{
    struct probe_setup *setup = arg;
    setup->is_climbed = true;
    readiness_look(setup);
}

enum status setup_ready_start(struct probe_setup *setup, const char *control_url)
{
    const struct measure_job job = {.test = nettest_find("ladder")};
    if (!job.test)
        return STATUS_UNSUPPORTED;
    enum status status = measure_queue_start(&setup->context, &job, 1, 1, on_climbed_beside, on_climb_beside_done, setup,
                                             &setup->climbing);
    if (status != STATUS_OK)
        return status;
    setup->is_climbed = false;
    setup->context.readiness = &setup->readiness;
    gate_close(&setup->readiness);
    if (control_url)
        setup_whoami_start(setup, control_url);
    return STATUS_OK;
}

void setup_note_climb(struct probe_setup *setup, const struct nettest_result *result)
{
    const json_t *dialtone = json_member_object(result->test_keys, "x_dialtone");
    const json_t *connectivity = json_member_object(dialtone, "connectivity");
    if (ladder_result_decode(connectivity, &setup->connectivity) == STATUS_OK)
        setup->context.connectivity = &setup->connectivity;
}

bool setup_is_offline(const struct probe_setup *setup)
{
    return setup->context.connectivity && connectivity_is_offline(setup->connectivity.state);
}

static bool is_scrubbed(const struct scrub_addresses *own, const char *text)
{
    struct sockaddr_storage address;
    return address_parse(text, 0, &address) == STATUS_OK && scrub_holds(own, (const struct sockaddr *)&address);
}

enum status setup_encode(struct probe_setup *setup, const struct nettest *test, const char *input,
                         const struct nettest_result *result, int64_t test_start_us, struct buffer *out)
{
    enum status status =
        scrub_add_resolvers(&setup->own, setup->context.resolvers, setup->context.resolver_count);
    if (status == STATUS_OK)
        status = tampering_add(result->test_keys);
    if (status == STATUS_OK)
        status = scrub_json(&setup->own, result->test_keys);
    if (status != STATUS_OK)
        return status;
    bool is_resolver_told = result->resolver_ip[0] && !is_scrubbed(&setup->own, result->resolver_ip);
    const struct record record = {
        .test_name = test->name,
        .test_version = test->version,
        .software_name = RECORD_SOFTWARE,
        .software_version = DIALTONE_VERSION,
        .input = input,
        .resolver_ip = is_resolver_told ? result->resolver_ip : NULL,
        .vantage = setup->vantage,
        .annotations = setup->annotations,
        .test_start_us = test_start_us,
        .measurement_start_us = result->start_us,
        .runtime_s = result->runtime_s,
        .test_keys = result->test_keys,
    };
    size_t start = out->count;
    status = record_encode(&record, out);
    /* What the person asked for may name it; what came back may not. */
    bool is_asked = input && scrub_finds(&setup->own, input, strlen(input));
    if (status == STATUS_OK && !out->failed && !is_asked &&
        scrub_finds(&setup->own, out->bytes + start, out->count - start)) {
        out->count = start;
        return STATUS_REFUSED;
    }
    return status;
}
