/* dialtone-probe run: checks what it is told, then becomes the daemon.
 * Owner: the settings live until the daemon takes the process over.
 * Why: the daemon stays small for months by linking neither TLS, HTTP nor capture; what needs them is checked here. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "probe/commands/commands.h"
#include "probe/settings/run_settings.h"
#include "probe/measuring/setup.h"
#include "probe/state/state.h"

#define DAEMON_NAME "dialtone-probe-daemon"

/* Consent first; then files and databases that the workers will open, opened once here: a wrong one is told now, and in one line. */
static enum exit_status files_check(const struct run_settings *settings)
{
    struct target_list targets = {0};
    struct probe_setup setup;
    struct probe_options options = settings->options;
    struct why why = {0};
    options.no_capture = true; /* the workers say why there is none */
    enum status status = state_consent_check(settings->state_folder, &why);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text);
    enum exit_status exit_status = run_targets_open(settings, &targets);
    if (exit_status != EXIT_NOTHING_WRONG)
        return exit_status;
    if (targets.skipped_count > 0)
        fprintf(stderr, "dialtone-probe: %zu lines of %s are no targets and were skipped, the first is line %zu\n",
                targets.skipped_count, settings->targets_path, targets.first_skipped_line);
    if (targets.above_risk_count > 0)
        fprintf(stderr, "dialtone-probe: %zu targets are of a higher risk than --risk %s and are left out\n",
                targets.above_risk_count, risk_name(settings->risk));
    target_list_free(&targets);
    status = setup_open(&options, &setup, &why);
    if (status == STATUS_OK)
        setup_free(&setup);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG
                               : cli_fail(exit_of_input(status), "%s", why.text[0] ? why.text : status_name(status));
}

/* Beside this program, or where a package puts it. */
static char *daemon_find(const char *program)
{
    static const char *const places[] = {"", "../libexec/dialtone/", "../lib/dialtone/"};
    const char *slash = strrchr(program, '/');
    for (size_t i = 0; slash && i < sizeof places / sizeof places[0]; i++) {
        struct buffer path = {0};
        buffer_printf(&path, "%.*s%s%s", (int)(slash - program + 1), program, places[i], DAEMON_NAME);
        char *text = buffer_take_text(&path);
        if (text && access(text, X_OK) == 0)
            return text;
        free(text);
    }
    return NULL;
}

static enum exit_status daemon_become(int argc, char **argv)
{
    char program[PATH_MAX] = "";
    struct buffer word = {0};
    ssize_t count = readlink("/proc/self/exe", program, sizeof program - 1);
    program[count > 0 ? count : 0] = '\0';
    char *path = daemon_find(program);
    if (!path)
        return cli_fail(EXIT_OWN_FAILURE, DAEMON_NAME " is not beside %s: install both together", program);
    char **words = calloc((size_t)argc + 2, sizeof *words);
    buffer_printf(&word, "--program=%s", program);
    char *own_word = buffer_take_text(&word);
    if (words && own_word) {
        words[0] = program_invocation_short_name;
        words[1] = own_word;
        memcpy(words + 2, argv + 1, (size_t)(argc - 1) * sizeof *words);
        execv(path, words);
    }
    enum exit_status exit_status =
        cli_fail(EXIT_OWN_FAILURE, "cannot become %s: %s; install it anew", path, strerror(errno));
    free(own_word);
    free(words);
    free(path);
    return exit_status;
}

static enum exit_status run_run(int argc, char **argv)
{
    struct run_settings settings;
    bool is_help = false;
    enum exit_status exit_status = run_settings_read(argc, argv, &settings, &is_help);
    if (exit_status != EXIT_NOTHING_WRONG || is_help)
        return exit_status;
    struct why why = {0};
    const char *user = cli_value(settings.arguments, "user");
    enum status status = user ? sandbox_user_become(user, &why) : STATUS_OK;
    if (status == STATUS_OK)
        sandbox_capture_keep();
    exit_status = status == STATUS_OK ? files_check(&settings) : cli_fail(exit_of_input(status), "%s", why.text);
    run_settings_free(&settings);
    return exit_status == EXIT_NOTHING_WRONG ? daemon_become(argc, argv) : exit_status;
}

const struct cli_command command_run = {
    .name = "run",
    .summary = "hosts a probe: measures, journals and uploads until stopped",
    .help = run_settings_help,
    .run = run_run,
};
