/* A hash table with open addressing over slots that stay in order of arrival.
 * Owner: the table owns its slots.
 * Why: a bundle of a thousand measurements touches few cells; each is read and written once. */
#include <stdlib.h>
#include <string.h>

#include "collector/store/sqlite/cell_table.h"
#include "collector/store/sqlite/intern.h"

#define TABLE_ROOM_LEAST 16

void *cell_table_at(const struct cell_table *table, size_t n)
{
    return table->slots + n * table->slot_bytes;
}

/* Where the key stands in the index, or the free place where it belongs. */
static size_t index_place(const struct cell_table *table, const void *key)
{
    size_t mask = table->index_room - 1;
    size_t place = (size_t)intern_hash(key, table->key_bytes) & mask;
    while (table->index[place] != 0 &&
           memcmp(cell_table_at(table, table->index[place] - 1), key, table->key_bytes) != 0) {
        place = (place + 1) & mask;
    }
    return place;
}

static bool table_grow(struct cell_table *table)
{
    size_t room = table->room ? table->room * 2 : TABLE_ROOM_LEAST;
    if (room > UINT32_MAX / 2 || room > SIZE_MAX / table->slot_bytes / 2) {
        return false;
    }
    uint8_t *slots = realloc(table->slots, room * table->slot_bytes);
    if (!slots) {
        return false;
    }
    table->slots = slots;
    uint32_t *index = calloc(room * 2, sizeof *index);
    if (!index) {
        return false;
    }
    free(table->index);
    table->index = index;
    table->index_room = room * 2;
    table->room = room;
    for (size_t i = 0; i < table->count; i++) {
        table->index[index_place(table, cell_table_at(table, i))] = (uint32_t)i + 1;
    }
    return true;
}

void *cell_table_slot(struct cell_table *table, const void *key, bool *out_is_new)
{
    if (table->count == table->room && !table_grow(table)) {
        return NULL;
    }
    size_t place = index_place(table, key);
    *out_is_new = table->index[place] == 0;
    if (*out_is_new) {
        uint8_t *slot = cell_table_at(table, table->count);
        memset(slot, 0, table->slot_bytes);
        memcpy(slot, key, table->key_bytes);
        table->index[place] = (uint32_t)++table->count;
    }
    return cell_table_at(table, table->index[place] - 1);
}

void cell_table_free(struct cell_table *table)
{
    free(table->slots);
    free(table->index);
    *table = (struct cell_table){.slot_bytes = table->slot_bytes, .key_bytes = table->key_bytes};
}
