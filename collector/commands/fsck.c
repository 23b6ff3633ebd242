/* dialtone-collector fsck: whether the data folder is whole.
 * Owner: nothing stays open.
 * Why: a disk loses bits silently, and evidence must not. */
#include <stdio.h>

#include "collector/commands/commands.h"
#include "collector/maintain/maintain.h"

static const struct cli_option options[] = {
    {"data", "DIR", "the collector's data folder"},
    {0},
};

static enum status finding_print(const char *finding, void *arg)
{
    (void)arg;
    return puts(finding) >= 0 ? STATUS_OK : STATUS_IO;
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    const char *data = NULL;
    struct maintain_checked checked;
    struct why why = {""};
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_fsck, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    if (command_data_folder(&command_fsck, arguments, &data) != STATUS_OK) {
        goto done;
    }
    if (cli_operand_count(arguments) > 0) {
        cli_fail(EXIT_USAGE, "fsck: it takes no file; type dialtone-collector fsck --data %s", data);
        goto done;
    }
    status = maintain_check(data, finding_print, NULL, &checked, &why);
    if (status != STATUS_OK) {
        /* A store of another version is not damaged. */
        result = cli_fail(status == STATUS_CONFLICT ? EXIT_USAGE : exit_of_status(status), "%s",
                          why.text[0] ? why.text : status_name(status));
        goto done;
    }
    printf("%zu bundles: %zu damaged, %zu left over\n", checked.bundle_count, checked.damage_count,
           checked.leftover_count);
    result = checked.damage_count > 0 ? EXIT_FOUND : EXIT_NOTHING_WRONG;
done:
    cli_free(arguments);
    return result;
}

const struct cli_command command_fsck = {
    .name = "fsck",
    .summary = "check that the data folder is whole",
    .help = "usage: dialtone-collector fsck --data DIR\n"
            "\n"
            "Reads every raw bundle, compares its hash and verifies its signature, looks for rows without a bundle and for\n"
            "gaps in the log, holds the log to every checkpoint that was signed, and recomputes from the measurements what\n"
            "timelines are made of. It changes nothing, and may run beside a collector that serves; a bundle that arrives meanwhile can then be told as a leftover.\n"
            "Each finding is a line: \"damage: ...\" or \"leftover: ...\"; the latter is harmless.\n"
            "\n"
            "Exit status: 0 nothing is damaged; 1 something is; 2 usage; 3 the data folder cannot be read.\n"
            "\n"
            "Example:\n"
            "  dialtone-collector fsck --data /var/lib/dialtone\n",
    .run = run,
};
