/* dialtone-probe keys: shows the probe's public key, or changes the key.
 * Owner: secret keys are wiped when the command ends.
 * Why: a pseudonym that was linked to a person must be replaceable without losing what is not yet sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "measurement/minisig.h"
#include "probe/commands/commands.h"
#include "probe/upload/enrol.h"
#include "probe/settings/options.h"
#include "probe/spool/spool.h"
#include "probe/state/state.h"
#include "tests-network/ladder/ladder.h"

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder of the probe"},
    {"format", "FORMAT", "text (default) or json"},
    {"collector", "URL", "enrol, link: the collector that is told"},
    {"invitation", "CODE", "enrol: the code that its operator gave you"},
    {"proxy", "URL", "enrol, link: such as socks5h://127.0.0.1:9050 (directly)"},
    {"ca-file", "FILE", "enrol, link: whom to trust (the system's)"},
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

static struct enrol_request request_of(const struct cli_arguments *arguments)
{
    return (struct enrol_request){.collector = cli_value(arguments, "collector"),
                                  .invitation = cli_value(arguments, "invitation"),
                                  .proxy = cli_value(arguments, "proxy"),
                                  .ca_file = cli_value(arguments, "ca-file")};
}

static enum exit_status keys_enrol(const char *folder, const struct cli_arguments *arguments)
{
    struct enrol_request request = request_of(arguments);
    struct clock clock = clock_system();
    struct why why = {0};
    struct secret_key key;
    enum status status = state_key_load(folder, &key, &why);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text[0] ? why.text : status_name(status));
    status = enrol_key(&request, &key, clock_wall_us(&clock), &why);
    secret_key_wipe(&key);
    if (status != STATUS_OK)
        return cli_fail(exit_of_status(status), "not enrolled: %s", why.text[0] ? why.text : status_name(status));
    printf("%s takes bundles of this key\n", request.collector);
    return EXIT_NOTHING_WRONG;
}

/* Tells the collector that two pseudonyms are one, because the volunteer says so. */
static enum exit_status keys_link(const char *path, const struct cli_arguments *arguments)
{
    struct enrol_request request = request_of(arguments);
    struct why why = {0};
    struct buffer text = {0}, minisig = {0}, name = {0};
    struct public_key old;
    json_t *root = NULL;
    buffer_printf(&name, "%s.minisig", path);
    char *minisig_path = buffer_take_text(&name);
    enum status status = minisig_path ? file_read(path, 4096, &text, &why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_read(minisig_path, MINISIG_BYTES_MAX, &minisig, &why);
    if (status == STATUS_OK)
        status = json_read((const char *)text.bytes, text.count, &root, &why);
    const char *key = status == STATUS_OK ? json_member_text(root, "old_key") : NULL;
    if (status == STATUS_OK && (!key || public_key_parse(key, &old) != STATUS_OK)) {
        why_set(&why, "%.200s is no statement of a changed key", path);
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK)
        status = enrol_rotation(&request, &old, text.bytes, text.count, minisig.bytes, minisig.count, &why);
    json_decref(root);
    free(minisig_path);
    buffer_free(&text);
    buffer_free(&minisig);
    if (status != STATUS_OK)
        return cli_fail(exit_of_status(status), "not linked: %s", why.text[0] ? why.text : status_name(status));
    printf("%s knows both keys as one probe's\n", request.collector);
    return EXIT_NOTHING_WRONG;
}

/* What the operands ask for; one line where they ask for nothing. */
static enum exit_status keys_act(const char *folder, const struct cli_arguments *arguments, enum options_format format)
{
    size_t count = cli_operand_count(arguments);
    const char *what = count > 0 ? cli_operand(arguments, 0) : "show";
    bool has_collector = cli_value(arguments, "collector") != NULL;
    if (count <= 1 && strcmp(what, "show") == 0)
        return keys_show(folder, format);
    if (count == 1 && strcmp(what, "rotate") == 0)
        return keys_change(folder, format);
    if (count == 1 && strcmp(what, "enrol") == 0 && has_collector)
        return keys_enrol(folder, arguments);
    if (count == 2 && strcmp(what, "link") == 0 && has_collector)
        return keys_link(cli_operand(arguments, 1), arguments);
    if (count == 1 && strcmp(what, "enrol") == 0)
        return cli_fail(EXIT_USAGE, "keys enrol needs a collector: type --collector https://collector.example.org");
    return cli_fail(EXIT_USAGE, "keys knows no \"%.100s\": type show, rotate, enrol, or link FILE --collector URL",
                    cli_operand(arguments, count - 1));
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
    if (!folder)
        cli_fail(EXIT_USAGE, "keys needs a folder: type dialtone-probe keys --state ~/.dialtone");
    else if (options_format(arguments, false, &format) == STATUS_OK)
        exit_status = keys_act(folder, arguments, format);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_keys = {
    .name = "keys",
    .summary = "shows the probe's public key, or changes the key",
    .help =
        "usage: dialtone-probe keys --state DIR [show|rotate]\n"
        "       dialtone-probe keys --state DIR enrol --collector URL [--invitation CODE] [--proxy URL]\n"
        "       dialtone-probe keys --state DIR link DIR/rotations/OLD-NEW.json --collector URL [--proxy URL]\n"
        "\n"
        "show prints the public key, in minisign's form, on standard output and the pseudonym on standard error.\n"
        "\n"
        "rotate makes a new key and with it a new pseudonym. What is not yet sealed is sealed with the old key\n"
        "first, and bundles that still wait go out under the old key. The old key signs a statement that names the\n"
        "new one, in DIR/rotations, and is then overwritten. The statement is sent to nobody. The daemon must be\n"
        "stopped.\n"
        "\n"
        "enrol tells a collector that takes bundles by invitation that this key would send. link hands on a statement of\n"
        "a changed key, so that the new pseudonym inherits the trust in the old one; whoever runs the collector then knows\n"
        "both as one. Both connect to the collector as uploads do: give --proxy where that must not be seen.\n"
        "\n"
        "exit status: 0 done; 2 usage, refused, no key, or the daemon runs; 3 our own failure; 4 not reached\n"
        "\n"
        "examples:\n"
        "  dialtone-probe keys --state ~/.dialtone\n"
        "  minisign -Vm BUNDLE.jsonl.zst -P \"$(dialtone-probe keys --state ~/.dialtone)\"\n"
        "  dialtone-probe keys --state ~/.dialtone rotate\n"
        "  dialtone-probe keys --state ~/.dialtone enrol --collector https://collector.example.org --invitation CODE\n",
    .run = keys_run,
};
