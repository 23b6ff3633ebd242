/* Evidence about a service by a table: all of its own endpoints were reached, but for what a row changes. */
#ifndef TESTS_UNIT_TESTS_NETWORK_SERVICE_ROWS_H
#define TESTS_UNIT_TESTS_NETWORK_SERVICE_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/service.h"

#define ROW_CHANGES_MAX 4
#define ROW_AT_HOME     "157.240.0.35" /* in a network of Facebook's; of no matter to others */

struct row_change {
    const char *role;         /* "*": any */
    size_t count;             /* of the first endpoints of the role; 0: all of them */
    enum verdict_layer layer; /* where it failed; LAYER_NONE: it was reached after all */
    const char *failure;
    enum service_opinion opinion;
    bool is_injected;
    bool is_doubted;
    bool is_untried;
    const char *address; /* NULL: ROW_AT_HOME */
    uint32_t asn;        /* 0: no database */
};

struct row {
    const char *name;
    struct row_change changes[ROW_CHANGES_MAX];
    enum connectivity_state connectivity;
    bool has_control;
    bool is_machine_busy;
    enum verdict_outcome outcome;
    enum verdict_layer layer;
    const char *method; /* NULL: none */
    enum verdict_confidence confidence;
    const char *keys; /* JSON of members that must stand in the test keys, with ' for " */
};

struct row_case {
    struct service_targets targets;
    struct service_endpoint *endpoints;
    struct service_evidence evidence;
};

static bool reach_proves(enum service_reach reach)
{
    return reach == REACH_TLS || reach == REACH_HTTPS;
}

static void change_apply(const struct row_change *change, struct service_endpoint *endpoint)
{
    bool is_failed = change->failure != NULL;
    endpoint->is_tried = !change->is_untried;
    endpoint->failed_at = change->layer;
    endpoint->failure = change->failure;
    endpoint->opinion = change->opinion;
    endpoint->is_injected = change->is_injected;
    endpoint->is_address_doubted = change->is_doubted;
    endpoint->is_connected = !change->is_untried && (!is_failed || change->layer > LAYER_TCP);
    endpoint->is_proven = reach_proves(endpoint->target->reach) && !change->is_untried &&
                          (!is_failed || change->layer == LAYER_HTTP);
    endpoint->address_count = is_failed && change->layer == LAYER_DNS ? 0 : 1;
    endpoint->asns[0] = change->asn;
    if (change->address)
        assert_int_equal(address_parse(change->address, 443, &endpoint->addresses[0]), STATUS_OK);
}

static void row_case_open(const struct service *service, const struct row *row, struct row_case *out)
{
    static const struct row_change fine = {.role = "*", .address = ROW_AT_HOME};
    *out = (struct row_case){0};
    assert_int_equal(service_targets_read(service->targets, strlen(service->targets), &out->targets, NULL),
                     STATUS_OK);
    out->endpoints = calloc(out->targets.count, sizeof *out->endpoints);
    assert_non_null(out->endpoints);
    for (size_t i = 0; i < out->targets.count; i++) {
        out->endpoints[i].target = &out->targets.items[i];
        change_apply(&fine, &out->endpoints[i]);
    }
    for (size_t c = 0; c < ROW_CHANGES_MAX && row->changes[c].role; c++) {
        const struct row_change *change = &row->changes[c];
        size_t changed_count = 0;
        for (size_t i = 0; i < out->targets.count; i++) {
            bool is_meant =
                strcmp(change->role, "*") == 0 || service_is_role(&out->endpoints[i], change->role);
            if (is_meant && (change->count == 0 || changed_count < change->count)) {
                change_apply(change, &out->endpoints[i]);
                changed_count++;
            }
        }
        assert_true(changed_count > 0); /* a role misspelt would leave the row without its change */
    }
    out->evidence = (struct service_evidence){.endpoints = out->endpoints,
                                              .count = out->targets.count,
                                              .targets = &out->targets,
                                              .connectivity = row->connectivity,
                                              .has_control = row->has_control,
                                              .is_machine_busy = row->is_machine_busy};
}

static void row_case_close(struct row_case *opened)
{
    free(opened->endpoints);
    service_targets_free(&opened->targets);
}

static json_t *row_keys_expected(const struct row *row)
{
    char *text = strdup(row->keys);
    json_t *expected = NULL;
    for (char *at = text; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    if (json_read(text, strlen(text), &expected, NULL) != STATUS_OK)
        fail_msg("%s: the row's keys are no JSON: %s", row->name, text);
    free(text);
    return expected;
}

static void row_keys_check(const struct row *row, const json_t *keys)
{
    json_t *expected = row_keys_expected(row);
    const char *name;
    json_t *value;
    json_object_foreach(expected, name, value)
    {
        const json_t *was = json_object_get(keys, name);
        if (!was || !json_equal(value, was)) {
            char *text = was ? json_dumps(was, JSON_ENCODE_ANY) : strdup("absent");
            fail_msg("%s: %s was %s", row->name, name, text);
        }
    }
    json_decref(expected);
}

static void row_check(const struct service *service, const struct row *row)
{
    struct row_case made;
    row_case_open(service, row, &made);
    struct verdict verdict = service_verdict(service, &made.evidence);
    if (verdict.outcome != row->outcome || verdict.layer != row->layer ||
        verdict.confidence != row->confidence || strcmp(verdict.method, row->method ? row->method : "") != 0)
        fail_msg("%s: the verdict was %s %s %s %s", row->name, outcome_name(verdict.outcome),
                 layer_name(verdict.layer), verdict.method, confidence_name(verdict.confidence));
    json_t *keys = json_object();
    service->keys(&made.evidence, keys);
    if (row->keys)
        row_keys_check(row, keys);
    json_decref(keys);
    row_case_close(&made);
}

#define ROWS_CHECK(service, rows)                                                                            \
    do {                                                                                                     \
        for (size_t row_index = 0; row_index < sizeof(rows) / sizeof((rows)[0]); row_index++)                \
            row_check(service, &(rows)[row_index]);                                                          \
    } while (0)

/* Columns of most rows. */
#define AT(of_role, first_count, where, word, ...)                                                           \
    {                                                                                                        \
        .role = of_role, .count = first_count, .layer = LAYER_##where, .failure = word, __VA_ARGS__          \
    }
#define ROW_OK      .outcome = OUTCOME_OK
#define ROW_UNKNOWN .outcome = OUTCOME_UNKNOWN
#define ROW_OFFLINE .outcome = OUTCOME_OFFLINE
#define ROW_DOWN    .outcome = OUTCOME_DOWN, .confidence = CONFIDENCE_MEDIUM
#define ROW_BLOCKED(by, how, sure)                                                                           \
    .outcome = OUTCOME_BLOCKED, .layer = LAYER_##by, .method = how, .confidence = CONFIDENCE_##sure
#define ROW_WORKING .connectivity = CONNECTIVITY_WORKING

#endif
