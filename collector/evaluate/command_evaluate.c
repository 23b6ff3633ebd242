/* dialtone-collector evaluate: how often the detector is right, against the truth of a simulation.
 * Owner: truth, findings and scores live for the length of the command.
 * Why: a detector that does not publish its false alarms cannot be trusted with an accusation. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/commands/commands.h"
#include "collector/evaluate/score.h"
#include "collector/simulate/fleet.h"
#include "measurement/base/json.h"

static const struct cli_option options[] = {
    {"truth", "FILE", "what really happened: JSON from simulate --truth"},
    {"events", "FILE", "what was found: JSON from simulate --events; without it the truth's simulation is run again"},
    {"format", "text|json", "how to print (text)"},
    {0},
};

/* Runs the world that the truth tells of, once it is sure to be that world. */
static enum status findings_again(const struct truth *truth, struct findings *out, struct why *why)
{
    struct plan plan;
    struct world world;
    struct truth again = {0};
    struct fleet_options fleet = fleet_options_default();
    enum status status = truth_plan(truth, &plan, why);
    if (status == STATUS_OK)
        status = world_make(&plan, &world, why);
    if (status != STATUS_OK)
        return status;
    status = truth_of_world(&world, &again);
    if (status == STATUS_OK && !truth_agrees(truth, &again)) {
        why_set(why, "The truth tells of other incidents than its simulation makes: it was edited, or another version wrote"
                     " it; give the events that were found with --events.");
        status = STATUS_USAGE;
    }
    if (status == STATUS_OK)
        status = fleet_run(&world, &fleet, out, why);
    truth_free(&again);
    world_free(&world);
    return status;
}

static void print_rate(const char *name, struct rate rate)
{
    double low, high;
    rate_bounds(rate, &low, &high);
    if (rate.count == 0)
        printf("  %-32s  none\n", name);
    else
        printf("  %-32s %6.3f  (%.3f to %.3f)  %llu of %llu\n", name, (double)rate.hit_count / (double)rate.count, low,
               high, (unsigned long long)rate.hit_count, (unsigned long long)rate.count);
}

static void print_minutes(const char *name, double minutes)
{
    if (isnan(minutes))
        printf("  %-32s  none\n", name);
    else
        printf("  %-32s %6.1f min\n", name, minutes);
}

static void print_score(const char *title, struct score *score, const struct findings *findings)
{
    printf("%s (95%% intervals)\n", title);
    print_rate("precision", score->precision);
    print_rate("recall, full shutdowns", score->recall_full);
    print_rate("recall, mobile-only", score->recall_mobile);
    print_rate("kind told right", score->kind_right);
    print_rate("onset within 60 min", score->onset_hit);
    print_minutes("onset error, median", errors_quantile(&score->onset, 0.5));
    print_minutes("onset error, 90%", errors_quantile(&score->onset, 0.9));
    print_minutes("end error, 90%", errors_quantile(&score->end, 0.9));
    print_minutes("latency, median", errors_quantile(&score->latency, 0.5));
    printf("  %-32s %6.2f", "false alarms a region-year",
           score->region_years > 0 ? (double)score->false_count / score->region_years : 0.0);
    for (int i = 0; i < FALSE_CAUSE_COUNT; i++)
        if (score->false_by_cause[i] > 0)
            printf("  %s %llu", false_cause_name((enum false_cause)i), (unsigned long long)score->false_by_cause[i]);
    printf("\n");
    if (score->squared_count > 0)
        printf("  %-32s %6.3f\n", "Brier score", score->squared_sum / (double)score->squared_count);
    printf("  %-32s %6.1f of %.1f\n", "blind region-hours", findings->blind_region_hours, findings->region_hours);
}

static enum status print_json(struct score *suspected, struct score *confirmed, const struct findings *findings)
{
    struct buffer text = {0};
    json_t *object = json_object();
    json_object_set_new(object, "suspected", score_json(suspected, findings->blind_region_hours));
    json_object_set_new(object, "confirmed", score_json(confirmed, findings->blind_region_hours));
    enum status status = json_write(object, &text);
    if (status == STATUS_OK && !text.failed)
        printf("%.*s\n", (int)text.count, (const char *)text.bytes);
    json_decref(object);
    buffer_free(&text);
    return status;
}

static enum status evaluate(const char *truth_path, const char *events_path, bool json, struct why *why)
{
    struct truth truth = {0};
    struct findings findings = {0};
    struct score suspected = {0}, confirmed = {0};
    enum status status = truth_read(truth_path, &truth, why);
    if (status == STATUS_OK)
        status = events_path != NULL ? findings_read(events_path, &findings, why)
                                     : findings_again(&truth, &findings, why);
    if (status == STATUS_OK)
        status = score_compute(&truth, &findings, (struct score_filter){VIEW_LIVE, REGION_SUSPECTED}, &suspected);
    if (status == STATUS_OK)
        status = score_compute(&truth, &findings, (struct score_filter){VIEW_FINAL, REGION_CONFIRMED}, &confirmed);
    if (status == STATUS_OK && json) {
        status = print_json(&suspected, &confirmed, &findings);
    } else if (status == STATUS_OK) {
        print_score("suspected or more, live", &suspected, &findings);
        print_score("confirmed, once journals are in", &confirmed, &findings);
    }
    score_free(&suspected);
    score_free(&confirmed);
    findings_free(&findings);
    truth_free(&truth);
    return status;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    struct why why = {""};
    enum status status = cli_parse(&command_evaluate, options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    const char *truth = cli_value(arguments, "truth"), *format = cli_value(arguments, "format");
    bool json = format != NULL && strcmp(format, "json") == 0;
    if (truth == NULL || cli_operand_count(arguments) > 0) {
        why_set(&why, "type dialtone-collector evaluate --truth FILE [--events FILE]");
        status = STATUS_USAGE;
    } else if (format != NULL && !json && strcmp(format, "text") != 0) {
        why_set(&why, "--format \"%s\" is neither text nor json", format);
        status = STATUS_USAGE;
    } else {
        status = evaluate(truth, cli_value(arguments, "events"), json, &why);
    }
    if (status != STATUS_OK)
        cli_fail(exit_of_status(status), "evaluate: %s", why.text[0] != '\0' ? why.text : status_name(status));
    cli_free(arguments);
    return exit_of_status(status);
}

const struct cli_command command_evaluate = {
    .name = "evaluate",
    .summary = "score the detector's events against the truth of a simulation",
    .help = "usage: dialtone-collector evaluate --truth FILE [--events FILE] [--format text|json]\n"
            "\n"
            "Matches events with shutdowns one to one, by overlap, and prints precision, recall, false alarms a\n"
            "region-year by cause, errors of onset and end, latency, blind hours and the Brier score; rates with 95%\n"
            "Wilson intervals. \"suspected\" is the live view, \"confirmed\" the one after journals have come in. An event\n"
            "that tells of a shutdown already matched counts as false.\n"
            "\n"
            "Exit status: 0 done; 1 a file is malformed; 2 usage.\n"
            "\n"
            "Example:\n"
            "  dialtone-collector evaluate --truth truth.json --events events.json --format json\n",
    .run = run,
};
