/* Takes from this process what it does not need.
 * Owner: nothing is kept.
 * Why: whoever takes over a parser must find neither key, nor a file to write, nor a program to run. */
#include "probe/sandbox/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const sandbox_system_paths[] = {
    /* names: glibc's resolver, and where systems link its files to */
    "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services",
    "/etc/protocols", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
    /* certificates */
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
    "/usr/lib/ssl",
    /* libraries that are loaded late, time zones */
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo",
    /* the machine: links, power, boot */
    "/sys/class", "/sys/devices", "/proc/self", "/proc/net", "/proc/sys", "/proc/cpuinfo", "/proc/meminfo", "/dev/null",
    "/dev/urandom", NULL};

void sandbox_plan_read(struct sandbox_plan *plan, const char *path)
{
    if (path && path[0] && plan->read_count < SANDBOX_PATHS_MAX)
        plan->read_paths[plan->read_count++] = path;
}

static enum status capabilities_set(uint32_t kept)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{.effective = kept, .permitted = kept, .inheritable = kept}};
    return syscall(SYS_capset, &header, data) == 0 ? STATUS_OK : STATUS_IO;
}

enum status sandbox_capabilities_drop(void)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
        return STATUS_IO;
    return capabilities_set(0);
}

void sandbox_capture_keep(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    const uint32_t capture = 1u << CAP_NET_RAW;
    if (geteuid() == 0 || syscall(SYS_capget, &header, data) != 0 || !(data[0].permitted & capture))
        return;
    data[0].inheritable |= capture;
    if (syscall(SYS_capset, &header, data) == 0)
        (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
}

enum status sandbox_user_become(const char *user, struct why *why)
{
    const uint32_t capture = 1u << CAP_NET_RAW;
    const struct passwd *entry = getpwnam(user);
    if (!entry) {
        why_set(why, "there is no user %s; type: adduser --system %s", user, user);
        return STATUS_NOT_FOUND;
    }
    if (geteuid() == entry->pw_uid && getuid() == entry->pw_uid)
        return STATUS_OK;
    if (geteuid() != 0) {
        why_set(why, "only root can become %s; start it as root, or as %s without --user", user, user);
        return STATUS_REFUSED;
    }
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || initgroups(user, entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 ||
        setuid(entry->pw_uid) != 0) {
        why_set(why, "cannot become %s: %s; look at the container's or unit's limits", user, strerror(errno));
        return STATUS_IO;
    }
    /* A container may not have this one to give: then there is no capture, and the rest works. */
    if (capabilities_set(capture) != STATUS_OK)
        return capabilities_set(0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
    return STATUS_OK;
}

/* No core of either is written, and nobody of the same user looks into the one that holds the key. */
static enum status memory_close(enum sandbox_role role)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return STATUS_IO;
    return role == SANDBOX_SUPERVISOR && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ? STATUS_IO : STATUS_OK;
}

enum status sandbox_enter(const struct sandbox_plan *plan, struct sandbox_state *out, struct why *why)
{
    struct sandbox_state state = {.is_root = geteuid() == 0};
    const char *what = "give new privileges up";
    enum status status = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? STATUS_OK : STATUS_IO;
    state.has_no_new_privileges = status == STATUS_OK;
    if (status == STATUS_OK) {
        what = "forbid core dumps";
        status = memory_close(plan->role);
    }
    if (status == STATUS_OK && plan->role == SANDBOX_WORKER) {
        what = "drop capabilities";
        status = sandbox_capabilities_drop();
    }
    if (status == STATUS_OK) {
        what = "enter Landlock";
        status = sandbox_landlock_enter(plan, &state.landlock_version);
    }
    if (status == STATUS_OK) {
        what = "enter seccomp";
        status = sandbox_seccomp_enter(plan->role, &state.seccomp_absence);
        state.has_seccomp = status == STATUS_OK && !state.seccomp_absence;
    }
    if (status != STATUS_OK)
        why_set(why, "cannot %s: %s; tell the developers which kernel this is", what, strerror(errno));
    else
        *out = state;
    return status;
}

json_t *sandbox_state_encode(const struct sandbox_state *state)
{
    return json_pack("{s:b, s:i, s:b, s:b, s:s*}", "no_new_privileges", state->has_no_new_privileges, "landlock",
                     state->landlock_version, "seccomp", state->has_seccomp, "root", state->is_root, "absence",
                     state->seccomp_absence);
}
