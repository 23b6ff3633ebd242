/* What `probes list` and `probes show` print. */
#ifndef COLLECTOR_COMMANDS_PROBES_PRINT_H
#define COLLECTOR_COMMANDS_PROBES_PRINT_H

#include "collector/trust/trust.h"

enum status probes_print_list(const char *data, struct trust *trust, bool is_json, struct why *why);
/* NOT_FOUND where nothing was ever heard or said of it. */
enum status probes_print_one(const char *data, struct trust *trust, const char *probe, bool is_json, struct why *why);

#endif
