/* dialtone-collector prune: forgets single measurements and raw bundles after a while.
 * Owner: the data folder is open for the length of the command.
 * Why: what nobody holds any more, nobody can be made to hand over. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/commands/commands.h"
#include "collector/maintain/maintain.h"
#include "measurement/base/clock.h"

#define DAYS_MOST 36500
#define DAY_US    (INT64_C(86400) * US_PER_S)

static const struct cli_option options[] = {
    {"data", "DIR", "the collector's data folder"},
    {"raw-days", "N", "keep raw bundles and single measurements this long"},
    {0},
};

static bool days_read(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long days = text ? strtoll(text, &end, 10) : 0;
    *out = days;
    return text && text[0] && !*end && errno == 0 && days >= 1 && days <= DAYS_MOST;
}

static enum exit_status prune_into(const char *data, int64_t days)
{
    struct collector_folder folder = {0};
    struct maintain_pruned pruned;
    struct clock clock = clock_system();
    struct why why = {""};
    enum status status = collector_folder_open(data, 0, &folder, &why);
    if (status == STATUS_OK) {
        status = maintain_prune(&folder, clock_wall_us(&clock) - days * DAY_US, &pruned, &why);
    }
    collector_folder_close(&folder);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "%s", why.text[0] ? why.text : status_name(status));
    }
    printf("forgot %lld measurements, removed %zu files of %lld bytes%s\n",
           (long long)pruned.measurement_count, pruned.file_count, (long long)pruned.byte_count,
           pruned.has_rows ? "" : "; ClickHouse keeps its rows, which timelines are made of");
    return EXIT_NOTHING_WRONG;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    const char *data = NULL;
    int64_t days = 0;
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_prune, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    if (command_data_folder(&command_prune, arguments, &data) != STATUS_OK) {
        goto done;
    }
    if (!days_read(cli_value(arguments, "raw-days"), &days) || cli_operand_count(arguments) > 0) {
        cli_fail(EXIT_USAGE, "prune: type --raw-days N, from 1 to %d", DAYS_MOST);
        goto done;
    }
    result = prune_into(data, days);
done:
    cli_free(arguments);
    return result;
}

const struct cli_command command_prune = {
    .name = "prune",
    .summary = "forget raw bundles and single measurements after a while",
    .help = "usage: dialtone-collector prune --data DIR --raw-days N\n"
            "\n"
            "Measurements of more than N days ago are forgotten, and raw bundles that ended and were "
            "received before\n"
            "then are removed. Timelines, events, receipts and the evidence log stay; the evidence behind "
            "old events is\n"
            "gone. It may run beside a collector that serves.\n"
            "\n"
            "What arrives later about a time that was pruned is stored, and not counted in timelines: it "
            "cannot be told\n"
            "any more from what was counted. So keep N larger than the longest time that a probe may be "
            "offline.\n"
            "\n"
            "Exit status: 0 done; 2 usage; 3 the data folder cannot be written.\n"
            "\n"
            "Example:\n"
            "  dialtone-collector prune --data /var/lib/dialtone --raw-days 365\n",
    .run = run,
};
