/* dialtone-lab soak: probes that live through shutdowns, against a truth that is known. */
#ifndef TESTS_LAB_SOAK_H
#define TESTS_LAB_SOAK_H

#include "measurement/base/cli.h"

extern const struct cli_command command_soak;

#endif
