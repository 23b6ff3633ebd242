/* A hash table from byte strings to numbers.
 * Owner: the table owns its keys, in one growing buffer.
 * Why: nearly every measurement names a place, a target and a verdict that another one named before. */
#include "collector/store/sqlite/intern.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX (1u << 16)
#define BYTES_MAX   (16u << 20)

uint64_t intern_hash(const void *bytes, size_t count)
{
    const uint8_t *next = bytes;
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ count;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    uint64_t rest = 0;
    memcpy(&rest, next, count);
    hash = (hash ^ rest) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 29);
}

void intern_forget(struct intern_table *table)
{
    free(table->entries);
    free(table->index);
    buffer_free(&table->bytes);
    *table = (struct intern_table){0};
}

/* The key's place in the index, or the free one where it belongs. */
static size_t index_place(const struct intern_table *table, uint64_t hash, const void *key, size_t count)
{
    size_t mask = table->index_room - 1;
    size_t place = (size_t)hash & mask;
    for (; table->index[place] != 0; place = (place + 1) & mask) {
        const struct intern_entry *entry = &table->entries[table->index[place] - 1];
        if (entry->hash == hash && entry->count == count &&
            memcmp(table->bytes.bytes + entry->offset, key, count) == 0) {
            break;
        }
    }
    return place;
}

bool intern_find(const struct intern_table *table, const void *key, size_t count, int64_t *out)
{
    if (table->count == 0) {
        return false;
    }
    size_t place = index_place(table, intern_hash(key, count), key, count);
    if (table->index[place] == 0) {
        return false;
    }
    *out = table->entries[table->index[place] - 1].number;
    return true;
}

static bool table_make(struct intern_table *table)
{
    table->index_room = 2 * ENTRIES_MAX;
    table->entries = calloc(ENTRIES_MAX, sizeof *table->entries);
    table->index = calloc(table->index_room, sizeof *table->index);
    return table->entries && table->index;
}

void intern_keep(struct intern_table *table, const void *key, size_t count, int64_t number)
{
    if (table->count == ENTRIES_MAX || table->bytes.count + count > BYTES_MAX) {
        intern_forget(table);
    }
    if (!table->entries && !table_make(table)) {
        intern_forget(table);
        return;
    }
    uint64_t hash = intern_hash(key, count);
    size_t place = index_place(table, hash, key, count);
    struct intern_entry entry = {hash, table->bytes.count, count, number};
    buffer_append(&table->bytes, key, count);
    if (table->bytes.failed) {
        intern_forget(table);
        return;
    }
    table->entries[table->count++] = entry;
    table->index[place] = (uint32_t)table->count;
}
