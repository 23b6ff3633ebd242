/* Makes room in the spool: evicts what ranks lower, keeps a reserve for making bundles, and tells what went.
 * Owner: nothing is kept but counts.
 * Why: in a long shutdown the disk fills, and what proves the shutdown must outlast what says that pages loaded. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/record.h"
#include "probe/spool/spool_inner.h"

#define RESERVE_BYTES   65536
#define SPOOL_TEST_NAME "spool"
#define SPOOL_TEST_VERSION "0.1.0"

/* The bundle to go first, of the given rank: the oldest by name. */
static bool oldest_find(const struct spool *spool, enum spool_rank rank, struct spool_name *out)
{
    DIR *directory = opendir(spool->folder);
    const struct dirent *entry;
    bool is_found = false;
    while (directory && (entry = readdir(directory))) {
        struct spool_name name;
        enum spool_ending ending = spool_name_parse(entry->d_name, &name);
        if ((ending != SPOOL_IS_PACKED && ending != SPOOL_IS_SEALED) || name.rank != rank ||
            spool_is_unchained(spool, &name))
            continue;
        if (!is_found || name.sequence < out->sequence)
            *out = name;
        is_found = true;
    }
    if (directory)
        closedir(directory);
    return is_found;
}

static bool bundle_evict(struct spool *spool, enum spool_rank rank)
{
    struct spool_name oldest;
    char name[SPOOL_NAME_BYTES];
    if (!oldest_find(spool, rank, &oldest))
        return false;
    spool_name_format(&oldest, name);
    if (spool_remove(spool, name, NULL) != STATUS_OK)
        return false;
    struct spool_eviction *evicted = &spool->evicted;
    if (evicted->bundle_count == 0 || oldest.sequence < evicted->first_sequence)
        evicted->first_sequence = oldest.sequence;
    if (evicted->bundle_count == 0 || oldest.sequence > evicted->last_sequence)
        evicted->last_sequence = oldest.sequence;
    evicted->bundle_count++;
    spool->counts.evicted_count++;
    return true;
}

bool spool_room_evict(struct spool *spool, enum spool_rank rank)
{
    for (int lower = 0; lower < (int)rank; lower++) {
        if (bundle_evict(spool, (enum spool_rank)lower))
            return true;
        if (spool->batch_bytes > 0 && (int)spool->batch_rank == lower)
            return spool_batch_drop(spool, NULL) == STATUS_OK;
        if (spool->journals[lower].bytes > 0)
            return spool_journal_drop(spool, (enum spool_rank)lower, NULL) == STATUS_OK;
    }
    return false;
}

bool spool_room_make(struct spool *spool, enum spool_rank rank)
{
    return spool_room_evict(spool, rank) || unlink(spool->reserve_path) == 0;
}

void spool_room_reserve(struct spool *spool)
{
    struct statvfs disk;
    struct buffer bytes = {0};
    if (access(spool->reserve_path, F_OK) == 0 || statvfs(spool->folder, &disk) != 0 ||
        (uint64_t)disk.f_bavail * disk.f_frsize < 4 * RESERVE_BYTES)
        return;
    uint8_t *room = buffer_reserve(&bytes, RESERVE_BYTES);
    struct random_source random = random_system();
    if (room) {
        random_fill(&random, room, RESERVE_BYTES); /* what compresses takes no room on some file systems */
        (void)file_publish(spool->reserve_path, room, RESERVE_BYTES, 0600, NULL);
    }
    buffer_free(&bytes);
}

void spool_room_tell(struct spool *spool)
{
    const struct spool_eviction *evicted = &spool->evicted;
    if (evicted->bundle_count == 0 && evicted->line_count == 0)
        return;
    struct buffer line = {0};
    json_t *keys = json_pack("{s:{s:{s:s, s:I, s:I, s:I, s:I, s:I}}}", "x_dialtone", "evicted", "reason", "no_room", "bundles",
                             (json_int_t)evicted->bundle_count, "first_sequence", (json_int_t)evicted->first_sequence,
                             "last_sequence", (json_int_t)evicted->last_sequence, "lines",
                             (json_int_t)evicted->line_count, "lines_ever",
                             /* also tells two such lines of one second apart: what is alike counts once */
                             (json_int_t)spool->counts.dropped_count);
    int64_t now_us = clock_wall_us(&spool->clock);
    const struct record record = {
        .test_name = SPOOL_TEST_NAME,
        .test_version = SPOOL_TEST_VERSION,
        .software_name = RECORD_SOFTWARE,
        .software_version = DIALTONE_VERSION,
        .vantage = {.country = COUNTRY_UNKNOWN},
        .test_start_us = now_us,
        .measurement_start_us = now_us,
        .test_keys = keys,
    };
    if (keys && record_encode(&record, &line) == STATUS_OK && !line.failed &&
        spool_journal_append(spool, SPOOL_JOURNAL, line.bytes, line.count, NULL) == STATUS_OK)
        spool->evicted = (struct spool_eviction){0};
    json_decref(keys);
    buffer_free(&line);
}
