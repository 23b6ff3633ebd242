/* Running scenarios in a lab of their own. */
#ifndef TESTS_LAB_SCENARIO_RUN_H
#define TESTS_LAB_SCENARIO_RUN_H

#include "measurement/base/cli.h"
#include "tests/lab/scenario.h"

#define EXIT_SKIPPED 77 /* what test runners take for "could not be tried here" */

extern const struct cli_command command_scenario;
extern const struct cli_command command_shell;

#endif
