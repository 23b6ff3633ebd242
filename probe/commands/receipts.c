/* dialtone-probe import-receipts: takes the receipts that a courier brought back.
 * Owner: nothing is kept.
 * Why: what reached the collector by hand need not fill a volunteer's disk any longer. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "measurement/base/file.h"
#include "probe/commands/commands.h"
#include "probe/spool/export.h"
#include "probe/state/state.h"

#define RECEIPTS_BYTES_MAX (16u << 20)

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder of the probe"},
    {"collector-key", "KEY", "trust receipts of this key, where the probe has not met its collector yet"},
    {0},
};

struct importing {
    const struct spool *spool;
    const char *state_folder;
    struct public_key collector;
    struct import_receipt_counts counts;
};

static enum status file_import(struct importing *importing, const char *path, struct why *why)
{
    struct buffer text = {0};
    enum status status = file_read(path, RECEIPTS_BYTES_MAX, &text, why);
    if (status == STATUS_OK)
        status = export_receipts_take(importing->spool, importing->state_folder, text.bytes, text.count,
                                      &importing->collector, &importing->counts, why);
    buffer_free(&text);
    return status;
}

static bool is_receipts(const char *name)
{
    const char *ending = strrchr(name, '.');
    return name[0] != '.' && ending && (strcmp(ending, ".json") == 0 || strcmp(ending, ".jsonl") == 0);
}

static enum status folder_import(struct importing *importing, const char *folder, struct why *why)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    enum status status = STATUS_OK;
    if (!directory) {
        why_set(why, "cannot read %s: %s; check the path", folder, strerror(errno));
        return STATUS_NOT_FOUND;
    }
    while (status == STATUS_OK && (entry = readdir(directory))) {
        if (!is_receipts(entry->d_name))
            continue;
        char *path = path_join(folder, entry->d_name);
        status = path ? file_import(importing, path, why) : STATUS_NO_MEMORY;
        free(path);
    }
    closedir(directory);
    return status;
}

static enum status all_import(struct importing *importing, const struct cli_arguments *arguments, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < cli_operand_count(arguments) && status == STATUS_OK; i++) {
        struct stat found;
        const char *path = cli_operand(arguments, i);
        bool is_folder = stat(path, &found) == 0 && S_ISDIR(found.st_mode);
        status = is_folder ? folder_import(importing, path, why) : file_import(importing, path, why);
    }
    return status;
}

static enum status collector_find(const struct cli_arguments *arguments, struct importing *importing, struct why *why)
{
    const char *text = cli_value(arguments, "collector-key");
    if (text)
        return public_key_parse(text, &importing->collector) == STATUS_OK
                   ? STATUS_OK
                   : cli_complain(arguments, "collector-key", text, "type the collector's public key as minisign writes it");
    enum status status = state_collector_read(importing->state_folder, &importing->collector, why);
    if (status == STATUS_NOT_FOUND)
        why_set(why, "this probe has not met its collector, so it cannot tell whose receipts count; give the "
                     "collector's public key with --collector-key");
    return status;
}

static enum exit_status receipts_import(const struct cli_arguments *arguments)
{
    struct importing importing = {.state_folder = cli_value(arguments, "state")};
    struct spool *spool = NULL;
    struct why why = {0};
    enum status status = collector_find(arguments, &importing, &why);
    if (status == STATUS_USAGE)
        return EXIT_USAGE;
    if (status == STATUS_OK)
        status = spool_view(importing.state_folder, &spool, &why);
    importing.spool = spool;
    if (status == STATUS_OK)
        status = all_import(&importing, arguments, &why);
    spool_free(spool);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text[0] ? why.text : status_name(status));
    printf("%lld bundles were receipted and deleted, %lld receipts are of bundles that are not here any more\n",
           (long long)importing.counts.removed_count, (long long)importing.counts.unknown_count);
    if (importing.counts.rejected_count > 0)
        return cli_fail(EXIT_FOUND, "%lld lines are no receipts of this probe's collector; ask its people",
                        (long long)importing.counts.rejected_count);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status receipts_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_receipts, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = EXIT_USAGE;
    if (!cli_value(arguments, "state") || cli_operand_count(arguments) == 0)
        cli_fail(EXIT_USAGE, "import-receipts needs the probe's folder and receipts: type dialtone-probe import-receipts "
                             "--state ~/.dialtone /media/stick/receipts");
    else
        exit_status = receipts_import(arguments);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_receipts = {
    .name = "import-receipts",
    .summary = "takes receipts that a courier brought back",
    .help = "usage: dialtone-probe import-receipts --state DIR FILE|FOLDER...\n"
            "\n"
            "Reads receipts, a JSON object a line, from files or from the .json and .jsonl files of a folder, as\n"
            "dialtone-collector import --receipts writes them. Each one that the probe's collector signed is kept in\n"
            "DIR/receipts.jsonl, and its bundle is deleted. The daemon may run meanwhile.\n"
            "\n"
            "exit status: 0 all were receipts; 1 some were not the collector's; 2 usage; 3 our own failure\n"
            "\n"
            "examples:\n"
            "  dialtone-probe import-receipts --state ~/.dialtone /media/stick/receipts\n",
    .run = receipts_run,
};
