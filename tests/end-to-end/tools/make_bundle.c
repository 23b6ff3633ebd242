/* Makes a signed bundle as a probe would, from its arguments alone: the same arguments give the same bytes.
 * Owner: everything lives until the program ends.
 * Why: the collector's tests must not wait for a probe's network. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/cli.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/random.h"
#include "measurement/bundle.h"
#include "measurement/ladder_result.h"
#include "measurement/record.h"

static const struct cli_option options[] = {
    {"out", "FILE", "the .zst; the .minisig goes beside it"},
    {"seed", "N", "of the probe's key (1)"},
    {"sequence", "N", "of the bundle (1)"},
    {"count", "N", "measurements (10)"},
    {"first", "N", "number of the first measurement, which makes it differ (0)"},
    {"time", "UTC", "of the first measurement (2026-01-01T00:00:00Z)"},
    {"interval", "DURATION", "between measurements (1s)"},
    {"country", "CC", "(XD)"},
    {"subdivision", "CC-XXX", "(none)"},
    {"asn", "N", "(64500)"},
    {"state", "NAME", "ladder climbs in this state instead of web tests"},
    {"bad-line", NULL, "append a line that is no record"},
    {"lines", "FILE", "these lines instead of measurements of its own"},
    {"sign", "FILE", "make no bundle: print the key's signature of the file"},
    {0},
};

struct plan {
    const char *out;
    const char *country;
    const char *subdivision;
    const char *lines_path; /* NULL: lines of its own */
    int64_t seed, sequence, count, first, asn;
    int64_t time_us, interval_us;
    enum connectivity_state state;
    bool has_bad_line;
};

static json_t *test_keys_make(const struct plan *plan, int64_t n)
{
    bool works = plan->state == CONNECTIVITY_WORKING;
    struct ladder_result ladder = {.state = plan->state,
                                   .controls_ok_count = works ? 3 : 0,
                                   .controls_failed_count = works ? 0 : 3,
                                   .operators_failed_count = works ? 0 : 2,
                                   .boot_id = "boot",
                                   .monotonic_s = (double)n};
    struct verdict verdict = {.outcome = OUTCOME_OK};
    bool is_ladder = plan->state != CONNECTIVITY_UNKNOWN;
    return json_pack("{s:{s:o, s:I}}", "x_dialtone", is_ladder ? "connectivity" : "verdict",
                     is_ladder ? ladder_result_encode(&ladder, NULL) : verdict_encode(&verdict), "n",
                     (json_int_t)n);
}

static enum status line_add(const struct plan *plan, int64_t n, struct buffer *lines)
{
    bool is_ladder = plan->state != CONNECTIVITY_UNKNOWN;
    int64_t time_us = plan->time_us + (n - plan->first) * plan->interval_us;
    json_t *test_keys = test_keys_make(plan, n);
    struct record record = {.test_name = is_ladder ? "ladder" : "web_connectivity",
                            .test_version = "0.1.0",
                            .software_name = RECORD_SOFTWARE,
                            .software_version = "0.1.0",
                            .input = is_ladder ? NULL : "https://www.example.org/",
                            .vantage = {.asn = (uint32_t)plan->asn, .access = ACCESS_FIXED},
                            .test_start_us = time_us,
                            .measurement_start_us = time_us,
                            .runtime_s = 0.5,
                            .test_keys = test_keys};
    snprintf(record.vantage.country, sizeof record.vantage.country, "%s", plan->country);
    snprintf(record.vantage.subdivision, sizeof record.vantage.subdivision, "%s", plan->subdivision);
    enum status status = record_encode(&record, lines);
    buffer_text(lines, "\n");
    json_decref(test_keys);
    return status;
}

static enum status bundle_make(const struct plan *plan, const struct secret_key *key)
{
    struct buffer lines = {0};
    struct buffer packed = {0};
    struct buffer minisig = {0};
    struct buffer name = {0};
    struct bundle_label label = {.sequence = plan->sequence,
                                 .start_us = plan->time_us,
                                 .end_us = plan->time_us + plan->count * plan->interval_us,
                                 .boot_id = "boot"};
    enum status status = STATUS_OK;
    if (plan->lines_path) {
        status = file_read(plan->lines_path, BUNDLE_UNPACKED_BYTES_MAX, &lines, NULL);
    }
    for (int64_t n = plan->first; !plan->lines_path && n < plan->first + plan->count && status == STATUS_OK; n++) {
        status = line_add(plan, n, &lines);
    }
    if (plan->has_bad_line) {
        buffer_text(&lines, "{\"test_name\":\"nothing\"}\n");
    }
    if (status == STATUS_OK) {
        status = bundle_pack(key, &label, lines.bytes, lines.count, &packed, &minisig);
    }
    buffer_printf(&name, "%s.minisig", plan->out);
    char *minisig_path = buffer_take_text(&name);
    if (status == STATUS_OK) {
        status = file_publish(plan->out, packed.bytes, packed.count, 0644, NULL);
    }
    if (status == STATUS_OK) {
        status = minisig_path ? file_publish(minisig_path, minisig.bytes, minisig.count, 0644, NULL)
                              : STATUS_NO_MEMORY;
    }
    free(minisig_path);
    buffer_free(&lines);
    buffer_free(&packed);
    buffer_free(&minisig);
    return status;
}

static enum status plan_read(const struct cli_arguments *arguments, struct plan *plan)
{
    const char *country = cli_value(arguments, "country");
    const char *subdivision = cli_value(arguments, "subdivision");
    const char *state = cli_value(arguments, "state");
    const char *time = cli_value(arguments, "time");
    *plan = (struct plan){.out = cli_value(arguments, "out"),
                          .country = country ? country : "XD",
                          .subdivision = subdivision ? subdivision : "",
                          .lines_path = cli_value(arguments, "lines"),
                          .seed = 1,
                          .sequence = 1,
                          .count = 10,
                          .asn = 64500,
                          .interval_us = US_PER_S,
                          .has_bad_line = cli_value(arguments, "bad-line") != NULL};
    if ((!plan->out && !cli_value(arguments, "sign")) || cli_number(arguments, "seed", 0, INT32_MAX, &plan->seed) != STATUS_OK ||
        cli_number(arguments, "sequence", 0, INT32_MAX, &plan->sequence) != STATUS_OK ||
        cli_number(arguments, "count", 1, BUNDLE_MEASUREMENTS_MAX, &plan->count) != STATUS_OK ||
        cli_number(arguments, "first", 0, INT32_MAX, &plan->first) != STATUS_OK ||
        cli_number(arguments, "asn", 0, UINT32_MAX, &plan->asn) != STATUS_OK ||
        cli_duration(arguments, "interval", 0, 86400 * US_PER_S, &plan->interval_us) != STATUS_OK) {
        return STATUS_USAGE;
    }
    if (state && connectivity_parse(state, &plan->state) != STATUS_OK) {
        return STATUS_USAGE;
    }
    return time_parse(time ? time : "2026-01-01T00:00:00Z", &plan->time_us);
}

static enum status file_sign(const char *path, const struct secret_key *key)
{
    struct buffer bytes = {0};
    struct buffer minisig = {0};
    enum status status = file_read(path, 1 << 20, &bytes, NULL);
    if (status == STATUS_OK) {
        status = minisig_sign(key, bytes.bytes, bytes.count, "dialtone test", &minisig);
    }
    if (status == STATUS_OK) {
        printf("%.*s", (int)minisig.count, (const char *)minisig.bytes);
    }
    buffer_free(&bytes);
    buffer_free(&minisig);
    return status;
}

static enum exit_status run(int argc, char **argv)
{
    static const struct cli_command command = {
        .name = "make-bundle", .summary = "a bundle", .help = "", .run = run};
    struct cli_arguments *arguments = NULL;
    struct random_seeded state;
    struct secret_key key;
    struct plan plan;
    char text[PUBLIC_KEY_TEXT_BYTES];
    enum status status = cli_parse(&command, options, argc, argv, &arguments);
    if (status == STATUS_REFUSED) {
        return EXIT_NOTHING_WRONG; /* the help was asked for */
    }
    if (status == STATUS_OK) {
        status = plan_read(arguments, &plan);
    }
    if (status == STATUS_OK) {
        struct random_source random = random_of_seed(&state, (uint64_t)plan.seed);
        status = key_make(&random, &key);
    }
    const char *to_sign = status == STATUS_OK ? cli_value(arguments, "sign") : NULL;
    if (status == STATUS_OK) {
        status = to_sign ? file_sign(to_sign, &key) : bundle_make(&plan, &key);
    }
    bool is_signed_only = to_sign != NULL;
    cli_free(arguments);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "no bundle made (%s)", status_name(status));
    }
    if (is_signed_only) {
        return EXIT_NOTHING_WRONG;
    }
    public_key_format(&key.public_key, text);
    printf("%s\n", text);
    return EXIT_NOTHING_WRONG;
}

int main(int argc, char **argv)
{
    return (int)run(argc, argv);
}
