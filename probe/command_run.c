/* dialtone-probe run: hosts a probe, in the foreground.
 * Owner: a hosting owns everything it opens, for the time of the command.
 * Why: the daemon itself is told what to use; here it is opened, checked and closed in order. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "probe/channels.h"
#include "probe/commands.h"
#include "probe/daemon.h"
#include "probe/state.h"
#include "tests-network/ladder/ladder.h"

#define TARGETS_BYTES_MAX      (64u << 20)
#define PARALLEL_COUNT_DEFAULT 16
#define MIB                    (INT64_C(1) << 20)

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder made by consent"},
    {"collector", "URL", "where bundles go; its /v1/control is the default --control"},
    {"collector-key", "KEY", "trust receipts of this key only, instead of the first receipt's"},
    {"targets", "FILE", "the URLs of each web round, CSV (the channels that the program carries)"},
    {"web-interval", "DURATION", "from one web round to the next (6h)"},
    {"ladder-interval", "DURATION", "from one climb of the ladder to the next (60s)"},
    {"upload-interval", "DURATION", "from one upload to the next (10m)"},
    {"jitter", "PERCENT", "move every interval at random by as much as this (20)"},
    {"rounds", "N", "end after so many web rounds; 0 never (0)"},
    {"spool-limit", "MIB", "keep at most so much on the disk (64)"},
    OPTIONS_MEASURING,
    {0},
};

struct hosting {
    struct probe_options options;
    struct daemon_config config;
    char *control_url;
    struct target_list targets;
    struct public_key collector_key;
    bool has_collector_key;
    int lock_fd;
    struct secret_key key;
    struct probe_setup setup;
    bool is_set_up;
    struct spool *spool;
    struct upload *upload;
};

static enum exit_status intervals_read(const struct cli_arguments *arguments, struct daemon_config *config)
{
    int64_t jitter_percent = 20, limit_mib = SPOOL_LIMIT_DEFAULT_BYTES / MIB;
    config->web_interval_us = 6 * 3600 * US_PER_S;
    config->ladder_interval_us = 60 * US_PER_S;
    config->upload_interval_us = 600 * US_PER_S;
    const int64_t most_us = 30 * 86400 * US_PER_S;
    if (cli_duration(arguments, "web-interval", US_PER_S, most_us, &config->web_interval_us) != STATUS_OK ||
        cli_duration(arguments, "ladder-interval", 100 * US_PER_MS, most_us, &config->ladder_interval_us) != STATUS_OK ||
        cli_duration(arguments, "upload-interval", 100 * US_PER_MS, most_us, &config->upload_interval_us) != STATUS_OK ||
        cli_number(arguments, "jitter", 0, 100, &jitter_percent) != STATUS_OK ||
        cli_number(arguments, "rounds", 0, INT64_C(1) << 40, &config->round_count) != STATUS_OK ||
        cli_number(arguments, "spool-limit", 1, INT64_C(1) << 20, &limit_mib) != STATUS_OK)
        return EXIT_USAGE;
    config->jitter_percent = (int)jitter_percent;
    config->spool_limit_bytes = limit_mib * MIB;
    return EXIT_NOTHING_WRONG;
}

static enum exit_status targets_open(const char *path, struct target_list *out)
{
    struct buffer text = {0};
    struct channel_list channels = {0};
    struct why why = {0};
    enum status status;
    if (path) {
        status = file_read(path, TARGETS_BYTES_MAX, &text, &why);
        if (status == STATUS_OK)
            status = target_list_read((const char *)text.bytes, text.count, out, &why);
    } else {
        status = channel_list_default(&channels, &why);
        if (status == STATUS_OK)
            status = channel_list_targets(&channels, out);
    }
    buffer_free(&text);
    channel_list_free(&channels);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "the targets cannot be used: %s",
                        why.text[0] ? why.text : status_name(status));
    if (out->skipped_count > 0)
        fprintf(stderr, "dialtone-probe: %zu lines of %s are no targets and were skipped, the first is line %zu\n",
                out->skipped_count, path, out->first_skipped_line);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status collector_read(const struct cli_arguments *arguments, struct hosting *hosting)
{
    const char *url = cli_value(arguments, "collector"), *key = cli_value(arguments, "collector-key");
    struct why why = {0};
    if (!url)
        return cli_fail(EXIT_USAGE, "run needs a collector: type --collector https://collector.example.org");
    if (target_url_check(url, &why) != STATUS_OK)
        return cli_fail(EXIT_USAGE, "--collector \"%.200s\": %s", url, why.text);
    hosting->config.collector_url = url;
    hosting->has_collector_key = key != NULL;
    if (key && public_key_parse(key, &hosting->collector_key) != STATUS_OK)
        return cli_fail(EXIT_USAGE, "--collector-key \"%.80s\": type the collector's public key as minisign writes it",
                        key);
    if (hosting->options.control_count > 0)
        return EXIT_NOTHING_WRONG;
    struct buffer control = {0};
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    buffer_append(&control, url, length);
    buffer_text(&control, "/v1/control");
    hosting->control_url = buffer_take_text(&control);
    if (!hosting->control_url)
        return cli_fail(EXIT_OWN_FAILURE, "no memory; free some");
    hosting->options.control_urls[hosting->options.control_count++] = hosting->control_url;
    return EXIT_NOTHING_WRONG;
}

static enum exit_status flags_read(const struct cli_arguments *arguments, struct hosting *hosting)
{
    hosting->config.state_folder = cli_value(arguments, "state");
    if (!hosting->config.state_folder)
        return cli_fail(EXIT_USAGE, "run needs a state folder: type --state ~/.dialtone");
    if (cli_operand_count(arguments) > 0)
        return cli_fail(EXIT_USAGE, "run takes no \"%.100s\": give URLs in a file, with --targets",
                        cli_operand(arguments, 0));
    if (options_read(arguments, &hosting->options) != STATUS_OK)
        return EXIT_USAGE;
    enum exit_status exit_status = collector_read(arguments, hosting);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = intervals_read(arguments, &hosting->config);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = targets_open(cli_value(arguments, "targets"), &hosting->targets);
    hosting->config.parallel_count = hosting->options.parallel_count > 0 ? (size_t)hosting->options.parallel_count
                                                                         : PARALLEL_COUNT_DEFAULT;
    return exit_status;
}

/* Consent, lock, key, journal: in this order, before anything touches the network. */
static enum exit_status state_open(struct hosting *hosting)
{
    struct why why = {0};
    const char *folder = hosting->config.state_folder;
    char boot_id[LADDER_BOOT_BYTES];
    enum status status = state_consent_check(folder, &why);
    if (status == STATUS_OK)
        status = state_lock(folder, &hosting->lock_fd, &why);
    if (status == STATUS_BUSY)
        return cli_fail(EXIT_USAGE, "%s", why.text);
    if (status == STATUS_OK)
        status = state_key_load(folder, &hosting->key, &why);
    if (status == STATUS_OK) {
        ladder_boot_id_read(boot_id);
        status = spool_open(folder, &hosting->key, boot_id[0] ? boot_id : "unknown", hosting->config.spool_limit_bytes,
                            &hosting->spool, &why);
    }
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text[0] ? why.text : status_name(status));
    return EXIT_NOTHING_WRONG;
}

static enum exit_status network_open(struct hosting *hosting)
{
    struct why why = {0};
    enum status status = setup_open(&hosting->options, &hosting->setup, &why);
    hosting->is_set_up = status == STATUS_OK;
    if (status == STATUS_OK) {
        const struct upload_config config = {
            .fetcher = hosting->setup.fetcher,
            .log = &hosting->setup.log,
            .spool = hosting->spool,
            .state_folder = hosting->config.state_folder,
            .collector_url = hosting->config.collector_url,
            .ca_file = hosting->options.ca_file,
            .collector_key = hosting->has_collector_key ? &hosting->collector_key : NULL,
        };
        status = upload_open(&config, &hosting->upload, &why);
    }
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text[0] ? why.text : status_name(status));
    return EXIT_NOTHING_WRONG;
}

/* Whoever is on the way could read the bundles, and see that they are sent. */
static bool is_in_the_clear(const char *url)
{
    static const char *const loopback[] = {"127.", "localhost", "[::1]"};
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        if (strncasecmp(url + 7, loopback[i], strlen(loopback[i])) == 0)
            return false;
    }
    return true;
}

static enum exit_status host(struct hosting *hosting)
{
    struct daemon_config config = hosting->config;
    config.setup = &hosting->setup;
    config.spool = hosting->spool;
    config.upload = hosting->upload;
    config.targets = &hosting->targets;
    char name[KEY_NAME_BYTES];
    public_key_name(&hosting->key.public_key, name);
    log_event(&hosting->setup.log, LOG_LEVEL_INFO, "started", "probe=%s targets=%zu", name, hosting->targets.count);
    if (is_in_the_clear(config.collector_url))
        log_event(&hosting->setup.log, LOG_LEVEL_WARN, "collector_in_the_clear",
                  "advice=\"use https: who is on the way can read what is sent\"");
    if (setup_whoami(&hosting->setup, config.collector_url) == STATUS_REFUSED)
        return EXIT_NOTHING_WRONG;
    enum status status = daemon_run(&config);
    if (status == STATUS_OFFLINE)
        return cli_fail(EXIT_OFFLINE, "the rounds are done, but the collector was not reached; what was measured waits "
                                      "in %s/spool for the next run", config.state_folder);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG
                               : cli_fail(EXIT_OWN_FAILURE, "the event loop failed (%s)", status_name(status));
}

static void hosting_close(struct hosting *hosting)
{
    upload_free(hosting->upload);
    if (hosting->is_set_up)
        setup_free(&hosting->setup);
    spool_free(hosting->spool);
    secret_key_wipe(&hosting->key);
    target_list_free(&hosting->targets);
    free(hosting->control_url);
    if (hosting->lock_fd >= 0)
        close(hosting->lock_fd);
}

static enum exit_status run_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    struct hosting hosting = {.lock_fd = -1};
    enum status status = cli_parse(&command_run, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = flags_read(arguments, &hosting);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = state_open(&hosting);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = network_open(&hosting);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = host(&hosting);
    hosting_close(&hosting);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_run = {
    .name = "run",
    .summary = "hosts a probe: measures, journals and uploads until stopped",
    .help =
        "usage: dialtone-probe run --state DIR --collector URL [OPTION...]\n"
        "\n"
        "Runs in the foreground until SIGTERM or SIGINT. It climbs the connectivity ladder every minute, opens the\n"
        "targets in rounds, and writes each result to DIR/spool, also while the network is away. Every upload\n"
        "interval the lines are sealed into a signed bundle and sent; a bundle is deleted only when the collector's\n"
        "signed receipt for it is on the disk. After an outage everything goes, dated by when it was measured.\n"
        "\n"
        "The collector's key is remembered from the first receipt (DIR/collector.pub); receipts of any other are\n"
        "refused. When the spool is full, web results are dropped and counted; the ladder goes on for a while.\n"
        "Bundles that the collector refuses for good are kept in DIR/rejected.\n"
        "\n"
        "It needs consent: see dialtone-probe consent --help. Packet headers of failed flows are kept where the\n"
        "program may capture (CAP_NET_RAW); without, it measures all the same. Events go to standard error.\n"
        "\n"
        "exit status: 0 stopped in order; 2 usage, no consent, or another run holds DIR; 3 our own failure;\n"
        "4 --rounds are done but the collector was not reached\n"
        "\n"
        "examples:\n"
        "  dialtone-probe run --state ~/.dialtone --collector https://collector.example.org\n"
        "  dialtone-probe run --state ~/.dialtone --collector https://collector.example.org \\\n"
        "      --targets list.csv --country CD --subdivision CD-KN --access mobile\n"
        "  dialtone-probe run --state ./s --collector http://127.0.0.1:8047 --rounds 1\n",
    .run = run_run,
};
