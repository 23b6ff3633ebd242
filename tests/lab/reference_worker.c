/* A worker of the reference table: one emulated Internet, case after case in it.
 * Owner: a worker owns its lab and its folder below the work's.
 * Why: building a world costs more than a measurement, and conditions can be put on and taken off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/internet.h"
#include "tests/lab/lab.h"
#include "tests/lab/namespace.h"
#include "tests/lab/reference.h"
#include "tests/lab/scenario_run.h"
#include "tests/lab/workers.h"

#define RECORD_OUTPUT_BYTES_MAX (64u << 20)
#define ERRORS_BYTES_MAX        (1u << 20)
#define LINK_DELAY_US           (2 * US_PER_MS) /* client - 1 ms - router - 1 ms - server */
#define CASE_LIMIT_US           (180 * US_PER_S)
#define ARGUMENTS_MAX           40
#define CONTROL_URL_BYTES       96

struct worker {
    const struct reference_work *work;
    char *folder;
    struct lab_client client;
    struct lab *lab;
};

struct probe_line {
    char controls[8][CONTROL_URL_BYTES];
    const char *argv[ARGUMENTS_MAX];
};

static void probe_line_make(const struct reference_case *wanted, const char *program, const char *ca,
                            const char *anchors, struct probe_line *out)
{
    size_t count = 0;
    const char *const first[] = {program, "measure",   "--format", "json",       "--ca-file",
                                 ca,      "--anchors", anchors,    "--resolver", INTERNET_ISP_RESOLVER};
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        out->argv[count++] = first[i];
    for (size_t i = 0; internet_helpers[i]; i++) {
        snprintf(out->controls[i], sizeof out->controls[i], "https://%s/v1/control", internet_helpers[i]);
        out->argv[count++] = "--control";
        out->argv[count++] = out->controls[i];
    }
    if (wanted->is_android)
        out->argv[count++] = "--android-getaddrinfo";
    out->argv[count++] = "--";
    out->argv[count++] = wanted->url;
    out->argv[count] = NULL;
}

/* What the probe said last, for whoever must mend its command line. */
static void last_line_add(const char *path, char *out, size_t room)
{
    struct buffer bytes = {0};
    if (file_read(path, ERRORS_BYTES_MAX, &bytes, NULL) == STATUS_OK) {
        struct reader reader = reader_of(bytes.bytes, bytes.count), line;
        while (reader_line(&reader, &line))
            snprintf(out, room, ": %.*s", (int)line.left_bytes, (const char *)line.bytes);
    }
    buffer_free(&bytes);
}

static enum status probe_run(const struct worker *worker, const struct reference_case *wanted,
                             const char *output, struct why *why)
{
    char *program = lab_program(worker->lab, "dialtone-probe");
    char *ca = lab_file(worker->lab, "ca.pem");
    char *anchors = lab_file(worker->lab, "anchors.csv");
    char *errors = lab_file(worker->lab, "probe.log");
    enum status status = STATUS_NO_MEMORY;
    if (program && ca && anchors && errors) {
        struct probe_line line = {0};
        struct child_plan plan = lab_child(worker->lab, 0);
        int exit_code = 0;
        probe_line_make(wanted, program, ca, anchors, &line);
        plan.argv = line.argv;
        plan.output = output;
        plan.error = errors;
        plan.needs_resolv_conf = true; /* the helpers are asked for by name */
        remove(output);
        remove(errors);
        status = child_run(&plan, CASE_LIMIT_US, &exit_code, why);
        if (status == STATUS_OK && (exit_code == EXIT_USAGE || exit_code > EXIT_OFFLINE)) {
            char said[200] = "";
            last_line_add(errors, said, sizeof said);
            why_set(why, "dialtone-probe measure ended with status %d%s", exit_code, said);
            status = STATUS_IO;
        }
    }
    free(errors);
    free(anchors);
    free(ca);
    free(program);
    return status;
}

static enum status record_judge(const struct reference_case *wanted, const char *output,
                                struct reference_outcome *outcome, struct why *why)
{
    struct buffer bytes = {0};
    size_t record_count = 0;
    enum status status = file_read(output, RECORD_OUTPUT_BYTES_MAX, &bytes, why);
    struct reader reader = reader_of(bytes.bytes, bytes.count), line;
    while (status == STATUS_OK && reader_line(&reader, &line)) {
        json_t *record = NULL;
        status = json_read((const char *)line.bytes, line.left_bytes, &record, why);
        const char *test = json_member_text(record, "test_name");
        if (test && strcmp(test, "web_connectivity") == 0) {
            reference_compare(wanted, record, outcome);
            record_count++;
        }
        json_decref(record);
    }
    buffer_free(&bytes);
    if (status == STATUS_OK && record_count != 1) {
        why_set(why, "the probe wrote %zu records of web_connectivity", record_count);
        status = STATUS_MALFORMED;
    }
    return status;
}

/* Puts the condition on, measures, and takes it off again, whatever happened. */
static enum status case_run(struct worker *worker, const struct reference_case *wanted,
                            struct reference_outcome *outcome, struct why *why)
{
    char *output = lab_file(worker->lab, "measured.jsonl");
    size_t rule_count = 0;
    enum status status = output ? lab_zones_set(worker->lab, &wanted->zones, why) : STATUS_NO_MEMORY;
    for (; rule_count < wanted->rule_count && status == STATUS_OK; rule_count++)
        status = box_rule_add(lab_box(worker->lab), (int64_t)rule_count, UINT64_MAX,
                              wanted->rules[rule_count], NULL, why);
    if (status == STATUS_OK)
        status = probe_run(worker, wanted, output, why);
    if (status == STATUS_OK)
        status = record_judge(wanted, output, outcome, why);
    while (rule_count > 0)
        box_rule_remove(lab_box(worker->lab), (int64_t)--rule_count, NULL, NULL);
    free(output);
    return status;
}

static int jobs_run(struct worker *worker)
{
    const struct reference_work *work = worker->work;
    for (;;) {
        size_t number = workers_next(work->next_job);
        if (number >= work->job_count)
            return EXIT_NOTHING_WRONG;
        const struct reference_job *job = &work->jobs[number];
        struct reference_outcome *outcome = &work->outcomes[number];
        int64_t start_us = monotonic_us();
        enum status status = case_run(worker, job->wanted, outcome, &outcome->error);
        outcome->runtime_s = (double)(monotonic_us() - start_us) / US_PER_S;
        if (status == STATUS_UNSUPPORTED) {
            fprintf(stderr, "dialtone-lab: %s\n", outcome->error.text);
            return EXIT_SKIPPED;
        }
        if (status != STATUS_OK && outcome->error.text[0] == '\0')
            why_set(&outcome->error, "%s", status_name(status));
        outcome->is_done = true;
        if (work->tell)
            work->tell(job, outcome);
    }
}

static int worker_inside(void *arg)
{
    struct worker *worker = arg;
    struct why why = {0};
    const struct lab_plan plan = {
        .clients = &worker->client,
        .client_count = 1,
        .seed = 1,
        .bin_us = 10 * US_PER_S,
        .programs = worker->work->programs,
        .folder = worker->folder,
        .has_collector = true,
        .avoids_tun = worker->work->avoids_tun,
    };
    enum status status = lab_open(&plan, &worker->lab, &why);
    int exit_code = status == STATUS_OK ? jobs_run(worker) : EXIT_OWN_FAILURE;
    lab_close(worker->lab);
    if (status != STATUS_OK)
        fprintf(stderr, "dialtone-lab: %s\n", why.text[0] ? why.text : status_name(status));
    return status == STATUS_UNSUPPORTED ? EXIT_SKIPPED : exit_code;
}

int reference_worker(const struct reference_work *work, int number)
{
    char name[32];
    struct why why = {0};
    int exit_code = EXIT_OWN_FAILURE;
    snprintf(name, sizeof name, "worker-%d", number);
    struct worker worker = {
        .work = work,
        .folder = path_join(work->folder, name),
        .client = {.name = "probe",
                   .address = "130.192.91.211",
                   .gateway = "130.192.91.1",
                   .resolver = INTERNET_ISP_RESOLVER,
                   .up.delay_us = LINK_DELAY_US,
                   .down.delay_us = LINK_DELAY_US},
    };
    enum status status = worker.folder ? folder_make(worker.folder, 0700, &why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = namespace_run(worker_inside, &worker, &exit_code, &why);
    if (status != STATUS_OK)
        fprintf(stderr, "dialtone-lab: %s\n", why.text[0] ? why.text : status_name(status));
    free(worker.folder);
    return status == STATUS_UNSUPPORTED ? EXIT_SKIPPED : exit_code;
}
