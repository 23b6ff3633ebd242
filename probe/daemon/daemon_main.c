/* Opens what the daemon keeps, runs it, and closes it in order.
 * Owner: daemon_main owns the daemon and all in it.
 * Why: state, lock, key and spool come in this order, before anything is started that touches the network. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/daemon/daemon_inner.h"
#include "probe/state/state.h"
#include "tests-network/ladder/ladder.h"

#define CLOCK_LEAST_US (INT64_C(1767225600) * US_PER_S) /* 2026: a machine without a battery, and nobody has told the time */

static enum exit_status exit_of_own(enum status status)
{
    enum exit_status exit_status = exit_of_status(status);
    return exit_status == EXIT_FOUND ? EXIT_USAGE : exit_status;
}

/* Consent, lock, key, journal. */
static enum exit_status state_open(struct daemon *daemon)
{
    struct why why = {0};
    const char *folder = daemon->settings.state_folder;
    char boot_id[LADDER_BOOT_BYTES];
    enum status status = state_consent_check(folder, &why);
    if (status == STATUS_OK)
        status = state_lock(folder, &daemon->lock_fd, &why);
    if (status == STATUS_BUSY)
        return cli_fail(EXIT_USAGE, "%s", why.text);
    if (status == STATUS_OK)
        status = state_format_check(folder, &why);
    if (status == STATUS_OK)
        status = state_key_load(folder, &daemon->key, &why);
    if (status == STATUS_OK) {
        ladder_boot_id_read(boot_id);
        status = spool_open(folder, &daemon->key, boot_id[0] ? boot_id : "unknown",
                            daemon->settings.spool_limit_bytes, &daemon->spool, &why);
    }
    if (status == STATUS_OK) {
        const struct upload_config config = {
            .sender = daemon_sender(daemon),
            .log = &daemon->log,
            .spool = daemon->spool,
            .state_folder = folder,
            .collector_key = daemon->settings.has_collector_key ? &daemon->settings.collector_key : NULL,
            .routes = &daemon->settings.routes,
            .recipient = daemon->settings.has_recipient ? &daemon->settings.recipient : NULL,
            .on_clock = daemon_clock_take,
            .arg = daemon,
        };
        status = upload_open(&config, &daemon->upload, &why);
    }
    if (status != STATUS_OK)
        return cli_fail(exit_of_own(status), "%s", why.text[0] ? why.text : status_name(status));
    return EXIT_NOTHING_WRONG;
}

static enum exit_status loop_begin(struct daemon *daemon)
{
    enum status status = loop_open(&daemon->loop);
    if (status == STATUS_OK)
        status = loop_stop_on_signals(daemon->loop);
    if (status != STATUS_OK)
        return cli_fail(EXIT_OWN_FAILURE, "cannot start the event loop (%s); free some memory or descriptors",
                        status_name(status));
    return EXIT_NOTHING_WRONG;
}

/* Without it the probe works all the same. */
static void socket_open(struct daemon *daemon)
{
    struct why why = {0};
    enum status status = status_socket_open(daemon->loop, daemon->settings.state_folder, daemon_status_tell, daemon,
                                            &daemon->socket, &why);
    if (status != STATUS_OK)
        log_event(&daemon->log, LOG_LEVEL_WARN, "no_status_socket", "status=%s why=\"%s\"", status_name(status),
                  why.text);
}

static enum exit_status host(struct daemon *daemon)
{
    char name[KEY_NAME_BYTES];
    struct why why = {0};
    public_key_name(&daemon->key.public_key, name);
    log_event(&daemon->log, LOG_LEVEL_INFO, "started", "probe=%s targets=%zu", name, daemon->targets.count);
    if (run_is_in_the_clear(daemon->settings.collector_url))
        log_event(&daemon->log, LOG_LEVEL_WARN, "collector_in_the_clear",
                  "advice=\"use https: who is on the way can read what is sent\"");
    if (daemon->settings.options.control_count == 0)
        log_event(&daemon->log, LOG_LEVEL_WARN, "no_control",
                  "advice=\"give --control, or --route direct: without, what fails cannot be told as blocked\"");
    if (clock_wall_us(&daemon->clock) < CLOCK_LEAST_US)
        log_event(&daemon->log, LOG_LEVEL_WARN, "clock_in_the_past",
                  "advice=\"set the clock: until it is right no certificate holds, and nothing can be sent by https\"");
    enum status status = daemon_outside_open(daemon);
    if (status == STATUS_OK) {
        socket_open(daemon);
        status = daemon_confine(daemon, &why);
        if (status != STATUS_OK)
            log_event(&daemon->log, LOG_LEVEL_ERROR, "no_sandbox", "why=\"%s\"", why.text);
    }
    if (status == STATUS_OK) {
        daemon_begin(daemon);
        status = loop_run(daemon->loop);
        daemon_close(daemon);
    }
    status_socket_free(daemon->socket);
    daemon_outside_close(daemon);
    if (status != STATUS_OK)
        return cli_fail(EXIT_OWN_FAILURE, "the event loop failed (%s)", status_name(status));
    if (daemon->is_ending && spool_count(daemon->spool).bundle_count > 0)
        return cli_fail(EXIT_OFFLINE, "the rounds are done, but the collector was not reached; what was measured waits "
                                      "in %s/spool for the next run", daemon->settings.state_folder);
    return EXIT_NOTHING_WRONG;
}

static int64_t even_wall_us(void *state)
{
    const struct daemon *daemon = state;
    return clock_offset_boot_us() + clock_offset_best_us(&daemon->offset);
}

static int64_t monotonic_us(void *state)
{
    const struct daemon *daemon = state;
    return clock_monotonic_us(&daemon->system);
}

static void clocks_begin(struct daemon *daemon)
{
    daemon->system = clock_system();
    daemon->clock = (struct clock){.wall_us = even_wall_us, .monotonic_us = monotonic_us, .state = daemon};
    daemon->offset = clock_offset_start(clock_wall_us(&daemon->system), clock_offset_boot_us());
    daemon->log = (struct log){.least = LOG_LEVEL_INFO, .stream = stderr, .clock = daemon->clock};
    daemon->random = random_system();
}

static void daemon_free(struct daemon *daemon)
{
    upload_free(daemon->upload);
    spool_free(daemon->spool);
    loop_free(daemon->loop);
    secret_key_wipe(&daemon->key);
    target_list_free(&daemon->targets);
    run_settings_free(&daemon->settings);
    if (daemon->lock_fd >= 0)
        close(daemon->lock_fd);
    free(daemon);
}

enum exit_status daemon_main(int argc, char **argv)
{
    bool is_help = false;
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (!daemon)
        return cli_fail(EXIT_OWN_FAILURE, "no memory; free some");
    daemon->argc = argc;
    daemon->argv = argv;
    daemon->lock_fd = -1;
    clocks_begin(daemon);
    enum exit_status exit_status = run_settings_read(argc, argv, &daemon->settings, &is_help);
    if (exit_status == EXIT_NOTHING_WRONG && !is_help && !daemon->settings.program)
        exit_status = cli_fail(EXIT_USAGE, "this is the inside of a probe: type dialtone-probe run");
    if (exit_status == EXIT_NOTHING_WRONG && !is_help)
        exit_status = run_targets_open(&daemon->settings, &daemon->targets);
    if (exit_status == EXIT_NOTHING_WRONG && !is_help)
        exit_status = loop_begin(daemon);
    if (exit_status == EXIT_NOTHING_WRONG && !is_help)
        exit_status = state_open(daemon);
    if (exit_status == EXIT_NOTHING_WRONG && !is_help)
        exit_status = host(daemon);
    daemon_free(daemon);
    return exit_status;
}
