/* dialtone-probe consent: tells the risks of hosting a probe in plain words and takes the person's answer.
 * Owner: nothing is kept; the key's secret half is wiped from memory.
 * Why: a probe that endangers its host without their knowledge must not exist. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "probe/commands/commands.h"
#include "probe/consent/consent_text.h"
#include "probe/state/state.h"
#include "probe/state/wipe.h"

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder that the probe keeps its key and journal in"},
    {"language", "CODE", "the language of the text: en, fr, ar, es, ru, uk, sw (the environment's)"},
    {"yes-i-understand-the-risks", NULL, "agree without being asked: for who has read the text before"},
    {0},
};

static void part_print(const struct reader *part, const char *end)
{
    fprintf(stderr, "%.*s%s", (int)part->left_bytes, (const char *)part->bytes, end);
    fflush(stderr);
}

/* The typed line; false at the end of input. */
static bool answer_read(const struct reader *question, char *out, size_t out_bytes)
{
    part_print(question, " ");
    return fgets(out, (int)out_bytes, stdin) != NULL;
}

/* 1. The text. 2. Two questions that only who understood it answers rightly. 3. The word. */
static bool person_agrees(const struct consent_text *text)
{
    const struct {
        const struct reader *question, *right;
    } steps[] = {{&text->seen, &text->yes}, {&text->safe, &text->no}, {&text->agree, &text->word}};
    const size_t count = sizeof steps / sizeof steps[0];
    char answer[128];
    part_print(&text->text, "\n\n");
    for (size_t i = 0; i < count; i++) {
        if (!answer_read(steps[i].question, answer, sizeof answer))
            return false;
        if (!consent_answer_is(answer, steps[i].right)) {
            if (i + 1 < count)
                part_print(&text->wrong, "\n");
            return false;
        }
    }
    return true;
}

static enum status text_choose(const struct cli_arguments *arguments, struct consent_text *out)
{
    const char *given = cli_value(arguments, "language");
    const char *language = given ? given : consent_language(getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG"));
    enum status status = consent_text_find(language, out);
    if (status == STATUS_NOT_FOUND)
        cli_fail(EXIT_USAGE, "--language \"%.20s\": the text is there in %s", language, consent_languages);
    return status;
}

static enum status key_ensure(const char *folder, char out_name[KEY_NAME_BYTES], struct why *why)
{
    struct secret_key key;
    struct random_source random = random_system();
    bool has_key = state_has_key(folder);
    enum status status = has_key ? state_key_load(folder, &key, why) : key_make(&random, &key);
    if (status != STATUS_OK)
        return status;
    if (!has_key)
        status = state_key_save(folder, &key, why);
    public_key_name(&key.public_key, out_name);
    secret_key_wipe(&key);
    return status;
}

static enum status consent_write(const char *folder, char out_name[KEY_NAME_BYTES], struct why *why)
{
    struct clock clock = clock_system();
    enum status status = folder_make(folder, 0700, why);
    if (status == STATUS_OK && chmod(folder, 0700) != 0) {
        why_set(why, "cannot close %s to others; give a folder of your own", folder);
        status = STATUS_IO;
    }
    if (status == STATUS_OK)
        status = key_ensure(folder, out_name, why);
    /* Last, so that a consent without a key cannot be. */
    if (status == STATUS_OK)
        status = state_consent_publish(folder, clock_wall_us(&clock), why);
    return status;
}

static enum exit_status consent_give(const struct cli_arguments *arguments)
{
    const char *folder = cli_value(arguments, "state");
    char name[KEY_NAME_BYTES] = "";
    struct consent_text text;
    struct why why = {0};
    if (!folder || !folder[0])
        return cli_fail(EXIT_USAGE, "consent needs a folder: type dialtone-probe consent --state ~/.dialtone");
    if (cli_operand_count(arguments) > 0)
        return cli_fail(EXIT_USAGE, "consent takes no \"%.100s\": type dialtone-probe consent --state DIR",
                        cli_operand(arguments, 0));
    if (state_consent_check(folder, NULL) == STATUS_OK && state_has_key(folder)) {
        printf("Consent was given before; nothing was changed in %s.\n", folder);
        return EXIT_NOTHING_WRONG;
    }
    if (text_choose(arguments, &text) != STATUS_OK)
        return EXIT_USAGE;
    if (!wipe_is_free(folder))
        return cli_fail(EXIT_USAGE, "%s holds other files: give a folder for the probe alone; nothing was changed", folder);
    if (!cli_value(arguments, "yes-i-understand-the-risks") && !person_agrees(&text))
        return cli_fail(EXIT_USAGE, "no consent was given and nothing was written; type the command again when you "
                                    "have decided");
    enum status status = consent_write(folder, name, &why);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s",
                        why.text[0] ? why.text : "cannot make a key; look at the system's random source");
    printf("Consent is recorded in %s. This probe's pseudonym is %s.\n", folder, name);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status consent_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_consent, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = consent_give(arguments);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_consent = {
    .name = "consent",
    .summary = "tells the risks of hosting a probe, and makes its key",
    .help =
        "usage: dialtone-probe consent --state DIR [--language CODE]\n"
        "\n"
        "Shows what hosting a probe means, asks two questions to be sure that it was understood, and on agreement\n"
        "makes the folder (0700), the probe's key (DIR/key.pem, 0600) and the record of the consent\n"
        "(DIR/consent.json). The daemon does not run without.\n"
        "The key never leaves this machine; its name is the probe's pseudonym. To take consent back, stop the\n"
        "daemon and type dialtone-probe wipe.\n"
        "\n"
        "exit status: 0 consent is recorded; 2 it was not given, or usage; 3 our own failure\n"
        "\n"
        "examples:\n"
        "  dialtone-probe consent --state ~/.dialtone\n"
        "  dialtone-probe consent --state /var/lib/dialtone --yes-i-understand-the-risks\n",
    .run = consent_run,
};
