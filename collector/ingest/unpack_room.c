/* Counts what unpacked bundles take.
 * Owner: the pipeline owns the room; a worker owes what it took until it gives it back.
 * Why: four megabytes of zeros become sixty-four, in each worker at the same time. The largest bundle fits alone, some ten of
 * usual size together. */
#include "collector/ingest/unpack_room.h"

#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

#include "measurement/bundle.h"
#include "measurement/record.h"

/* A line's tokens, texts and keys take five times its bytes at most, and a bundle may be one line. */
#define READING_FACTOR 5
#define ROOM_BYTES     ((size_t)BUNDLE_UNPACKED_BYTES_MAX + (size_t)READING_FACTOR * RECORD_BYTES_MAX)

struct unpack_room {
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t has_more;
    size_t free_bytes;
};

enum status unpack_room_open(struct unpack_room **out)
{
    struct unpack_room *room = calloc(1, sizeof *room);
    if (!room) {
        return STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&room->mutex, NULL);
    pthread_cond_init(&room->has_more, NULL);
    room->free_bytes = ROOM_BYTES;
    *out = room;
    return STATUS_OK;
}

void unpack_room_free(struct unpack_room *room)
{
    if (!room) {
        return;
    }
    pthread_cond_destroy(&room->has_more);
    pthread_mutex_destroy(&room->mutex);
    free(room);
}

size_t unpack_room_take(struct unpack_room *room, const void *packed, size_t packed_count)
{
    unsigned long long declared = ZSTD_getFrameContentSize(packed, packed_count);
    bool is_refused = declared == ZSTD_CONTENTSIZE_UNKNOWN || declared == ZSTD_CONTENTSIZE_ERROR ||
                      declared > BUNDLE_UNPACKED_BYTES_MAX;
    if (!room || is_refused) {
        return 0;
    }
    size_t line_bytes = declared < RECORD_BYTES_MAX ? (size_t)declared : RECORD_BYTES_MAX;
    size_t wanted = (size_t)declared + READING_FACTOR * line_bytes;
    pthread_mutex_lock(&room->mutex);
    while (room->free_bytes < wanted) {
        pthread_cond_wait(&room->has_more, &room->mutex);
    }
    room->free_bytes -= wanted;
    pthread_mutex_unlock(&room->mutex);
    return wanted;
}

void unpack_room_give(struct unpack_room *room, size_t taken_bytes)
{
    if (!room || taken_bytes == 0) {
        return;
    }
    pthread_mutex_lock(&room->mutex);
    room->free_bytes += taken_bytes;
    pthread_cond_broadcast(&room->has_more);
    pthread_mutex_unlock(&room->mutex);
}
