/* dialtone-lab reference: the probe in every condition of a table, compared with what the table expects.
 * Owner: a run owns its cases, its folder, its workers and the memory that it shares with them.
 * Why: the same evidence must lead to the same verdict as the reference's, for rows seen and unseen. */
#include "tests/lab/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/child.h"
#include "tests/lab/workers.h"
#include "tests/lab/workspace.h"

#define TABLE_BYTES_MAX (8u << 20)
#define ROUNDS_MAX      1000

struct reference_run {
    struct reference_case *cases;
    size_t case_count;
    struct reference_job *jobs;
    struct reference_work work;
    void *shared;
    size_t shared_bytes;
    char *folder;
    char *programs;
    int64_t worker_count;
    int64_t round_count;
    bool is_json;
};

static bool is_passed(const struct reference_outcome *outcome)
{
    return outcome->is_done && outcome->error.text[0] == '\0' && outcome->difference_count == 0;
}

static const char *error_of(const struct reference_outcome *outcome)
{
    return outcome->is_done ? outcome->error.text : "it was not run: the lab ended before";
}

/* One write a case, so that the workers' lines do not mix. */
static void job_tell(const struct reference_job *job, const struct reference_outcome *outcome)
{
    struct buffer text = {0};
    const char *word = is_passed(outcome) ? "pass" : job->wanted->is_required ? "FAIL" : "differs";
    buffer_printf(&text, "%-8s%s", word, job->wanted->name);
    if (job->round > 1)
        buffer_printf(&text, " (round %d)", job->round);
    buffer_printf(&text, "%s  %.1f s\n", job->wanted->is_required ? "" : " (not required)",
                  outcome->runtime_s);
    if (error_of(outcome)[0])
        buffer_printf(&text, "        %s\n", error_of(outcome));
    for (size_t i = 0; i < outcome->difference_count; i++)
        buffer_printf(&text, "        %s: expected %s, was %s\n", outcome->differences[i].field,
                      outcome->differences[i].expected, outcome->differences[i].was);
    if (!text.failed)
        (void)!write(STDOUT_FILENO, text.bytes, text.count);
    buffer_free(&text);
}

static json_t *outcome_json(const struct reference_job *job, const struct reference_outcome *outcome)
{
    json_t *differences = json_array();
    for (size_t i = 0; i < outcome->difference_count; i++)
        json_array_append_new(
            differences, json_pack("{s:s, s:s, s:s}", "field", outcome->differences[i].field, "expected",
                                   outcome->differences[i].expected, "was", outcome->differences[i].was));
    return json_pack("{s:s, s:i, s:b, s:b, s:f, s:o, s:o}", "name", job->wanted->name, "round", job->round,
                     "required", job->wanted->is_required, "passed", is_passed(outcome), "runtime_s",
                     outcome->runtime_s, "differences", differences, "error",
                     json_text_or_null(error_of(outcome)[0] ? error_of(outcome) : NULL));
}

struct tally {
    size_t required_count, required_passed_count, other_count, other_passed_count;
};

static struct tally jobs_count(const struct reference_run *run)
{
    struct tally tally = {0};
    for (size_t i = 0; i < run->work.job_count; i++) {
        bool passed = is_passed(&run->work.outcomes[i]);
        if (run->work.jobs[i].wanted->is_required) {
            tally.required_count++;
            tally.required_passed_count += passed;
        } else {
            tally.other_count++;
            tally.other_passed_count += passed;
        }
    }
    return tally;
}

static void summary_json(const struct reference_run *run, const struct tally *tally, double runtime_s)
{
    struct buffer text = {0};
    json_t *rows = json_array();
    for (size_t i = 0; i < run->work.job_count; i++)
        json_array_append_new(rows, outcome_json(&run->work.jobs[i], &run->work.outcomes[i]));
    json_t *summary = json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:f}", "cases", rows, "required", (json_int_t)tally->required_count,
        "required_passed", (json_int_t)tally->required_passed_count, "others", (json_int_t)tally->other_count,
        "others_passed", (json_int_t)tally->other_passed_count, "runtime_s", runtime_s);
    if (json_write(summary, &text) == STATUS_OK)
        printf("%.*s\n", (int)text.count, (const char *)text.bytes);
    buffer_free(&text);
    json_decref(summary);
}

static enum exit_status summary_tell(const struct reference_run *run, double runtime_s)
{
    struct tally tally = jobs_count(run);
    if (run->is_json) {
        summary_json(run, &tally, runtime_s);
    } else {
        for (size_t i = 0; i < run->work.job_count; i++)
            if (!run->work.outcomes[i].is_done)
                job_tell(&run->work.jobs[i], &run->work.outcomes[i]);
        if (tally.required_count == 0)
            printf("no case is required: none says yes under runs_on_v0.5.28\n");
        printf("%zu of %zu required cases passed", tally.required_passed_count, tally.required_count);
        if (tally.other_count > 0)
            printf(", %zu of %zu others", tally.other_passed_count, tally.other_count);
        printf(", in %.1f s\n", runtime_s);
    }
    return tally.required_passed_count == tally.required_count ? EXIT_NOTHING_WRONG : EXIT_FOUND;
}

/* Every case once a round; what waits for timeouts is begun first, so that it does not hold up the end. */
static void jobs_make(struct reference_run *run)
{
    size_t count = 0;
    for (int is_slow = 1; is_slow >= 0; is_slow--)
        for (int round = 1; round <= run->round_count; round++)
            for (size_t i = 0; i < run->case_count; i++)
                if (run->cases[i].is_slow == (is_slow == 1))
                    run->jobs[count++] = (struct reference_job){.wanted = &run->cases[i], .round = round};
    run->work.jobs = run->jobs;
    run->work.job_count = count;
}

static enum status work_make(struct reference_run *run, struct why *why)
{
    size_t job_count = run->case_count * (size_t)run->round_count;
    run->jobs = calloc(job_count, sizeof *run->jobs);
    if (!run->jobs)
        return STATUS_NO_MEMORY;
    jobs_make(run);
    run->shared_bytes = sizeof(size_t) * 8 + job_count * sizeof *run->work.outcomes;
    run->shared = workers_memory(run->shared_bytes);
    if (!run->shared)
        return STATUS_NO_MEMORY;
    run->work.next_job = run->shared;
    run->work.outcomes = (void *)((size_t *)run->shared + 8);
    run->work.tell = run->is_json ? NULL : job_tell;
    enum status status = workspace_make(&run->folder, why);
    run->programs = programs_folder();
    run->work.folder = run->folder;
    run->work.programs = run->programs;
    return status == STATUS_OK && !run->programs ? STATUS_NO_MEMORY : status;
}

static void run_free(struct reference_run *run)
{
    workers_memory_free(run->shared, run->shared_bytes);
    if (run->folder)
        workspace_clear(run->folder);
    free(run->folder);
    free(run->programs);
    free(run->jobs);
    free(run->cases);
}

static int worker_body(void *arg, int number)
{
    const struct reference_run *run = arg;
    return reference_worker(&run->work, number);
}

static size_t worker_count(const struct reference_run *run)
{
    return run->work.job_count < (size_t)run->worker_count ? run->work.job_count : (size_t)run->worker_count;
}

static const struct cli_option reference_options[] = {
    {"only", "NAME", "run this case alone"},
    {"short", NULL, "leave away what the table calls a long test"},
    {"repeat", "N", "run every case so many times (1)"},
    {"parallel", "N", "keep so many emulated Internets side by side (6)"},
    {"format", "FORMAT", "text (default) or json: one document at the end"},
    {"without-tun", NULL, "carry packets over veth pairs, as where /dev/net/tun is closed to us"},
    {0},
};

static enum status options_read(const struct cli_arguments *arguments, struct reference_run *run)
{
    const char *format = cli_value(arguments, "format");
    run->is_json = format && strcmp(format, "json") == 0;
    run->work.avoids_tun = cli_value(arguments, "without-tun") != NULL;
    run->round_count = 1;
    run->worker_count = WORKERS_DEFAULT;
    if (format && !run->is_json && strcmp(format, "text") != 0) {
        cli_fail(EXIT_USAGE, "--format is text or json, not '%s'", format);
        return STATUS_USAGE;
    }
    if (cli_operand_count(arguments) != 1) {
        cli_fail(EXIT_USAGE, "give one file: dialtone-lab reference FILE.csv");
        return STATUS_USAGE;
    }
    enum status status = cli_number(arguments, "repeat", 1, ROUNDS_MAX, &run->round_count);
    if (status == STATUS_OK)
        status = cli_number(arguments, "parallel", 1, WORKERS_MAX, &run->worker_count);
    return status;
}

static void long_leave(struct reference_run *run)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < run->case_count; i++)
        if (!run->cases[i].is_long)
            run->cases[kept_count++] = run->cases[i];
    run->case_count = kept_count;
}

static enum status table_read(const char *path, const char *only, struct reference_run *run)
{
    struct buffer bytes = {0};
    struct why why = {0};
    enum status status = file_read(path, TABLE_BYTES_MAX, &bytes, &why);
    if (status == STATUS_OK)
        status = reference_read(bytes.bytes, bytes.count, only, &run->cases, &run->case_count, &why);
    buffer_free(&bytes);
    if (status != STATUS_OK)
        cli_fail(EXIT_USAGE, "%s: %s", path, why.text[0] ? why.text : status_name(status));
    return status == STATUS_OK ? STATUS_OK : STATUS_USAGE;
}

static enum exit_status reference_command(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_reference, reference_options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    struct reference_run run = {0};
    struct why why = {0};
    status = options_read(arguments, &run);
    if (status == STATUS_OK)
        status = table_read(cli_operand(arguments, 0), cli_value(arguments, "only"), &run);
    if (status == STATUS_OK && cli_value(arguments, "short"))
        long_leave(&run);
    if (status == STATUS_OK && run.case_count == 0) {
        cli_fail(EXIT_USAGE, "all cases are long tests; leave --short away");
        status = STATUS_USAGE;
    }
    enum exit_status exit_code = exit_of_status(status);
    if (status == STATUS_OK) {
        int64_t start_us = monotonic_us();
        status = work_make(&run, &why);
        if (status != STATUS_OK)
            exit_code = cli_fail(EXIT_OWN_FAILURE, "%s", why.text[0] ? why.text : status_name(status));
        int worst =
            status == STATUS_OK ? workers_run(worker_count(&run), worker_body, &run) : EXIT_OWN_FAILURE;
        exit_code = (enum exit_status)worst;
        if (worst == EXIT_NOTHING_WRONG || worst == EXIT_OWN_FAILURE) {
            enum exit_status judged = status == STATUS_OK
                                          ? summary_tell(&run, (double)(monotonic_us() - start_us) / US_PER_S)
                                          : EXIT_FOUND;
            exit_code = worst == EXIT_NOTHING_WRONG ? judged : exit_code;
        }
    }
    run_free(&run);
    cli_free(arguments);
    return exit_code;
}

const struct cli_command command_reference = {
    .name = "reference",
    .summary = "measure in every condition of a reference table and compare with what it expects",
    .help =
        "usage: dialtone-lab reference [--only NAME] [--short] [--repeat N] [--parallel N] [--format json] "
        "FILE.csv\n\n"
        "FILE.csv has the columns of OONI's QA table: name, input_url, rules, expected_... and\n"
        "runs_on_v0.5.28. Each row's condition is built from its rules, `dialtone-probe measure` runs in "
        "it,\n"
        "and every expected_ column but expected_x_status_v04 is compared with the test key of that name.\n"
        "Rows that do not run on 0.5.28 are run and reported, not required.\n"
        "Exit status: 0 all required rows are as expected, 1 one differs, 2 the file is wrong, 3 the lab\n"
        "itself failed, 77 this system does not let us.\n",
    .run = reference_command,
};
