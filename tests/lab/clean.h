/* dialtone-lab clean: targets that nobody hinders; none may be called blocked. */
#ifndef TESTS_LAB_CLEAN_H
#define TESTS_LAB_CLEAN_H

#include "measurement/base/cli.h"

extern const struct cli_command command_clean;

#endif
