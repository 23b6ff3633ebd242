/* dialtone-probe status: what the daemon is doing, from its status file.
 * Owner: nothing is kept.
 * Why: whoever looks after the machine sees at a glance whether it measures and whether it gets rid of its bundles. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/commands.h"
#include "probe/options.h"
#include "probe/state.h"

#define STATUS_BYTES_MAX 65536

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

static void text_print(const json_t *status, bool running)
{
    const json_t *spool = json_member_object(status, "spool");
    const json_t *upload = json_member_object(status, "upload");
    const char *absence = json_member_text(status, "capture_absence");
    printf("running        %s\n", running ? "yes" : "no");
    printf("updated        %s\n", text_of(status, "updated"));
    printf("connectivity   %s\n", text_of(status, "connectivity"));
    printf("last climb     %s (%lld since start)\n", text_of(status, "last_climb"),
           (long long)json_member_int(status, "climbs", 0));
    printf("web            %lld results in %lld rounds, %lld of them skipped offline\n",
           (long long)json_member_int(status, "web_results", 0), (long long)json_member_int(status, "web_rounds", 0),
           (long long)json_member_int(status, "web_rounds_skipped", 0));
    printf("packets        %s\n", absence ? absence : "captured");
    printf("waiting        %lld lines, %lld bundles, %.1f of %.0f MiB\n",
           (long long)json_member_int(spool, "pending_lines", 0), (long long)json_member_int(spool, "bundles", 0),
           (double)json_member_int(spool, "bytes", 0) / 1048576.0,
           (double)json_member_int(spool, "limit_bytes", 0) / 1048576.0);
    printf("dropped        %lld lines\n", (long long)json_member_int(spool, "dropped_lines", 0));
    printf("uploaded       %lld bundles, the last %s; %lld attempts failed; %lld refused for good\n",
           (long long)json_member_int(upload, "accepted", 0), text_of(upload, "last_accepted"),
           (long long)json_member_int(upload, "failed_attempts", 0),
           (long long)json_member_int(spool, "rejected_bundles", 0));
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

static enum exit_status status_tell(const char *folder, enum options_format format)
{
    struct buffer text = {0};
    json_t *object = NULL;
    struct why why = {0};
    char *path = path_join(folder, STATE_STATUS);
    enum exit_status exit_status = EXIT_NOTHING_WRONG;
    enum status status = path ? file_read(path, STATUS_BYTES_MAX, &text, &why) : STATUS_NO_MEMORY;
    if (status == STATUS_NOT_FOUND) {
        exit_status = cli_fail(EXIT_USAGE, "no probe has run in %s yet; type: dialtone-probe run --state %s --collector URL",
                               folder, folder);
        goto done;
    }
    if (status == STATUS_OK)
        status = json_read((const char *)text.bytes, text.count, &object, &why);
    if (status == STATUS_OK && format == FORMAT_JSON)
        status = json_print(object, is_running(folder));
    else if (status == STATUS_OK)
        text_print(object, is_running(folder));
    if (status != STATUS_OK)
        exit_status = cli_fail(EXIT_OWN_FAILURE, "%s cannot be told (%s): %s", path ? path : folder,
                               status_name(status), why.text);
done:
    json_decref(object);
    buffer_free(&text);
    free(path);
    return exit_status;
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
            "Reads the status file that the daemon writes after each climb, round and upload: whether it runs, the\n"
            "connectivity it saw last, what waits to be sent, what was dropped. It asks no network.\n"
            "\n"
            "exit status: 0 told; 2 usage, or no probe has run there; 3 our own failure\n"
            "\n"
            "examples:\n"
            "  dialtone-probe status --state ~/.dialtone\n"
            "  dialtone-probe status --state ~/.dialtone --format json\n",
    .run = status_run,
};
