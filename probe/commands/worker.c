/* dialtone-probe worker KIND: one task for the daemon, in a process of its own.
 * Owner: a worker owns its setup for the time of the task.
 * Why: what reads foreign bytes holds no key, and its memory goes when the task is done. */
#include <stdlib.h>
#include <string.h>

#include "probe/commands/commands.h"
#include "probe/worker/worker_kinds.h"

static const struct cli_option options_table[] = {OPTIONS_MEASURING,
                                                  {"services", "FOLDER", "endpoints of the services' tests"},
                                                  {"collector", "URL", "where bundles go"},
                                                  {0}};

static enum exit_status check_work(const struct worker_context *context)
{
    struct probe_setup setup;
    struct why why = {0};
    enum status status = setup_open(context->options, &setup, &why);
    if (status != STATUS_OK)
        return cli_fail(exit_of_input(status), "%s", why.text[0] ? why.text : status_name(status));
    setup_free(&setup);
    return EXIT_NOTHING_WRONG;
}

static const struct worker_kind kinds[] = {
    {"check", check_work},
    {"measure", worker_measure},
    {"whoami", worker_whoami},
    {"upload", worker_send},
};

static enum exit_status worker_run(int argc, char **argv)
{
    struct cli_arguments *arguments = NULL;
    struct probe_options options = {0};
    enum status status = cli_parse(&command_worker, options_table, argc, argv, &arguments);
    if (status != STATUS_OK)
        return status == STATUS_REFUSED ? EXIT_NOTHING_WRONG : exit_of_status(status);
    enum exit_status exit_status = EXIT_USAGE;
    const char *name = cli_operand(arguments, 0);
    const struct worker_kind *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && name; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            kind = &kinds[i];
    }
    options.services_folder = cli_value(arguments, "services");
    if (!kind || cli_operand_count(arguments) != 1) {
        cli_fail(EXIT_USAGE, "worker is for the daemon's own use: type dialtone-probe run");
    } else if (options_read(arguments, &options) == STATUS_OK) {
        options.is_worker = true;
        exit_status = kind->work(&(const struct worker_context){.options = &options,
                                                                .collector_url = cli_value(arguments, "collector")});
    }
    cli_free(arguments);
    return exit_status;
}

const struct cli_command command_worker = {
    .name = "worker",
    .help = "usage: dialtone-probe worker KIND [OPTION...]\n"
            "\n"
            "Does one task for dialtone-probe run, told on standard input. It is of no use by hand.\n",
    .run = worker_run,
};
