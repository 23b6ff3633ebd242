/* The spool's files: the journal that lines are appended to, and the bundles that wait for their receipts.
 * Owner: the spool owns its paths and the journal's descriptor; the key is borrowed.
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
#include "probe/spool_inner.h"

#define MINISIG_SUFFIX ".minisig"

static enum status io_failed(struct why *why, const char *doing, const char *path)
{
    int error = errno;
    why_set(why, "cannot %s %s: %s; check the disk and its permissions", doing, path, strerror(error));
    return error == ENOSPC || error == EDQUOT ? STATUS_FULL : STATUS_IO;
}

char *spool_path(const struct spool *spool, const char *name, const char *ending)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s%s", spool->folder, name, ending) < 0 ? NULL : path;
}

char *spool_batch_path(const struct spool *spool, int64_t generation)
{
    char name[SPOOL_NAME_BYTES];
    snprintf(name, sizeof name, "sealing-%" PRId64, generation);
    return spool_path(spool, name, ".jsonl");
}

enum status spool_folder_sync(const char *folder, struct why *why)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_failed(why, "open", folder);
    enum status status = fsync(fd) == 0 || errno == EINVAL ? STATUS_OK : io_failed(why, "sync", folder);
    close(fd);
    return status;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), ending_length = strlen(ending);
    return length >= ending_length && strcmp(text + length - ending_length, ending) == 0;
}

/* The number in sealing-G.jsonl, or -1. */
static int64_t batch_generation(const char *name)
{
    int64_t generation = -1;
    int used = 0;
    if (sscanf(name, "sealing-%10" SCNd64 ".jsonl%n", &generation, &used) == 1 && used > 0 && !name[used])
        return generation;
    return -1;
}

/* The sequence in KEY-SEQ.jsonl.zst of this spool's own key, or -1. */
static int64_t own_sequence(const struct spool *spool, const char *name)
{
    size_t length = strlen(spool->key_name);
    int64_t sequence = -1;
    int used = 0;
    if (strncmp(name, spool->key_name, length) != 0 || name[length] != '-')
        return -1;
    if (sscanf(name + length + 1, "%10" SCNd64 "%n", &sequence, &used) == 1 && name[length + 1 + (size_t)used] == '.')
        return sequence;
    return -1;
}

bool spool_is_unchained(const struct spool *spool, const char *name)
{
    return own_sequence(spool, name) >= spool->chain.next_sequence;
}

/* Calls back for each file of a folder, in no order. */
typedef enum status (*file_callback)(struct spool *spool, const char *folder, const char *name, struct why *why);

static enum status each_file(struct spool *spool, const char *folder, file_callback callback, struct why *why)
{
    DIR *directory = opendir(folder);
    if (!directory)
        return io_failed(why, "read", folder);
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
    char *path = path_join(folder, name);
    struct stat found;
    if (!path)
        return STATUS_NO_MEMORY;
    bool is_bundle = ends_with(name, SPOOL_PACKED);
    if ((is_bundle || ends_with(name, SPOOL_MINISIG)) && stat(path, &found) == 0)
        spool->sealed_bytes += found.st_size;
    if (is_bundle && folder == spool->folder && !spool_is_unchained(spool, name))
        spool->counts.bundle_count++;
    if (is_bundle && folder == spool->rejected_folder)
        spool->counts.rejected_count++;
    free(path);
    return STATUS_OK;
}

enum status spool_recount(struct spool *spool, struct why *why)
{
    spool->sealed_bytes = 0;
    spool->counts.bundle_count = 0;
    spool->counts.rejected_count = 0;
    enum status status = each_file(spool, spool->folder, file_count, why);
    return status == STATUS_OK ? each_file(spool, spool->rejected_folder, file_count, why) : status;
}

static enum status file_remove(const char *folder, const char *name, struct why *why)
{
    char *path = path_join(folder, name);
    if (!path)
        return STATUS_NO_MEMORY;
    enum status status = unlink(path) == 0 || errno == ENOENT ? STATUS_OK : io_failed(why, "remove", path);
    free(path);
    return status;
}

/* Removes what a crash left half-made: temporary files, bundles that the chain does not name as past, and signatures
 * whose bundle was removed after its receipt. */
static enum status file_clean(struct spool *spool, const char *folder, const char *name, struct why *why)
{
    bool is_leftover = strstr(name, ".tmp.") != NULL;
    if (folder == spool->folder) {
        is_leftover = is_leftover || spool_is_unchained(spool, name);
        if (!is_leftover && ends_with(name, SPOOL_MINISIG)) {
            char *path = path_join(folder, name);
            if (!path)
                return STATUS_NO_MEMORY;
            path[strlen(path) - strlen(MINISIG_SUFFIX)] = '\0';
            is_leftover = access(path, F_OK) != 0 && errno == ENOENT;
            free(path);
        }
    }
    return is_leftover ? file_remove(folder, name, why) : STATUS_OK;
}

/* Without a chain file: what the bundles here say. */
static enum status file_derive_chain(struct spool *spool, const char *folder, const char *name, struct why *why)
{
    int64_t generation = batch_generation(name);
    if (generation > spool->chain.generation)
        spool->chain.generation = generation - 1;
    if (!ends_with(name, SPOOL_PACKED) || own_sequence(spool, name) < spool->chain.next_sequence)
        return STATUS_OK;
    struct buffer packed = {0};
    char *path = path_join(folder, name);
    enum status status = path ? file_read(path, BUNDLE_PACKED_BYTES_MAX, &packed, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        sha256(packed.bytes, packed.count, spool->chain.previous_hash);
        spool->chain.next_sequence = own_sequence(spool, name) + 1;
    }
    buffer_free(&packed);
    free(path);
    return status;
}

static enum status chain_open(struct spool *spool, struct why *why)
{
    enum status status = spool_chain_read(spool->chain_path, &spool->chain, why);
    bool is_missing = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK && !is_missing)
        return status;
    if (!is_missing && strcmp(spool->chain.key_name, spool->key_name) == 0)
        return STATUS_OK;
    /* A new key begins its own chain; how far the batch is sealed stays true. */
    memcpy(spool->chain.key_name, spool->key_name, sizeof spool->chain.key_name);
    memset(spool->chain.previous_hash, 0, SHA256_BYTES);
    spool->chain.next_sequence = 1;
    if (!is_missing)
        return STATUS_OK;
    status = each_file(spool, spool->folder, file_derive_chain, why);
    /* On disk before the first bundle is: else a crash between the two would take that bundle for one already named. */
    return status == STATUS_OK ? spool_chain_publish(spool->chain_path, &spool->chain, why) : status;
}

/* Cuts off a last line without its end, and counts the lines. */
static enum status pending_recover(struct spool *spool, struct why *why)
{
    uint8_t chunk[65536];
    int64_t end = 0, at = 0;
    spool->counts.pending_line_count = 0;
    for (;;) {
        ssize_t got = pread(spool->pending_fd, chunk, sizeof chunk, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return io_failed(why, "read", spool->pending_path);
        if (got == 0)
            break;
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] == '\n') {
                end = at + i + 1;
                spool->counts.pending_line_count++;
            }
        }
        at += got;
    }
    if (end < at && ftruncate(spool->pending_fd, end) != 0)
        return io_failed(why, "mend", spool->pending_path);
    spool->pending_bytes = end;
    return STATUS_OK;
}

static enum status pending_open(struct spool *spool, struct why *why)
{
    spool->pending_fd = open(spool->pending_path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (spool->pending_fd < 0)
        return io_failed(why, "open", spool->pending_path);
    enum status status = pending_recover(spool, why);
    return status == STATUS_OK ? spool_folder_sync(spool->folder, why) : status;
}

static enum status file_finish_batch(struct spool *spool, const char *folder, const char *name, struct why *why)
{
    (void)folder;
    int64_t generation = batch_generation(name);
    if (generation < 0)
        return STATUS_OK;
    if (generation != spool->chain.generation && generation != spool->chain.generation + 1) {
        why_set(why, "%s/%s does not belong to chain.json, which is at batch %" PRId64
                "; bring chain.json back from a copy, or move that file away", spool->folder, name,
                spool->chain.generation);
        return STATUS_CONFLICT;
    }
    return spool_seal_batch(spool, generation, why);
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
    spool->chain_path = path_join(state_folder, "chain.json");
    if (spool->folder)
        spool->pending_path = path_join(spool->folder, SPOOL_PENDING);
    return spool->state_folder && spool->rejected_folder && spool->chain_path && spool->pending_path
               ? STATUS_OK
               : STATUS_NO_MEMORY;
}

static enum status spool_recover(struct spool *spool, struct why *why)
{
    enum status status = folder_make(spool->folder, 0700, why);
    if (status == STATUS_OK)
        status = folder_make(spool->rejected_folder, 0700, why);
    if (status == STATUS_OK)
        status = public_key_publish(spool, why);
    if (status == STATUS_OK)
        status = chain_open(spool, why);
    if (status == STATUS_OK)
        status = each_file(spool, spool->state_folder, file_clean, why);
    if (status == STATUS_OK)
        status = each_file(spool, spool->folder, file_clean, why);
    if (status == STATUS_OK)
        status = pending_open(spool, why);
    if (status == STATUS_OK)
        status = each_file(spool, spool->folder, file_finish_batch, why);
    return status == STATUS_OK ? spool_recount(spool, why) : status;
}

enum status spool_open(const char *state_folder, const struct secret_key *key, const char *boot_id,
                       int64_t limit_bytes, struct spool **out, struct why *why)
{
    struct spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return STATUS_NO_MEMORY;
    spool->key = key;
    spool->limit_bytes = limit_bytes;
    spool->pending_fd = -1;
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

void spool_free(struct spool *spool)
{
    if (!spool)
        return;
    if (spool->pending_fd >= 0) {
        (void)spool_sync(spool, NULL);
        close(spool->pending_fd);
    }
    free(spool->state_folder);
    free(spool->folder);
    free(spool->rejected_folder);
    free(spool->chain_path);
    free(spool->pending_path);
    free(spool);
}

static int64_t bytes_used(const struct spool *spool)
{
    return spool->pending_bytes + spool->batch_bytes + spool->sealed_bytes;
}

/* One write(2) a line, so that a crash leaves a whole line or a tail without its end. */
static enum status line_write(struct spool *spool, const void *line, size_t count, struct why *why)
{
    struct buffer whole = {0};
    enum status status = STATUS_OK;
    buffer_append(&whole, line, count);
    buffer_append(&whole, "\n", 1);
    if (whole.failed) {
        status = STATUS_NO_MEMORY;
        goto done;
    }
    ssize_t written = write(spool->pending_fd, whole.bytes, whole.count);
    if (written != (ssize_t)whole.count) {
        errno = written >= 0 ? ENOSPC : errno;
        status = io_failed(why, "write", spool->pending_path);
        if (ftruncate(spool->pending_fd, spool->pending_bytes) != 0)
            status = io_failed(why, "mend", spool->pending_path);
        goto done;
    }
    spool->pending_bytes += written;
    spool->counts.pending_line_count++;
    spool->is_dirty = true;
done:
    buffer_free(&whole);
    return status;
}

enum status spool_append(struct spool *spool, const void *line, size_t count, bool is_essential, struct why *why)
{
    enum status status;
    int64_t limit_bytes = is_essential ? spool->limit_bytes + spool->limit_bytes / 4 : spool->limit_bytes;
    if (count == 0 || count >= RECORD_BYTES_MAX || memchr(line, '\n', count)) {
        why_set(why, "a record of %zu bytes is no line of at most %u; it is left out", count, RECORD_BYTES_MAX);
        status = STATUS_TOO_LARGE;
    } else if (bytes_used(spool) + (int64_t)count >= limit_bytes) {
        why_set(why, "the spool holds %" PRId64 " bytes, its limit is %" PRId64
                "; let it upload, or raise --spool-limit", bytes_used(spool), limit_bytes);
        status = STATUS_FULL;
    } else {
        status = line_write(spool, line, count, why);
    }
    spool->counts.dropped_count += status != STATUS_OK;
    return status;
}

enum status spool_sync(struct spool *spool, struct why *why)
{
    if (!spool->is_dirty)
        return STATUS_OK;
    if (fdatasync(spool->pending_fd) != 0)
        return io_failed(why, "sync", spool->pending_path);
    spool->is_dirty = false;
    return STATUS_OK;
}

bool spool_is_ripe(const struct spool *spool)
{
    return spool->counts.pending_line_count >= BUNDLE_MEASUREMENTS_MAX ||
           spool->pending_bytes >= (int64_t)RECORD_BYTES_MAX;
}

/* Step 1 of sealing: pending.jsonl becomes the next batch, and a new journal begins. */
static enum status pending_turn(struct spool *spool, struct why *why)
{
    char *batch_path = spool_batch_path(spool, spool->chain.generation + 1);
    if (!batch_path)
        return STATUS_NO_MEMORY;
    enum status status = spool_sync(spool, why);
    if (status == STATUS_OK && rename(spool->pending_path, batch_path) != 0)
        status = io_failed(why, "rename", spool->pending_path);
    if (status == STATUS_OK) {
        close(spool->pending_fd);
        status = pending_open(spool, why);
    }
    free(batch_path);
    return status;
}

enum status spool_seal(struct spool *spool, struct why *why)
{
    /* A batch that an earlier failure left comes first. */
    enum status status = each_file(spool, spool->folder, file_finish_batch, why);
    if (status == STATUS_OK && spool->counts.pending_line_count > 0) {
        status = pending_turn(spool, why);
        if (status == STATUS_OK)
            status = spool_seal_batch(spool, spool->chain.generation + 1, why);
    }
    enum status counted = spool_recount(spool, why);
    return status == STATUS_OK ? counted : status;
}

struct spool_counts spool_count(const struct spool *spool)
{
    struct spool_counts counts = spool->counts;
    counts.bytes = bytes_used(spool);
    counts.next_sequence = spool->chain.next_sequence;
    return counts;
}
