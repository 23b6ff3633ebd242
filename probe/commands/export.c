/* dialtone-probe export: writes the waiting bundles to a stick for a courier.
 * Owner: nothing is kept.
 * Why: a shutdown that lasts is told by hand or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "probe/commands/commands.h"
#include "probe/spool/export.h"
#include "probe/state/state.h"
#include "tests-network/ladder/ladder.h"

#define README_NAME "README-COURIER.txt"

extern const char courier_text[]; /* probe/consent/courier.txt */

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder of the probe"},
    {"seal-to", "RECIPIENT", "seal what is not yet sealed to this key, age1..."},
    {"in-the-open", NULL, "write what cannot be sealed too, readable for whoever takes the stick"},
    {"no-readme", NULL, "write no " README_NAME ": what is on the stick then explains itself less"},
    {0},
};

struct exporting {
    const char *state_folder;
    const char *folder;
    bool has_recipient;
    struct age_recipient recipient;
    bool in_the_open;
    bool no_readme;
};

static enum status recipient_find(const struct cli_arguments *arguments, struct exporting *exporting)
{
    const char *text = cli_value(arguments, "seal-to");
    enum status status;
    if (text) {
        status = age_recipient_parse(text, &exporting->recipient);
        if (status != STATUS_OK)
            return cli_complain(arguments, "seal-to", text, "type the collector's recipient, age1...");
    } else {
        status = state_recipient_read(exporting->state_folder, &exporting->recipient, NULL);
    }
    exporting->has_recipient = status == STATUS_OK;
    return STATUS_OK;
}

/* Where no daemon runs, lines that are in no bundle yet are made one first. */
static enum status pending_finish(const struct exporting *exporting, struct why *why)
{
    struct secret_key key;
    struct spool *spool = NULL;
    char boot_id[LADDER_BOOT_BYTES];
    int lock_fd = -1;
    enum status status = state_lock(exporting->state_folder, &lock_fd, why);
    if (status != STATUS_OK)
        return status == STATUS_BUSY ? STATUS_OK : status;
    status = state_key_load(exporting->state_folder, &key, why);
    if (status == STATUS_OK) {
        ladder_boot_id_read(boot_id);
        status = spool_open(exporting->state_folder, &key, boot_id[0] ? boot_id : "unknown", SPOOL_LIMIT_DEFAULT_BYTES,
                            &spool, why);
        if (status == STATUS_OK && exporting->has_recipient)
            status = spool_seal_to(spool, &exporting->recipient, why);
        if (status == STATUS_OK)
            status = spool_seal(spool, why);
        spool_free(spool);
        secret_key_wipe(&key);
    }
    close(lock_fd);
    return status;
}

static enum status readme_write(const char *folder, struct why *why)
{
    char *path = path_join(folder, README_NAME);
    enum status status = path ? file_publish(path, courier_text, strlen(courier_text), 0644, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

static void outcome_print(const struct exporting *exporting, const struct export_counts *counts)
{
    printf("%lld bundles are in %s. They stay here too, until their receipts come back:\n"
           "dialtone-probe import-receipts --state %s RECEIPTS\n",
           (long long)counts->written_count, exporting->folder, exporting->state_folder);
    if (counts->unsealed_count > 0 && exporting->in_the_open)
        fprintf(stderr, "%lld of them are NOT sealed: whoever takes the stick can read them.\n",
                (long long)counts->unsealed_count);
}

static enum exit_status export_do(const struct exporting *exporting)
{
    struct export_counts counts = {0};
    struct spool *spool = NULL;
    struct why why = {0};
    enum status status = pending_finish(exporting, &why);
    if (status == STATUS_OK)
        status = spool_view(exporting->state_folder, &spool, &why);
    if (status == STATUS_OK)
        status = folder_make(exporting->folder, 0755, &why);
    if (status == STATUS_OK)
        status = export_bundles(spool, exporting->folder, exporting->has_recipient ? &exporting->recipient : NULL,
                                exporting->in_the_open, &counts, &why);
    if (status == STATUS_OK && !exporting->no_readme)
        status = readme_write(exporting->folder, &why);
    spool_free(spool);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text[0] ? why.text : status_name(status));
    outcome_print(exporting, &counts);
    if (counts.unsealed_count > 0 && !exporting->in_the_open)
        return cli_fail(EXIT_USAGE, "%lld bundles were left out: nobody has told whom to seal them to; type --seal-to "
                                    "age1... with the collector's recipient, or --in-the-open",
                        (long long)counts.unsealed_count);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status export_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_export, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    struct exporting exporting = {
        .state_folder = cli_value(arguments, "state"),
        .folder = cli_operand(arguments, 0),
        .in_the_open = cli_value(arguments, "in-the-open") != NULL,
        .no_readme = cli_value(arguments, "no-readme") != NULL,
    };
    enum exit_status exit_status = EXIT_USAGE;
    if (!exporting.state_folder || cli_operand_count(arguments) != 1)
        cli_fail(EXIT_USAGE, "export needs the probe's folder and one for the courier: type dialtone-probe export "
                             "--state ~/.dialtone /media/stick/dialtone");
    else if (recipient_find(arguments, &exporting) == STATUS_OK)
        exit_status = export_do(&exporting);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_export = {
    .name = "export",
    .summary = "writes the waiting bundles to a stick, for a courier",
    .help = "usage: dialtone-probe export --state DIR FOLDER\n"
            "\n"
            "Writes each bundle that waits for its receipt to FOLDER, sealed to the collector's key, and a README for\n"
            "the courier in seven languages. The daemon may run meanwhile; where it does, lines of the last minutes\n"
            "that are in no bundle yet stay behind. Bundles are marked as exported, and deleted only when their\n"
            "receipt comes: over the network, or by dialtone-probe import-receipts.\n"
            "\n"
            "exit status: 0 written; 2 usage, or something could not be sealed and was left out; 3 our own failure\n"
            "\n"
            "examples:\n"
            "  dialtone-probe export --state ~/.dialtone /media/stick/dialtone\n"
            "  dialtone-probe export --state ~/.dialtone --seal-to age1... --no-readme /media/stick/x\n",
    .run = export_run,
};
