/* dialtone-probe consent: tells the risks of hosting a probe in plain words and takes the person's answer.
 * Owner: nothing is kept; the key's secret half is wiped from memory.
 * Why: a probe that endangers its host without their knowledge must not exist. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "probe/commands.h"
#include "probe/state.h"

#define RETYPED_WORD "volunteer"

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder that the probe keeps its key and journal in"},
    {"yes-i-understand-the-risks", NULL, "agree without being asked: for who has read the text before"},
    {0},
};

static const char risks[] =
    "Hosting a Dialtone probe\n"
    "\n"
    "What it does. Around the clock this machine checks whether the Internet works, and some times a day it opens\n"
    "a list of web pages. What it finds is written to this machine's disk, signed with a key that is made now, and\n"
    "sent to the collector that you name. There it becomes part of a public record of shutdowns and blocking.\n"
    "\n"
    "Who can see it. Your Internet provider, and anyone who watches your network, can see that this machine opens\n"
    "these pages, some of which may be blocked or unwelcome where you are, and that it talks to the collector.\n"
    "Whoever takes this machine can see that it hosts a probe, and what it has not yet sent.\n"
    "\n"
    "What is published. The time, the pages, what happened to them, your country, the region and the network that\n"
    "you declare, and a pseudonym: the key's name. Not your name, and not your Internet address: the probe takes\n"
    "it out of what it writes, and the collector does not write it down. Your provider still knows who you are.\n"
    "\n"
    "What it can cost. In some places measuring the network, or opening certain pages, is against the law, or is\n"
    "held against people without any law. Nobody can promise that you will not be harmed. If you do not know how\n"
    "it is where you are, ask somebody you trust who does, and do not host a probe until you know. It also uses\n"
    "some megabytes of data a day.\n"
    "\n"
    "You can stop at any time: stop the program and delete its folder. What was published stays published.\n"
    "\n";

/* The typed line without its end; false at the end of input. */
static bool answer_read(const char *question, char *out, size_t out_bytes)
{
    fputs(question, stderr);
    fflush(stderr);
    if (!fgets(out, (int)out_bytes, stdin))
        return false;
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

static bool person_agrees(void)
{
    char answer[64];
    fputs(risks, stderr);
    if (!answer_read("Have you read this, and do you want to host a probe? Type yes or no: ", answer, sizeof answer) ||
        strcasecmp(answer, "yes") != 0)
        return false;
    return answer_read("To make sure, type the word \"" RETYPED_WORD "\": ", answer, sizeof answer) &&
           strcasecmp(answer, RETYPED_WORD) == 0;
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
    if (!cli_value(arguments, "yes-i-understand-the-risks") && !person_agrees())
        return cli_fail(EXIT_USAGE, "no consent was given and nothing was written; "
                                    "type yes, then %s, to host a probe", RETYPED_WORD);
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
        "usage: dialtone-probe consent --state DIR\n"
        "\n"
        "Shows what hosting a probe means, asks twice, and on agreement makes the folder (0700), the probe's key\n"
        "(DIR/key.pem, 0600) and the record of the consent (DIR/consent.json). The daemon does not run without.\n"
        "The key never leaves this machine; its name is the probe's pseudonym. To take consent back, stop the\n"
        "daemon and delete DIR.\n"
        "\n"
        "exit status: 0 consent is recorded; 2 it was not given, or usage; 3 our own failure\n"
        "\n"
        "examples:\n"
        "  dialtone-probe consent --state ~/.dialtone\n"
        "  dialtone-probe consent --state /var/lib/dialtone --yes-i-understand-the-risks\n",
    .run = consent_run,
};
