/* Flags and configuration file of `run`, checked and with their defaults.
 * Owner: run_settings owns the parsed arguments and the file's text; other text is argv's.
 * Why: the command, the daemon and each reload must understand the same words in the same way. */
#include "probe/settings/run_settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "probe/spool/spool.h"
#include "probe/state/target_store.h"
#include "probe/state/state.h"
#include "tests-network/channel/list.h"

#define TARGETS_BYTES_MAX      (64u << 20)
#define PARALLEL_COUNT_DEFAULT 16
#define MIB                    (INT64_C(1) << 20)
#define INTERVAL_MOST_US       (30 * 86400 * US_PER_S)

#define OPTIONS_RUN                                                                                                   \
        {"config", "FILE", "read settings from FILE (DIR/probe.conf, else " CONFIG_FILE_DEFAULT ")"},                 \
        {"state", "DIR", "the folder made by consent"},                                                               \
        {"collector", "URL", "where bundles go; its /v1/control is the default --control"},                           \
        {"collector-key", "KEY", "trust receipts of this key only, instead of the first receipt's"},                  \
        {"user", "NAME", "started as root: become this user, and keep only the right to capture"},                    \
        {"route", "ROUTE", "a way to it, tried in order: direct, name=, proxy=, socks5=, collector=; see above"}, \
        {"pin", "HASH", "its TLS key must be one of these, sha256//BASE64; may be given several times"},              \
        {"seal-to", "RECIPIENT", "seal bundles to this key, age1..., instead of whom the collector names"},           \
        {"targets", "FILE", "the URLs of each web round, CSV (the collector's list, else the channels carried)"},     \
        {"risk", "LEVEL", "open targets of at most this risk to you: low, medium or high (low)"},                     \
        {"web-interval", "DURATION", "each URL once in so long, spread over it (6h)"},                                \
        {"channels-interval", "DURATION", "from one test of the messaging services to the next (10m)"},               \
        {"ladder-interval", "DURATION", "from one climb of the ladder to the next (60s)"},                            \
        {"upload-interval", "DURATION", "from one upload to the next (10m)"},                                         \
        {"lists-interval", "DURATION", "from one question for a newer target list to the next (1d)"},                 \
        {"jitter", "PERCENT", "move every interval at random by as much as this (20); the ladder's only to be shorter"},                               \
        {"rounds", "N", "end after so many web rounds; 0 never (0)"},                                                 \
        {"spool-limit", "MIB", "keep at most so much on the disk (64)"},                                              \
        {"data-day", "MIB", "on a metered link, send and receive at most so much a day (20)"},                        \
        {"data-month", "MIB", "on a metered link, send and receive at most so much a month (400)"},                   \
        {"metered", "WORD", "whether the link is metered: yes, no, or auto (mobile links are)"},                      \
        {"services", "FOLDER", "endpoints of the services' tests from FOLDER/NAME.csv"},                              \
        OPTIONS_MEASURING

static const struct cli_option options_table[] = {OPTIONS_RUN, {0}};
/* --program is the command's word to the daemon, always its first, and in no help. */
static const struct cli_option daemon_table[] = {OPTIONS_RUN, {"program", "PATH", ""}, {0}};

const char run_settings_help[] =
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
    "Bundles are sealed, so that whoever takes the disk cannot read them, to the key that the collector names at the\n"
    "first contact (DIR/recipient.txt) or to --seal-to. They go by the first route that leads to the collector:\n"
    "  --route direct                        as --collector says\n"
    "  --route name=ALT[:PORT][@ADDRESS]     under another name, at another address\n"
    "  --route proxy=http://[USER:WORD@]HOST:PORT\n"
    "  --route socks5=HOST:PORT              Tor is socks5=127.0.0.1:9050\n"
    "  --route collector=URL[,KEY]           another collector, whose receipts KEY signs\n"
    "When none does: see dialtone-probe export --help. Where routes are given and none is direct, the probe connects\n"
    "straight to the collector for nothing else either: it does not ask there for its own address, and has a control\n"
    "only where --control names one.\n"
    "\n"
    "Every option can stand in the configuration file as name = value, a line each; flags win. SIGHUP reads it\n"
    "again; a bad file changes nothing. On a metered link nothing is sent or fetched beyond --data-day and\n"
    "--data-month: first web and channels stop, then uploads, the ladder last.\n"
    "\n"
    "Targets are opened up to --risk only, by their Citizen Lab category: low (what everybody opens), medium (held\n"
    "against people in some places: news, human rights, criticism, religion, getting around censorship), high (a\n"
    "crime or a suspicion to look at somewhere). Those without a category count as low.\n"
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
    "  dialtone-probe run --state ./s --collector http://127.0.0.1:8047 --rounds 1\n";

static enum exit_status intervals_read(struct run_settings *settings)
{
    static const struct {
        const char *name;
        size_t offset;
        int64_t least_us;
        int64_t usual_us;
    } intervals[] = {
        {"web-interval", offsetof(struct run_settings, web_interval_us), US_PER_S, 6 * 3600 * US_PER_S},
        {"channels-interval", offsetof(struct run_settings, channels_interval_us), US_PER_S, 600 * US_PER_S},
        {"ladder-interval", offsetof(struct run_settings, ladder_interval_us), 100 * US_PER_MS, 60 * US_PER_S},
        {"upload-interval", offsetof(struct run_settings, upload_interval_us), 100 * US_PER_MS, 600 * US_PER_S},
        {"lists-interval", offsetof(struct run_settings, lists_interval_us), US_PER_S, 86400 * US_PER_S},
    };
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        int64_t *value_us = (int64_t *)(void *)((char *)settings + intervals[i].offset);
        *value_us = intervals[i].usual_us;
        if (cli_duration(settings->arguments, intervals[i].name, intervals[i].least_us, INTERVAL_MOST_US, value_us) !=
            STATUS_OK)
            return EXIT_USAGE;
    }
    return EXIT_NOTHING_WRONG;
}

static enum exit_status risk_read(struct run_settings *settings)
{
    const char *text = cli_value(settings->arguments, "risk");
    settings->risk = RISK_LOW;
    if (text && risk_parse(text, &settings->risk) != STATUS_OK)
        return exit_of_status(cli_complain(settings->arguments, "risk", text, "type low, medium or high"));
    return EXIT_NOTHING_WRONG;
}

static enum exit_status amounts_read(struct run_settings *settings)
{
    const struct cli_arguments *arguments = settings->arguments;
    int64_t jitter_percent = 20, limit_mib = SPOOL_LIMIT_DEFAULT_BYTES / MIB, day_mib = 20, month_mib = 400;
    const char *metered = cli_value(arguments, "metered");
    if (cli_number(arguments, "jitter", 0, 100, &jitter_percent) != STATUS_OK ||
        cli_number(arguments, "rounds", 0, INT64_C(1) << 40, &settings->round_count) != STATUS_OK ||
        cli_number(arguments, "spool-limit", 1, INT64_C(1) << 20, &limit_mib) != STATUS_OK ||
        cli_number(arguments, "data-day", 0, INT64_C(1) << 20, &day_mib) != STATUS_OK ||
        cli_number(arguments, "data-month", 0, INT64_C(1) << 24, &month_mib) != STATUS_OK)
        return EXIT_USAGE;
    if (metered && strcmp(metered, "yes") == 0)
        settings->metered = METERED_YES;
    else if (metered && strcmp(metered, "no") == 0)
        settings->metered = METERED_NO;
    else if (metered && strcmp(metered, "auto") != 0)
        return exit_of_status(cli_complain(arguments, "metered", metered, "type yes, no or auto"));
    settings->jitter_percent = (int)jitter_percent;
    settings->spool_limit_bytes = limit_mib * MIB;
    settings->data_day_bytes = day_mib * MIB;
    settings->data_month_bytes = month_mib * MIB;
    return EXIT_NOTHING_WRONG;
}

static enum exit_status collector_read(struct run_settings *settings)
{
    const char *url = cli_value(settings->arguments, "collector"), *key = cli_value(settings->arguments, "collector-key");
    struct why why = {0};
    if (!url)
        return cli_fail(EXIT_USAGE, "run needs a collector: type --collector https://collector.example.org");
    if (target_url_check(url, &why) != STATUS_OK)
        return exit_of_status(cli_complain(settings->arguments, "collector", url, why.text));
    settings->collector_url = url;
    settings->has_collector_key = key != NULL;
    if (key && public_key_parse(key, &settings->collector_key) != STATUS_OK)
        return exit_of_status(cli_complain(settings->arguments, "collector-key", key,
                                           "type the collector's public key as minisign writes it"));
    return EXIT_NOTHING_WRONG;
}

/* The collector's own, unless its routes say that nothing should be seen to connect to it. */
static enum exit_status control_default(struct run_settings *settings)
{
    const char *url = settings->collector_url;
    if (settings->options.control_count > 0 || !settings->is_direct)
        return EXIT_NOTHING_WRONG;
    struct buffer control = {0};
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    buffer_append(&control, url, length);
    buffer_text(&control, "/v1/control");
    settings->control_url = buffer_take_text(&control);
    if (!settings->control_url)
        return cli_fail(EXIT_OWN_FAILURE, "no memory; free some");
    settings->options.control_urls[settings->options.control_count++] = settings->control_url;
    return EXIT_NOTHING_WRONG;
}

static enum exit_status routes_read(struct run_settings *settings)
{
    struct why why = {0};
    const char *text;
    while (settings->route_count < ROUTES_MAX &&
           (text = cli_value_at(settings->arguments, "route", settings->route_count)))
        settings->route_texts[settings->route_count++] = text;
    if (settings->route_count == 0)
        settings->route_texts[settings->route_count++] = "direct";
    for (size_t i = 0; i < settings->route_count; i++) {
        settings->is_direct = settings->is_direct || strcmp(settings->route_texts[i], "direct") == 0;
        if (route_list_add(&settings->routes, settings->collector_url, settings->route_texts[i], &why) != STATUS_OK)
            return cli_fail(EXIT_USAGE, "%s", why.text);
    }
    return EXIT_NOTHING_WRONG;
}

/* Several hashes become one text, as curl takes it. */
static enum exit_status pins_read(struct run_settings *settings)
{
    struct buffer pins = {0};
    const char *pin;
    for (size_t i = 0; (pin = cli_value_at(settings->arguments, "pin", i)); i++) {
        if (!pin[0] || !route_pins_are_good(pin)) {
            buffer_free(&pins);
            return exit_of_status(cli_complain(settings->arguments, "pin", pin,
                                               "type sha256// and the base64 of the SHA-256 of its public key"));
        }
        buffer_text(&pins, i > 0 ? ";" : "");
        buffer_text(&pins, pin);
    }
    if (pins.count > 0)
        settings->pins = settings->pins_text = buffer_take_text(&pins);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status recipient_read(struct run_settings *settings)
{
    const char *text = cli_value(settings->arguments, "seal-to");
    settings->has_recipient = text != NULL;
    if (text && age_recipient_parse(text, &settings->recipient) != STATUS_OK)
        return exit_of_status(cli_complain(settings->arguments, "seal-to", text,
                                           "type the collector's recipient, age1..., as age-keygen writes it"));
    return EXIT_NOTHING_WRONG;
}

static enum exit_status words_read(struct run_settings *settings)
{
    const struct cli_arguments *arguments = settings->arguments;
    settings->state_folder = cli_value(arguments, "state");
    settings->targets_path = cli_value(arguments, "targets");
    settings->program = cli_value(arguments, "program");
    if (!settings->state_folder)
        return cli_fail(EXIT_USAGE, "run needs a state folder: type --state ~/.dialtone");
    if (cli_operand_count(arguments) > 0)
        return cli_fail(EXIT_USAGE, "run takes no \"%.100s\": give URLs in a file, with --targets",
                        cli_operand(arguments, 0));
    if (options_read(arguments, &settings->options) != STATUS_OK)
        return EXIT_USAGE;
    settings->services_folder = cli_value(arguments, "services");
    settings->options.services_folder = settings->services_folder;
    settings->parallel_count = settings->options.parallel_count > 0 ? (size_t)settings->options.parallel_count
                                                                    : PARALLEL_COUNT_DEFAULT;
    enum exit_status exit_status = collector_read(settings);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = routes_read(settings);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = control_default(settings);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = pins_read(settings);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = risk_read(settings);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = recipient_read(settings);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = intervals_read(settings);
    return exit_status == EXIT_NOTHING_WRONG ? amounts_read(settings) : exit_status;
}

/* The flags alone say where the file is; then both are taken together. */
static enum status both_parse(const struct cli_option *table, int argc, char **argv, struct run_settings *settings,
                              struct why *why)
{
    const struct cli_command command = {.name = "run", .help = run_settings_help};
    enum status status = cli_parse(&command, table, argc, argv, &settings->arguments);
    if (status == STATUS_OK)
        status = config_file_find(cli_value(settings->arguments, "config"), cli_value(settings->arguments, "state"),
                                  &settings->file, why);
    if (status == STATUS_OK && settings->file.count > 0) {
        cli_free(settings->arguments);
        settings->arguments = NULL;
        status = cli_parse_with(&command, table, settings->file.settings, settings->file.count, argc, argv,
                                &settings->arguments);
    }
    return status;
}

static enum exit_status arguments_read(int argc, char **argv, struct run_settings *settings, bool *out_is_help)
{
    struct why why = {0};
    bool is_daemon = argc > 1 && strncmp(argv[1], "--program=", strlen("--program=")) == 0;
    enum status status = both_parse(is_daemon ? daemon_table : options_table, argc, argv, settings, &why);
    *out_is_help = status == STATUS_REFUSED;
    if (*out_is_help)
        return EXIT_NOTHING_WRONG;
    if (status != STATUS_OK && why.text[0])
        return cli_fail(EXIT_USAGE, "%s", why.text);
    return exit_of_status(status);
}

enum exit_status run_settings_read(int argc, char **argv, struct run_settings *out, bool *out_is_help)
{
    struct run_settings settings = {0};
    enum exit_status exit_status = arguments_read(argc, argv, &settings, out_is_help);
    if (exit_status == EXIT_NOTHING_WRONG && !*out_is_help)
        exit_status = words_read(&settings);
    if (exit_status == EXIT_NOTHING_WRONG && !*out_is_help)
        *out = settings;
    else
        run_settings_free(&settings);
    return exit_status;
}

void run_settings_free(struct run_settings *settings)
{
    cli_free(settings->arguments);
    config_file_free(&settings->file);
    free(settings->control_url);
    free(settings->pins_text);
    route_list_free(&settings->routes);
    *settings = (struct run_settings){0};
}

/* The collector's list, or the channels that the program carries, and the volunteer's own. */
static enum status lists_open(const struct run_settings *settings, struct target_list *out, struct why *why)
{
    struct public_key key = settings->collector_key;
    struct channel_list channels = {0};
    struct why unread = {0};
    bool has_key = settings->has_collector_key ||
                   state_collector_read(settings->state_folder, &key, NULL) == STATUS_OK;
    enum status status =
        has_key ? target_store_read(settings->state_folder, &key, NULL, out, &unread) : STATUS_NOT_FOUND;
    if (status != STATUS_OK && status != STATUS_NOT_FOUND && status != STATUS_NO_MEMORY)
        cli_fail(EXIT_OWN_FAILURE, "%s/" STATE_TARGETS " is not used: %s", settings->state_folder, unread.text);
    if (status != STATUS_OK) {
        status = channel_list_default(&channels, why);
        if (status == STATUS_OK)
            status = channel_list_targets(&channels, out);
    }
    channel_list_free(&channels);
    if (status == STATUS_OK)
        status = target_store_read_own(settings->state_folder, out, why);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND) {
        target_store_unique(out);
        return STATUS_OK;
    }
    return status;
}

enum exit_status run_targets_open(const struct run_settings *settings, struct target_list *out)
{
    struct buffer text = {0};
    struct why why = {0};
    const char *path = settings->targets_path;
    enum status status;
    if (path) {
        status = file_read(path, TARGETS_BYTES_MAX, &text, &why);
        if (status == STATUS_OK)
            status = target_list_read((const char *)text.bytes, text.count, out, &why);
    } else {
        status = lists_open(settings, out, &why);
    }
    buffer_free(&text);
    if (status != STATUS_OK)
        return cli_fail(exit_of_status(status) == EXIT_FOUND ? EXIT_USAGE : exit_of_status(status),
                        "the targets cannot be used: %s", why.text[0] ? why.text : status_name(status));
    if (risk_apply(settings->risk, out) > 0 && out->count == 0) {
        enum exit_status exit_status = cli_fail(
            EXIT_USAGE, "all %zu targets are of a higher risk than --risk %s; give another list, or choose a higher one",
            out->above_risk_count, risk_name(settings->risk));
        target_list_free(out);
        return exit_status;
    }
    return EXIT_NOTHING_WRONG;
}

static void word_add(char **argv, size_t *count, const char *name, const char *value)
{
    struct buffer word = {0};
    buffer_printf(&word, value ? "--%s=%s" : "--%s", name, value);
    argv[*count] = buffer_take_text(&word);
    *count += argv[*count] != NULL;
}

char **run_worker_argv(const struct run_settings *settings, const char *kind)
{
    static const struct cli_option words[] = {OPTIONS_MEASURING, {"services", "FOLDER", ""}, {"collector", "URL", ""}};
    const size_t word_count = sizeof words / sizeof words[0];
    char **argv = calloc(3 + word_count + OPTIONS_CONTROLS_MAX + 1, sizeof *argv);
    size_t count = 0;
    if (!argv)
        return NULL;
    argv[count++] = strdup("dialtone-probe");
    argv[count++] = strdup("worker");
    argv[count++] = strdup(kind);
    for (size_t i = 0; i < word_count; i++) {
        const char *value = cli_value(settings->arguments, words[i].name);
        if (value && strcmp(words[i].name, "control") != 0)
            word_add(argv, &count, words[i].name, words[i].value ? value : NULL);
    }
    for (size_t i = 0; i < settings->options.control_count; i++)
        word_add(argv, &count, "control", settings->options.control_urls[i]);
    return argv;
}

void run_worker_argv_free(char **argv)
{
    for (size_t i = 0; argv && argv[i]; i++)
        free(argv[i]);
    free(argv);
}

bool run_is_in_the_clear(const char *url)
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
