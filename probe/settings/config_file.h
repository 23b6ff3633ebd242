/* The daemon's configuration file: lines of name = value with the names of the flags, in INI form (inih). Comments begin
 * with # or ;, a section [probe] may stand above. */
#ifndef PROBE_SETTINGS_CONFIG_FILE_H
#define PROBE_SETTINGS_CONFIG_FILE_H

#include <stddef.h>

#include "measurement/base/cli.h"

#define CONFIG_FILE_DEFAULT "/etc/dialtone/probe.conf"

struct config_file {
    char *path;
    struct cli_setting *settings; /* in the order of the lines */
    size_t count;
};

/* NOT_FOUND where there is no such file, IO, or USAGE; `why` names file and line, and says what to write. */
enum status config_file_read(const char *path, struct config_file *out, struct why *why);
/* The first that exists of `chosen` (which must), STATE/probe.conf and the system's. OK with nothing in it where there is
 * none; `state_folder` and `chosen` may be NULL. */
enum status config_file_find(const char *chosen, const char *state_folder, struct config_file *out, struct why *why);
void config_file_free(struct config_file *file);

#endif
