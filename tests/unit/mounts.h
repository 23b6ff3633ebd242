/* File systems of a test's own: root mounts them in a namespace of mounts, anybody else in one of users too. */
#ifndef TESTS_UNIT_MOUNTS_H
#define TESTS_UNIT_MOUNTS_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static inline bool mounts_say(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_said = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return is_said;
}

/* One stays who one is: an id that the namespace does not know may make no file. */
static inline bool mounts_user_apart(void)
{
    char user[32], group[32];
    snprintf(user, sizeof user, "%u %u 1", geteuid(), geteuid());
    snprintf(group, sizeof group, "%u %u 1", getegid(), getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && mounts_say("/proc/self/setgroups", "deny") &&
           mounts_say("/proc/self/uid_map", user) && mounts_say("/proc/self/gid_map", group);
}

/* From here on this process mounts for itself alone; false where that is not permitted. */
static inline bool mounts_apart(void)
{
    return (unshare(CLONE_NEWNS) == 0 || mounts_user_apart()) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

#endif
