/* dialtone-lab soak: real probes and a real collector through cuts, a captive portal, forged DNS, route
 * failures and clocks that jump; at the end the collector's timeline is compared with what was done. Owner: a
 * soak owns its folder, its lab, its fleet and its deeds. Why: what a probe lives through in months is played
 * here in minutes, one thing after the other and some at once. */
#include "tests/lab/soak.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/internet.h"
#include "tests/lab/namespace.h"
#include "tests/lab/scenario_run.h"
#include "tests/lab/soak_check.h"
#include "tests/lab/stage.h"
#include "tests/lab/workspace.h"

#define BIN_US             (5 * US_PER_S)
#define START_US           (20 * US_PER_S) /* until the detector knows whom it may miss */
#define DEED_LEAST_US      (20 * US_PER_S)
#define DEED_MORE_US       (15 * US_PER_S) /* at most, by chance */
#define REST_US            (20 * US_PER_S)
#define UPLOAD_PATIENCE_US (90 * US_PER_S)
#define JUMP_US            (3600 * US_PER_S)
#define DEEDS_MAX          512
#define RULE_ID            1
#define OUT_DEFAULT        "build/soak"

static const struct fleet_pace pace = {.web_us = 5 * US_PER_S,
                                       .ladder_us = 1 * US_PER_S,
                                       .upload_us = 3 * US_PER_S,
                                       .step_limit_us = 1500 * US_PER_MS};

static const char targets_text[] = "url,category_code,category_description,date_added,source,notes\n"
                                   "https://www.news.lab/,NEWS,News Media,2026-01-01,dialtone lab,\n"
                                   "https://www.wiki.lab/,CULTR,Culture,2026-01-01,dialtone lab,\n";

/* What can befall the probes. */
struct hardship {
    const char *phase;
    const char *what;
    const char *kind; /* of the event that it must become; "": none */
    const char *subject, *layer;
    const char *rule; /* NULL: none on the path */
    bool is_of_one;   /* one probe, not its region */
    bool jumps;       /* that probe's clock is an hour off meanwhile */
};

static const struct hardship hardships[] = {
    {.phase = "cut", .what = "cut altogether", .kind = "full_shutdown", .rule = "CutEverything()"},
    {.phase = "clock",
     .what = "one clock jumps by an hour, and back",
     .kind = "",
     .is_of_one = true,
     .jumps = true},
    {.phase = "forge",
     .what = "forged DNS answers for www.news.lab",
     .kind = "service_blocking",
     .subject = "news.lab",
     .layer = "dns",
     .rule = "SpoofDNSResponse(Domain=\"www.news.lab\" Addresses={" INTERNET_BLOCK_PAGE_ADDRESS "})"},
    {.phase = "route",
     .what = "the way to the collector is blocked",
     .kind = "",
     .rule = "DropTrafficForServerEndpoint(ServerIPAddress=" INTERNET_COLLECTOR_ADDRESS ")"},
    {.phase = "foreign",
     .what = "everything foreign is cut",
     .kind = "international_cut",
     .rule = "CutForeign(Domestic={130.192.0.0/16})"},
    {.phase = "portal",
     .what = "one probe behind a captive portal",
     .kind = "",
     .rule = "CaptivePortal()",
     .is_of_one = true},
    {.phase = "cut+clk",
     .what = "cut altogether, and one clock jumps meanwhile",
     .kind = "full_shutdown",
     .rule = "CutEverything()",
     .jumps = true},
};
#define HARDSHIP_COUNT (sizeof hardships / sizeof hardships[0])

static const char *const regions[] = {"XD-N", "XD-E", "XD-S"};
#define REGION_COUNT (sizeof regions / sizeof regions[0])

struct soak {
    struct stage stage;
    char *folder;
    struct deed *deeds;
    size_t deed_count;
    int64_t duration_us;
    struct random_seeded seeded;
    struct random_source random;
    struct soak_span span;
    size_t jump_count;
};

/* A probe of the region, by chance. */
static int probe_of(struct soak *soak, const char *region)
{
    uint64_t bits = fleet_in(soak->stage.roll, region);
    for (;;) {
        int number = (int)random_below(&soak->random, (uint64_t)soak->stage.roll->count);
        if (bits >> number & 1)
            return number;
    }
}

/* Every other jump goes back in time. */
static enum status clock_jump(struct soak *soak, int probe, struct why *why)
{
    return lab_clock_set(soak->stage.lab, probe, soak->jump_count++ % 2 == 0 ? JUMP_US : -JUMP_US, why);
}

static enum status hardship_play(struct soak *soak, const struct hardship *hardship, const char *region,
                                 struct why *why)
{
    struct deed *deed = &soak->deeds[soak->deed_count++];
    int probe = probe_of(soak, region);
    uint64_t clients = hardship->is_of_one ? UINT64_C(1) << probe : fleet_in(soak->stage.roll, region);
    int64_t duration_us = DEED_LEAST_US + (int64_t)random_below(&soak->random, DEED_MORE_US);
    *deed = (struct deed){.phase = hardship->phase,
                          .what = hardship->what,
                          .kind = hardship->kind,
                          .region = hardship->kind[0] ? region : "",
                          .subject = hardship->subject ? hardship->subject : "",
                          .layer = hardship->layer ? hardship->layer : "",
                          .from_us = clock_wall_us(&soak->stage.clock)};
    fprintf(stderr, "dialtone-lab: %s, %s: %s\n", region, soak->stage.roll->places[probe].client.name, hardship->what);
    enum status status = STATUS_OK;
    if (hardship->rule)
        status = box_rule_add(lab_box(soak->stage.lab), RULE_ID, clients, hardship->rule, &deed->from_us, why);
    if (status == STATUS_OK && hardship->jumps)
        status = stage_spend(&soak->stage, duration_us / 3, why);
    if (status == STATUS_OK && hardship->jumps)
        status = clock_jump(soak, probe, why);
    if (status == STATUS_OK)
        status = stage_spend(&soak->stage, hardship->jumps ? duration_us / 3 : duration_us, why);
    if (status == STATUS_OK && hardship->jumps)
        status = lab_clock_set(soak->stage.lab, probe, 0, why);
    if (status == STATUS_OK && hardship->jumps)
        status = stage_spend(&soak->stage, duration_us / 3, why);
    deed->to_us = clock_wall_us(&soak->stage.clock);
    if (status == STATUS_OK && hardship->rule)
        status = box_rule_remove(lab_box(soak->stage.lab), RULE_ID, &deed->to_us, why);
    if (status == STATUS_OK)
        status = stage_spend(&soak->stage, REST_US, why);
    return status;
}

/* Each hardship once in every round of them, in an order and at regions that chance gives. */
static enum status hardships_play(struct soak *soak, struct why *why)
{
    int64_t end_us = monotonic_us() + soak->duration_us;
    size_t order[HARDSHIP_COUNT];
    enum status status = STATUS_OK;
    for (size_t i = 0; i < HARDSHIP_COUNT; i++)
        order[i] = i;
    for (size_t turn = 0; status == STATUS_OK && soak->deed_count < DEEDS_MAX; turn++) {
        size_t place = turn % HARDSHIP_COUNT;
        if (place == 0 && turn > 0)
            for (size_t i = HARDSHIP_COUNT - 1; i > 0; i--) {
                size_t other = random_below(&soak->random, i + 1), held = order[i];
                order[i] = order[other];
                order[other] = held;
            }
        if (monotonic_us() + DEED_LEAST_US + REST_US > end_us)
            break;
        status = hardship_play(soak, &hardships[order[place]],
                               regions[random_below(&soak->random, REGION_COUNT)], why);
    }
    return status;
}

static enum status soak_play(struct soak *soak, struct why *why)
{
    enum status status = stage_begin(&soak->stage, targets_text, &pace, why);
    if (status == STATUS_OK)
        status = stage_spend(&soak->stage, START_US, why);
    soak->span = (struct soak_span){.from_us = clock_wall_us(&soak->stage.clock), .bin_us = BIN_US};
    if (status == STATUS_OK)
        status = hardships_play(soak, why);
    soak->span.to_us = clock_wall_us(&soak->stage.clock);
    if (status == STATUS_OK)
        status = stage_uploads_await(&soak->stage, UPLOAD_PATIENCE_US, why);
    return status;
}

static enum status timeline_check(const struct soak *soak, bool *out_agrees, struct why *why)
{
    json_t *document = NULL;
    struct soak_timeline timeline = {0};
    enum status status = stage_export_load(&soak->stage, "timeline.json", &document, why);
    for (size_t i = 0; i < REGION_COUNT && status == STATUS_OK; i++)
        status = soak_timeline_check(document, regions[i], soak->deeds, soak->deed_count, &soak->span,
                                     &timeline, why);
    json_decref(document);
    if (status == STATUS_OK) {
        printf("timeline: %" PRId64 " bins of %d s in three regions, %" PRId64 " agree, %" PRId64 " do not\n",
               timeline.bin_count, (int)(BIN_US / US_PER_S), timeline.bin_count - timeline.wrong_count,
               timeline.wrong_count);
        printf("%.*s", (int)timeline.wrong.count, timeline.wrong.bytes ? (const char *)timeline.wrong.bytes : "");
        *out_agrees = *out_agrees && timeline.wrong_count == 0;
    }
    buffer_free(&timeline.wrong);
    return status;
}

static int64_t measurements_of(const json_t *document, const char *region)
{
    const json_t *list = json_member_array(document, "regions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_member_text(json_array_get(list, i), "region");
        if (name && strcmp(name, region) == 0)
            return json_member_int(json_array_get(list, i), "measurements", -1);
    }
    return -1;
}

static enum status account_check(const struct soak *soak, bool *out_agrees, struct why *why)
{
    json_t *document = NULL;
    struct soak_account account;
    char *folder = lab_file(soak->stage.lab, "data/bundles");
    enum status status = folder ? soak_account_read(folder, &account, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = stage_export_load(&soak->stage, "regions.json", &document, why);
    free(folder);
    if (status != STATUS_OK)
        return status;
    int64_t counted = measurements_of(document, FLEET_COUNTRY);
    json_decref(document);
    printf("counted: %zu probes signed %" PRId64 " measurements in %" PRId64 " bundles, %" PRId64
           " of them missing; the collector counts %" PRId64 "\n",
           account.probe_count, account.line_count, account.bundle_count, account.missing_count, counted);
    *out_agrees = *out_agrees && account.probe_count == (size_t)soak->stage.roll->count && account.missing_count == 0 &&
                  counted == account.line_count;
    return STATUS_OK;
}

static enum status soak_conclude(struct soak *soak, bool *out_agrees, struct why *why)
{
    enum status status = stage_conclude(&soak->stage, why);
    if (status == STATUS_OK)
        status = stage_events_check(&soak->stage, soak->deeds, soak->deed_count, BIN_US, out_agrees, why);
    if (status == STATUS_OK)
        status = timeline_check(soak, out_agrees, why);
    if (status == STATUS_OK)
        status = account_check(soak, out_agrees, why);
    return status;
}

static int soak_inside(void *arg)
{
    struct soak *soak = arg;
    struct why why = {0};
    bool agrees = false;
    soak->deeds = calloc(DEEDS_MAX, sizeof *soak->deeds);
    enum status status = soak->deeds ? stage_open(&soak->stage, &why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = soak_play(soak, &why);
    if (status == STATUS_OK)
        status = soak_conclude(soak, &agrees, &why);
    stage_close(&soak->stage);
    free(soak->deeds);
    if (status != STATUS_OK) {
        fprintf(stderr, "dialtone-lab: soak failed: %s\n", why.text[0] ? why.text : status_name(status));
        return status == STATUS_UNSUPPORTED ? EXIT_SKIPPED : EXIT_OWN_FAILURE;
    }
    printf("%s\n", agrees ? "What was found is what was done." : "What was found is NOT what was done.");
    return agrees ? EXIT_NOTHING_WRONG : EXIT_FOUND;
}

static enum exit_status soak_run(struct soak *soak)
{
    struct why why = {0};
    int exit_code = EXIT_OWN_FAILURE;
    enum status status = folder_make(soak->stage.out, 0755, &why);
    if (status == STATUS_OK)
        status = workspace_make(&soak->folder, &why);
    soak->stage.folder = soak->folder;
    if (status == STATUS_OK)
        status = namespace_run(soak_inside, soak, &exit_code, &why);
    if (status != STATUS_OK) {
        fprintf(stderr, "dialtone-lab: %s\n", why.text[0] ? why.text : status_name(status));
        exit_code = status == STATUS_UNSUPPORTED ? EXIT_SKIPPED : EXIT_OWN_FAILURE;
    }
    if (exit_code == EXIT_FOUND || exit_code == EXIT_OWN_FAILURE)
        fprintf(stderr, "dialtone-lab: records and logs are kept in %s\n",
                soak->folder ? soak->folder : "(nowhere)");
    else
        workspace_clear(soak->folder);
    free(soak->folder);
    return (enum exit_status)exit_code;
}

static const struct cli_option soak_options[] = {
    {"minutes", "M", "play hardships for so long (30)"},
    {"seed", "N", "the same ones for the same number (1)"},
    {"out", "DIR", "where the site and the export go (" OUT_DEFAULT ")"},
    {"without-tun", NULL, "carry packets over veth pairs, as where /dev/net/tun is closed to us"},
    {0},
};

static enum exit_status soak_command(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_soak, soak_options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    int64_t minutes = 30, seed = 1;
    char *programs = programs_folder();
    enum exit_status exit_code = EXIT_USAGE;
    status = cli_number(arguments, "minutes", 1, 600, &minutes);
    if (status == STATUS_OK)
        status = cli_number(arguments, "seed", 0, INT64_C(1) << 40, &seed);
    if (status == STATUS_OK && cli_operand_count(arguments) > 0) {
        cli_fail(EXIT_USAGE, "dialtone-lab soak takes options only");
    } else if (status == STATUS_OK) {
        const char *out = cli_value(arguments, "out");
        struct soak soak = {.stage = {.out = out ? out : OUT_DEFAULT,
                                      .programs = programs,
                                      .roll = &fleet_of_soak,
                                      .clock = clock_system(),
                                      .seed = (uint64_t)seed,
                                      .bin_us = BIN_US,
                                      .has_own_clocks = true,
                                      .avoids_tun = cli_value(arguments, "without-tun") != NULL},
                            .duration_us = minutes * 60 * US_PER_S};
        soak.random = random_of_seed(&soak.seeded, (uint64_t)seed);
        exit_code = programs ? soak_run(&soak) : EXIT_OWN_FAILURE;
    }
    free(programs);
    cli_free(arguments);
    return exit_code;
}

const struct cli_command command_soak = {
    .name = "soak",
    .summary =
        "fifteen probes through cuts, portals, forged DNS, lost routes and jumping clocks; found must be done",
    .help =
        "usage: dialtone-lab soak [--minutes M] [--seed N] [--out DIR]\n\n"
        "Fifteen real probes in three regions and four networks upload to a real collector, with short "
        "intervals,\n"
        "while one hardship follows the other: a region is cut altogether or from abroad, a name is forged, "
        "the\n"
        "way to the collector is blocked, one probe is behind a captive portal, one clock jumps by an hour.\n"
        "Then the events and every bin of the timeline are compared with what was done, to within one bin of "
        "5 s,\n"
        "and the measurements that the probes signed with those that the collector counts.\n"
        "Exit status: 0 all agrees, 1 something does not, 2 usage, 3 our own failure, 77 this system does "
        "not let\n"
        "us.\n",
    .run = soak_command,
};
