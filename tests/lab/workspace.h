/* A folder of the lab's own, cleared away at the end. */
#ifndef TESTS_LAB_WORKSPACE_H
#define TESTS_LAB_WORKSPACE_H

#include "measurement/base/status.h"

/* Below TMPDIR or /tmp; the caller frees the path. */
enum status workspace_make(char **out, struct why *why);
/* The folder and all below it. NULL does nothing. */
void workspace_clear(const char *folder);

/* The folder in which this program stands, where its siblings are; the caller frees. NULL on failure. */
char *programs_folder(void);

#endif
