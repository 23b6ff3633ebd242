/* dialtone-probe lists: what the web rounds measure.
 * Owner: an asking owns its loop and fetcher for the time of the command.
 * Why: lists come signed from the collector by themselves; this asks at once, or takes a volunteer's own. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "probe/commands/commands.h"
#include "probe/settings/run_settings.h"
#include "probe/state/state.h"
#include "probe/state/target_store.h"
#include "probe/upload/upload_send.h"

#define LIST_BYTES_MAX  (16u << 20)
#define LIST_TIMEOUT_US (60 * US_PER_S)

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder of the probe"},
    {"from", "URL|FILE", "update: take this list in Citizen Lab's CSV form instead, as the volunteer's own"},
    {"ca-file", "FILE", "trust the certificates in this PEM file instead of the system's"},
    {0},
};

/* What came, as the loop's callbacks leave it. */
struct arrival {
    struct loop *loop;
    enum status status;
    long code;
    struct buffer body;
    char *signature;
};

static void on_fetched(const struct fetch_response *response, void *arg)
{
    struct arrival *arrival = arg;
    arrival->status = response->is_truncated ? STATUS_TOO_LARGE : response->status;
    arrival->code = response->code;
    buffer_append(&arrival->body, response->body, response->body_bytes);
    loop_stop(arrival->loop);
}

static void on_answer(const struct upload_answer *answer, void *arg)
{
    struct arrival *arrival = arg;
    arrival->status = answer->is_truncated ? STATUS_TOO_LARGE : answer->status;
    arrival->code = answer->code;
    arrival->signature = answer->signature ? strdup(answer->signature) : NULL;
    buffer_append(&arrival->body, answer->body, answer->body_bytes);
    loop_stop(arrival->loop);
}

static enum exit_status told(const struct arrival *arrival, enum status status, const char *from)
{
    if (status != STATUS_OK)
        return cli_fail(EXIT_OWN_FAILURE, "cannot ask for a list (%s): free some memory or descriptors",
                        status_name(status));
    if (arrival->status != STATUS_OK)
        return cli_fail(arrival->status == STATUS_TOO_LARGE ? EXIT_FOUND : EXIT_OFFLINE,
                        "%s was not reached (%s): try again later", from, status_name(arrival->status));
    if (arrival->code != 200)
        return cli_fail(EXIT_FOUND, "%s gives no list (HTTP %ld): ask its people, or give --from", from, arrival->code);
    return EXIT_NOTHING_WRONG;
}

static enum status url_get(const char *url, const char *ca_file, struct arrival *arrival)
{
    struct fetcher *fetcher = NULL;
    struct fetch *fetch = NULL;
    const struct fetch_request request = {.method = "GET",
                                          .url = url,
                                          .timeout_us = LIST_TIMEOUT_US,
                                          .body_limit_bytes = LIST_BYTES_MAX,
                                          .ca_file = ca_file,
                                          .connected_fd = -1};
    enum status status = loop_open(&arrival->loop);
    if (status == STATUS_OK)
        status = fetcher_open(arrival->loop, &fetcher);
    if (status == STATUS_OK)
        status = fetch_start(fetcher, &request, on_fetched, arrival, &fetch);
    if (status == STATUS_OK)
        status = loop_run(arrival->loop);
    fetcher_free(fetcher);
    loop_free(arrival->loop);
    return status;
}

static enum exit_status from_take(const char *folder, const char *from, const char *ca_file)
{
    struct arrival arrival = {0};
    struct why why = {0};
    enum exit_status exit_status = EXIT_NOTHING_WRONG;
    enum status status;
    if (target_url_check(from, NULL) == STATUS_OK) {
        status = url_get(from, ca_file, &arrival);
        exit_status = told(&arrival, status, from);
    } else {
        status = file_read(from, LIST_BYTES_MAX, &arrival.body, &why);
        if (status != STATUS_OK)
            exit_status = cli_fail(exit_of_input(status), "%s", why.text);
    }
    if (exit_status == EXIT_NOTHING_WRONG) {
        status = target_store_publish_own(folder, arrival.body.bytes, arrival.body.count, &why);
        if (status != STATUS_OK)
            exit_status = cli_fail(exit_of_input(status), "%s: %s", from, why.text);
    }
    buffer_free(&arrival.body);
    return exit_status;
}

static enum status collector_get(const struct run_settings *settings, struct arrival *arrival)
{
    struct fetcher *fetcher = NULL;
    struct upload_send *send = NULL;
    struct buffer path = {0};
    const char *country = settings->options.vantage.country;
    bool is_placed = strcmp(country, COUNTRY_UNKNOWN) != 0;
    buffer_printf(&path, "/v1/targets%s%s", is_placed ? "?cc=" : "", is_placed ? country : "");
    char *path_text = buffer_take_text(&path);
    const struct upload_order order = {.path = path_text, .is_long = true};
    enum status status = path_text ? loop_open(&arrival->loop) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = fetcher_open(arrival->loop, &fetcher);
    if (status == STATUS_OK) {
        const struct upload_send_config config = {.fetcher = fetcher,
                                                  .routes = &settings->routes,
                                                  .pins = settings->pins,
                                                  .ca_file = settings->options.ca_file,
                                                  .timeout_us = LIST_TIMEOUT_US};
        status = upload_send_open(&config, &send);
    }
    if (status == STATUS_OK) {
        const struct upload_sender sender = upload_send_sender(send);
        status = sender.send(sender.state, &order, on_answer, arrival);
    }
    if (status == STATUS_OK)
        status = loop_run(arrival->loop);
    upload_send_free(send);
    fetcher_free(fetcher);
    loop_free(arrival->loop);
    free(path_text);
    return status;
}

static enum exit_status list_take(const struct run_settings *settings, const struct arrival *arrival)
{
    struct public_key key = settings->collector_key;
    struct target_store_facts known = {0}, facts = {0};
    struct why why = {0};
    enum status status = STATUS_OK;
    if (!settings->has_collector_key)
        status = state_collector_read(settings->state_folder, &key, NULL);
    if (status != STATUS_OK)
        return cli_fail(EXIT_USAGE, "this probe knows no collector's key yet: give --collector-key, or let it upload once");
    (void)target_store_read(settings->state_folder, &key, &known, NULL, NULL);
    status = target_store_check(arrival->body.bytes, arrival->body.count, arrival->signature, &key, &known, &facts, &why);
    if (status == STATUS_CONFLICT && facts.serial == 0 && known.serial > 0) {
        fprintf(stderr, "dialtone-probe: %s\n", why.text);
        return EXIT_NOTHING_WRONG;
    }
    if (status == STATUS_OK)
        status = target_store_publish(settings->state_folder, arrival->body.bytes, arrival->body.count,
                                      arrival->signature, &why);
    if (status != STATUS_OK)
        return cli_fail(exit_of_status(status), "%s", why.text);
    fprintf(stderr, "dialtone-probe: took list %s, serial %lld\n", facts.version, (long long)facts.serial);
    return EXIT_NOTHING_WRONG;
}

static enum exit_status collector_take(int argc, char **argv)
{
    struct run_settings settings;
    struct arrival arrival = {0};
    bool is_help = false;
    enum exit_status exit_status = run_settings_read(argc, argv, &settings, &is_help);
    if (exit_status != EXIT_NOTHING_WRONG || is_help)
        return exit_status;
    enum status status = collector_get(&settings, &arrival);
    exit_status = told(&arrival, status, settings.collector_url);
    if (exit_status == EXIT_NOTHING_WRONG)
        exit_status = list_take(&settings, &arrival);
    free(arrival.signature);
    buffer_free(&arrival.body);
    run_settings_free(&settings);
    return exit_status;
}

static enum exit_status lists_do(const struct cli_arguments *arguments)
{
    const char *folder = cli_value(arguments, "state"), *what = cli_operand(arguments, 0);
    const char *url = cli_operand(arguments, 1), *from = cli_value(arguments, "from");
    struct why why = {0};
    if (!folder || !what || cli_operand_count(arguments) > 2)
        return cli_fail(EXIT_USAGE, "lists needs a word and a folder: type dialtone-probe lists update --state ~/.dialtone");
    if (strcmp(what, "update") == 0 && from && !url)
        return from_take(folder, from, cli_value(arguments, "ca-file"));
    if (strcmp(what, "add") != 0 || !url || from)
        return cli_fail(EXIT_USAGE, "lists %.40s: type update, update --from URL|FILE, or add URL", what);
    enum status status = target_store_add_own(folder, url, &why);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG
                               : cli_fail(exit_of_input(status), "\"%.200s\": %s", url, why.text);
}

static bool has_from(int argc, char **argv)
{
    bool is_given = false;
    for (int i = 1; i < argc; i++)
        is_given = is_given || strncmp(argv[i], "--from", 6) == 0 || strcmp(argv[i], "--help") == 0;
    return is_given;
}

static enum exit_status lists_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    /* Without --from it needs what `run` needs: the collector and the ways to it, from flags or the same file. */
    if (argc > 1 && strcmp(argv[1], "update") == 0 && !has_from(argc, argv))
        return collector_take(argc - 1, argv + 1);
    enum status status = cli_parse(&command_lists, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = lists_do(arguments);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_lists = {
    .name = "lists",
    .summary = "updates the lists of what is measured",
    .help = "usage: dialtone-probe lists update --state DIR [OPTION of run...]\n"
            "       dialtone-probe lists update --state DIR --from URL|FILE\n"
            "       dialtone-probe lists add URL --state DIR\n"
            "\n"
            "A running probe asks its collector for a newer list once a day; `update` asks now. A list is taken only where\n"
            "the collector's key signed it and its serial is greater than that of the list here. With --from, a list in\n"
            "Citizen Lab's CSV form takes the place of the volunteer's own lines (DIR/targets-own.csv), which are measured\n"
            "beside the collector's list; `add` puts one URL there. With --targets, `run` uses neither.\n"
            "\n"
            "exit status: 0 done, or nothing newer; 1 what came is no list of this probe's collector; 2 usage; 3 our own\n"
            "failure; 4 the collector was not reached\n"
            "\n"
            "examples:\n"
            "  dialtone-probe lists update --state ~/.dialtone --collector https://collector.example.org\n"
            "  dialtone-probe lists update --state ~/.dialtone --from test-lists/lists/cd.csv\n"
            "  dialtone-probe lists add https://www.radiookapi.net/ --state ~/.dialtone\n",
    .run = lists_run,
};
