/* dialtone-collector detect: judges every region again.
 * Owner: the data folder is open for the length of the command.
 * Why: a newer detector, or a test that stands at another time. */
#include <stdio.h>
#include <string.h>

#include "collector/commands/commands.h"
#include "collector/detect_run.h"
#include "collector/signal/signal_detect.h"
#include "measurement/base/clock.h"

static const struct cli_option options[] = {
    {"data", "DIR", "the collector's data folder"},
    {"signal", "FILE", "judge an outside series instead: CSV with time, region and value, or JSON of IODA or Radar"},
    {"format", "text|json", "how events of a signal are printed (text)"},
    {"now", "UTC", "judge as of this time, for example 2026-01-31T12:00:00Z (the newest measurement's)"},
    {0},
};

/* `now_us` NULL: as of the newest measurement. */
static enum exit_status detect_into(const char *data, const int64_t *now_us)
{
    struct collector_folder folder = {0};
    struct why why = {""};
    struct detect_counts count = {0};
    struct clock clock = clock_system();
    int64_t now_s = now_us ? *now_us / US_PER_S : 0;
    enum status status = collector_folder_open(data, 0, &folder, &why);
    if (status == STATUS_OK && !now_us) {
        status = detect_archive_now(&folder, clock_wall_us(&clock) / US_PER_S, &now_s, &why);
    }
    if (status == STATUS_OK) {
        status = detect_run(&folder, DETECT_ALL, now_s, &count, &why);
    }
    collector_folder_close(&folder);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "%s", why.text[0] ? why.text : status_name(status));
    }
    printf("judged %zu regions, rescored_bins=%zu\n", count.region_count, count.rescored_bin_count);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status signal_judge(const char *path, const char *format)
{
    struct why why = {""};
    bool is_json = format && strcmp(format, "json") == 0;
    if (format && !is_json && strcmp(format, "text") != 0) {
        return cli_fail(EXIT_USAGE, "--format \"%s\": type text or json", format);
    }
    enum status status = signal_detect(path, is_json, &why);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "%s: %s", path, why.text[0] ? why.text : status_name(status));
    }
    return EXIT_NOTHING_WRONG;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    const char *data = NULL;
    int64_t now_us = 0;
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_detect, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    const char *now = cli_value(arguments, "now");
    if (cli_value(arguments, "signal") && cli_operand_count(arguments) == 0) {
        result = signal_judge(cli_value(arguments, "signal"), cli_value(arguments, "format"));
        goto done;
    }
    if (command_data_folder(&command_detect, arguments, &data) != STATUS_OK) {
        goto done;
    }
    if (cli_operand_count(arguments) > 0) {
        cli_fail(EXIT_USAGE, "detect: it takes no file; type dialtone-collector detect --data %s", data);
        goto done;
    }
    if (now && time_parse(now, &now_us) != STATUS_OK) {
        cli_fail(EXIT_USAGE, "--now \"%s\": type a UTC time such as 2026-01-31T12:00:00Z", now);
        goto done;
    }
    result = detect_into(data, now ? &now_us : NULL);
done:
    cli_free(arguments);
    return result;
}

const struct cli_command command_detect = {
    .name = "detect",
    .summary = "judge every region again",
    .help = "usage: dialtone-collector detect --data DIR [--now UTC]\n"
            "       dialtone-collector detect --signal FILE [--format text|json]\n"
            "\n"
            "Runs the detector over all that is stored. Events that change get a new revision; none is "
            "overwritten.\n"
            "\n"
            "With --signal it looks for falls in a bare series (IODA, Google traffic, Cloudflare Radar, daily counts) "
            "against\n"
            "the same hour of past days and weeks. Such a series shows that something fell, never why.\n"
            "\n"
            "Exit status: 0 done; 1 the signal is malformed; 2 usage; 3 the data folder cannot be read or written.\n"
            "\n"
            "Example:\n"
            "  dialtone-collector detect --data /var/lib/dialtone\n",
    .run = run,
};
