/* dialtone-probe status: what the daemon is doing, from itself or from its status file.
 * Owner: nothing is kept.
 * Why: whoever looks after the machine sees at a glance whether it measures and whether it gets rid of its bundles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/commands/commands.h"
#include "probe/settings/options.h"
#include "probe/state/state.h"
#include "probe/daemon/status_socket.h"

static const struct cli_option options_table[] = {
    {"state", "DIR", "the folder of the probe"},
    {"format", "FORMAT", "text (default) or json"},
    {0},
};

static bool is_running(const char *folder)
{
    int fd = -1;
    enum status status = state_lock(folder, &fd, NULL);
    if (fd >= 0)
        close(fd);
    return status == STATUS_BUSY;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_member_text(object, key);
    return text ? text : "never";
}

static void number_print(const char *label, const json_t *object, const char *key, const char *unit)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_number(value))
        printf("%s%.1f%s", label, json_number_value(value), unit);
}

static void data_print(const json_t *data, const char *period, const char *label)
{
    const json_t *sums = json_member_object(data, period);
    printf("%s%.1f MB: ladder %.1f, upload %.1f, channels %.1f, web %.1f, other %.1f", label,
           (double)json_member_int(sums, "sum", 0) / 1e6, (double)json_member_int(sums, "ladder", 0) / 1e6,
           (double)json_member_int(sums, "upload", 0) / 1e6, (double)json_member_int(sums, "channels", 0) / 1e6,
           (double)json_member_int(sums, "web", 0) / 1e6, (double)json_member_int(sums, "other", 0) / 1e6);
    if (json_member_bool(data, "metered", false))
        printf("; at most %.1f MB", (double)json_member_int(sums, "limit", 0) / 1e6);
    printf("\n");
}

static void routes_print(const json_t *routes)
{
    for (size_t i = 0; i < json_array_size(routes); i++) {
        const json_t *route = json_array_get(routes, i);
        const char *failure = json_member_text(route, "failure");
        printf("route %-8zu %s: %s%s%s%s\n", i + 1, text_of(route, "route"), text_of(route, "state"),
               failure ? ", " : "", failure ? failure : "",
               json_member_bool(route, "is_used", false) ? " (used now)" : "");
    }
}

static void sandbox_print(const json_t *sandbox)
{
    const char *absence = json_member_text(sandbox, "absence");
    int64_t version = json_member_int(sandbox, "landlock", 0);
    printf("sandbox        no new privileges%s", version > 0 ? ", Landlock" : "");
    printf("%s%s%s%s%s\n", json_member_bool(sandbox, "seccomp", false) ? ", seccomp" : "",
           version == 0 ? "; the kernel has no Landlock" : "", absence ? "; no seccomp: " : "", absence ? absence : "",
           json_member_bool(sandbox, "root", false) ? "; it runs as root: give --user NAME" : "");
}

static void spool_print(const json_t *spool)
{
    printf("waiting        %lld lines, %lld bundles (%lld given to a courier), %.1f of %.0f MiB, %s\n",
           (long long)json_member_int(spool, "pending_lines", 0), (long long)json_member_int(spool, "bundles", 0),
           (long long)json_member_int(spool, "exported_bundles", 0), (double)json_member_int(spool, "bytes", 0) / 1048576.0,
           (double)json_member_int(spool, "limit_bytes", 0) / 1048576.0,
           json_member_bool(spool, "is_sealed_at_rest", false) ? "sealed" : "not sealed yet");
    const char *unsealed = json_member_text(spool, "unsealed_reason");
    if (unsealed)
        printf("not sealed     %s; whoever takes the disk can read %lld bundles\n", unsealed,
               (long long)json_member_int(spool, "unsealed_bundles", 0));
    printf("dropped        %lld lines, %lld bundles evicted\n", (long long)json_member_int(spool, "dropped_lines", 0),
           (long long)json_member_int(spool, "evicted_bundles", 0));
}

static void text_print(const json_t *status, bool running)
{
    const json_t *spool = json_member_object(status, "spool"), *upload = json_member_object(status, "upload");
    const json_t *web = json_member_object(status, "web"), *next = json_member_object(status, "next");
    const json_t *clock = json_member_object(status, "clock"), *data = json_member_object(status, "data");
    const char *absence = json_member_text(status, "capture_absence");
    printf("running        %s\n", running ? "yes" : "no");
    printf("updated        %s\n", text_of(status, "updated"));
    printf("connectivity   %s\n", text_of(status, "connectivity"));
    printf("last climb     %s (%lld since start)\n", text_of(status, "last_climb"),
           (long long)json_member_int(status, "climbs", 0));
    printf("next           ladder %s, channels %s, web %s\n", text_of(next, "ladder"), text_of(next, "channels"),
           text_of(next, "web"));
    printf("web            %lld results in %lld rounds of %lld targets, %lld of them skipped\n",
           (long long)json_member_int(web, "results", 0), (long long)json_member_int(web, "rounds", 0),
           (long long)json_member_int(web, "targets", 0), (long long)json_member_int(web, "rounds_skipped", 0));
    printf("packets        %s\n", absence ? absence : "captured");
    const char *doubt = json_member_text(status, "location_doubt");
    if (doubt)
        printf("location       %s: results are kept, but counted for no country\n",
               strcmp(doubt, "jumped") == 0 ? "seen in another country than before" : "not seen in the declared country");
    if (json_member_int(status, "unscrubbable", 0) > 0)
        printf("unscrubbable   %lld results were dropped because an own address was left in them\n",
               (long long)json_member_int(status, "unscrubbable", 0));
    spool_print(spool);
    printf("uploaded       %lld bundles, the last %s; %lld attempts failed; %lld refused for good\n",
           (long long)json_member_int(upload, "accepted", 0), text_of(upload, "last_accepted"),
           (long long)json_member_int(upload, "failed_attempts", 0),
           (long long)json_member_int(spool, "rejected_bundles", 0));
    routes_print(json_member_array(upload, "routes"));
    sandbox_print(json_member_object(status, "sandbox"));
    data_print(data, "day", "data today     ");
    data_print(data, "month", "data this month ");
    printf("clock          ");
    number_print("off by ", clock, "skew_s", " s");
    number_print(", known to ", clock, "bound_s", json_member_bool(clock, "is_signed", false) ? " s (signed)" : " s");
    printf("%s; %lld jumps\n", json_is_number(json_object_get(clock, "bound_s")) ? "" : "not checked yet",
           (long long)json_member_int(clock, "jumps", 0));
}

static enum status json_print(json_t *object, bool running)
{
    struct buffer text = {0};
    enum status status =
        json_object_set_new(object, "running", json_boolean(running)) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = json_write(object, &text);
    if (status == STATUS_OK)
        printf("%.*s\n", (int)text.count, (const char *)text.bytes);
    buffer_free(&text);
    return status;
}

/* What the daemon says; where none answers, what it wrote last. */
static enum status status_get(const char *folder, bool *out_is_running, struct buffer *out, struct why *why)
{
    enum status status = status_socket_ask(folder, out);
    *out_is_running = status == STATUS_OK;
    if (status == STATUS_OK)
        return status;
    buffer_free(out);
    *out = (struct buffer){0}; /* without the bound of an answer */
    *out_is_running = is_running(folder);
    char *path = path_join(folder, STATE_STATUS);
    status = path ? file_read(path, STATUS_SOCKET_BYTES_MAX, out, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

static enum exit_status status_tell(const char *folder, enum options_format format)
{
    struct buffer text = {0};
    json_t *object = NULL;
    struct why why = {0};
    bool running = false;
    enum status status = status_get(folder, &running, &text, &why);
    if (status == STATUS_NOT_FOUND)
        return cli_fail(EXIT_USAGE, "no probe has run in %s yet; type: dialtone-probe run --state %s --collector URL",
                        folder, folder);
    if (status == STATUS_OK)
        status = json_read((const char *)text.bytes, text.count, &object, &why);
    if (status == STATUS_OK && format == FORMAT_JSON)
        status = json_print(object, running);
    else if (status == STATUS_OK)
        text_print(object, running);
    json_decref(object);
    buffer_free(&text);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG
                               : cli_fail(EXIT_OWN_FAILURE, "the status in %s cannot be told (%s): %s", folder,
                                          status_name(status), why.text);
}

static enum exit_status status_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    enum options_format format = FORMAT_TEXT;
    enum status status = cli_parse(&command_status, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = EXIT_USAGE;
    const char *folder = cli_value(arguments, "state");
    if (!folder || cli_operand_count(arguments) > 0)
        cli_fail(EXIT_USAGE, "status needs a folder and nothing else: type dialtone-probe status --state ~/.dialtone");
    else if (options_format(arguments, false, &format) == STATUS_OK)
        exit_status = status_tell(folder, format);
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_status = {
    .name = "status",
    .summary = "says what the hosted probe is doing",
    .help = "usage: dialtone-probe status --state DIR [--format text|json]\n"
            "\n"
            "Asks the running daemon through DIR/status.sock, or reads what it wrote last: the connectivity it saw, what\n"
            "is due next, what waits to be sent, what was dropped, the data used by purpose, how far the clock is off.\n"
            "It asks no network.\n"
            "\n"
            "exit status: 0 told; 2 usage, or no probe has run there; 3 our own failure\n"
            "\n"
            "examples:\n"
            "  dialtone-probe status --state ~/.dialtone\n"
            "  dialtone-probe status --state ~/.dialtone --format json\n",
    .run = status_run,
};
