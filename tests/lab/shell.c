/* dialtone-lab shell: any program in a client's network of the emulated Internet.
 * Owner: a run owns its folder and its lab.
 * Why: whoever writes a rule or a test wants to look at it with curl, openssl and tcpdump. */
#include <stdio.h>
#include <stdlib.h>

#include "measurement/base/clock.h"
#include "tests/lab/internet.h"
#include "tests/lab/namespace.h"
#include "tests/lab/scenario_run.h"
#include "tests/lab/workspace.h"

#define WORDS_MAX 256
#define A_DAY_US  (INT64_C(86400) * US_PER_S)

struct shell_run {
    const struct cli_arguments *arguments;
    struct lab_client client;
    struct lab_plan plan;
};

static int shell_inside(void *arg)
{
    struct shell_run *run = arg;
    struct lab *lab = NULL;
    struct why why = {0};
    const char *argv[WORDS_MAX] = {"/bin/sh"};
    int exit_code = EXIT_OWN_FAILURE;
    size_t word_count = cli_operand_count(run->arguments);
    for (size_t i = 0; i < word_count && i + 1 < WORDS_MAX; i++)
        argv[i] = cli_operand(run->arguments, i);
    enum status status = lab_open(&run->plan, &lab, &why);
    const char *rule = NULL;
    for (size_t i = 0; status == STATUS_OK && (rule = cli_value_at(run->arguments, "rule", i)); i++)
        status = box_rule_add(lab_box(lab), (int64_t)i, UINT64_MAX, rule, NULL, &why);
    if (status == STATUS_OK) {
        struct child_plan plan = lab_child(lab, cli_value(run->arguments, "server") ? -1 : 0);
        plan.argv = argv;
        setenv("LAB", run->plan.folder, 1);
        status = child_run(&plan, A_DAY_US, &exit_code, &why);
    }
    lab_close(lab);
    if (status == STATUS_OK)
        return exit_code;
    fprintf(stderr, "dialtone-lab: %s\n", why.text[0] ? why.text : status_name(status));
    return status == STATUS_UNSUPPORTED ? EXIT_SKIPPED : (int)exit_of_status(status);
}

static const struct cli_option shell_options[] = {
    {"rule", "RULE", "a rule of the censor, in force from the start; may be given several times"},
    {"delay", "D", "one-way delay of the link (2ms)"},
    {"collector", NULL, "start a collector too"},
    {"without-tun", NULL, "carry packets over veth pairs, as where /dev/net/tun is closed to us"},
    {"server", NULL, "run the command among the servers instead of behind the censor"},
    {0},
};

static enum exit_status shell_command(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum status status = cli_parse(&command_shell, shell_options, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    struct shell_run run = {
        .arguments = arguments,
        .client = {.name = "probe",
                   .address = "130.192.91.211",
                   .gateway = "130.192.91.1",
                   .address6 = "2a01:e0a:91::211",
                   .gateway6 = "2a01:e0a:91::1",
                   .resolver = INTERNET_ISP_RESOLVER},
        .plan = {.client_count = 1,
                 .seed = 1,
                 .bin_us = 10 * US_PER_S,
                 .has_collector = cli_value(arguments, "collector") != NULL,
                 .avoids_tun = cli_value(arguments, "without-tun") != NULL},
    };
    struct why why = {0};
    char *folder = NULL;
    char *programs = programs_folder();
    int exit_code = EXIT_OWN_FAILURE;
    int64_t delay_us = 2 * US_PER_MS;
    status = cli_duration(arguments, "delay", 0, 10 * US_PER_S, &delay_us);
    run.client.up.delay_us = run.client.down.delay_us = delay_us;
    if (status == STATUS_OK)
        status = workspace_make(&folder, &why);
    run.plan.clients = &run.client;
    run.plan.folder = folder;
    run.plan.programs = programs;
    if (status == STATUS_OK)
        status = namespace_run(shell_inside, &run, &exit_code, &why);
    if (status == STATUS_UNSUPPORTED)
        exit_code = EXIT_SKIPPED;
    else if (status != STATUS_OK)
        exit_code = (int)exit_of_status(status);
    if (why.text[0])
        fprintf(stderr, "dialtone-lab: %s\n", why.text);
    workspace_clear(folder);
    free(folder);
    free(programs);
    cli_free(arguments);
    return (enum exit_status)exit_code;
}

const struct cli_command command_shell = {
    .name = "shell",
    .summary = "run a command in a client's network of the emulated Internet",
    .help =
        "usage: dialtone-lab shell [--rule RULE]... [--delay D] [--collector] [--server] [-- COMMAND...]\n\n"
        "Runs COMMAND (a shell without it) behind the censor; $LAB is the lab's folder with ca.pem. "
        "Examples:\n"
        "  dialtone-lab shell -- sh -c 'curl --cacert $LAB/ca.pem https://www.example.com/'\n"
        "  dialtone-lab shell --rule 'ResetTrafficForTLSSNI(SNI=\"www.example.com\")' -- curl "
        "https://www.example.com/\n"
        "Exit status: the command's; 77 where this system allows no namespaces.\n",
    .run = shell_command,
};
