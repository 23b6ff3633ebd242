/* dialtone-collector backup: a copy of the data folder, while it is in use.
 * Owner: nothing stays open.
 * Why: copying a database file under a writer gives a file that may not open. */
#include <stdio.h>

#include "collector/commands/commands.h"
#include "collector/maintain/maintain.h"

static const struct cli_option options[] = {
    {"data", "DIR", "the collector's data folder"},
    {"out", "DIR", "the copy; it must not exist yet, and appears when it is whole"},
    {0},
};

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    const char *data = NULL;
    struct maintain_copied copied;
    struct why why = {""};
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_backup, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    const char *out = cli_value(arguments, "out");
    if (command_data_folder(&command_backup, arguments, &data) != STATUS_OK) {
        goto done;
    }
    if (!out || !out[0] || cli_operand_count(arguments) > 0) {
        cli_fail(EXIT_USAGE, "backup: type --out DIR, a folder that does not exist yet");
        goto done;
    }
    status = maintain_copy(data, out, &copied, &why);
    if (status != STATUS_OK) {
        result = cli_fail(status == STATUS_CONFLICT ? EXIT_USAGE : exit_of_status(status), "%s",
                          why.text[0] ? why.text : status_name(status));
        goto done;
    }
    printf("copied %zu files, %lld bytes%s\n", copied.file_count, (long long)copied.byte_count,
           copied.has_rows ? ", and the store" : "; rows are in ClickHouse: back that up with its own means");
    result = EXIT_NOTHING_WRONG;
done:
    cli_free(arguments);
    return result;
}

const struct cli_command command_backup = {
    .name = "backup",
    .summary = "copy the data folder while a collector serves",
    .help = "usage: dialtone-collector backup --data DIR --out DIR\n"
            "\n"
            "The copy is the folder as it was at one moment: the store, every bundle that it names, keys and "
            "the rest.\n"
            "It holds the collector's secret key: keep it as you keep the folder. To restore, stop the "
            "collector and put\n"
            "the copy where the folder was. What was received after the copy is then missing; probes that "
            "hold a receipt\n"
            "for it do not send it again, so restore only what is lost otherwise.\n"
            "\n"
            "Exit status: 0 done; 2 usage, or the copy is there already; 3 it cannot be read or written.\n"
            "\n"
            "Example:\n"
            "  dialtone-collector backup --data /var/lib/dialtone --out /mnt/backup/dialtone-2026-11-21\n",
    .run = run,
};
