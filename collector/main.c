/* dialtone-collector: takes in signed measurements, keeps them, tells what they show.
 * Owner: subcommands own what they open.
 * Why: one program, so that whoever runs a collector has one thing to install. */
#include "collector/commands/commands.h"

int main(int argc, char **argv)
{
    static const struct cli_command *const commands[] = {
        &command_serve,  &command_import, &command_verify, &command_detect, &command_simulate, &command_evaluate, &command_probes,
        &command_decrypt, &command_backup, &command_prune,  &command_fsck,   &command_offload,  NULL};
    static const struct cli_program program = {
        .name = "dialtone-collector",
        .summary = "takes in signed measurements, keeps them, and tells where and when the network was cut",
        .examples = "  dialtone-collector serve --data /var/lib/dialtone\n"
                    "  dialtone-collector import --data /var/lib/dialtone measurements.jsonl.gz\n"
                    "  dialtone-collector verify --key RWQ... 000001.jsonl.zst\n",
        .commands = commands,
    };
    return (int)cli_main(&program, argc, argv);
}
