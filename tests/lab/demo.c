/* dialtone-lab demo: the whole line against a truth that is known.
 * Owner: a demo owns its folder, its lab and its fleet.
 * Why: every part may be right and the line still wrong; here it is shown or it fails. */
#include "tests/lab/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests/lab/internet.h"
#include "tests/lab/namespace.h"
#include "tests/lab/stage.h"
#include "tests/lab/workspace.h"

#define BIN_US             (2 * US_PER_S)
#define CLEAN_US           (14 * US_PER_S)
#define ACT_US             (12 * US_PER_S)
#define REST_US            (5 * US_PER_S)
#define BACK_US            (9 * US_PER_S)
#define UPLOAD_PATIENCE_US (25 * US_PER_S)
/* A web round may be due as late as this after a change, and a verdict on a silent path needs its timeouts.
 */
#define TOLERANCE_US     (6 * US_PER_S)
#define TRUTH_BYTES_MAX  (16u << 20)

static const struct fleet_pace pace = {
    .web_us = 2 * US_PER_S,
    .ladder_us = 1 * US_PER_S,
    .upload_us = 3 * US_PER_S,
    .step_limit_us = 1500 * US_PER_MS,
};

static const char targets_text[] = "url,category_code,category_description,date_added,source,notes\n"
                                   "https://www.news.lab/,NEWS,News Media,2026-01-01,dialtone lab,\n"
                                   "https://www.video.lab/,MMED,Media sharing,2026-01-01,dialtone lab,\n"
                                   "https://www.wiki.lab/,CULTR,Culture,2026-01-01,dialtone lab,\n"
                                   "http://www.chat.lab/,COMT,Communication Tools,2026-01-01,dialtone lab,\n";

/* What the censor does, one act after the other. */
struct act {
    const char *phase;
    const char *what;
    const char *kind;
    const char *region;
    const char *subject;
    const char *layer;
    const char *rule;
};

static const struct act acts[] = {
    {"forge", "forged DNS answers for www.news.lab in XD-N", "service_blocking", "XD-N", "news.lab", "dns",
     "SpoofDNSResponse(Domain=\"www.news.lab\" Addresses={" INTERNET_BLOCK_PAGE_ADDRESS "})"},
    {"reset", "reset www.video.lab in TLS in XD-E", "service_blocking", "XD-E", "video.lab", "tls",
     "ResetTrafficForTLSSNI(SNI=\"www.video.lab\")"},
    {"cut", "cut XD-S altogether", "full_shutdown", "XD-S", "", "", "CutEverything()"},
};
#define ACT_COUNT (sizeof acts / sizeof acts[0])

struct demo {
    struct stage stage;
    char *folder;
    struct deed deeds[1 + ACT_COUNT];
};

static void say(const char *text)
{
    fprintf(stderr, "dialtone-lab: %s\n", text);
}

static enum status act_play(struct demo *demo, size_t number, struct why *why)
{
    const struct act *act = &acts[number];
    struct deed *deed = &demo->deeds[1 + number];
    *deed = (struct deed){.phase = act->phase,
                          .what = act->what,
                          .kind = act->kind,
                          .region = act->region,
                          .subject = act->subject,
                          .layer = act->layer};
    say(act->what);
    struct box *box = lab_box(demo->stage.lab);
    enum status status = box_rule_add(box, (int64_t)number, fleet_in(demo->stage.roll, act->region), act->rule,
                                      &deed->from_us, why);
    if (status == STATUS_OK)
        status = stage_spend(&demo->stage, ACT_US, why);
    if (status == STATUS_OK)
        status = box_rule_remove(box, (int64_t)number, &deed->to_us, why);
    bool is_last = number + 1 == ACT_COUNT;
    if (status == STATUS_OK)
        say("and back to normal");
    if (status == STATUS_OK)
        status = stage_spend(&demo->stage, is_last ? BACK_US : REST_US, why);
    return status;
}

static enum status phases_play(struct demo *demo, struct why *why)
{
    say("eight probes in three regions and four networks begin to measure; all is clean");
    enum status status = stage_begin(&demo->stage, targets_text, &pace, why);
    demo->deeds[0] = (struct deed){.phase = "clean",
                                   .what = "nothing",
                                   .kind = "",
                                   .region = "",
                                   .subject = "",
                                   .layer = "",
                                   .from_us = clock_wall_us(&demo->stage.clock)};
    if (status == STATUS_OK)
        status = stage_spend(&demo->stage, CLEAN_US, why);
    demo->deeds[0].to_us = clock_wall_us(&demo->stage.clock);
    for (size_t i = 0; i < ACT_COUNT && status == STATUS_OK; i++)
        status = act_play(demo, i, why);
    if (status == STATUS_OK) {
        say("waiting for the last uploads");
        status = stage_uploads_await(&demo->stage, UPLOAD_PATIENCE_US, why);
    }
    return status;
}

static enum status truth_keep(const struct demo *demo, struct why *why)
{
    struct buffer bytes = {0};
    char *from = path_join(demo->folder, "truth.jsonl");
    char *to = path_join(demo->stage.out, "truth.jsonl");
    enum status status = from && to ? file_read(from, TRUTH_BYTES_MAX, &bytes, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_publish(to, bytes.bytes, bytes.count, 0644, why);
    buffer_free(&bytes);
    free(to);
    free(from);
    return status;
}

static enum status demo_conclude(struct demo *demo, bool *out_agrees, struct why *why)
{
    enum status status = stage_conclude(&demo->stage, why);
    if (status == STATUS_OK)
        status = truth_keep(demo, why);
    if (status == STATUS_OK)
        status = stage_events_check(&demo->stage, demo->deeds, sizeof demo->deeds / sizeof demo->deeds[0],
                                    TOLERANCE_US, out_agrees, why);
    return status;
}

static int demo_inside(void *arg)
{
    struct demo *demo = arg;
    struct why why = {0};
    bool agrees = false;
    enum status status = stage_open(&demo->stage, &why);
    if (status == STATUS_OK)
        status = phases_play(demo, &why);
    if (status == STATUS_OK)
        status = demo_conclude(demo, &agrees, &why);
    stage_close(&demo->stage);
    if (status == STATUS_UNSUPPORTED)
        say(why.text);
    else if (status != STATUS_OK)
        fprintf(stderr, "dialtone-lab: demo failed: %s\n", why.text[0] ? why.text : status_name(status));
    if (status != STATUS_OK)
        return status == STATUS_UNSUPPORTED ? EXIT_OFFLINE : EXIT_OWN_FAILURE;
    return agrees ? EXIT_NOTHING_WRONG : EXIT_FOUND;
}

static void ending_tell(const struct demo *demo, int exit_code)
{
    printf("The site:  %s/site/index.html\nThe truth: %s/truth.jsonl\nThe data:  %s/export/\n", demo->stage.out,
           demo->stage.out, demo->stage.out);
    if (exit_code == EXIT_NOTHING_WRONG)
        printf("What was found is what was done.\n");
    else
        printf("What was found is NOT what was done; records and logs are kept in %s\n", demo->folder);
}

/* The demo in namespaces; EXIT_OFFLINE where the system does not allow them. */
static int demo_run(struct demo *demo, struct why *why)
{
    int exit_code = EXIT_OWN_FAILURE;
    enum status status = folder_make(demo->stage.out, 0755, why);
    if (status == STATUS_OK)
        status = workspace_make(&demo->folder, why);
    demo->stage.folder = demo->folder;
    if (status == STATUS_OK)
        status = namespace_run(demo_inside, demo, &exit_code, why);
    if (status == STATUS_UNSUPPORTED)
        say(why->text);
    if (status != STATUS_OK) {
        exit_code = status == STATUS_UNSUPPORTED ? EXIT_OFFLINE : (int)exit_of_status(status);
        workspace_clear(demo->folder);
        return exit_code;
    }
    if (exit_code == EXIT_NOTHING_WRONG || exit_code == EXIT_FOUND)
        ending_tell(demo, exit_code);
    else if (exit_code == EXIT_OWN_FAILURE)
        fprintf(stderr, "dialtone-lab: logs are kept in %s\n", demo->folder);
    if (exit_code != EXIT_FOUND && exit_code != EXIT_OWN_FAILURE)
        workspace_clear(demo->folder);
    return exit_code;
}

static const struct cli_option demo_options[] = {
    {"out", "DIR", "where the site, the export and the truth file go"},
    {"without-tun", NULL, "carry packets over veth pairs, as where /dev/net/tun is closed to us"},
    {"without-namespaces", NULL, "run only the part that needs none"},
    {0},
};

static enum exit_status demo_command(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_demo, demo_options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    struct demo demo = {.stage = {.out = cli_value(arguments, "out"),
                                  .programs = programs_folder(),
                                  .roll = &fleet_of_demo,
                                  .clock = clock_system(),
                                  .seed = 1,
                                  .bin_us = BIN_US,
                                  .avoids_tun = cli_value(arguments, "without-tun") != NULL}};
    struct why why = {0};
    int exit_code = EXIT_OFFLINE;
    if (!demo.stage.out || cli_operand_count(arguments) > 0)
        exit_code = (int)cli_fail(EXIT_USAGE, "dialtone-lab demo needs --out DIR and nothing else");
    else if (!cli_value(arguments, "without-namespaces"))
        exit_code = demo_run(&demo, &why);
    if (exit_code == EXIT_OFFLINE)
        exit_code = (int)demo_without_namespaces(demo.stage.out, demo.stage.programs);
    else if (exit_code != EXIT_NOTHING_WRONG && why.text[0])
        fprintf(stderr, "dialtone-lab: %s\n", why.text);
    free(demo.folder);
    free((char *)(uintptr_t)demo.stage.programs);
    cli_free(arguments);
    return (enum exit_status)exit_code;
}

const struct cli_command command_demo = {
    .name = "demo",
    .summary = "eight probes, four phases, timeline and report; found must be what was done",
    .help =
        "usage: dialtone-lab demo --out DIR\n\n"
        "Eight real probes in three regions and four networks of an emulated Internet measure real servers\n"
        "for about a minute: all is clean; one region's path forges a name; another's resets a name in TLS;\n"
        "the third is cut altogether and comes back. Then the detector's events are compared with what was\n"
        "really done. Takes about 90 seconds. Where the system allows no namespaces, says so and runs the\n"
        "part that needs none.\n"
        "Exit status: 0 all agrees, 1 something was missed, misjudged or found that nobody did, 2 usage,\n"
        "3 our own failure.\n",
    .run = demo_command,
};
