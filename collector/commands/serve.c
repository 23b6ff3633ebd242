/* dialtone-collector serve: the HTTP service until SIGTERM.
 * Owner: the data folder and the server for the length of the command.
 * Why: the one process that probes talk to. */
#include <stdio.h>
#include <string.h>

#include "collector/commands/commands.h"
#include "collector/serve/service.h"

#define LISTEN_DEFAULT "127.0.0.1:8047"

static const struct cli_option options[] = {
    {"data", "DIR", "the collector's data folder; made where it is missing"},
    {"listen", "ADDRESS:PORT", "where to listen (" LISTEN_DEFAULT ")"},
    {"bin", "DURATION", "length of a bin, fixed when the folder is made (10m)"},
    COMMAND_STORE_OPTION,
    {"targets", "FILE|DIR", "target list given to probes: a CSV, or a folder with global.csv and CC.csv"},
    {"cert", "FILE", "TLS certificate chain, PEM"},
    {"key", "FILE", "its private key, PEM"},
    {"allow-plain-http", NULL, "speak plain HTTP beyond this machine (a proxy speaks TLS in front)"},
    {"allow-private-targets", NULL, "the control may connect to special-purpose addresses: labs only"},
    {"resolver", "IP[:PORT],...", "resolvers of the control (the system's)"},
    {"ca-file", "FILE", "whom the control trusts (the system's)"},
    {"geo-db", "FILE", "MaxMind database of countries, for whoami"},
    {"asn-db", "FILE", "MaxMind database of networks, for whoami"},
    {"site", "DIR", "serve the pages that dialtone-report site wrote"},
    {"alerts", "FILE", "webhooks to tell of events, a section each; docs/alerts.md describes it"},
    {"public-url", "URL", "address at which others reach this collector, for links in feeds and alerts"},
    {"enrolment", "open|invitation|closed", "whose bundles are taken: anybody's, or of keys that are enrolled (open)"},
    {"key-rate", "N", "bundles a minute that one key may send in the long run (1200); 0: no limit"},
    {"rate", "N", "requests that write, a minute, from all together (600000); 0: no limit"},
    {"cors", "ORIGIN", "whose web pages may read /api/, such as https://example.org, or * (nobody's)"},
    {"no-reports", NULL, "take signed bundles only, no measurements by OONI's protocol"},
    {"identity", "FILE|none", "what opens sealed bundles (identity.age.txt in the data folder); none: it is kept elsewhere"},
    {"recipient", "age1...", "with --identity none: whom probes seal to"},
    {0},
};

/* What one may send at once is what one may send in four minutes. */
static struct limiter_rate rate_of(int64_t per_minute)
{
    return (struct limiter_rate){.burst_count = 4 * per_minute, .per_minute_count = per_minute};
}

static enum status trust_read(const struct cli_arguments *arguments, struct service_config *config)
{
    int64_t key_rate = -1;
    int64_t rate = -1;
    const char *enrolment = cli_value(arguments, "enrolment");
    const char *identity = cli_value(arguments, "identity");
    config->trust = trust_config_default();
    config->recipient = cli_value(arguments, "recipient");
    config->cors_origin = cli_value(arguments, "cors");
    config->refuses_reports = cli_value(arguments, "no-reports") != NULL;
    if (enrolment && trust_enrolment_parse(enrolment, &config->trust.enrolment) != STATUS_OK) {
        cli_fail(EXIT_USAGE, "serve: --enrolment \"%.80s\": type open, invitation or closed", enrolment);
        return STATUS_USAGE;
    }
    if (config->recipient && (!identity || strcmp(identity, "none") != 0)) {
        cli_fail(EXIT_USAGE, "serve: --recipient belongs to --identity none; an identity has its own");
        return STATUS_USAGE;
    }
    enum status status = cli_number(arguments, "key-rate", 0, 1000000000, &key_rate);
    if (status == STATUS_OK) {
        status = cli_number(arguments, "rate", 0, 1000000000, &rate);
    }
    config->trust.each = key_rate >= 0 ? rate_of(key_rate) : config->trust.each;
    config->trust.all = rate >= 0 ? rate_of(rate) : config->trust.all;
    return status;
}

static enum exit_status serve(const struct service_config *config, const char *data, const char *identity,
                              int64_t bin_length_s)
{
    struct collector_folder folder = {0};
    struct service *service = NULL;
    struct why why = {""};
    enum status status = collector_folder_open(data, bin_length_s, &folder, &why);
    if (status == STATUS_OK && bin_length_s != 0 && bin_length_s != folder.bin_length_s) {
        log_event(&config->log, LOG_LEVEL_WARN, "bin_length_kept", "asked_s=%lld stored_s=%lld",
                  (long long)bin_length_s, (long long)folder.bin_length_s);
    }
    if (status == STATUS_OK) {
        folder.identity_path = identity && strcmp(identity, "none") == 0 ? "" : identity;
        status = service_open(config, &folder, &service, &why);
    }
    if (status == STATUS_OK) {
        status = service_run(service);
    }
    service_free(service);
    collector_folder_close(&folder);
    if (status != STATUS_OK) {
        return cli_fail(exit_of_status(status), "%s", why.text[0] ? why.text : status_name(status));
    }
    return EXIT_NOTHING_WRONG;
}

static struct service_config config_read(const struct cli_arguments *arguments)
{
    const char *listen = cli_value(arguments, "listen");
    return (struct service_config){
        .listen = listen ? listen : LISTEN_DEFAULT,
        .targets_path = cli_value(arguments, "targets"),
        .certificate_path = cli_value(arguments, "cert"),
        .key_path = cli_value(arguments, "key"),
        .allow_plain_http = cli_value(arguments, "allow-plain-http") != NULL,
        .allow_private_targets = cli_value(arguments, "allow-private-targets") != NULL,
        .resolvers = cli_value(arguments, "resolver"),
        .ca_file = cli_value(arguments, "ca-file"),
        .geo_path = cli_value(arguments, "geo-db"),
        .asn_path = cli_value(arguments, "asn-db"),
        .site_folder = cli_value(arguments, "site"),
        .alerts_path = cli_value(arguments, "alerts"),
        .public_url = cli_value(arguments, "public-url"),
        .log = {.least = LOG_LEVEL_INFO, .stream = stderr, .clock = clock_system()},
    };
}

static enum exit_status run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    const char *data = NULL;
    int64_t bin_length_s = 0;
    enum exit_status result = EXIT_USAGE;
    enum status status = cli_parse(&command_serve, options, argc, argv, &arguments);
    if (status != STATUS_OK) {
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    }
    struct service_config config = config_read(arguments);
    if (command_data_folder(&command_serve, arguments, &data) != STATUS_OK ||
        command_bin_length(arguments, &bin_length_s) != STATUS_OK) {
        result = EXIT_USAGE;
    } else if (cli_operand_count(arguments) > 0) {
        cli_fail(EXIT_USAGE,
                 "serve: it takes no file; dialtone-collector import takes measurements from files");
    } else if (!config.certificate_path != !config.key_path) {
        cli_fail(EXIT_USAGE, "serve: --cert and --key belong together; give both, or neither");
    } else if (config.public_url && strncmp(config.public_url, "http://", 7) != 0 &&
               strncmp(config.public_url, "https://", 8) != 0) {
        cli_fail(EXIT_USAGE, "serve: --public-url is a whole address, such as https://collector.example.org");
    } else if (trust_read(arguments, &config) == STATUS_OK && command_store(arguments, data) == STATUS_OK) {
        result = serve(&config, data, cli_value(arguments, "identity"), bin_length_s);
    }
    cli_free(arguments);
    return result;
}

const struct cli_command command_serve = {
    .name = "serve",
    .summary = "take bundles from probes over HTTP, judge, and answer questions",
    .help =
        "usage: dialtone-collector serve --data DIR [options]\n"
        "\n"
        "Listens on this machine unless told otherwise. SIGTERM stops it in order; killed at any moment, "
        "it loses\n"
        "no bundle that it gave a receipt for. No address of a caller is logged or stored.\n"
        "\n"
        "Events: GET /api/v1/events?format=json|rss|atom|cap, with the parameters region (a country with "
        "its\n"
        "subdivisions, or one of those), asn, kind, state (the least: suspected, probable, confirmed), from, "
        "to\n"
        "and id. Lists are separated by commas. format=cap gives one CAP 1.2 alert for an id, else an Atom "
        "feed "
        "of\n"
        "alerts. Places of the lab (AA, QM-QZ, XA-XZ) are told as exercises.\n"
        "\n"
        "Webhooks: --alerts names a file with a section for each receiver:\n"
        "  [newsroom]\n"
        "  url = https://news.example.org/dialtone\n"
        "  secret-file = /etc/dialtone/newsroom.secret   (or: secret = at least 16 bytes)\n"
        "  region = CD, UA-46                            (also asn, kind and state; none of them: "
        "everything)\n"
        "  state = confirmed\n"
        "Each event and revision that says something new is POSTed once as JSON, signed with HMAC-SHA256, "
        "and "
        "tried\n"
        "again with growing pauses until it is answered with 2xx, across restarts too. docs/alerts.md says "
        "how "
        "to\n"
        "check the signature.\n"
        "\n"
        "Probes: --enrolment says whose bundles are taken; dialtone-collector probes invites, enrols and revokes.\n"
        "Sealed bundles are opened with the identity that is made in the data folder at the first start. With\n"
        "--identity none they are kept as they came, and dialtone-collector decrypt takes them in later.\n"
        "\n"
        "Exit status: 0 stopped as told; 2 usage; 3 it could not serve.\n"
        "\n"
        "Examples:\n"
        "  dialtone-collector serve --data /var/lib/dialtone --targets test-lists/\n"
        "  dialtone-collector serve --data /var/lib/dialtone --listen 0.0.0.0:443 --cert chain.pem --key "
        "key.pem\n"
        "  dialtone-collector serve --data /var/lib/dialtone --alerts /etc/dialtone/alerts.conf\n"
        "  curl 'http://127.0.0.1:8047/api/v1/events?format=rss&region=CD&state=probable'\n",
    .run = run,
};
