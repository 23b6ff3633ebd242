/* dialtone-lab clean: a thousand targets as varied as the Web's on a lossy link, and the verdicts on them.
 * Owner: a run owns its folder and its lab.
 * Why: calling a healthy site blocked is what discredits everything else that we say. */
#include "tests/lab/clean.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests/lab/confusion.h"
#include "tests/lab/internet.h"
#include "tests/lab/lab.h"
#include "tests/lab/namespace.h"
#include "tests/lab/scenario_run.h"
#include "tests/lab/workspace.h"

#define TARGETS_DEFAULT 1000
#define LIMIT_US        (INT64_C(1800) * US_PER_S)
#define OUTPUT_BYTES    (2048u << 20)

struct clean_run {
    struct lab_client client;
    struct lab_plan plan;
    struct confusion confusion;
    bool is_json;
    size_t record_count;
    double measure_s;
    const struct cli_arguments *arguments;
};

static void record_tell(const char *input, const struct clean_target *target, const json_t *verdict)
{
    fprintf(stderr,
            "BLOCKED %s: layer %s, method %s, confidence %s; page %d start %d body %zu dynamic %d%% title %d "
            "language %d chunked %d plain %d edges %d delay %d ms pieces %d ms\n",
            input, json_string_value(json_object_get(verdict, "layer")),
            json_string_value(json_object_get(verdict, "method")),
            json_string_value(json_object_get(verdict, "confidence")), (int)target->page, (int)target->start,
            target->body_bytes, target->dynamic_percent, target->is_title_dynamic, (int)target->language,
            target->is_chunked, target->is_plain_server, target->has_two_edges, target->delay_ms,
            target->piece_delay_ms);
}

/* What is true of a target, in the words of the table. */
static const char *truth_of(const struct clean_target *target)
{
    return target->page == CLEAN_PROBE_REFUSED ? "server refusal" : "ok";
}

static void record_count(struct clean_run *run, const json_t *record)
{
    char found[CONFUSION_WORD_BYTES], host[128] = "";
    const char *input = json_member_text(record, "input");
    int number = input && sscanf(input, "%*[a-z]://%127[^/]", host) == 1 ? clean_number_of(host) : -1;
    if (number < 0)
        return;
    const struct clean_target target = clean_target_of(run->plan.clean.seed, number);
    const json_t *own = json_member_object(json_member_object(record, "test_keys"), "x_dialtone");
    confusion_found(record, found);
    run->record_count++;
    (void)confusion_add(&run->confusion, truth_of(&target), found, 1);
    if (strncmp(found, "blocked", strlen("blocked")) == 0)
        record_tell(input, &target, json_member_object(own, "verdict"));
}

static enum status output_count(struct clean_run *run, const char *path, struct why *why)
{
    struct buffer bytes = {0};
    struct reader line;
    enum status status = file_read(path, OUTPUT_BYTES, &bytes, why);
    struct reader reader = reader_of(bytes.bytes, bytes.count);
    while (status == STATUS_OK && reader_line(&reader, &line)) {
        json_t *record = NULL;
        status = json_read((const char *)line.bytes, line.left_bytes, &record, why);
        if (status == STATUS_OK)
            record_count(run, record);
        json_decref(record);
    }
    buffer_free(&bytes);
    return status;
}

static enum status measure(struct clean_run *run, struct lab *lab, struct why *why)
{
    char *program = lab_program(lab, "dialtone-probe");
    char *ca = lab_file(lab, "ca.pem");
    char *anchors = lab_file(lab, "anchors.csv");
    char *list = lab_file(lab, "clean.csv");
    char *output = lab_file(lab, "measured.jsonl");
    char *errors = lab_file(lab, "probe.log");
    const char *const argv[] = {program,      "measure",
                                "--format",   "json",
                                "--ca-file",  ca,
                                "--anchors",  anchors,
                                "--resolver", INTERNET_ISP_RESOLVER,
                                "--control",  "https://" INTERNET_COLLECTOR_ADDRESS "/v1/control",
                                "--targets",  list,
                                NULL};
    enum status status = STATUS_NO_MEMORY;
    int exit_code = 0;
    if (program && ca && anchors && list && output && errors) {
        struct child_plan plan = lab_child(lab, 0);
        int64_t start_us = monotonic_us();
        plan.argv = argv;
        plan.output = output;
        plan.error = errors;
        status = child_run(&plan, LIMIT_US, &exit_code, why);
        run->measure_s = (double)(monotonic_us() - start_us) / US_PER_S;
    }
    if (status == STATUS_OK && exit_code > 1 && exit_code != EXIT_OWN_FAILURE) {
        why_set(why, "dialtone-probe measure ended with status %d", exit_code);
        status = STATUS_IO;
    }
    if (status == STATUS_OK)
        status = output_count(run, output, why);
    free(errors);
    free(output);
    free(list);
    free(anchors);
    free(ca);
    free(program);
    return status;
}

static void summary_tell(const struct clean_run *run)
{
    struct buffer text = {0};
    if (run->is_json) {
        json_t *document =
            json_pack("{s:i, s:I, s:I, s:I, s:f, s:o}", "targets", run->plan.clean.count, "seed",
                      (json_int_t)run->plan.clean.seed, "measured", (json_int_t)run->record_count, "blocked",
                      (json_int_t)confusion_false_blocked(&run->confusion), "measure_s", run->measure_s,
                      "truth_by_verdict", confusion_json(&run->confusion));
        (void)json_write(document, &text);
        buffer_text(&text, "\n");
        json_decref(document);
    } else {
        confusion_print(&run->confusion, &text);
        buffer_printf(&text,
                      "%zu of %d clean targets measured in %.1f s (seed %" PRIu64 "): %zu called blocked\n",
                      run->record_count, run->plan.clean.count, run->measure_s, run->plan.clean.seed,
                      confusion_false_blocked(&run->confusion));
    }
    if (!text.failed)
        printf("%.*s", (int)text.count, (const char *)text.bytes);
    buffer_free(&text);
}

static int clean_inside(void *arg)
{
    struct clean_run *run = arg;
    struct lab *lab = NULL;
    struct why why = {0};
    const char *rule = NULL;
    enum status status = lab_open(&run->plan, &lab, &why);
    for (size_t i = 0; status == STATUS_OK && (rule = cli_value_at(run->arguments, "rule", i)); i++)
        status = box_rule_add(lab_box(lab), (int64_t)i, UINT64_MAX, rule, NULL, &why);
    if (status == STATUS_OK)
        status = measure(run, lab, &why);
    lab_close(lab);
    if (status != STATUS_OK) {
        fprintf(stderr, "dialtone-lab: %s\n", why.text[0] ? why.text : status_name(status));
        return status == STATUS_UNSUPPORTED ? EXIT_SKIPPED : EXIT_OWN_FAILURE;
    }
    summary_tell(run);
    if (run->record_count != (size_t)run->plan.clean.count) {
        fprintf(stderr, "dialtone-lab: there are records of %zu targets only\n", run->record_count);
        return EXIT_OWN_FAILURE;
    }
    return confusion_false_blocked(&run->confusion) > 0 ? EXIT_FOUND : EXIT_NOTHING_WRONG;
}

static const struct cli_option clean_options[] = {
    {"targets", "N", "so many of them (1000)"},
    {"seed", "N", "the same targets, loss and jitter for the same number (1)"},
    {"loss", "PERCENT", "packets lost on the link, each way (1)"},
    {"rule", "RULE",
     "a rule of the censor all the same, to see that it is found; may be given several times"},
    {"format", "FORMAT", "text (default) or json: one document at the end"},
    {"without-tun", NULL, "carry packets over veth pairs, as where /dev/net/tun is closed to us"},
    {"keep", NULL, "keep the folder with the records and print its path"},
    {0},
};

static enum status rules_check(const struct cli_arguments *arguments)
{
    const char *text = NULL;
    for (size_t i = 0; (text = cli_value_at(arguments, "rule", i)); i++) {
        struct rule *rule = NULL;
        struct why why = {0};
        enum status status = rule_open(text, &rule, &why);
        rule_free(rule);
        if (status != STATUS_OK) {
            cli_fail(EXIT_USAGE, "%s", why.text);
            return STATUS_USAGE;
        }
    }
    return STATUS_OK;
}

static enum status options_read(const struct cli_arguments *arguments, struct clean_run *run)
{
    const char *format = cli_value(arguments, "format");
    int64_t count = TARGETS_DEFAULT, seed = 1, loss = 1;
    enum status status = cli_number(arguments, "targets", 1, CLEAN_TARGETS_MAX, &count);
    if (status == STATUS_OK)
        status = cli_number(arguments, "seed", 0, INT64_C(1) << 40, &seed);
    if (status == STATUS_OK)
        status = cli_number(arguments, "loss", 0, 50, &loss);
    run->is_json = format && strcmp(format, "json") == 0;
    if (status == STATUS_OK && format && !run->is_json && strcmp(format, "text") != 0) {
        cli_fail(EXIT_USAGE, "--format is text or json, not '%s'", format);
        status = STATUS_USAGE;
    }
    if (status == STATUS_OK)
        status = rules_check(arguments);
    if (status == STATUS_OK && cli_operand_count(arguments) > 0) {
        cli_fail(EXIT_USAGE, "dialtone-lab clean takes options only");
        status = STATUS_USAGE;
    }
    run->client.up = (struct link_settings){
        .delay_us = 40 * US_PER_MS, .jitter_us = 10 * US_PER_MS, .loss = (double)loss / 100};
    run->client.down = run->client.up;
    run->plan.seed = (uint64_t)seed;
    run->plan.clean = (struct clean_plan){.count = (int)count, .seed = (uint64_t)seed};
    return status;
}

static enum exit_status clean_run(struct clean_run *run, bool keeps)
{
    struct why why = {0};
    char *folder = NULL;
    char *programs = programs_folder();
    int exit_code = EXIT_OWN_FAILURE;
    enum status status = programs ? workspace_make(&folder, &why) : STATUS_NO_MEMORY;
    run->plan.clients = &run->client;
    run->plan.client_count = 1;
    run->plan.bin_us = 10 * US_PER_S;
    run->plan.has_collector = true;
    run->plan.folder = folder;
    run->plan.programs = programs;
    if (status == STATUS_OK)
        status = namespace_run(clean_inside, run, &exit_code, &why);
    if (status != STATUS_OK) {
        fprintf(stderr, "dialtone-lab: %s\n", why.text[0] ? why.text : status_name(status));
        exit_code = status == STATUS_UNSUPPORTED ? EXIT_SKIPPED : EXIT_OWN_FAILURE;
    }
    if (keeps && folder)
        printf("kept in %s\n", folder);
    else if (folder)
        workspace_clear(folder);
    free(folder);
    free(programs);
    return (enum exit_status)exit_code;
}

static enum exit_status clean_command(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_clean, clean_options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    struct clean_run *run = calloc(1, sizeof *run);
    enum exit_status exit_code = run ? EXIT_USAGE : EXIT_OWN_FAILURE;
    if (run) {
        run->client = (struct lab_client){.name = "probe",
                                          .address = "130.192.91.211",
                                          .gateway = "130.192.91.1",
                                          .address6 = "2a01:e0a:91::211",
                                          .gateway6 = "2a01:e0a:91::1",
                                          .resolver = INTERNET_ISP_RESOLVER};
        run->arguments = arguments;
        run->plan.avoids_tun = cli_value(arguments, "without-tun") != NULL;
        if (options_read(arguments, run) == STATUS_OK)
            exit_code = clean_run(run, cli_value(arguments, "keep") != NULL);
    }
    free(run);
    cli_free(arguments);
    return exit_code;
}

const struct cli_command command_clean = {
    .name = "clean",
    .summary = "measure many targets that nobody hinders; none may be called blocked",
    .help = "usage: dialtone-lab clean [--targets N] [--seed N] [--loss PERCENT] [--format json]\n\n"
            "The targets differ in size, language, title, from visit to visit, in their certificates, "
            "redirects,\n"
            "cookies, servers, in how fast they answer, and in what address is told where; some refuse all\n"
            "visitors or only probes. The link has 40 ms each way, 10 ms jitter and 1% loss.\n"
            "Exit status: 0 none is called blocked, 1 one is (each is named on standard error), 2 usage, 3 "
            "the lab\n"
            "itself failed, 77 this system does not let us.\n",
    .run = clean_command,
};
