/* What a process of the probe takes from itself before it reads foreign bytes: capabilities, new privileges, the file
 * system (Landlock), and the system calls that it does not need (seccomp). */
#ifndef PROBE_SANDBOX_SANDBOX_H
#define PROBE_SANDBOX_SANDBOX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "measurement/base/log.h"
#include "measurement/base/status.h"

enum sandbox_role {
    SANDBOX_WORKER,     /* network, reading of a few files; no writing, no programs */
    SANDBOX_SUPERVISOR, /* its state folder, starting of workers, and what these need: they inherit it */
};

#define SANDBOX_PATHS_MAX 24

/* Beyond what every program needs to look names up, verify certificates and read the machine's state; see
 * sandbox_system_paths. Text is borrowed. */
struct sandbox_plan {
    enum sandbox_role role;
    const char *read_paths[SANDBOX_PATHS_MAX]; /* files, or folders with all in them; NULL entries are passed over */
    size_t read_count;
    const char *write_folder; /* NULL: none; of the supervisor only */
    const char *program;      /* what may be started; of the supervisor only */
};

struct sandbox_state {
    bool has_no_new_privileges;
    int landlock_version; /* 0: the kernel has none */
    bool has_seccomp;
    bool is_root;
    const char *seccomp_absence; /* why not, or NULL */
};

/* Files and folders that every role may read; ends with NULL. */
extern const char *const sandbox_system_paths[];

void sandbox_plan_read(struct sandbox_plan *plan, const char *path);
/* Enters for good. What the kernel does not have is told in *out, and is no failure; IO where it has something and
 * refuses it: then the process must not go on. */
enum status sandbox_enter(const struct sandbox_plan *plan, struct sandbox_state *out, struct why *why);
/* {"no_new_privileges", "landlock", "seccomp", "root", "absence"?}. New reference. */
json_t *sandbox_state_encode(const struct sandbox_state *state);
/* Drops all capabilities. Part of sandbox_enter for workers. */
enum status sandbox_capabilities_drop(void);

/* From root to that user and its groups, keeping only the capability to capture, for the workers. NOT_FOUND: no such
 * user; REFUSED: not root. */
enum status sandbox_user_become(const char *user, struct why *why);

/* Makes the right to capture, where this program's file has it, last through the starting of the daemon and its workers
 * under NoNewPrivileges. */
void sandbox_capture_keep(void);

/* sandbox_landlock.c, sandbox_seccomp.c */
enum status sandbox_landlock_enter(const struct sandbox_plan *plan, int *out_version);
enum status sandbox_seccomp_enter(enum sandbox_role role, const char **out_absence);

#endif
