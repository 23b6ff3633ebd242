/* The hosted probe: keeps schedule, key, journal and spool, and lets workers measure and upload, until told to stop. It
 * stays small: no TLS, no HTTP, no DNS and no capture in this process. */
#ifndef PROBE_DAEMON_DAEMON_H
#define PROBE_DAEMON_DAEMON_H

#include "measurement/base/cli.h"

/* Runs until SIGTERM or SIGINT, or until --rounds are done and the spool was uploaded or could not be: EXIT_OFFLINE then.
 * argv[0] is for messages, argv[1] is --program=PATH of dialtone-probe. */
enum exit_status daemon_main(int argc, char **argv);

#endif
