/* dialtone-lab scenario: many scenarios side by side, and the table of truth by verdict at their end.
 * Owner: a run owns its programs' folder and the memory that it shares with its workers.
 * Why: each scenario is right or wrong by itself; only all together show where verdicts err. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "tests/lab/child.h"
#include "tests/lab/scenario_run.h"
#include "tests/lab/workers.h"
#include "tests/lab/workspace.h"

struct scenarios_run {
    const struct cli_arguments *arguments;
    struct scenario_settings settings;
    bool is_json;
    size_t file_count;
    int64_t worker_count;
    struct scenarios_shared {
        size_t next;
        struct scenario_outcome outcomes[];
    } * shared;
    size_t shared_bytes;
};

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void outcome_tell(const char *path, const struct scenario_outcome *outcome)
{
    if (outcome->exit_code == EXIT_NOTHING_WRONG)
        printf("ok    %-36s %-56s %5.1f s\n", file_name(path), outcome->title, outcome->runtime_s);
    else if (outcome->exit_code == EXIT_SKIPPED)
        printf("skip  %-36s what it needs is not installed (ngtcp2-server): %s\n", file_name(path),
               outcome->title);
    fflush(stdout);
}

/* Scenarios until none is left, or until this system turns out to allow none. */
static int worker_body(void *arg, int number)
{
    struct scenarios_run *run = arg;
    struct scenario *scenario = malloc(sizeof *scenario);
    int worst = scenario ? EXIT_NOTHING_WRONG : EXIT_OWN_FAILURE;
    (void)number;
    if (run->is_json)
        dup2(STDERR_FILENO, STDOUT_FILENO); /* the document alone goes to the output */
    for (size_t i = 0; scenario && worst != EXIT_UNAVAILABLE;) {
        i = workers_next(&run->shared->next);
        if (i >= run->file_count)
            break;
        struct scenario_outcome *outcome = &run->shared->outcomes[i];
        const char *path = cli_operand(run->arguments, i);
        outcome->exit_code = scenario_try(path, scenario, &run->settings, outcome);
        outcome->is_done = true;
        outcome_tell(path, outcome);
        if (outcome->exit_code != EXIT_SKIPPED && outcome->exit_code > worst)
            worst = outcome->exit_code;
    }
    free(scenario);
    return worst;
}

struct summary {
    size_t passed_count, failed_count, skipped_count;
    struct confusion confusion;
};

static void outcomes_count(const struct scenarios_run *run, struct summary *out)
{
    for (size_t i = 0; i < run->file_count; i++) {
        const struct scenario_outcome *outcome = &run->shared->outcomes[i];
        out->passed_count += outcome->is_done && outcome->exit_code == EXIT_NOTHING_WRONG;
        out->skipped_count += outcome->is_done && outcome->exit_code == EXIT_SKIPPED;
        if (confusion_join(&out->confusion, &outcome->confusion) != STATUS_OK)
            fprintf(stderr, "dialtone-lab: there are too many different verdicts for the table\n");
    }
    out->failed_count = run->file_count - out->passed_count - out->skipped_count;
}

static void summary_text(const struct scenarios_run *run, const struct summary *summary, double runtime_s)
{
    struct buffer text = {0};
    buffer_text(&text, "\n");
    confusion_print(&summary->confusion, &text);
    buffer_printf(&text, "\n%zu scenarios, %zu failed", run->file_count, summary->failed_count);
    if (summary->skipped_count > 0)
        buffer_printf(&text, ", %zu skipped", summary->skipped_count);
    buffer_printf(
        &text,
        ", in %.1f s; called blocked though nothing hindered: %zu; blocked but called ok or down: %zu\n",
        runtime_s, confusion_false_blocked(&summary->confusion), confusion_missed(&summary->confusion));
    if (!text.failed)
        printf("%.*s", (int)text.count, (const char *)text.bytes);
    buffer_free(&text);
}

static void summary_json(const struct scenarios_run *run, const struct summary *summary, double runtime_s)
{
    struct buffer text = {0};
    json_t *list = json_array();
    for (size_t i = 0; i < run->file_count; i++) {
        const struct scenario_outcome *outcome = &run->shared->outcomes[i];
        const char *word = !outcome->is_done                          ? "not run"
                           : outcome->exit_code == EXIT_NOTHING_WRONG ? "passed"
                           : outcome->exit_code == EXIT_SKIPPED       ? "skipped"
                                                                      : "failed";
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:f}", "file", file_name(cli_operand(run->arguments, i)),
                            "title", outcome->title, "outcome", word, "runtime_s", outcome->runtime_s));
    }
    json_t *document =
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:o}", "scenarios", list, "passed",
                  (json_int_t)summary->passed_count, "failed", (json_int_t)summary->failed_count, "skipped",
                  (json_int_t)summary->skipped_count, "false_blocked",
                  (json_int_t)confusion_false_blocked(&summary->confusion), "missed",
                  (json_int_t)confusion_missed(&summary->confusion), "runtime_s", runtime_s,
                  "truth_by_verdict", confusion_json(&summary->confusion));
    if (json_write(document, &text) == STATUS_OK)
        printf("%.*s\n", (int)text.count, (const char *)text.bytes);
    buffer_free(&text);
    json_decref(document);
}

static enum exit_status scenarios_run(struct scenarios_run *run)
{
    int64_t start_us = monotonic_us();
    size_t worker_count =
        run->file_count < (size_t)run->worker_count ? run->file_count : (size_t)run->worker_count;
    run->shared_bytes = sizeof *run->shared + run->file_count * sizeof run->shared->outcomes[0];
    run->shared = workers_memory(run->shared_bytes);
    if (!run->shared)
        return cli_fail(EXIT_OWN_FAILURE, "there is not enough memory for %zu scenarios", run->file_count);
    int worst = workers_run(worker_count, worker_body, run);
    struct summary *summary = calloc(1, sizeof *summary);
    if (worst == EXIT_UNAVAILABLE || !summary) {
        worst = summary ? EXIT_SKIPPED : EXIT_OWN_FAILURE;
    } else if (worst < 128) {
        outcomes_count(run, summary);
        double runtime_s = (double)(monotonic_us() - start_us) / 1e6;
        if (run->is_json)
            summary_json(run, summary, runtime_s);
        else if (run->file_count > 1)
            summary_text(run, summary, runtime_s);
        if (summary->skipped_count == run->file_count)
            worst = EXIT_SKIPPED;
    }
    free(summary);
    workers_memory_free(run->shared, run->shared_bytes);
    return (enum exit_status)worst;
}

static const struct cli_option scenario_options[] = {
    {"parallel", "N", "keep so many emulated Internets side by side (6)"},
    {"format", "FORMAT", "text (default) or json: one document at the end"},
    {"without-tun", NULL, "carry packets over veth pairs, as where /dev/net/tun is closed to us"},
    {"keep", NULL, "keep the folders with records, logs and the truth file, and print their paths"},
    {0},
};

static enum exit_status scenario_command(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_scenario, scenario_options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    const char *format = cli_value(arguments, "format");
    char *programs = programs_folder();
    struct scenarios_run run = {
        .arguments = arguments,
        .file_count = cli_operand_count(arguments),
        .worker_count = WORKERS_DEFAULT,
        .is_json = format && strcmp(format, "json") == 0,
        .settings = {.programs = programs,
                     .avoids_tun = cli_value(arguments, "without-tun") != NULL,
                     .keeps = cli_value(arguments, "keep") != NULL},
    };
    enum exit_status exit_code = EXIT_USAGE;
    status = cli_number(arguments, "parallel", 1, WORKERS_MAX, &run.worker_count);
    if (status == STATUS_OK && format && !run.is_json && strcmp(format, "text") != 0)
        cli_fail(EXIT_USAGE, "--format is text or json, not '%s'", format);
    else if (status == STATUS_OK && run.file_count == 0)
        cli_fail(EXIT_USAGE, "no file given: dialtone-lab scenario FILE...");
    else if (status == STATUS_OK)
        exit_code = programs ? scenarios_run(&run) : EXIT_OWN_FAILURE;
    free(programs);
    cli_free(arguments);
    return exit_code;
}

const struct cli_command command_scenario = {
    .name = "scenario",
    .summary = "run scenario files and compare the verdicts with what they expect",
    .help = "usage: dialtone-lab scenario [--parallel N] [--format json] [--keep] FILE...\n\n"
            "Each file gets an emulated Internet of its own. At the end stands a table of what was true by "
            "what was\n"
            "found. Exit status: 0 all as expected, 1 a verdict differs, 2 a file cannot be read, 3 the lab "
            "itself\n"
            "failed, 77 this system allows no namespaces, or nothing of what was named could be tried.\n"
            "The format stands in tests/lab/scenario.h; examples in tests/lab/scenarios/.\n",
    .run = scenario_command,
};
