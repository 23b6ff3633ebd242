/* Landlock: the file system as this process may see it from now on. (Linux, Documentation/userspace-api/landlock.rst)
 * Owner: the ruleset's descriptor lives while it is entered.
 * Why: no library speaks it in Debian 12, and it needs no privilege. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/sandbox/sandbox.h"

/* Newer than the headers of Debian 12. */
#define ACCESS_REFER     (UINT64_C(1) << 13) /* version 2 */
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14) /* version 3 */
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15) /* version 5 */
#define ACCESS_FIRST     ((UINT64_C(1) << 13) - 1)

#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_WRITE                                                                                                   \
    (ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |     \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | ACCESS_REFER |          \
     ACCESS_TRUNCATE)
/* Of a file, only these mean something. */
#define ACCESS_OF_FILES                                                                                                \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | ACCESS_TRUNCATE |      \
     ACCESS_IOCTL_DEV)

static uint64_t handled_of_version(int version)
{
    uint64_t handled = ACCESS_FIRST;
    handled |= version >= 2 ? ACCESS_REFER : 0;
    handled |= version >= 3 ? ACCESS_TRUNCATE : 0;
    handled |= version >= 5 ? ACCESS_IOCTL_DEV : 0;
    return handled;
}

/* A path that is not there needs no rule. */
static enum status path_allow(int ruleset, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access};
    struct stat found;
    enum status status = STATUS_OK;
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return STATUS_OK;
    if (fstat(rule.parent_fd, &found) == 0 && !S_ISDIR(found.st_mode))
        rule.allowed_access &= ACCESS_OF_FILES;
    if (rule.allowed_access != 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        status = STATUS_IO;
    close(rule.parent_fd);
    return status;
}

static enum status rules_add(int ruleset, const struct sandbox_plan *plan, uint64_t handled)
{
    bool is_supervisor = plan->role == SANDBOX_SUPERVISOR;
    /* Libraries and their loader are opened as programs are. */
    uint64_t read = handled & (ACCESS_READ | (is_supervisor ? LANDLOCK_ACCESS_FS_EXECUTE : 0));
    enum status status = STATUS_OK;
    for (size_t i = 0; sandbox_system_paths[i] && status == STATUS_OK; i++)
        status = path_allow(ruleset, sandbox_system_paths[i], read);
    for (size_t i = 0; i < plan->read_count && status == STATUS_OK; i++)
        status = path_allow(ruleset, plan->read_paths[i], handled & ACCESS_READ);
    if (status == STATUS_OK)
        status = path_allow(ruleset, "/dev/null", handled & (ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE));
    if (status == STATUS_OK && is_supervisor) /* /proc/self is another for each worker, which narrows it for itself */
        status = path_allow(ruleset, "/proc", handled & ACCESS_READ);
    if (status == STATUS_OK && is_supervisor && plan->program)
        status = path_allow(ruleset, plan->program, read);
    if (status == STATUS_OK && is_supervisor && plan->write_folder)
        status = path_allow(ruleset, plan->write_folder, handled & ACCESS_WRITE);
    return status;
}

enum status sandbox_landlock_enter(const struct sandbox_plan *plan, int *out_version)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    *out_version = 0;
    if (version < 1) /* ENOSYS: too old; EOPNOTSUPP: switched off */
        return STATUS_OK;
    const struct landlock_ruleset_attr attributes = {.handled_access_fs = handled_of_version((int)version)};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
    if (ruleset < 0)
        return STATUS_IO;
    enum status status = rules_add(ruleset, plan, attributes.handled_access_fs);
    if (status == STATUS_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        status = STATUS_IO;
    int error = errno;
    close(ruleset);
    errno = error;
    if (status == STATUS_OK)
        *out_version = (int)version;
    return status;
}
