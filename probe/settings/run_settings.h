/* What `dialtone-probe run` is told, by its flags and by its configuration file: read alike by the command, which checks
 * it, and by the daemon. */
#ifndef PROBE_SETTINGS_RUN_SETTINGS_H
#define PROBE_SETTINGS_RUN_SETTINGS_H

#include "measurement/age.h"
#include "measurement/key.h"
#include "probe/settings/config_file.h"
#include "probe/settings/options.h"
#include "probe/consent/risk.h"
#include "probe/upload/routes.h"
#include "tests-network/target.h"

enum run_metered { METERED_AUTO, METERED_YES, METERED_NO };

struct run_settings {
    struct cli_arguments *arguments;
    struct config_file file;
    struct probe_options options;
    char *control_url; /* the collector's own, where no other is given */
    const char *state_folder;
    const char *collector_url;
    const char *targets_path; /* NULL: the list that the collector gave, or the one that the program carries */
    const char *services_folder;
    const char *program; /* path of dialtone-probe */
    bool has_collector_key;
    struct public_key collector_key;
    bool has_recipient;
    struct age_recipient recipient; /* whom bundles are sealed to */
    const char *route_texts[ROUTES_MAX];
    size_t route_count;
    struct route_list routes; /* the same, read */
    bool is_direct;           /* one of them is direct: only then is the collector connected to for other things */
    const char *pins; /* NULL: none */
    char *pins_text;  /* owns it */
    int64_t ladder_interval_us;
    int64_t channels_interval_us;
    int64_t web_interval_us;
    int64_t upload_interval_us;
    int64_t lists_interval_us;
    enum risk_level risk; /* of the targets, at most */
    int64_t spool_limit_bytes;
    int64_t data_day_bytes;
    int64_t data_month_bytes;
    enum run_metered metered;
    int jitter_percent;
    int64_t round_count; /* 0: never end */
    size_t parallel_count;
};

extern const char run_settings_help[];

/* argv[0] is the subcommand. On anything but NOTHING_WRONG, one line was printed (or the help, and *out_is_help is set)
 * and *out holds nothing. The settings borrow argv. */
enum exit_status run_settings_read(int argc, char **argv, struct run_settings *out, bool *out_is_help);
void run_settings_free(struct run_settings *settings);

/* The targets of the web rounds, from the file or the carried channels; STATUS_NOT_FOUND and all else is for people. */
enum exit_status run_targets_open(const struct run_settings *settings, struct target_list *out);

/* argv of a worker of that kind, NULL-terminated. NULL without memory. */
char **run_worker_argv(const struct run_settings *settings, const char *kind);
void run_worker_argv_free(char **argv);

/* Whether whoever is on the way could read what goes to the collector. */
bool run_is_in_the_clear(const char *collector_url);

#endif
