/* Running scenarios in a lab of their own. */
#ifndef TESTS_LAB_SCENARIO_RUN_H
#define TESTS_LAB_SCENARIO_RUN_H

#include "measurement/base/cli.h"
#include "tests/lab/scenario.h"

#define EXIT_SKIPPED 77 /* what test runners take for "could not be tried here" */
#define EXIT_UNAVAILABLE                                                                                     \
    78 /* within the lab: this system allows no namespaces, so nothing else need be tried */

/* Holds no pointers: it is filled in another process. */
struct scenario_outcome {
    bool is_done;
    int exit_code;
    double runtime_s;
    char title[128];
    struct confusion confusion;
};

struct scenario_settings {
    const char *programs;
    bool avoids_tun;
    bool keeps; /* the folder stays */
};

/* One scenario in a lab of its own; prints what is not as expected. `scenario` is room to parse into. Returns
 * an exit status: 0 as expected, 1 not, 2 the file is wrong, 3 the lab failed, EXIT_SKIPPED,
 * EXIT_UNAVAILABLE. */
int scenario_try(const char *path, struct scenario *scenario, const struct scenario_settings *settings,
                 struct scenario_outcome *outcome);

extern const struct cli_command command_scenario;
extern const struct cli_command command_shell;

#endif
