/* dialtone-probe measure: measures what a person at the keyboard asks for, now; uploads nothing.
 * Owner: a measuring owns targets, rows and setup for the time of the command.
 * Why: one page or one list, with the record to keep and a table to read. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "probe/commands/commands.h"
#include "probe/measuring/setup.h"
#include "probe/commands/table.h"
#include "tests-network/channel/list.h"
#include "tests-network/target.h"

#define TARGETS_BYTES_MAX      (64u << 20)
#define PARALLEL_COUNT_DEFAULT 140

static const struct cli_option options_table[] = {
    {"targets", "FILE", "measure the URLs of this list: CSV with a column url, as Citizen Lab's lists"},
    {"limit", "N", "measure only the first N"},
    {"test", "NAME", "the network test to run: web_connectivity (default), ladder, whatsapp, telegram, signal, ..."},
    {"services", "FOLDER", "endpoints of that test from FOLDER/NAME.csv: role,name,reach,host,port,path"},
    {"format", "FORMAT", "both (default): records on stdout, table on stderr; json; text: table on stdout"},
    OPTIONS_MEASURING,
    {0},
};

struct measuring {
    struct probe_options options;
    enum options_format format;
    const struct nettest *test;
    int64_t limit_count;
    struct target_list targets;
    struct table_row *rows;
    struct measure_job *jobs;
    size_t count;
    struct probe_setup setup;
    int64_t start_us;
    bool output_failed;
    size_t done_count;
};

static enum exit_status test_choose(const struct cli_arguments *arguments, struct measuring *measuring)
{
    const char *name = cli_value(arguments, "test");
    measuring->test = nettest_find(name ? name : "web_connectivity");
    if (measuring->test)
        return EXIT_NOTHING_WRONG;
    struct buffer names = {0};
    for (size_t i = 0; nettest_registry[i]; i++)
        buffer_printf(&names, "%s%s", i ? ", " : "", nettest_registry[i]->name);
    char *text = buffer_take_text(&names);
    cli_fail(EXIT_USAGE, "--test \"%s\": there is no such test; type one of: %s", name ? name : "web_connectivity",
             text ? text : "");
    free(text);
    return EXIT_USAGE;
}

static enum exit_status targets_file(const char *path, struct target_list *out)
{
    struct buffer text = {0};
    struct why why = {0};
    enum status status = file_read(path, TARGETS_BYTES_MAX, &text, &why);
    if (status == STATUS_OK)
        status = target_list_read((const char *)text.bytes, text.count, out, &why);
    buffer_free(&text);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "--targets \"%s\": %s", path, why.text);
    if (out->skipped_count > 0)
        fprintf(stderr, "dialtone-probe: %zu lines of %s are no targets and were skipped, the first is line %zu\n",
                out->skipped_count, path, out->first_skipped_line);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status targets_default(struct target_list *out)
{
    struct channel_list channels = {0};
    enum status status = channel_list_default(&channels, NULL);
    if (status == STATUS_OK)
        status = channel_list_targets(&channels, out);
    channel_list_free(&channels);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG
                               : cli_fail(EXIT_OWN_FAILURE, "no memory for the list of channels; free some");
}

static enum exit_status targets_gather(const struct cli_arguments *arguments, struct measuring *measuring)
{
    const char *path = cli_value(arguments, "targets");
    size_t operand_count = cli_operand_count(arguments);
    if (!measuring->test->needs_input) {
        if (path || operand_count > 0)
            return cli_fail(EXIT_USAGE, "the test %s takes no URL: leave the URLs away", measuring->test->name);
        return EXIT_NOTHING_WRONG;
    }
    const struct nettest *test = measuring->test;
    if (test->check_input && (path || operand_count == 0))
        return cli_fail(EXIT_USAGE, "the test %s measures what you type behind it, no list: type at least one input",
                        test->name);
    for (size_t i = 0; i < operand_count; i++) {
        struct why why = {0};
        const char *operand = cli_operand(arguments, i);
        if ((test->check_input ? test->check_input(operand, &why) : target_url_check(operand, &why)) != STATUS_OK)
            return cli_fail(EXIT_USAGE, "\"%.200s\": %s", cli_operand(arguments, i), why.text);
    }
    enum exit_status exit_status = EXIT_NOTHING_WRONG;
    if (path)
        exit_status = targets_file(path, &measuring->targets);
    else if (operand_count == 0)
        exit_status = targets_default(&measuring->targets);
    for (size_t i = 0; i < operand_count && exit_status == EXIT_NOTHING_WRONG; i++) {
        if (target_list_add(&measuring->targets, cli_operand(arguments, i), "") != STATUS_OK)
            exit_status = cli_fail(EXIT_OWN_FAILURE, "no memory for the targets; give fewer");
    }
    return exit_status;
}

static enum exit_status jobs_make(struct measuring *measuring)
{
    bool needs_input = measuring->test->needs_input;
    measuring->count = needs_input ? measuring->targets.count : 1;
    if (measuring->limit_count > 0 && measuring->count > (size_t)measuring->limit_count)
        measuring->count = (size_t)measuring->limit_count;
    measuring->jobs = calloc(measuring->count, sizeof *measuring->jobs);
    measuring->rows = calloc(measuring->count, sizeof *measuring->rows);
    if (!measuring->jobs || !measuring->rows)
        return cli_fail(EXIT_OWN_FAILURE, "no memory for %zu targets; give --limit", measuring->count);
    for (size_t i = 0; i < measuring->count; i++) {
        const char *input = needs_input ? measuring->targets.targets[i].url : NULL;
        measuring->jobs[i] = (struct measure_job){.test = measuring->test, .input = input, .index = i};
        measuring->rows[i].target = input ? input : measuring->test->name;
    }
    return EXIT_NOTHING_WRONG;
}

static void line_print(struct measuring *measuring, const struct measure_job *job, struct nettest_result *result)
{
    struct buffer line = {0};
    enum status status =
        setup_encode(&measuring->setup, job->test, job->input, result, measuring->start_us, &line);
    buffer_append(&line, "\n", 1);
    if (status != STATUS_OK || line.failed) {
        log_event(&measuring->setup.log, LOG_LEVEL_ERROR, "record_not_made", "test=%s status=%s", job->test->name,
                  status_name(line.failed ? STATUS_NO_MEMORY : status));
        measuring->rows[job->index].is_done = false;
    } else if (fwrite(line.bytes, 1, line.count, stdout) != line.count || fflush(stdout) != 0) {
        measuring->output_failed = true;
        loop_stop(measuring->setup.loop);
    }
    buffer_free(&line);
}

static void on_result(const struct measure_job *job, enum status status, struct nettest_result *result, void *arg)
{
    struct measuring *measuring = arg;
    struct table_row *row = &measuring->rows[job->index];
    measuring->done_count++;
    if (!result) {
        log_event(&measuring->setup.log, LOG_LEVEL_ERROR, "not_measured", "test=%s status=%s", job->test->name,
                  status_name(status));
        return;
    }
    row->verdict = result->verdict;
    row->runtime_s = result->runtime_s;
    row->is_done = true;
    if (measuring->format != FORMAT_TEXT)
        line_print(measuring, job, result);
}

static void on_done(void *arg)
{
    struct measuring *measuring = arg;
    loop_stop(measuring->setup.loop);
}

/* Nothing blocked is only "nothing wrong" where at least one target could be judged. */
static enum exit_status counts_exit(const struct table_counts *counts)
{
    if (counts->blocked_count > 0)
        return EXIT_FOUND;
    if (counts->failed_count > 0)
        return EXIT_OWN_FAILURE;
    if (counts->ok_count == 0 && counts->down_count == 0)
        return counts->offline_count > 0 ? EXIT_OFFLINE : EXIT_OWN_FAILURE;
    return EXIT_NOTHING_WRONG;
}

static enum exit_status outcome_tell(const struct measuring *measuring)
{
    const struct table_counts counts = table_count(measuring->rows, measuring->count);
    FILE *out = measuring->format == FORMAT_TEXT ? stdout : stderr;
    if (measuring->format != FORMAT_JSON) {
        table_print(out, "TARGET", measuring->rows, measuring->count);
        fprintf(out, "%zu targets: %zu ok, %zu blocked, %zu down, %zu offline, %zu unknown", measuring->count,
                counts.ok_count, counts.blocked_count, counts.down_count, counts.offline_count, counts.unknown_count);
        if (counts.failed_count > 0)
            fprintf(out, ", %zu failed", counts.failed_count);
        fprintf(out, "; connectivity: %s; %.1f s\n", connectivity_name(measuring->setup.connectivity.state),
                (double)(clock_wall_us(&measuring->setup.context.clock) - measuring->start_us) / (double)US_PER_S);
    }
    enum exit_status exit_status = counts_exit(&counts);
    if (exit_status == EXIT_OWN_FAILURE && counts.failed_count == 0)
        fprintf(stderr, "dialtone-probe: no verdict could be reached: name a control to compare with, "
                        "--control https://collector.example.org/v1/control\n");
    return exit_status;
}

/* The ladder is climbed first, or beside the test where that can wait with its verdict. */
static enum status readiness_begin(struct measuring *measuring)
{
    struct probe_setup *setup = &measuring->setup;
    const char *control_url = measuring->options.control_count > 0 ? measuring->options.control_urls[0] : NULL;
    if (measuring->test->starts_early)
        return setup_ready_start(setup, control_url);
    enum status status = STATUS_OK;
    if (control_url) /* while the ladder is climbed */
        setup_whoami_start(setup, control_url);
    if (strcmp(measuring->test->name, "ladder") != 0)
        status = setup_climb(setup, NULL);
    if (status == STATUS_OK && !setup_is_offline(setup))
        status = setup_whoami_wait(setup);
    return status;
}

static enum exit_status measure_now(struct measuring *measuring)
{
    struct probe_setup *setup = &measuring->setup;
    struct measure_queue *queue = NULL;
    int64_t parallel_count =
        measuring->options.parallel_count > 0 ? measuring->options.parallel_count : PARALLEL_COUNT_DEFAULT;
    measuring->start_us = clock_wall_us(&setup->context.clock);
    enum status status = readiness_begin(measuring);
    if (status == STATUS_REFUSED)
        return cli_fail(EXIT_OWN_FAILURE, "stopped before anything was measured");
    if (status == STATUS_OK)
        status = measure_queue_start(&setup->context, measuring->jobs, measuring->count, (size_t)parallel_count,
                                     on_result, on_done, measuring, &queue);
    if (status == STATUS_OK)
        status = loop_run(setup->loop);
    measure_queue_free(queue);
    if (status != STATUS_OK)
        return cli_fail(EXIT_OWN_FAILURE, "cannot measure (%s); free some memory or descriptors",
                        status_name(status));
    if (measuring->output_failed)
        return cli_fail(EXIT_OWN_FAILURE, "cannot write to standard output; look at where it goes");
    if (measuring->done_count < measuring->count)
        return cli_fail(EXIT_OWN_FAILURE, "stopped after %zu of %zu targets", measuring->done_count,
                        measuring->count);
    return outcome_tell(measuring);
}

static enum exit_status measure_prepare(const struct cli_arguments *arguments, struct measuring *measuring)
{
    if (options_read(arguments, &measuring->options) != STATUS_OK ||
        options_format(arguments, true, &measuring->format) != STATUS_OK ||
        cli_number(arguments, "limit", 1, TARGET_LIST_MAX, &measuring->limit_count) != STATUS_OK)
        return EXIT_USAGE;
    enum exit_status exit_status = test_choose(arguments, measuring);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = targets_gather(arguments, measuring);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = jobs_make(measuring);
    return exit_status;
}

static enum exit_status measure_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    struct measuring measuring = {0};
    struct why why = {0};
    enum status status = cli_parse(&command_measure, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = measure_prepare(arguments, &measuring);
    if (exit_status != EXIT_NOTHING_WRONG)
        goto done;
    status = setup_open(&measuring.options, &measuring.setup, &why);
    if (status == STATUS_OK) {
        status = setup_confine(&measuring.setup, &measuring.options, &why);
        if (status != STATUS_OK)
            setup_free(&measuring.setup);
    }
    if (status != STATUS_OK) {
        exit_status = cli_fail(exit_of_input(status), "%s", why.text);
        goto done;
    }
    exit_status = measure_now(&measuring);
    setup_free(&measuring.setup);
done:
    free(measuring.jobs);
    free(measuring.rows);
    target_list_free(&measuring.targets);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_measure = {
    .name = "measure",
    .summary = "measures a list of pages, now",
    .help =
        "usage: dialtone-probe measure [OPTION...] [URL...]\n"
        "\n"
        "Measures the URLs given, those of --targets, or without either the list of channels that the program\n"
        "carries. Nothing is uploaded and nothing is kept: OONI records (JSON, one a line) go to standard output\n"
        "as they are made, a table goes to standard error. Beside them it climbs the connectivity ladder, so that a\n"
        "dead network is told from blocked pages.\n"
        "\n"
        "With --control, what fails here is compared with what that collector sees: only then can a failure be\n"
        "called blocked or down. Without, it is unknown.\n"
        "\n"
        "Pages are really fetched, and whoever watches this network sees that. Measure nothing that you may not\n"
        "be seen to visit.\n"
        "\n"
        "exit status: 0 nothing is blocked; 1 something is; 2 usage; 3 our own failure, or no verdict could be\n"
        "reached; 4 offline: nothing could be measured\n"
        "\n"
        "examples:\n"
        "  dialtone-probe measure https://www.example.org/ > measurements.jsonl\n"
        "  dialtone-probe measure --control https://collector.example.org/v1/control --format text \\\n"
        "      --targets list.csv --limit 50\n"
        "  dialtone-probe measure --test ladder\n"
        "  dialtone-probe measure --test whatsapp --control https://collector.example.org/v1/control\n",
    .run = measure_run,
};
