/* The daemon's sandbox: its state folder to write, what its settings name to read, workers to start.
 * Owner: nothing is kept but the state that status tells.
 * Why: the process with the key lives for months; what it never does it must not be able to do. */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "probe/daemon/daemon_inner.h"

#define FOLDERS_MAX 12

/* Folders of the files that are named: an editor replaces a file by a new one of its name, and SIGHUP must find it. */
struct folders {
    char *texts[FOLDERS_MAX];
    size_t count;
};

static void folder_add(struct folders *folders, struct sandbox_plan *plan, const char *path)
{
    if (!path || folders->count == FOLDERS_MAX)
        return;
    char *copy = strdup(path);
    if (!copy)
        return;
    folders->texts[folders->count++] = copy;
    sandbox_plan_read(plan, dirname(copy));
}

enum status daemon_confine(struct daemon *daemon, struct why *why)
{
    const struct run_settings *settings = &daemon->settings;
    const struct probe_options *options = &settings->options;
    const char *const files[] = {settings->file.path,        settings->targets_path,         options->ca_file,
                                 options->anchors_file,      options->blockpages_file,       options->blockpages_false_file,
                                 options->geo_db,            options->asn_db};
    struct sandbox_plan plan = {
        .role = SANDBOX_SUPERVISOR, .write_folder = settings->state_folder, .program = settings->program};
    struct folders folders = {0};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        folder_add(&folders, &plan, files[i]);
    sandbox_plan_read(&plan, options->services_folder);
    enum status status = sandbox_enter(&plan, &daemon->sandbox, why);
    for (size_t i = 0; i < folders.count; i++)
        free(folders.texts[i]);
    if (status != STATUS_OK)
        return status;
    if (daemon->sandbox.landlock_version == 0)
        log_event(&daemon->log, LOG_LEVEL_WARN, "no_landlock",
                  "advice=\"use a kernel of 5.13 or later with Landlock on\"");
    if (daemon->sandbox.is_root)
        log_event(&daemon->log, LOG_LEVEL_WARN, "runs_as_root",
                  "advice=\"give --user NAME, or start it as a user of its own\"");
    return STATUS_OK;
}
