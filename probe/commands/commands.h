/* The commands of dialtone-probe, one file each. */
#ifndef PROBE_COMMANDS_COMMANDS_H
#define PROBE_COMMANDS_COMMANDS_H

#include "measurement/base/cli.h"

extern const struct cli_command command_measure;
extern const struct cli_command command_check;
extern const struct cli_command command_run;
extern const struct cli_command command_consent;
extern const struct cli_command command_keys;
extern const struct cli_command command_status;
extern const struct cli_command command_export;
extern const struct cli_command command_receipts;
extern const struct cli_command command_wipe;
extern const struct cli_command command_lists;
extern const struct cli_command command_replay;
extern const struct cli_command command_worker; /* of the daemon */

/* The exit status for what a user's own file or flag caused: malformed input is configuration, not a finding. */
static inline enum exit_status exit_of_input(enum status status)
{
    enum exit_status exit_status = exit_of_status(status);
    return exit_status == EXIT_FOUND ? EXIT_USAGE : exit_status;
}

#endif
