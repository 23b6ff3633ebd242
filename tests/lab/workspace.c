/* A folder of the lab's own.
 * Owner: the caller owns the path and clears the folder.
 * Why: keys, pages, logs and the collector's data of a run must not stay behind or mix with another's. */
#include "tests/lab/workspace.h"

#include <errno.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/bytes.h"

enum status workspace_make(char **out, struct why *why)
{
    const char *parent = getenv("TMPDIR");
    struct buffer path = {0};
    buffer_printf(&path, "%s/dialtone-lab-XXXXXX", parent && parent[0] == '/' ? parent : "/tmp");
    char *folder = buffer_take_text(&path);
    if (!folder)
        return STATUS_NO_MEMORY;
    if (!mkdtemp(folder)) {
        why_set(why, "cannot make the folder %s: %s; set TMPDIR to a folder that may be written", folder,
                strerror(errno));
        free(folder);
        return STATUS_IO;
    }
    *out = folder;
    return STATUS_OK;
}

static int entry_remove(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    remove(path);
    return 0;
}

void workspace_clear(const char *folder)
{
    if (folder)
        nftw(folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

char *programs_folder(void)
{
    char path[PATH_MAX];
    ssize_t count = readlink("/proc/self/exe", path, sizeof path - 1);
    if (count <= 0)
        return NULL;
    path[count] = '\0';
    return strdup(dirname(path));
}
