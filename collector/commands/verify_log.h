/* verify --log: the evidence log of a data folder, or of a collector that is asked over the network. */
#ifndef COLLECTOR_COMMANDS_VERIFY_LOG_H
#define COLLECTOR_COMMANDS_VERIFY_LOG_H

#include "measurement/base/cli.h"

/* --data DIR: every entry, bundle and checkpoint. */
enum exit_status verify_log_folder(const struct cli_arguments *arguments);
/* --collector URL: that its checkpoint is signed, that a bundle is in it, that it extends an older checkpoint. */
enum exit_status verify_log_remote(const struct cli_arguments *arguments);
/* --proof FILE: that a bundle is in a log, without asking anybody. */
enum exit_status verify_log_proof(const struct cli_arguments *arguments);

#endif
