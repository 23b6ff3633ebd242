/* Options that several subcommands share.
 * Owner: nothing.
 * Why: one wording for one mistake. */
#include "collector/cell.h"
#include "collector/commands/commands.h"
#include "collector/store/setting.h"
#include "measurement/base/clock.h"

#define BIN_LENGTH_MOST_US (86400 * US_PER_S)

enum status command_bin_length(const struct cli_arguments *arguments, int64_t *out_s)
{
    int64_t length_us = 0;
    enum status status = cli_duration(arguments, "bin", US_PER_S, BIN_LENGTH_MOST_US, &length_us);
    if (status == STATUS_OK && length_us % US_PER_S != 0) {
        cli_fail(EXIT_USAGE, "--bin: bins are whole seconds long; type a duration such as 10m");
        return STATUS_USAGE;
    }
    if (status == STATUS_OK) {
        *out_s = length_us / US_PER_S;
    }
    return status;
}

enum status command_data_folder(const struct cli_command *command, const struct cli_arguments *arguments,
                                const char **out)
{
    const char *folder = cli_value(arguments, "data");
    if (!folder || !folder[0]) {
        cli_fail(EXIT_USAGE, "%s: type --data DIR, the collector's data folder", command->name);
        return STATUS_USAGE;
    }
    *out = folder;
    return STATUS_OK;
}

enum status command_store(const struct cli_arguments *arguments, const char *data)
{
    const char *choice = cli_value(arguments, "store");
    struct why why = {""};
    enum status status = choice ? store_setting_choose(data, choice, &why) : STATUS_OK;
    if (status != STATUS_OK) {
        cli_fail(EXIT_USAGE, "%s", why.text[0] ? why.text : status_name(status));
    }
    return status;
}
