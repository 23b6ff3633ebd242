/* Which store a data folder keeps its rows in: a small text file named `store` in the folder. First line the
 * backend's name, second its address, third a random token that says whose the database is. Without the file:
 * sqlite. */
#ifndef COLLECTOR_STORE_SETTING_H
#define COLLECTOR_STORE_SETTING_H

#include "collector/store/store.h"

#define STORE_DEFAULT_NAME  "sqlite"
#define STORE_ADDRESS_BYTES 512
#define STORE_TOKEN_BYTES   33
#define STORE_SETTING_FILE  "store"

struct store_setting {
    const struct store *store;
    char address[STORE_ADDRESS_BYTES]; /* "" where the store needs none */
    char token[STORE_TOKEN_BYTES];     /* "" likewise */
};

/* What the folder says; the default where it says nothing or is not there. MALFORMED, UNSUPPORTED (this
 * program has no such store) or IO, with the reason. */
enum status store_setting_read(const char *folder, struct store_setting *out, struct why *why);

/* Writes what was chosen, "NAME" or "NAME=ADDRESS", into a folder that has no store yet; makes the folder. OK
 * where it is what the folder has already. CONFLICT where the folder has another: rows do not move by
 * themselves. USAGE for a name or an address that is none. */
enum status store_setting_choose(const char *folder, const char *choice, struct why *why);

#endif
