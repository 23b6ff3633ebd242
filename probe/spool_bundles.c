/* The sealed bundles of the spool: handed out in order, removed after their receipt, set aside when refused.
 * Owner: a spool_bundle owns the bytes that were read; spool_bundle_free.
 * Why: apart from the journal, which never sees a bundle again. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "probe/spool_inner.h"

/* The name, without its ending, of the first bundle by name: by key, then by sequence. NOT_FOUND: none. */
static enum status first_name(const struct spool *spool, char out[SPOOL_NAME_BYTES], struct why *why)
{
    DIR *directory = opendir(spool->folder);
    const struct dirent *entry;
    out[0] = '\0';
    if (!directory) {
        why_set(why, "cannot read %s: %s; check the disk", spool->folder, strerror(errno));
        return STATUS_IO;
    }
    while ((entry = readdir(directory))) {
        size_t length = strlen(entry->d_name), ending = strlen(SPOOL_PACKED);
        if (length <= ending || length - ending >= SPOOL_NAME_BYTES ||
            strcmp(entry->d_name + length - ending, SPOOL_PACKED) != 0 || spool_is_unchained(spool, entry->d_name))
            continue;
        char name[SPOOL_NAME_BYTES];
        snprintf(name, sizeof name, "%.*s", (int)(length - ending), entry->d_name);
        if (out[0] == '\0' || strcmp(name, out) < 0)
            memcpy(out, name, sizeof name);
    }
    closedir(directory);
    return out[0] ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status piece_read(const struct spool *spool, const char *name, const char *ending, size_t limit_bytes,
                              struct buffer *out, struct why *why)
{
    char *path = spool_path(spool, name, ending);
    enum status status = path ? file_read(path, limit_bytes, out, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

static enum status public_key_read(const struct spool *spool, struct spool_bundle *bundle, struct why *why)
{
    struct buffer text = {0};
    struct public_key key;
    char key_name[KEY_NAME_BYTES];
    snprintf(key_name, sizeof key_name, "%.*s", (int)strcspn(bundle->name, "-"), bundle->name);
    enum status status = piece_read(spool, key_name, ".pub", PUBLIC_KEY_TEXT_BYTES, &text, why);
    if (status == STATUS_OK) {
        snprintf(bundle->public_key, sizeof bundle->public_key, "%.*s", (int)text.count, (const char *)text.bytes);
        status = public_key_parse(bundle->public_key, &key);
    }
    buffer_free(&text);
    return status;
}

enum status spool_first(struct spool *spool, struct spool_bundle *out, struct why *why)
{
    struct spool_bundle bundle = {0};
    enum status status = first_name(spool, bundle.name, why);
    if (status != STATUS_OK)
        return status;
    status = piece_read(spool, bundle.name, SPOOL_PACKED, BUNDLE_PACKED_BYTES_MAX, &bundle.packed, why);
    if (status == STATUS_OK)
        status = piece_read(spool, bundle.name, SPOOL_MINISIG, MINISIG_BYTES_MAX, &bundle.minisig, why);
    if (status == STATUS_OK)
        status = public_key_read(spool, &bundle, why);
    if (status == STATUS_OK) {
        sha256(bundle.packed.bytes, bundle.packed.count, bundle.hash);
        *out = bundle;
        return STATUS_OK;
    }
    /* Someone took a file away or damaged it: it must not hold up all that stand behind it. */
    if (status != STATUS_NO_MEMORY && status != STATUS_IO) {
        why_set(why, "bundle %s is incomplete and was moved to %s; look at it there", bundle.name,
                spool->rejected_folder);
        (void)spool_reject(spool, bundle.name, NULL);
        status = STATUS_MALFORMED;
    }
    spool_bundle_free(&bundle);
    return status;
}

void spool_bundle_free(struct spool_bundle *bundle)
{
    if (!bundle)
        return;
    buffer_free(&bundle->packed);
    buffer_free(&bundle->minisig);
    *bundle = (struct spool_bundle){0};
}

static enum status piece_remove(const struct spool *spool, const char *name, const char *ending, struct why *why)
{
    enum status status = STATUS_OK;
    char *path = spool_path(spool, name, ending);
    if (!path)
        return STATUS_NO_MEMORY;
    if (unlink(path) != 0 && errno != ENOENT) {
        why_set(why, "cannot remove %s: %s; check the disk", path, strerror(errno));
        status = STATUS_IO;
    }
    free(path);
    return status;
}

enum status spool_remove(struct spool *spool, const char *name, struct why *why)
{
    enum status status = piece_remove(spool, name, SPOOL_PACKED, why);
    if (status == STATUS_OK)
        status = spool_folder_sync(spool->folder, why);
    if (status == STATUS_OK)
        status = piece_remove(spool, name, SPOOL_MINISIG, why);
    enum status counted = spool_recount(spool, why);
    return status == STATUS_OK ? counted : status;
}

static enum status piece_reject(const struct spool *spool, const char *name, const char *ending, struct why *why)
{
    enum status status = STATUS_OK;
    char *from = spool_path(spool, name, ending), *to = NULL;
    if (!from || asprintf(&to, "%s/%s%s", spool->rejected_folder, name, ending) < 0) {
        to = NULL;
        status = STATUS_NO_MEMORY;
    } else if (rename(from, to) != 0 && errno != ENOENT) {
        why_set(why, "cannot move %s to %s: %s; check the disk", from, to, strerror(errno));
        status = STATUS_IO;
    }
    free(from);
    free(to);
    return status;
}

enum status spool_reject(struct spool *spool, const char *name, struct why *why)
{
    enum status status = piece_reject(spool, name, SPOOL_MINISIG, why);
    if (status == STATUS_OK)
        status = piece_reject(spool, name, SPOOL_PACKED, why);
    enum status counted = spool_recount(spool, why);
    return status == STATUS_OK ? counted : status;
}
