/* Running scenarios: a lab each, the censor's timeline, the real probe, the comparison.
 * Owner: each run owns its folder, its lab and what it measured.
 * Why: this is how a verdict is proven right, and how a wrong one shows. */
#include "tests/lab/scenario_run.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/internet.h"
#include "tests/lab/namespace.h"
#include "tests/lab/servers.h"
#include "tests/lab/workspace.h"

#define SCENARIO_BYTES_MAX      (256u << 10)
#define RECORD_OUTPUT_BYTES_MAX (64u << 20)
#define BIN_US                  (10 * US_PER_S)
#define WORDS_MAX               64

struct scenario_run {
    const char *name;
    struct scenario *scenario;
    struct lab_plan plan;
    struct lab *lab;
    struct scenario_outcome *outcome;
    size_t change_next;
    int64_t start_us; /* of the first measurement; 0: not yet */
};

/* Splits a copy of the words in place behind those that are there already. */
static bool words_append(char *words, const char **argv, size_t *count)
{
    char *state = NULL;
    for (char *word = strtok_r(words, " \t", &state); word; word = strtok_r(NULL, " \t", &state)) {
        if (*count + 1 >= WORDS_MAX)
            return false;
        argv[(*count)++] = word;
    }
    argv[*count] = NULL;
    return true;
}

static enum status changes_apply(struct scenario_run *run, int64_t since_start_us, struct why *why)
{
    const struct scenario *scenario = run->scenario;
    enum status status = STATUS_OK;
    while (run->change_next < scenario->change_count && status == STATUS_OK) {
        const struct scenario_change *change = &scenario->changes[run->change_next];
        if (change->at_us > since_start_us)
            return STATUS_OK;
        run->change_next++;
        if (change->is_removal)
            status = box_rule_remove(lab_box(run->lab), change->id, NULL, why);
        else
            status = box_rule_add(lab_box(run->lab), change->id, change->clients, change->rule, NULL, why);
    }
    return status;
}

static int64_t earlier(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* When something is to be done next, at the latest `deadline_us`. */
static int64_t wake_us_of(const struct scenario_run *run, int64_t deadline_us)
{
    const struct scenario *scenario = run->scenario;
    if (run->change_next < scenario->change_count)
        return earlier(deadline_us, run->start_us + scenario->changes[run->change_next].at_us);
    return deadline_us;
}

/* What is due at its end is done before the measurement starts. */
static enum status pause_spend(struct scenario_run *run, int64_t pause_us, struct why *why)
{
    int64_t end_us = monotonic_us() + pause_us;
    enum status status = changes_apply(run, monotonic_us() - run->start_us, why);
    for (int64_t now_us = monotonic_us(); now_us < end_us && status == STATUS_OK; now_us = monotonic_us()) {
        sleep_us(wake_us_of(run, end_us) - now_us);
        status = changes_apply(run, monotonic_us() - run->start_us, why);
    }
    return status;
}

/* Waits for the probe while the censor's timeline runs on. */
static enum status measure_await(struct scenario_run *run, pid_t pid, struct why *why)
{
    const struct scenario *scenario = run->scenario;
    int64_t deadline_us = monotonic_us() + scenario->limit_us;
    enum status status = STATUS_OK;
    int exit_code = 0;
    for (;;) {
        int64_t now_us = monotonic_us();
        status = changes_apply(run, now_us - run->start_us, why);
        if (status != STATUS_OK)
            break;
        if (child_wait(pid, wake_us_of(run, deadline_us) - now_us, &exit_code) == STATUS_OK)
            return STATUS_OK;
        if (monotonic_us() >= deadline_us) {
            why_set(why, "the probe did not end within %" PRId64 " s", scenario->limit_us / US_PER_S);
            status = STATUS_TIMEOUT;
            break;
        }
    }
    child_stop(pid, 0);
    return status;
}

static enum status probe_run(struct scenario_run *run, const struct scenario_measure *measure,
                             const char *output, struct why *why)
{
    char *program = lab_program(run->lab, "dialtone-probe");
    char *ca = lab_file(run->lab, "ca.pem");
    char *anchors = lab_file(run->lab, "anchors.csv");
    char *errors = lab_file(run->lab, "probe.log");
    char *words = strdup(measure->arguments);
    const char *argv[WORDS_MAX] = {
        program, "measure",   "--format", "json",       "--ca-file",
        ca,      "--anchors", anchors,    "--resolver", run->scenario->clients[measure->client].resolver};
    size_t count = 10;
    enum status status = STATUS_NO_MEMORY;
    pid_t pid = 0;
    if (!program || !ca || !anchors || !errors || !words)
        goto done;
    if (run->scenario->has_collector) {
        argv[count++] = "--control";
        argv[count++] = "https://" INTERNET_COLLECTOR_ADDRESS "/v1/control";
    }
    status = STATUS_TOO_LARGE;
    if (!words_append(words, argv, &count))
        goto done;
    struct child_plan plan = lab_child(run->lab, measure->client);
    plan.argv = argv;
    plan.output = output;
    plan.error = errors;
    status = child_start(&plan, &pid, why);
    if (status == STATUS_OK)
        status = measure_await(run, pid, why);
done:
    free(words);
    free(errors);
    free(anchors);
    free(ca);
    free(program);
    return status;
}

/* Prints one line for each expectation that does not hold. Returns how many. */
static size_t record_judge(const struct scenario_run *run, const struct scenario_measure *measure,
                           const json_t *record)
{
    size_t failed_count = 0;
    for (size_t i = 0; i < measure->expect_count; i++) {
        struct why why = {0};
        if (scenario_expect_holds(&measure->expects[i], record, &why))
            continue;
        printf("FAIL  %s: measure %s: %s\n", run->name, measure->arguments, why.text);
        failed_count++;
    }
    return failed_count;
}

/* Each line of the output is a record, and all must be as expected. */
static size_t output_judge(struct scenario_run *run, const struct scenario_measure *measure, const char *path)
{
    struct buffer bytes = {0};
    size_t failed_count = 0;
    size_t record_count = 0;
    struct why why = {0};
    if (file_read(path, RECORD_OUTPUT_BYTES_MAX, &bytes, &why) != STATUS_OK)
        printf("FAIL  %s: measure %s: %s\n", run->name, measure->arguments, why.text);
    struct reader reader = reader_of(bytes.bytes, bytes.count), line;
    while (reader_line(&reader, &line)) {
        json_t *record = NULL;
        if (json_read((const char *)line.bytes, line.left_bytes, &record, &why) != STATUS_OK) {
            printf("FAIL  %s: measure %s: not a record: %s\n", run->name, measure->arguments, why.text);
            failed_count++;
        } else {
            char found[CONFUSION_WORD_BYTES];
            confusion_found(record, found);
            if (confusion_add(&run->outcome->confusion, measure->truth, found, 1) != STATUS_OK)
                printf("FAIL  %s: its records have too many different verdicts to be counted\n", run->name);
            failed_count += record_judge(run, measure, record);
        }
        record_count++;
        json_decref(record);
    }
    buffer_free(&bytes);
    if (record_count == 0) {
        printf("FAIL  %s: measure %s: the probe wrote no record\n", run->name, measure->arguments);
        failed_count++;
    }
    return failed_count;
}

static int scenario_inside(void *arg)
{
    struct scenario_run *run = arg;
    struct why why = {0};
    size_t failed_count = 0;
    enum status status = lab_open(&run->plan, &run->lab, &why);
    if (status == STATUS_OK)
        status = lab_zones_set(run->lab, &run->scenario->zones, &why);
    if (status == STATUS_OK)
        status = changes_apply(run, -1, &why);
    run->start_us = monotonic_us();
    for (size_t i = 0; i < run->scenario->measure_count && status == STATUS_OK; i++) {
        char name[48];
        snprintf(name, sizeof name, "measured-%zu.jsonl", i);
        char *output = lab_file(run->lab, name);
        status = output ? pause_spend(run, run->scenario->measures[i].pause_us, &why) : STATUS_NO_MEMORY;
        if (status == STATUS_OK)
            status = probe_run(run, &run->scenario->measures[i], output, &why);
        if (status == STATUS_OK)
            failed_count += output_judge(run, &run->scenario->measures[i], output);
        free(output);
    }
    lab_close(run->lab);
    if (status == STATUS_OK)
        return failed_count == 0 ? EXIT_NOTHING_WRONG : EXIT_FOUND;
    printf("FAIL  %s: %s\n", run->name, why.text[0] ? why.text : status_name(status));
    return status == STATUS_UNSUPPORTED ? EXIT_UNAVAILABLE : EXIT_OWN_FAILURE;
}

static enum status scenario_load(const char *path, struct scenario *out, struct why *why)
{
    struct buffer bytes = {0};
    enum status status = file_read(path, SCENARIO_BYTES_MAX, &bytes, why);
    if (status == STATUS_OK)
        status = scenario_parse((const char *)bytes.bytes, bytes.count, out, why);
    buffer_free(&bytes);
    return status;
}

/* Whether what the scenario cannot do without is there. */
static bool is_possible(const struct scenario *scenario)
{
    return !scenario->needs_quic || servers_quic_program() != NULL;
}

int scenario_try(const char *path, struct scenario *scenario, const struct scenario_settings *settings,
                 struct scenario_outcome *outcome)
{
    struct why why = {0};
    char *folder = NULL;
    int exit_code = EXIT_OWN_FAILURE;
    int64_t start_us = monotonic_us();
    enum status status = scenario_load(path, scenario, &why);
    if (status != STATUS_OK) {
        fprintf(stderr, "dialtone-lab: %s: %s\n", path, why.text);
        return EXIT_USAGE;
    }
    snprintf(outcome->title, sizeof outcome->title, "%s", scenario->title);
    if (!is_possible(scenario))
        return EXIT_SKIPPED;
    status = workspace_make(&folder, &why);
    struct scenario_run run = {
        .name = path,
        .scenario = scenario,
        .outcome = outcome,
        .plan = {.clients = scenario->clients,
                 .client_count = scenario->client_count,
                 .seed = scenario->seed,
                 .bin_us = BIN_US,
                 .programs = settings->programs,
                 .folder = folder,
                 .has_collector = scenario->has_collector,
                 .has_quic = scenario->needs_quic,
                 .avoids_tun = settings->avoids_tun},
    };
    if (status == STATUS_OK)
        status = namespace_run(scenario_inside, &run, &exit_code, &why);
    if (status != STATUS_OK)
        fprintf(stderr, "dialtone-lab: %s\n", why.text);
    if (status == STATUS_UNSUPPORTED)
        exit_code = EXIT_UNAVAILABLE;
    outcome->runtime_s = (double)(monotonic_us() - start_us) / 1e6;
    if (settings->keeps && folder)
        printf("      %s is kept in %s\n", path, folder);
    else
        workspace_clear(folder);
    free(folder);
    return exit_code;
}
