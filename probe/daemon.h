/* The hosted probe: climbs the ladder, measures rounds of targets, journals, seals and uploads, until told to stop. */
#ifndef PROBE_DAEMON_H
#define PROBE_DAEMON_H

#include "probe/setup.h"
#include "probe/spool.h"
#include "probe/upload.h"
#include "tests-network/target.h"

/* All borrowed for the daemon's life. */
struct daemon_config {
    struct probe_setup *setup;
    struct spool *spool;
    struct upload *upload;
    const struct target_list *targets;
    const char *state_folder;
    const char *collector_url;
    int64_t ladder_interval_us;
    int64_t web_interval_us;
    int64_t upload_interval_us;
    int64_t spool_limit_bytes;
    int jitter_percent;
    int64_t round_count; /* stop after so many web rounds; 0: never */
    size_t parallel_count;
};

/* Runs until SIGTERM or SIGINT, or until the rounds are done and the spool was uploaded or could not be. OFFLINE in
 * the last case, where bundles still wait. */
enum status daemon_run(const struct daemon_config *config);

#endif
