/* The subcommands of dialtone-collector. */
#ifndef COLLECTOR_COMMANDS_COMMANDS_H
#define COLLECTOR_COMMANDS_COMMANDS_H

#include "measurement/base/cli.h"

extern const struct cli_command command_serve;
extern const struct cli_command command_import;
extern const struct cli_command command_verify;
extern const struct cli_command command_detect;
extern const struct cli_command command_simulate;
extern const struct cli_command command_evaluate;
extern const struct cli_command command_backup;
extern const struct cli_command command_prune;
extern const struct cli_command command_fsck;
extern const struct cli_command command_offload;
extern const struct cli_command command_probes;
extern const struct cli_command command_decrypt;

/* --bin as whole seconds; 0 where it is not given. One line and USAGE where it is wrong. */
enum status command_bin_length(const struct cli_arguments *arguments, int64_t *out_s);
/* --data; one line and USAGE where it is missing. */
enum status command_data_folder(const struct cli_command *command, const struct cli_arguments *arguments,
                                const char **out);
/* --store, written into the data folder where it has none yet. One line where it cannot be. */
#define COMMAND_STORE_OPTION                                                                                 \
    {                                                                                                        \
        "store", "NAME[=ADDRESS]",                                                                           \
            "where rows are kept, fixed when the folder is made: clickhouse=http://HOST:8123/DATABASE (sqlite)" \
    }
enum status command_store(const struct cli_arguments *arguments, const char *data);

#endif
