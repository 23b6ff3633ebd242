/* dialtone-lab: an emulated Internet on one machine.
 * Owner: each command frees what it makes.
 * Why: a verdict is worth what the lab, whose truth is known, says about it. */
#include <stdio.h>

#include "measurement/base/cli.h"
#include "tests/lab/clean.h"
#include "tests/lab/demo.h"
#include "tests/lab/reference.h"
#include "tests/lab/scenario_run.h"
#include "tests/lab/soak.h"
#include "tests/lab/zone.h"

static enum exit_status rules_command(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return cli_fail(EXIT_USAGE, "dialtone-lab rules takes no arguments");
    for (size_t i = 0; rule_kinds[i]; i++)
        printf("%s\n", rule_kinds[i]->summary);
    for (size_t i = 0; zone_verbs[i]; i++)
        printf("%s\n", zone_verbs[i]);
    return EXIT_NOTHING_WRONG;
}

static const struct cli_command command_rules = {
    .name = "rules",
    .summary = "list what the censor can do",
    .help = "usage: dialtone-lab rules\n\nOne rule a line, with its fields; those in brackets may be left "
            "away.\n",
    .run = rules_command,
};

static const struct cli_command *const commands[] = {
    &command_demo, &command_scenario, &command_reference, &command_clean,
    &command_soak, &command_shell,    &command_rules,     NULL};

static const struct cli_program program = {
    .name = "dialtone-lab",
    .summary = "an emulated Internet on one machine, with a censor whose deeds are known",
    .examples = "  dialtone-lab demo --out build/demo\n"
                "  dialtone-lab scenario tests/lab/scenarios/*.scenario\n"
                "  dialtone-lab reference --repeat 10 cases.csv\n"
                "  dialtone-lab shell --rule 'CutEverything()' -- ping -c 1 130.192.91.1\n",
    .commands = commands,
};

int main(int argc, char **argv)
{
    return (int)cli_main(&program, argc, argv);
}
