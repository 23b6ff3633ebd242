/* Numbers of byte strings, remembered in memory: what a dictionary table was asked for lately. */
#ifndef COLLECTOR_STORE_SQLITE_INTERN_H
#define COLLECTOR_STORE_SQLITE_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/bytes.h"

struct intern_entry {
    uint64_t hash;
    size_t offset; /* of the key in the table's bytes */
    size_t count;
    int64_t number;
};

/* Zero-initialise. Full, it forgets everything and starts again: it is a cache. */
struct intern_table {
    struct intern_entry *entries;
    size_t count;
    uint32_t *index; /* entry number + 1; 0: free */
    size_t index_room;
    struct buffer bytes;
};

/* False where the key is not remembered. */
bool intern_find(const struct intern_table *table, const void *key, size_t count, int64_t *out);
/* The key must not be there yet. Without memory nothing is remembered. */
void intern_keep(struct intern_table *table, const void *key, size_t count, int64_t number);
void intern_forget(struct intern_table *table);

/* A good and fast hash of any bytes, for tables in memory. */
uint64_t intern_hash(const void *bytes, size_t count);

#endif
