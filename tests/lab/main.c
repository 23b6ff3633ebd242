/* dialtone-lab: an emulated Internet on one machine.
 * Owner: each command frees what it makes.
 * Why: a verdict is worth what the lab, whose truth is known, says about it. */
#include "measurement/base/cli.h"
#include "tests/lab/demo.h"
#include "tests/lab/scenario_run.h"

static const struct cli_command *const commands[] = {&command_demo, &command_scenario, &command_shell, NULL};

static const struct cli_program program = {
    .name = "dialtone-lab",
    .summary = "an emulated Internet on one machine, with a censor whose deeds are known",
    .examples = "  dialtone-lab demo --out build/demo\n"
                "  dialtone-lab scenario tests/lab/scenarios/*.scenario\n"
                "  dialtone-lab shell --rule 'CutEverything()' -- ping -c 1 130.192.91.1\n",
    .commands = commands,
};

int main(int argc, char **argv)
{
    return (int)cli_main(&program, argc, argv);
}
