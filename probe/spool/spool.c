/* The spool: what is opened and mended at start, where a line goes, when bundles are made.
 * Owner: the spool owns its paths and journals; the key is borrowed.
 * Why: the network may be gone for days, and the machine may lose its power at any moment. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/record.h"
#include "probe/spool/spool_inner.h"

enum status spool_io_failed(struct why *why, const char *doing, const char *path)
{
    int error = errno;
    why_set(why, "cannot %s %s: %s; check the disk and its permissions", doing, path, strerror(error));
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? STATUS_FULL : STATUS_IO;
}

char *spool_path(const struct spool *spool, const char *name, const char *ending)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s%s", spool->folder, name, ending) < 0 ? NULL : path;
}

enum status spool_folder_sync(const char *folder, struct why *why)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return spool_io_failed(why, "open", folder);
    enum status status = fsync(fd) == 0 || errno == EINVAL ? STATUS_OK : spool_io_failed(why, "sync", folder);
    close(fd);
    return status;
}

bool spool_is_unchained(const struct spool *spool, const struct spool_name *name)
{
    return strcmp(name->key_name, spool->key_name) == 0 && name->sequence >= spool->chain.next_sequence;
}

enum status spool_each_file(struct spool *spool, const char *folder, spool_file_callback callback, struct why *why)
{
    DIR *directory = opendir(folder);
    if (!directory)
        return spool_io_failed(why, "read", folder);
    enum status status = STATUS_OK;
    const struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(directory))) {
        if (entry->d_name[0] != '.')
            status = callback(spool, folder, entry->d_name, why);
    }
    closedir(directory);
    return status;
}

static enum status file_count(struct spool *spool, const char *folder, const char *name, struct why *why)
{
    (void)why;
    struct spool_name parsed;
    struct stat found;
    enum spool_ending ending = spool_name_parse(name, &parsed);
    if (ending == SPOOL_IS_OTHER)
        return STATUS_OK;
    char *path = path_join(folder, name);
    if (!path)
        return STATUS_NO_MEMORY;
    if (stat(path, &found) == 0)
        spool->sealed_bytes += found.st_size;
    free(path);
    if (ending == SPOOL_IS_MINISIG)
        return STATUS_OK;
    if (folder == spool->rejected_folder) {
        spool->counts.rejected_count++;
    } else if (!spool_is_unchained(spool, &parsed)) {
        spool->counts.bundle_count++;
        spool->counts.unsealed_count += ending == SPOOL_IS_PACKED;
    }
    return STATUS_OK;
}

static enum status mark_count(struct spool *spool, const char *folder, const char *name, struct why *why)
{
    (void)folder;
    (void)name;
    (void)why;
    spool->counts.exported_count++;
    return STATUS_OK;
}

static void folders_look(const struct spool *spool, struct timespec out[SPOOL_FOLDERS])
{
    const char *const folders[SPOOL_FOLDERS] = {spool->folder, spool->rejected_folder, spool->exported_folder};
    for (size_t i = 0; i < SPOOL_FOLDERS; i++) {
        struct stat found = {0};
        (void)stat(folders[i], &found);
        out[i] = found.st_mtim;
    }
}

/* After weeks without a collector there are tens of thousands of files, and status is told every minute. A change in the
 * second of the count may have come behind it. */
static bool is_as_counted(const struct spool *spool)
{
    struct timespec now[SPOOL_FOLDERS];
    bool is_same = true;
    folders_look(spool, now);
    for (size_t i = 0; i < SPOOL_FOLDERS; i++)
        is_same = is_same && now[i].tv_sec == spool->counted_folders[i].tv_sec &&
                  now[i].tv_nsec == spool->counted_folders[i].tv_nsec && now[i].tv_sec + 1 < spool->counted_s;
    return is_same;
}

enum status spool_recount(struct spool *spool, struct why *why)
{
    folders_look(spool, spool->counted_folders);
    spool->counted_s = clock_wall_us(&spool->clock) / US_PER_S;
    spool->sealed_bytes = 0;
    spool->counts.bundle_count = 0;
    spool->counts.unsealed_count = 0;
    spool->counts.rejected_count = 0;
    spool->counts.exported_count = 0;
    enum status status = spool_each_file(spool, spool->folder, file_count, why);
    if (status == STATUS_OK)
        status = spool_each_file(spool, spool->rejected_folder, file_count, why);
    return status == STATUS_OK ? spool_each_file(spool, spool->exported_folder, mark_count, why) : status;
}

static enum status file_remove(const char *folder, const char *name, struct why *why)
{
    char *path = path_join(folder, name);
    if (!path)
        return STATUS_NO_MEMORY;
    enum status status = unlink(path) == 0 || errno == ENOENT ? STATUS_OK : spool_io_failed(why, "remove", path);
    free(path);
    return status;
}

static bool has_piece(const struct spool *spool, const char *stem, const char *ending)
{
    char *path = spool_path(spool, stem, ending);
    bool is_there = path && access(path, F_OK) == 0;
    free(path);
    return is_there;
}

/* Removes what a crash left half-made: temporary files, bundles that the chain does not name as past, the open form of a
 * bundle that is sealed, signatures without their bundle, and marks of bundles that are gone. */
static enum status file_clean(struct spool *spool, const char *folder, const char *name, struct why *why)
{
    struct spool_name parsed;
    char stem[SPOOL_NAME_BYTES];
    bool is_leftover = strstr(name, ".tmp.") != NULL;
    enum spool_ending ending = spool_name_parse(name, &parsed);
    if (folder == spool->exported_folder)
        is_leftover = !has_piece(spool, name, SPOOL_SEALED) && !has_piece(spool, name, SPOOL_PACKED);
    else if (folder == spool->folder && ending != SPOOL_IS_OTHER && !is_leftover) {
        spool_name_stem(name, ending, stem);
        is_leftover = spool_is_unchained(spool, &parsed) ||
                      (ending != SPOOL_IS_SEALED && has_piece(spool, stem, SPOOL_SEALED)) ||
                      (ending == SPOOL_IS_MINISIG && !has_piece(spool, stem, SPOOL_PACKED));
    }
    return is_leftover ? file_remove(folder, name, why) : STATUS_OK;
}

/* Without a chain file: what the files here say. */
static enum status file_derive_chain(struct spool *spool, const char *folder, const char *name, struct why *why)
{
    struct spool_name parsed;
    struct buffer packed = {0};
    enum spool_rank rank;
    int64_t generation;
    if (spool_batch_parse(name, &generation, &rank) && generation > spool->chain.generation)
        spool->chain.generation = generation - 1;
    enum spool_ending ending = spool_name_parse(name, &parsed);
    if ((ending != SPOOL_IS_PACKED && ending != SPOOL_IS_SEALED) || strcmp(parsed.key_name, spool->key_name) != 0 ||
        parsed.sequence < spool->chain.next_sequence)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (parsed.has_hash) {
        memcpy(spool->chain.previous_hash, parsed.hash, SHA256_BYTES);
    } else {
        char *path = path_join(folder, name);
        status = path ? file_read(path, BUNDLE_PACKED_BYTES_MAX, &packed, why) : STATUS_NO_MEMORY;
        if (status == STATUS_OK)
            sha256(packed.bytes, packed.count, spool->chain.previous_hash);
        free(path);
    }
    if (status == STATUS_OK)
        spool->chain.next_sequence = parsed.sequence + 1;
    buffer_free(&packed);
    return status;
}

static enum status chain_open(struct spool *spool, struct why *why)
{
    enum status status = spool_chain_read(spool->chain_path, &spool->chain, why);
    bool is_missing = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK && !is_missing)
        return status;
    spool->counts.evicted_count = spool->chain.evicted_count;
    spool->counts.dropped_count = spool->chain.dropped_count;
    if (!is_missing && strcmp(spool->chain.key_name, spool->key_name) == 0)
        return STATUS_OK;
    /* A new key begins its own chain; how far the batch is sealed stays true. */
    memcpy(spool->chain.key_name, spool->key_name, sizeof spool->chain.key_name);
    memset(spool->chain.previous_hash, 0, SHA256_BYTES);
    spool->chain.next_sequence = 1;
    if (!is_missing)
        return STATUS_OK;
    status = spool_each_file(spool, spool->folder, file_derive_chain, why);
    /* On disk before the first bundle is: else a crash between the two would take that bundle for one already named. */
    return status == STATUS_OK ? spool_chain_publish(spool->chain_path, &spool->chain, why) : status;
}

static enum status file_finish_batch(struct spool *spool, const char *folder, const char *name, struct why *why)
{
    (void)folder;
    int64_t generation;
    enum spool_rank rank;
    if (!spool_batch_parse(name, &generation, &rank))
        return STATUS_OK;
    if (generation != spool->chain.generation && generation != spool->chain.generation + 1) {
        why_set(why, "%s/%s does not belong to chain.json, which is at batch %" PRId64
                "; bring chain.json back from a copy, or move that file away", spool->folder, name,
                spool->chain.generation);
        return STATUS_CONFLICT;
    }
    return spool_batch_seal(spool, generation, rank, why);
}

/* Beside the bundles, so that those of an earlier key can still be uploaded after a rotation. */
static enum status public_key_publish(const struct spool *spool, struct why *why)
{
    char text[PUBLIC_KEY_TEXT_BYTES];
    public_key_format(&spool->key->public_key, text);
    char *path = spool_path(spool, spool->key_name, ".pub");
    enum status status = STATUS_OK;
    if (!path)
        status = STATUS_NO_MEMORY;
    else if (access(path, F_OK) != 0)
        status = file_publish(path, text, strlen(text), 0600, why);
    free(path);
    return status;
}

static enum status paths_make(struct spool *spool, const char *state_folder)
{
    spool->state_folder = strdup(state_folder);
    spool->folder = path_join(state_folder, "spool");
    spool->rejected_folder = path_join(state_folder, "rejected");
    spool->exported_folder = path_join(state_folder, "exported");
    spool->chain_path = path_join(state_folder, "chain.json");
    if (spool->folder)
        spool->reserve_path = path_join(spool->folder, "reserve");
    return spool->state_folder && spool->rejected_folder && spool->exported_folder && spool->chain_path &&
                   spool->reserve_path
               ? STATUS_OK
               : STATUS_NO_MEMORY;
}

enum status spool_tidy(struct spool *spool, struct why *why)
{
    const char *const folders[] = {spool->state_folder, spool->folder, spool->exported_folder};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && status == STATUS_OK; i++)
        status = spool_each_file(spool, folders[i], file_clean, why);
    spool->is_untidy = status != STATUS_OK;
    return status;
}

static enum status spool_recover(struct spool *spool, struct why *why)
{
    enum status status = folder_make(spool->folder, 0700, why);
    if (status == STATUS_OK)
        status = folder_make(spool->rejected_folder, 0700, why);
    if (status == STATUS_OK)
        status = folder_make(spool->exported_folder, 0700, why);
    if (status == STATUS_OK)
        status = public_key_publish(spool, why);
    if (status == STATUS_OK)
        status = chain_open(spool, why);
    if (status == STATUS_OK)
        status = spool_tidy(spool, why);
    for (int rank = 0; rank < SPOOL_RANKS && status == STATUS_OK; rank++)
        status = spool_journal_open(spool, (enum spool_rank)rank, why);
    if (status != STATUS_OK)
        return status;
    /* Lines of an earlier run are as old as can be: pending_since_us stays 0. */
    status = spool_each_file(spool, spool->folder, file_finish_batch, why);
    if (status == STATUS_OK || status == STATUS_FULL) /* a full disk keeps it for later */
        status = spool_recount(spool, why);
    return status;
}

enum status spool_open(const char *state_folder, const struct secret_key *key, const char *boot_id,
                       int64_t limit_bytes, struct spool **out, struct why *why)
{
    struct spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return STATUS_NO_MEMORY;
    spool->key = key;
    spool->limit_bytes = limit_bytes;
    spool->clock = clock_system();
    for (int rank = 0; rank < SPOOL_RANKS; rank++)
        spool->journals[rank].fd = -1;
    public_key_name(&key->public_key, spool->key_name);
    snprintf(spool->boot_id, sizeof spool->boot_id, "%s", boot_id);
    enum status status = paths_make(spool, state_folder);
    if (status == STATUS_OK)
        status = spool_recover(spool, why);
    if (status == STATUS_OK) {
        *out = spool;
        spool = NULL;
    }
    spool_free(spool);
    return status;
}

enum status spool_view(const char *state_folder, struct spool **out, struct why *why)
{
    struct spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return STATUS_NO_MEMORY;
    spool->clock = clock_system();
    for (int rank = 0; rank < SPOOL_RANKS; rank++)
        spool->journals[rank].fd = -1;
    enum status status = paths_make(spool, state_folder);
    if (status == STATUS_OK)
        status = spool_chain_read(spool->chain_path, &spool->chain, why);
    if (status == STATUS_NOT_FOUND)
        why_set(why, "no probe has run in %s; type: dialtone-probe run --state %s --collector URL", state_folder,
                state_folder);
    if (status == STATUS_OK) {
        memcpy(spool->key_name, spool->chain.key_name, sizeof spool->key_name);
        status = spool_recount(spool, why);
    }
    if (status == STATUS_OK) {
        *out = spool;
        spool = NULL;
    }
    spool_free(spool);
    return status;
}

void spool_free(struct spool *spool)
{
    if (!spool)
        return;
    for (int rank = 0; rank < SPOOL_RANKS; rank++) {
        struct spool_journal *journal = &spool->journals[rank];
        if (journal->fd >= 0) {
            (void)spool_journal_sync(spool, (enum spool_rank)rank, NULL);
            close(journal->fd);
        }
        free(journal->path);
    }
    free(spool->state_folder);
    free(spool->folder);
    free(spool->rejected_folder);
    free(spool->exported_folder);
    free(spool->chain_path);
    free(spool->reserve_path);
    free(spool);
}

int64_t spool_bytes_used(const struct spool *spool)
{
    int64_t bytes = spool->batch_bytes + spool->sealed_bytes;
    for (int rank = 0; rank < SPOOL_RANKS; rank++)
        bytes += spool->journals[rank].bytes;
    return bytes;
}

/* Clean is what says ok and has no method: tampering that did not keep the page away is an anomaly. Inside a string the
 * quotes would be escaped: no need to parse the line. */
static enum spool_rank rank_of(const void *line, size_t count, bool is_journal)
{
    static const char verdict[] = "\"verdict\":{\"blocking\":\"ok\",\"layer\":null,\"method\":null";
    if (is_journal)
        return SPOOL_JOURNAL;
    return memmem(line, count, verdict, sizeof verdict - 1) ? SPOOL_CLEAN : SPOOL_ANOMALY;
}

static enum status line_place(struct spool *spool, enum spool_rank rank, const void *line, size_t count,
                              struct why *why)
{
    int64_t limit_bytes = spool->limit_bytes + (rank == SPOOL_JOURNAL ? spool->limit_bytes / 4 : 0);
    while (spool_bytes_used(spool) + (int64_t)count >= limit_bytes) {
        if (!spool_room_evict(spool, rank)) {
            why_set(why, "the spool holds %" PRId64 " bytes, its limit is %" PRId64
                    "; let it upload, or raise --spool-limit", spool_bytes_used(spool), limit_bytes);
            return STATUS_FULL;
        }
    }
    enum status status = spool_journal_append(spool, rank, line, count, why);
    while (status == STATUS_FULL && spool_room_evict(spool, rank))
        status = spool_journal_append(spool, rank, line, count, why);
    return status;
}

enum status spool_append(struct spool *spool, const void *line, size_t count, bool is_journal, struct why *why)
{
    enum status status;
    if (count == 0 || count >= RECORD_BYTES_MAX || memchr(line, '\n', count)) {
        why_set(why, "a record of %zu bytes is no line of at most %u; it is left out", count, RECORD_BYTES_MAX);
        status = STATUS_TOO_LARGE;
    } else {
        status = line_place(spool, rank_of(line, count, is_journal), line, count, why);
    }
    spool->counts.dropped_count += status != STATUS_OK;
    return status;
}

enum status spool_sync(struct spool *spool, struct why *why)
{
    enum status status = STATUS_OK;
    for (int rank = SPOOL_RANKS - 1; rank >= 0 && status == STATUS_OK; rank--)
        status = spool_journal_sync(spool, (enum spool_rank)rank, why);
    return status;
}

bool spool_is_ripe(const struct spool *spool)
{
    for (int rank = 0; rank < SPOOL_RANKS; rank++) {
        const struct spool_journal *journal = &spool->journals[rank];
        if (journal->line_count >= BUNDLE_MEASUREMENTS_MAX || journal->bytes >= (int64_t)RECORD_BYTES_MAX)
            return true;
    }
    /* With nobody to seal to, a bundle lies as open as its lines, and many small ones would only be many. */
    bool is_of_use = spool->has_recipient || spool->counts.bundle_count == 0;
    return is_of_use && spool_pending_line_count(spool) > 0 &&
           clock_monotonic_us(&spool->clock) - spool->pending_since_us >= SPOOL_UNSEALED_MOST_US;
}

/* A batch that an earlier failure left comes first; one that ranks lower must not keep the journal waiting. */
static enum status batches_finish(struct spool *spool, struct why *why)
{
    enum status status = spool_each_file(spool, spool->folder, file_finish_batch, why);
    if (status == STATUS_FULL && spool->batch_rank != SPOOL_JOURNAL && spool->journals[SPOOL_JOURNAL].line_count > 0)
        status = spool_batch_drop(spool, why);
    return status;
}

enum status spool_seal(struct spool *spool, struct why *why)
{
    spool_room_reserve(spool);
    spool_room_tell(spool);
    enum status status = batches_finish(spool, why);
    for (int rank = SPOOL_RANKS - 1; rank >= 0 && status == STATUS_OK; rank--) {
        if (spool->journals[rank].line_count == 0)
            continue;
        status = spool_journal_turn(spool, (enum spool_rank)rank, spool->chain.generation + 1, why);
        if (status == STATUS_OK)
            status = spool_batch_seal(spool, spool->chain.generation + 1, (enum spool_rank)rank, why);
    }
    enum status counted = spool_recount(spool, why);
    return status == STATUS_OK ? counted : status;
}

enum status spool_refresh(struct spool *spool, struct why *why)
{
    return is_as_counted(spool) ? STATUS_OK : spool_recount(spool, why);
}

struct spool_counts spool_count(const struct spool *spool)
{
    struct spool_counts counts = spool->counts;
    counts.pending_line_count = spool_pending_line_count(spool);
    counts.bytes = spool_bytes_used(spool);
    counts.next_sequence = spool->chain.next_sequence;
    return counts;
}
