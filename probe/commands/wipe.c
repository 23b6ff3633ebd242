/* dialtone-probe wipe: removes all that the probe keeps.
 * Owner: nothing is kept, by intent.
 * Why: a person may have a minute, and must know what the minute bought. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "probe/commands/commands.h"
#include "probe/state/state.h"
#include "probe/state/wipe.h"

#define RETYPED_WORD "wipe"

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder of the probe"},
    {"yes", NULL, "do not ask"},
    {0},
};

static bool person_agrees(const char *folder)
{
    char answer[16];
    fprintf(stderr,
            "This removes the probe in %s for good: its key, and with it the pseudonym; what was measured and not\n"
            "yet received; receipts, settings and consent. Type the word \"" RETYPED_WORD "\": ",
            folder);
    fflush(stderr);
    if (!fgets(answer, sizeof answer, stdin))
        return false;
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, RETYPED_WORD) == 0;
}

static enum exit_status wipe_do(const char *folder, bool is_agreed)
{
    struct wipe_counts counts = {0};
    struct why why = {0};
    int lock_fd = -1;
    if (!wipe_is_state(folder))
        return cli_fail(EXIT_USAGE, "%s is no probe's folder; nothing was removed. Look at --state", folder);
    if (!is_agreed && !person_agrees(folder))
        return cli_fail(EXIT_USAGE, "nothing was removed; type " RETYPED_WORD ", or give --yes");
    bool is_running = state_lock(folder, &lock_fd, NULL) == STATUS_BUSY;
    enum status status = wipe_state(folder, &counts, &why);
    if (lock_fd >= 0)
        close(lock_fd);
    printf("%lld files were overwritten and removed.\n"
           "Flash (SD cards, USB sticks, SSDs) and file systems that copy on write may keep old blocks that nobody can\n"
           "overwrite from here: only encryption of the whole disk, or destroying it, is sure. Backups, the log of the\n"
           "system and this terminal's history are not touched; nor is the program.\n",
           (long long)counts.removed_count);
    if (counts.foreign_count > 0)
        printf("%lld files in %s are not the probe's and were left.\n", (long long)counts.foreign_count, folder);
    if (is_running)
        fprintf(stderr, "The daemon still runs and holds its key in memory: stop it now.\n");
    if (status != STATUS_OK)
        return cli_fail(EXIT_OWN_FAILURE, "%lld things are still there: %s", (long long)counts.failed_count, why.text);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status wipe_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_wipe, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = EXIT_USAGE;
    const char *folder = cli_value(arguments, "state");
    if (!folder || cli_operand_count(arguments) > 0)
        cli_fail(EXIT_USAGE, "wipe needs the probe's folder and nothing else: type dialtone-probe wipe --state ~/.dialtone");
    else
        exit_status = wipe_do(folder, cli_value(arguments, "yes") != NULL);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_wipe = {
    .name = "wipe",
    .summary = "removes the probe's key, journal and bundles for good",
    .help = "usage: dialtone-probe wipe --state DIR [--yes]\n"
            "\n"
            "Overwrites and removes everything that the probe keeps in DIR, the key first, and DIR itself where nothing\n"
            "else is in it. It says what it cannot promise. What was already received by a collector stays there.\n"
            "\n"
            "exit status: 0 all is gone; 2 usage, no probe's folder, or not agreed; 3 something could not be removed\n"
            "\n"
            "examples:\n"
            "  dialtone-probe wipe --state ~/.dialtone\n",
    .run = wipe_run,
};
