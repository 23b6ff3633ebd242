/* Finds a store by name among those that were built in.
 * Owner: the registry is constant; nothing is owned here.
 * Why: adding a backend adds a folder; nobody else learns its name. */
#include <string.h>

#include "collector/store/store.h"

const struct store *store_find(const char *name)
{
    for (const struct store *const *entry = store_registry; *entry; entry++) {
        if (strcmp((*entry)->name, name) == 0) {
            return *entry;
        }
    }
    return NULL;
}
