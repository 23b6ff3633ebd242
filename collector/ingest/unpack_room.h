/* The memory that bundles are unpacked and read in, shared by all workers: who needs more than is free waits. However many
 * workers there are, and whatever is posted, they hold no more than this together. */
#ifndef COLLECTOR_INGEST_UNPACK_ROOM_H
#define COLLECTOR_INGEST_UNPACK_ROOM_H

#include <stddef.h>

#include "measurement/base/status.h"

struct unpack_room;

enum status unpack_room_open(struct unpack_room **out);
void unpack_room_free(struct unpack_room *room);
/* Waits until there is room to unpack and read the bundle; 0 where its frame tells no size, or more than a bundle may have:
 * it will be refused. What it returns is to be given back. NULL as room: never waits. */
size_t unpack_room_take(struct unpack_room *room, const void *packed, size_t packed_count);
void unpack_room_give(struct unpack_room *room, size_t taken_bytes);

#endif
