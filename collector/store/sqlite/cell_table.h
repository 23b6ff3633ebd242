/* A small hash table of fixed-size slots, each beginning with its key: the cells of one bundle. */
#ifndef COLLECTOR_STORE_SQLITE_CELL_TABLE_H
#define COLLECTOR_STORE_SQLITE_CELL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cell_table {
    size_t slot_bytes; /* of a slot; its first key_bytes are the key, padding zeroed */
    size_t key_bytes;
    uint8_t *slots;
    size_t count;
    size_t room;
    uint32_t *index; /* slot number + 1; 0: free */
    size_t index_room;
};

/* The slot of the key, zeroed but for its key where it is new. NULL without memory. Valid until the next
 * call. */
void *cell_table_slot(struct cell_table *table, const void *key, bool *out_is_new);
void *cell_table_at(const struct cell_table *table, size_t n);
void cell_table_free(struct cell_table *table);

#endif
