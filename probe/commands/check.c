/* dialtone-probe check: which channels reach people here, now? The question before outreach.
 * Owner: a check owns channels, verdicts and setup for the time of the command.
 * Why: an answer in one word a channel, and what is left where none works. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/commands/commands.h"
#include "probe/measuring/setup.h"
#include "probe/commands/table.h"
#include "tests-network/channel/list.h"

#define CHANNELS_BYTES_MAX     (4u << 20)
#define PARALLEL_COUNT_DEFAULT 64

static const struct cli_option options_table[] = {
    {"channels", "FILE", "the channels to check: CSV channel,kind,endpoint; several rows a channel"},
    {"format", "FORMAT", "text (default) or json"},
    OPTIONS_MEASURING,
    {0},
};

struct check {
    struct probe_options options;
    enum options_format format;
    struct channel_list channels;
    struct verdict *verdicts; /* one a channel */
    double *runtimes_s;       /* beside the channels */
    size_t failed_count;      /* channels not measured, by our own failure */
    size_t done_count;
    struct probe_setup setup;
};

static enum status channels_open(const char *path, struct channel_list *out, struct why *why)
{
    struct buffer text = {0};
    if (!path)
        return channel_list_default(out, why);
    enum status status = file_read(path, CHANNELS_BYTES_MAX, &text, why);
    if (status == STATUS_OK)
        status = channel_list_read((const char *)text.bytes, text.count, out, why);
    buffer_free(&text);
    return status;
}

static void on_result(const struct measure_job *job, enum status status, struct nettest_result *result, void *arg)
{
    struct check *check = arg;
    check->done_count++;
    check->verdicts[job->index] = (struct verdict){.outcome = OUTCOME_UNKNOWN};
    if (result) {
        check->verdicts[job->index] = result->verdict;
        check->runtimes_s[job->index] = result->runtime_s;
    } else {
        check->failed_count++;
        log_event(&check->setup.log, LOG_LEVEL_ERROR, "not_measured", "test=%s status=%s", job->test->name,
                  status_name(status));
    }
}

static void on_done(void *arg)
{
    struct check *check = arg;
    loop_stop(check->setup.loop);
}

static enum status reachable_measure(struct check *check)
{
    const struct nettest *test = nettest_find("channel");
    size_t count = check->channels.count;
    int64_t parallel_count =
        check->options.parallel_count > 0 ? check->options.parallel_count : PARALLEL_COUNT_DEFAULT;
    struct measure_queue *queue = NULL;
    struct measure_job *jobs = calloc(count, sizeof *jobs);
    enum status status = !test ? STATUS_UNSUPPORTED : jobs ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        jobs[i] = (struct measure_job){.test = test, .input = check->channels.channels[i].id, .index = i};
    if (status == STATUS_OK)
        status = measure_queue_start(&check->setup.context, jobs, count, (size_t)parallel_count, on_result, on_done,
                                     check, &queue);
    if (status == STATUS_OK)
        status = loop_run(check->setup.loop);
    if (status == STATUS_OK && check->done_count < count)
        status = STATUS_REFUSED; /* a signal */
    measure_queue_free(queue);
    free(jobs);
    return status;
}

static enum status channels_measure(struct check *check)
{
    enum status status = setup_climb(&check->setup, NULL);
    if (status != STATUS_OK)
        return status;
    check->setup.context.channels = &check->channels;
    if (!setup_is_offline(&check->setup))
        return reachable_measure(check);
    for (size_t i = 0; i < check->channels.count; i++)
        check->verdicts[i] = (struct verdict){.outcome = OUTCOME_OFFLINE};
    return STATUS_OK;
}

static size_t outcome_count(const struct check *check, enum verdict_outcome outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < check->channels.count; i++)
        count += check->verdicts[i].outcome == outcome;
    return count;
}

/* All that this mission may hand on: works, blocked, down, offline or unknown. */
static const char *outcome_word(enum verdict_outcome outcome)
{
    return outcome == OUTCOME_OK ? "works" : outcome_name(outcome);
}

static void advice_append(const struct check *check, struct buffer *out)
{
    size_t works_count = outcome_count(check, OUTCOME_OK), told_count = 0;
    if (outcome_count(check, OUTCOME_OFFLINE) == check->channels.count) {
        buffer_printf(out, "Nothing reaches people over this network (%s): use radio, or go in person.",
                      connectivity_name(check->setup.connectivity.state));
    } else if (works_count == 0 && outcome_count(check, OUTCOME_UNKNOWN) > 0) {
        buffer_text(out, "No channel is known to work here: try each by hand, or use radio, or go in person.");
    } else if (works_count == 0) {
        buffer_text(out, "None of these channels works here: use radio, or go in person.");
    } else if (works_count == check->channels.count) {
        buffer_text(out, "All channels work here, as seen from this network.");
    } else {
        buffer_text(out, "What works here, as seen from this network: ");
        for (size_t i = 0; i < check->channels.count; i++) {
            if (check->verdicts[i].outcome == OUTCOME_OK)
                buffer_printf(out, "%s%s", told_count++ ? ", " : "", check->channels.channels[i].name);
        }
        buffer_text(out, ".");
    }
}

static void text_print(const struct check *check, const char *advice)
{
    char method[80];
    int width = (int)strlen("CHANNEL");
    for (size_t i = 0; i < check->channels.count; i++) {
        int length = (int)strlen(check->channels.channels[i].name);
        width = length > width ? length : width;
    }
    printf("Connectivity: %s\n\n", connectivity_name(check->setup.connectivity.state));
    printf("%-*s  %-8s  %-32s  %-10s  %8s\n", width, "CHANNEL", "HERE", "HOW", "CONFIDENCE", "TIME");
    for (size_t i = 0; i < check->channels.count; i++) {
        const struct verdict *verdict = &check->verdicts[i];
        printf("%-*s  %-8s  %-32s  %-10s  %6.2f s\n", width, check->channels.channels[i].name,
               outcome_word(verdict->outcome), table_method(verdict, method, sizeof method),
               confidence_name(verdict->confidence), check->runtimes_s[i]);
    }
    printf("\n%s\n", advice);
}

static const char *text_or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static json_t *channel_encode(const struct channel *channel, const struct verdict *verdict)
{
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?}", "channel", channel->name, "kind", channel->kind, "outcome",
                     outcome_word(verdict->outcome), "layer", text_or_null(layer_name(verdict->layer)), "method",
                     text_or_null(verdict->method), "confidence", text_or_null(confidence_name(verdict->confidence)));
}

static enum status json_print(const struct check *check, const char *advice)
{
    char when[TIME_TEXT_BYTES];
    struct buffer text = {0};
    time_format_utc(clock_wall_us(&check->setup.context.clock), when);
    json_t *channels = json_array();
    for (size_t i = 0; i < check->channels.count; i++)
        json_array_append_new(channels, channel_encode(&check->channels.channels[i], &check->verdicts[i]));
    json_t *answer = json_pack("{s:s, s:s, s:o, s:s}", "time", when, "connectivity",
                               connectivity_name(check->setup.connectivity.state), "channels", channels, "advice",
                               advice);
    enum status status = answer ? json_write(answer, &text) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && (fwrite(text.bytes, 1, text.count, stdout) != text.count || putchar('\n') == EOF))
        status = STATUS_IO;
    json_decref(answer);
    buffer_free(&text);
    return status;
}

static enum exit_status answer_exit(const struct check *check)
{
    size_t count = check->channels.count, works_count = outcome_count(check, OUTCOME_OK);
    if (works_count == count)
        return EXIT_NOTHING_WRONG;
    if (outcome_count(check, OUTCOME_BLOCKED) > 0 || outcome_count(check, OUTCOME_DOWN) > 0)
        return EXIT_FOUND;
    if (works_count == 0 && outcome_count(check, OUTCOME_OFFLINE) > 0)
        return EXIT_OFFLINE;
    return check->failed_count > 0 ? EXIT_OWN_FAILURE : EXIT_FOUND;
}

static enum exit_status answer_tell(const struct check *check)
{
    struct buffer advice = {0};
    advice_append(check, &advice);
    char *text = buffer_take_text(&advice);
    enum status status = text ? STATUS_OK : STATUS_NO_MEMORY;
    if (text && check->format == FORMAT_JSON)
        status = json_print(check, text);
    else if (text)
        text_print(check, text);
    if (fflush(stdout) != 0)
        status = STATUS_IO;
    free(text);
    if (status != STATUS_OK)
        return cli_fail(EXIT_OWN_FAILURE, "cannot write the answer (%s)", status_name(status));
    return answer_exit(check);
}

static enum exit_status check_now(struct check *check)
{
    enum status status = channels_measure(check);
    if (status == STATUS_REFUSED)
        return cli_fail(EXIT_OWN_FAILURE, "stopped before all channels were checked");
    if (status != STATUS_OK)
        return cli_fail(EXIT_OWN_FAILURE, "cannot measure (%s); free some memory or descriptors",
                        status_name(status));
    return answer_tell(check);
}

static enum exit_status check_prepare(const struct cli_arguments *arguments, struct check *check)
{
    struct why why = {0};
    check->format = FORMAT_TEXT;
    if (options_read(arguments, &check->options) != STATUS_OK ||
        options_format(arguments, false, &check->format) != STATUS_OK)
        return EXIT_USAGE;
    if (cli_operand_count(arguments) > 0)
        return cli_fail(EXIT_USAGE, "check takes no URL: type dialtone-probe measure %.200s",
                        cli_operand(arguments, 0));
    enum status status = channels_open(cli_value(arguments, "channels"), &check->channels, &why);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text);
    check->verdicts = calloc(check->channels.count, sizeof *check->verdicts);
    check->runtimes_s = calloc(check->channels.count, sizeof *check->runtimes_s);
    if (!check->verdicts || !check->runtimes_s)
        return cli_fail(EXIT_OWN_FAILURE, "no memory for %zu channels", check->channels.count);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status check_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    struct check check = {0};
    struct why why = {0};
    enum status status = cli_parse(&command_check, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = check_prepare(arguments, &check);
    if (exit_status != EXIT_NOTHING_WRONG)
        goto done;
    status = setup_open(&check.options, &check.setup, &why);
    if (status == STATUS_OK) {
        status = setup_confine(&check.setup, &check.options, &why);
        if (status != STATUS_OK)
            setup_free(&check.setup);
    }
    if (status != STATUS_OK) {
        exit_status = cli_fail(exit_of_input(status), "%s", why.text);
        goto done;
    }
    exit_status = check_now(&check);
    setup_free(&check.setup);
done:
    free(check.verdicts);
    free(check.runtimes_s);
    channel_list_free(&check.channels);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_check = {
    .name = "check",
    .summary = "says which channels reach people here, now",
    .help =
        "usage: dialtone-probe check [OPTION...]\n"
        "\n"
        "The question before outreach: which of the places that people are reached through can be reached from\n"
        "this network, now? It climbs the connectivity ladder, then opens what each channel needs. A channel works if\n"
        "all its pages do. The last line says what is left. Nothing is uploaded and nothing is kept.\n"
        "\n"
        "What it says holds for this network only: ask again from a phone's network, where people use phones.\n"
        "With --control, a failure can be told as blocked or down; without, it is unknown.\n"
        "\n"
        "exit status: 0 all channels work; 1 at least one is blocked or does not work; 2 usage; 3 our own\n"
        "failure; 4 offline\n"
        "\n"
        "examples:\n"
        "  dialtone-probe check\n"
        "  dialtone-probe check --control https://collector.example.org/v1/control --format json\n"
        "  dialtone-probe check --channels mission.csv     with lines such as: Radio Okapi,radio,https://www.radiookapi.net/\n",
    .run = check_run,
};
