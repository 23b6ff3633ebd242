/* dialtone-report: a site, or exports, of a collector's data.
 * Owner: each command opens, writes and releases its own query and model.
 * Why: reporting only reads, so it runs beside a working collector and needs no rights over it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/cli.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "reports/evidence.h"
#include "reports/format.h"

static const struct cli_option site_options[] = {
    {"data", "DIR", "the collector's data folder"},
    {"out", "DIR", "folder of the site; made where it is missing"},
    {"now", "UTC", "report as of this time, 2026-01-31T12:00:00Z; default: the clock's"},
    {"public-url", "URL", "where the pages will stand, for links in feed.xml (default: relative ones)"},
    {"evidence", "all|lines|none", "what of the evidence is copied beside the pages (default all)"},
    {0},
};
static const struct cli_option export_options[] = {
    {"data", "DIR", "the collector's data folder"},
    {"out", "DIR", "folder of the files; made where it is missing"},
    {"as", "FORMAT", "csv, json, rss, cap or html"},
    {"public-url", "URL", "where the site's pages stand, for links in feeds and alerts"},
    {"now", "UTC", "report as of this time; default: the clock's"},
    {0},
};

/* A report looks for nothing, so exit status 1 never comes from it. */
static enum exit_status report_fail(enum status status, const struct why *why)
{
    bool is_users = status == STATUS_USAGE || status == STATUS_NOT_FOUND || status == STATUS_REFUSED ||
                    status == STATUS_CONFLICT;
    const char *text = why->text[0] ? why->text : status_name(status);
    return cli_fail(is_users ? EXIT_USAGE : EXIT_OWN_FAILURE, "%s", text);
}

struct report {
    struct query *query;
    struct report_model *model;
};

static void report_free(struct report *report)
{
    report_model_free(report->model);
    if (report->query)
        query_close(report->query);
}

/* The folders and the time that both commands take; USAGE has told why. */
static enum status arguments_read(const struct cli_arguments *arguments, struct report_settings *out,
                                  struct why *why)
{
    static const char *const needed[] = {"data", "out"};
    for (size_t i = 0; i < 2; i++) {
        const char *value = cli_value(arguments, needed[i]);
        if (!value || value[0] == '\0') {
            why_set(why, "--%s DIR is missing: name the %s.", needed[i],
                    i == 0 ? "collector's data folder" : "folder to write to");
            return STATUS_USAGE;
        }
    }
    if (cli_operand_count(arguments) > 0) {
        why_set(why, "'%s' is not expected here: folders are given with --data and --out.",
                cli_operand(arguments, 0));
        return STATUS_USAGE;
    }
    struct clock clock = clock_system();
    int64_t now_us = clock_wall_us(&clock);
    const char *now = cli_value(arguments, "now");
    if (now && time_parse(now, &now_us) != STATUS_OK) {
        why_set(why, "--now '%s' is no time: write it as 2026-01-31T12:00:00Z.", now);
        return STATUS_USAGE;
    }
    const char *url = cli_value(arguments, "public-url");
    if (url && strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) {
        why_set(why, "--public-url '%s' is no whole address: write it as https://reports.example.org.", url);
        return STATUS_USAGE;
    }
    *out = report_settings_default(now_us);
    return STATUS_OK;
}

static enum status report_open(const struct cli_arguments *arguments, struct report *out, struct why *why)
{
    struct report_settings settings;
    enum status status = arguments_read(arguments, &settings, why);
    if (status != STATUS_OK)
        return status;
    status = query_open(cli_value(arguments, "data"), &out->query, why);
    if (status != STATUS_OK)
        return status;
    status = report_model_build(out->query, &settings, &out->model, why);
    if (status == STATUS_OK)
        out->model->public_url = cli_value(arguments, "public-url");
    return status == STATUS_OK ? folder_make(cli_value(arguments, "out"), 0755, why) : status;
}

static enum status format_write(const char *name, const struct report_model *model, const char *folder,
                                struct why *why)
{
    const struct report_format *format = report_format_find(name);
    if (!format) {
        why_set(why, "There is no format '%s': --help lists them.", name);
        return STATUS_USAGE;
    }
    enum status status = folder_make(folder, 0755, why);
    return status == STATUS_OK ? format->write(model, folder, why) : status;
}

static enum status evidence_policy(const char *policy, struct report_model *model, struct why *why)
{
    if (!policy || strcmp(policy, "all") == 0)
        return STATUS_OK;
    if (strcmp(policy, "lines") != 0 && strcmp(policy, "none") != 0) {
        why_set(why, "--evidence '%s' is none of all, lines, none.", policy);
        return STATUS_USAGE;
    }
    for (size_t i = 0; i < model->evidence_count; i++) {
        if (strcmp(policy, "none") == 0)
            model->evidence[i].state = EVIDENCE_WITHHELD;
        model->evidence[i].is_of_event = false;
    }
    return STATUS_OK;
}

/* Data files and evidence first, pages after: a page never links to what is not there yet. */
static enum status site_write(const struct cli_arguments *arguments, struct report *report, struct why *why)
{
    const char *out = cli_value(arguments, "out");
    char *data = path_join(out, "data");
    if (!data)
        return STATUS_NO_MEMORY;
    enum status status = evidence_policy(cli_value(arguments, "evidence"), report->model, why);
    if (status == STATUS_OK)
        status = evidence_publish(report->query, cli_value(arguments, "data"), report->model, out, why);
    if (status == STATUS_OK)
        status = format_write("csv", report->model, data, why);
    if (status == STATUS_OK)
        status = format_write("json", report->model, data, why);
    if (status == STATUS_OK) {
        report->model->has_data_files = true;
        status = format_write("html", report->model, out, why);
    }
    free(data);
    return status;
}

static enum status export_write(const struct cli_arguments *arguments, struct report *report, struct why *why)
{
    return format_write(cli_value(arguments, "as"), report->model, cli_value(arguments, "out"), why);
}

static enum exit_status run(const struct cli_command *command, const struct cli_option *options, int argc,
                            char **argv)
{
    bool is_site = options == site_options;
    struct cli_arguments *arguments = NULL;
    struct report report = {0};
    struct why why = {0};
    enum status status = cli_parse(command, options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : EXIT_USAGE;
    if (!is_site && (!cli_value(arguments, "as") || !report_format_find(cli_value(arguments, "as")))) {
        why_set(&why, "%s: say --as csv, json, rss or cap.",
                cli_value(arguments, "as") ? "There is no such format" : "--as FORMAT is missing");
        status = STATUS_USAGE;
    }
    if (status == STATUS_OK)
        status = report_open(arguments, &report, &why);
    if (status == STATUS_OK)
        status = is_site ? site_write(arguments, &report, &why) : export_write(arguments, &report, &why);
    if (status == STATUS_OK)
        printf("%s/%s: %zu regions, %zu events, %zu pieces of evidence\n", cli_value(arguments, "out"),
               is_site ? "index.html" : "", report.model->region_count, report.model->event_count,
               report.model->evidence_count);
    enum exit_status exit_status = status == STATUS_OK ? EXIT_NOTHING_WRONG : report_fail(status, &why);
    report_free(&report);
    cli_free(arguments);
    return exit_status;
}

#define EXIT_HELP                                                                                            \
    "Exit status: 0 written; 2 a wrong argument, no data folder, or a store that a newer program wrote;\n"   \
    "3 the report could not be written (disk, permissions, memory).\n"

static enum exit_status site_run(int argc, char **argv);
static const struct cli_command site_command = {
    .name = "site",
    .summary = "static pages that need no script: world, regions, events with evidence, method",
    .help = "usage: dialtone-report site --data DIR --out DIR\n\n"
            "Writes index.html, region/, event/, methodology.html, coverage.html, feed.xml (Atom), style.css,\n"
            "data/ (CSV and JSON) and\n"
            "evidence/ (measurements and signed bundles to check with minisign). Running it again replaces "
            "each file\n"
            "as a whole. Below country level no count under 3 is told, times are told to the bin, and no "
            "probe is\n"
            "named in pages or data files. A signed bundle in evidence/ does carry the pseudonymous key and "
            "the exact\n"
            "times of the probe that signed it, and is copied only for countries with at least 3 probes: "
            "--evidence\n"
            "lines leaves bundles out, --evidence none all copies; what an earlier run copied stays.\n\n"
            "example: dialtone-report site --data /var/lib/dialtone --out /var/www/dialtone\n\n" EXIT_HELP,
    .run = site_run,
};
static enum exit_status site_run(int argc, char **argv)
{
    return run(&site_command, site_options, argc, argv);
}

static enum exit_status export_run(int argc, char **argv);
static const struct cli_command export_command = {
    .name = "export",
    .summary = "regions, timelines, events and services as CSV or JSON; events as RSS, Atom or CAP",
    .help =
        "usage: dialtone-report export --data DIR --out DIR --as csv|json|rss|cap\n\n"
        "csv, json  regions, timeline, events and services, each as NAME.csv or NAME.json\n"
        "rss        the newest 1,000 events as events.rss (RSS 2.0) and events.atom\n"
        "cap        an alert in CAP 1.2 for each revision of an event that says something new, ID-REVISION.xml,\n"
        "           and alerts.xml, a feed of the newest of each; places of the lab are told as exercises\n\n"
        "example: dialtone-report export --data /var/lib/dialtone --out /tmp/export --as csv\n"
        "         dialtone-report export --data /var/lib/dialtone --out /tmp/alerts --as cap "
        "--public-url https://reports.example.org\n\n" EXIT_HELP,
    .run = export_run,
};
static enum exit_status export_run(int argc, char **argv)
{
    return run(&export_command, export_options, argc, argv);
}

int main(int argc, char **argv)
{
    static const struct cli_command *const commands[] = {&site_command, &export_command, NULL};
    static const struct cli_program program = {
        .name = "dialtone-report",
        .summary =
            "shows what a collector found: where, when and how the Internet was cut or interfered with",
        .examples = "  dialtone-report site --data collector-data --out site\n"
                    "  dialtone-report export --data collector-data --out export --as csv\n",
        .commands = commands,
    };
    return (int)cli_main(&program, argc, argv);
}
