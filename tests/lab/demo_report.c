/* The demo's end: the detector, the site, the table.
 * Owner: nothing outlives a call.
 * Why: people must see at a glance whether what was found is what was done. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests/lab/child.h"
#include "tests/lab/demo.h"

#define PROGRAM_PATIENCE_US (60 * US_PER_S)
#define PROGRAM_WORDS_MAX   24
#define CLOCK_TEXT_BYTES    9
#define CELL_BYTES          384

enum status demo_program_run(const char *programs, const char *name, const char *const *words,
                             const char *log, struct why *why)
{
    char *program = path_join(programs, name);
    const char *argv[PROGRAM_WORDS_MAX] = {program};
    for (size_t i = 0; words[i] && i + 2 < PROGRAM_WORDS_MAX; i++)
        argv[i + 1] = words[i];
    struct child_plan plan = {.argv = argv, .network_fd = -1, .output = log, .error = log};
    int exit_code = 0;
    enum status status = program ? child_run(&plan, PROGRAM_PATIENCE_US, &exit_code, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && exit_code != 0) {
        why_set(why, "%s %s ended with status %d; read %s", name, words[0], exit_code, log);
        status = STATUS_IO;
    }
    free(program);
    return status;
}

enum status demo_report(const char *programs, const char *data, const char *out, const char *log,
                        struct why *why)
{
    char *site = path_join(out, "site");
    char *export = path_join(out, "export");
    const char *const detect_words[] = {"detect", "--data", data, NULL};
    const char *const site_words[] = {"site", "--data", data, "--out", site, NULL};
    const char *const export_words[] = {"export", "--data", data, "--out", export, "--as", "json", NULL};
    enum status status = site && export ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = demo_program_run(programs, "dialtone-collector", detect_words, log, why);
    if (status == STATUS_OK)
        status = demo_program_run(programs, "dialtone-report", site_words, log, why);
    if (status == STATUS_OK)
        status = demo_program_run(programs, "dialtone-report", export_words, log, why);
    free(export);
    free(site);
    return status;
}

/* "12:34:56", or "-" for no time. */
static void clock_text(int64_t time_us, char out[CLOCK_TEXT_BYTES])
{
    char text[TIME_TEXT_BYTES];
    if (time_us == 0) {
        snprintf(out, CLOCK_TEXT_BYTES, "-");
        return;
    }
    time_format_utc(time_us, text);
    snprintf(out, CLOCK_TEXT_BYTES, "%.8s", text + strlen("2026-01-31T"));
}

static void deed_text(const struct deed *deed, char out[CELL_BYTES])
{
    char from[CLOCK_TEXT_BYTES], to[CLOCK_TEXT_BYTES];
    if (!deed) {
        snprintf(out, CELL_BYTES, "nothing");
        return;
    }
    clock_text(deed->from_us, from);
    clock_text(deed->to_us, to);
    snprintf(out, CELL_BYTES, "%s, %s to %s", deed->what, from, to);
}

static void finding_text(const struct finding *finding, char out[2][CELL_BYTES])
{
    out[1][0] = '\0';
    if (!finding) {
        snprintf(out[0], CELL_BYTES, "nothing");
        return;
    }
    char times[4][CLOCK_TEXT_BYTES];
    clock_text(finding->onset_earliest_us, times[0]);
    clock_text(finding->onset_latest_us, times[1]);
    clock_text(finding->end_earliest_us, times[2]);
    clock_text(finding->end_latest_us, times[3]);
    char network[24] = "";
    if (finding->asn != 0)
        snprintf(network, sizeof network, " AS%" PRIu32, finding->asn);
    snprintf(out[0], CELL_BYTES, "%s %s%s%s%s%s%s, %s (%.2f)", finding->kind, finding->region, network,
             finding->subject[0] ? " " : "", finding->subject, finding->method[0] ? " by " : "",
             finding->method, finding->state, finding->confidence);
    if (finding->end_latest_us == 0)
        snprintf(out[1], CELL_BYTES, "began %s-%s, still open", times[0], times[1]);
    else
        snprintf(out[1], CELL_BYTES, "began %s-%s, ended %s-%s", times[0], times[1], times[2], times[3]);
}

bool demo_table_print(const struct judge_row *rows, size_t count)
{
    bool agrees = true;
    printf("\n%-8s | %-92s | agree\n%.8s-+-%.92s-+------\n", "phase", "what the lab did / what was found",
           "----------------",
           "-------------------------------------------------------------------------------------------------"
           "---");
    for (size_t i = 0; i < count; i++) {
        const struct judge_row *row = &rows[i];
        char did[CELL_BYTES], found[2][CELL_BYTES];
        deed_text(row->deed, did);
        finding_text(row->finding, found);
        printf("%-8s | did:   %-85s |\n", row->deed ? row->deed->phase : "-", did);
        printf("%-8s | found: %-85s | %s%s\n", "", found[0], row->agrees ? "yes" : "NO: ", row->reason);
        if (found[1][0])
            printf("%-8s |        %-85s |\n", "", found[1]);
        agrees = agrees && row->agrees;
    }
    printf("\n");
    return agrees;
}
