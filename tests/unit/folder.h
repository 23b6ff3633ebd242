/* A test's folder goes when the test does. */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

#include <ftw.h>
#include <stdio.h>

static inline int folder_entry_remove(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

/* With all that is in it. */
static inline void folder_remove(const char *path)
{
    nftw(path, folder_entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
