/* dialtone-probe keys: shows the probe's public key, or changes the key.
 * Owner: secret keys are wiped when the command ends.
 * Why: a pseudonym that was linked to a person must be replaceable without losing what is not yet sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "probe/commands.h"
#include "probe/options.h"
#include "probe/spool.h"
#include "probe/state.h"
#include "tests-network/ladder/ladder.h"

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder of the probe"},
    {"format", "FORMAT", "text (default) or json"},
    {0},
};

/* The key alone on standard output, so that it can stand in a command line. */
static void key_print(const struct public_key *key, enum options_format format)
{
    char text[PUBLIC_KEY_TEXT_BYTES], name[KEY_NAME_BYTES];
    public_key_format(key, text);
    public_key_name(key, name);
    if (format == FORMAT_JSON) {
        printf("{\"public_key\":\"%s\",\"pseudonym\":\"%s\"}\n", text, name);
        return;
    }
    printf("%s\n", text);
    fflush(stdout);
    fprintf(stderr, "pseudonym: %s\n", name);
}

/* Seals what is pending with the old key, so that every line is signed by the key it was measured under. */
static enum status spool_finish(const char *folder, const struct secret_key *key, struct why *why)
{
    struct spool *spool = NULL;
    char boot_id[LADDER_BOOT_BYTES];
    ladder_boot_id_read(boot_id);
    enum status status =
        spool_open(folder, key, boot_id[0] ? boot_id : "unknown", SPOOL_LIMIT_DEFAULT_BYTES, &spool, why);
    if (status == STATUS_OK)
        status = spool_seal(spool, why);
    spool_free(spool);
    return status;
}

/* STATE/rotations/OLD-NEW.json and its .minisig by the old key. */
static enum status statement_publish(const char *folder, const struct secret_key *old, const struct secret_key *new,
                                     struct why *why)
{
    struct clock clock = clock_system();
    char old_text[PUBLIC_KEY_TEXT_BYTES], new_text[PUBLIC_KEY_TEXT_BYTES], when[TIME_TEXT_BYTES];
    char old_name[KEY_NAME_BYTES], new_name[KEY_NAME_BYTES];
    struct buffer text = {0}, minisig = {0};
    char *rotations = path_join(folder, "rotations"), *path = NULL, *minisig_path = NULL;
    public_key_format(&old->public_key, old_text);
    public_key_format(&new->public_key, new_text);
    public_key_name(&old->public_key, old_name);
    public_key_name(&new->public_key, new_name);
    time_format_utc(clock_wall_us(&clock), when);
    buffer_printf(&text, "{\"dialtone_rotation\":1,\"old_key\":\"%s\",\"new_key\":\"%s\",\"time\":\"%s\"}\n", old_text,
                  new_text, when);
    if (asprintf(&path, "%s/rotations/%s-%s.json", folder, old_name, new_name) < 0)
        path = NULL;
    if (path && asprintf(&minisig_path, "%s.minisig", path) < 0)
        minisig_path = NULL;
    enum status status = rotations && minisig_path && !text.failed ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = folder_make(rotations, 0700, why);
    if (status == STATUS_OK)
        status = minisig_sign(old, text.bytes, text.count, "dialtone rotation", &minisig);
    if (status == STATUS_OK)
        status = file_publish(path, text.bytes, text.count, 0600, why);
    if (status == STATUS_OK)
        status = file_publish(minisig_path, minisig.bytes, minisig.count, 0600, why);
    buffer_free(&text);
    buffer_free(&minisig);
    free(rotations);
    free(path);
    free(minisig_path);
    return status;
}

/* Until the new key is saved, the old one holds: a statement without its key is only a file. */
static enum status key_rotate(const char *folder, const struct secret_key *old, struct public_key *out, struct why *why)
{
    struct random_source random = random_system();
    struct secret_key new;
    enum status status = key_make(&random, &new);
    if (status != STATUS_OK)
        return status;
    status = spool_finish(folder, old, why);
    if (status == STATUS_OK)
        status = statement_publish(folder, old, &new, why);
    if (status == STATUS_OK)
        status = state_key_save(folder, &new, why);
    *out = new.public_key;
    secret_key_wipe(&new);
    return status;
}

static enum exit_status keys_change(const char *folder, enum options_format format)
{
    struct why why = {0};
    struct secret_key old;
    struct public_key fresh;
    int lock_fd = -1;
    enum status status = state_lock(folder, &lock_fd, &why);
    if (status == STATUS_OK)
        status = state_key_load(folder, &old, &why);
    if (status == STATUS_OK) {
        status = key_rotate(folder, &old, &fresh, &why);
        secret_key_wipe(&old);
    }
    if (lock_fd >= 0)
        close(lock_fd);
    if (status == STATUS_BUSY)
        return cli_fail(EXIT_USAGE, "%s", why.text);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "the key was not changed: %s",
                        why.text[0] ? why.text : status_name(status));
    key_print(&fresh, format);
    fprintf(stderr, "The old key signed the change; the statement is in %s/rotations. It is not sent: keep it, or\n"
                    "give it to the collector's people, if both pseudonyms may be known as one.\n", folder);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status keys_show(const char *folder, enum options_format format)
{
    struct why why = {0};
    struct secret_key key;
    enum status status = state_key_load(folder, &key, &why);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text[0] ? why.text : status_name(status));
    key_print(&key.public_key, format);
    secret_key_wipe(&key);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status keys_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum options_format format = FORMAT_TEXT;
    enum status status = cli_parse(&command_keys, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = EXIT_USAGE;
    const char *folder = cli_value(arguments, "state");
    const char *what = cli_operand_count(arguments) > 0 ? cli_operand(arguments, 0) : "show";
    if (!folder)
        cli_fail(EXIT_USAGE, "keys needs a folder: type dialtone-probe keys --state ~/.dialtone");
    else if (cli_operand_count(arguments) > 1 || (strcmp(what, "show") != 0 && strcmp(what, "rotate") != 0))
        cli_fail(EXIT_USAGE, "keys knows no \"%.100s\": type show or rotate",
                 cli_operand(arguments, cli_operand_count(arguments) - 1));
    else if (options_format(arguments, false, &format) == STATUS_OK)
        exit_status = strcmp(what, "rotate") == 0 ? keys_change(folder, format) : keys_show(folder, format);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_keys = {
    .name = "keys",
    .summary = "shows the probe's public key, or changes the key",
    .help =
        "usage: dialtone-probe keys --state DIR [show|rotate]\n"
        "\n"
        "show prints the public key, in minisign's form, on standard output and the pseudonym on standard error.\n"
        "\n"
        "rotate makes a new key and with it a new pseudonym. What is not yet sealed is sealed with the old key\n"
        "first, and bundles that still wait go out under the old key. The old key signs a statement that names the\n"
        "new one, in DIR/rotations, and is then overwritten. The statement is sent to nobody. The daemon must be\n"
        "stopped.\n"
        "\n"
        "exit status: 0 done; 2 usage, no key, or the daemon runs; 3 our own failure\n"
        "\n"
        "examples:\n"
        "  dialtone-probe keys --state ~/.dialtone\n"
        "  minisign -Vm BUNDLE.jsonl.zst -P \"$(dialtone-probe keys --state ~/.dialtone)\"\n"
        "  dialtone-probe keys --state ~/.dialtone rotate\n",
    .run = keys_run,
};
