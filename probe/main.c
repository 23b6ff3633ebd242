/* dialtone-probe: measures what works here, and hosts a probe.
 * Owner: nothing; each command owns what it opens.
 * Why: one program for the volunteer's machine and the mission's desk. */
#include "probe/commands/commands.h"

int main(int argc, char **argv)
{
    static const struct cli_command *const commands[] = {
        &command_check, &command_measure, &command_run, &command_consent, &command_keys, &command_status,
        &command_export, &command_receipts, &command_wipe, &command_lists, &command_replay, &command_worker, NULL,
    };
    static const struct cli_program program = {
        .name = "dialtone-probe",
        .summary = "measures whether, where and how the Internet is interfered with",
        .examples = "  dialtone-probe check\n"
                    "      which channels reach people here, now?\n"
                    "  dialtone-probe measure https://www.example.org/\n"
                    "      measures one page; nothing is uploaded\n"
                    "  dialtone-probe consent --state ~/.dialtone\n"
                    "      reads the risks of hosting a probe, and agrees to them\n"
                    "  dialtone-probe run --state ~/.dialtone --collector https://collector.example.org\n"
                    "      hosts a probe\n",
        .commands = commands,
    };
    return (int)cli_main(&program, argc, argv);
}
