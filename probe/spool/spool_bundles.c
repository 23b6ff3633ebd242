/* The bundles of the spool: published sealed, handed out in order, removed after their receipt, set aside when refused.
 * Owner: a spool_bundle owns the bytes that were read; spool_bundle_free.
 * Why: apart from the journals, which never see a bundle again. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "probe/spool/spool_inner.h"

#define SEALED_BYTES_MAX (BUNDLE_PACKED_BYTES_MAX + 65536u)

static const char *const endings[] = {SPOOL_PACKED, SPOOL_SEALED, SPOOL_MINISIG};

static enum status piece_publish(const struct spool *spool, const char *name, const char *ending,
                                 const struct buffer *bytes, struct why *why)
{
    char *path = spool_path(spool, name, ending);
    enum status status = path ? file_publish(path, bytes->bytes, bytes->count, 0600, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

enum status spool_bundle_seal(const struct age_recipient *recipient, const char *public_key,
                              const struct buffer *packed, const struct buffer *minisig, struct buffer *out)
{
    struct buffer whole = {0};
    struct random_source random = random_system();
    buffer_text(&whole, "untrusted comment: minisign public key of a Dialtone probe\n");
    buffer_text(&whole, public_key);
    buffer_text(&whole, "\n");
    buffer_append(&whole, minisig->bytes, minisig->count);
    buffer_append(&whole, packed->bytes, packed->count);
    enum status status =
        whole.failed ? STATUS_NO_MEMORY : age_seal(recipient, &random, whole.bytes, whole.count, out);
    buffer_free(&whole);
    return status;
}

/* Sealed where there is a recipient, else in the open as two files. */
static enum status bundle_store(const struct spool *spool, const char *name, const char *public_key,
                                const struct buffer *packed, const struct buffer *minisig, struct why *why)
{
    struct buffer sealed = {0};
    enum status status;
    if (spool->has_recipient) {
        status = spool_bundle_seal(&spool->recipient, public_key, packed, minisig, &sealed);
        if (status == STATUS_OK)
            status = piece_publish(spool, name, SPOOL_SEALED, &sealed, why);
    } else {
        status = piece_publish(spool, name, SPOOL_PACKED, packed, why);
        if (status == STATUS_OK)
            status = piece_publish(spool, name, SPOOL_MINISIG, minisig, why);
    }
    buffer_free(&sealed);
    return status;
}

enum status spool_bundle_publish(struct spool *spool, enum spool_rank rank, const struct buffer *packed,
                                 const struct buffer *minisig, char out_name[SPOOL_NAME_BYTES], struct why *why)
{
    struct spool_name name = {.sequence = spool->chain.next_sequence, .rank = rank, .has_hash = true};
    char public_key[PUBLIC_KEY_TEXT_BYTES];
    memcpy(name.key_name, spool->key_name, sizeof name.key_name);
    sha256(packed->bytes, packed->count, name.hash);
    spool_name_format(&name, out_name);
    public_key_format(&spool->key->public_key, public_key);
    enum status status = bundle_store(spool, out_name, public_key, packed, minisig, why);
    if (status != STATUS_OK)
        (void)spool_bundle_unlink(spool, out_name, NULL);
    return status;
}

/* What is looked for among the bundles. */
struct search {
    const char *after; /* only names behind this one */
    bool is_unsealed;  /* only what is not sealed */
};

/* The name, without its ending, of the first bundle by name: by key, then by sequence. NOT_FOUND: none. */
static enum status first_name(const struct spool *spool, struct search search, char out[SPOOL_NAME_BYTES],
                              bool *out_is_sealed, struct why *why)
{
    DIR *directory = opendir(spool->folder);
    const struct dirent *entry;
    out[0] = '\0';
    if (!directory) {
        why_set(why, "cannot read %s: %s; check the disk", spool->folder, strerror(errno));
        return STATUS_IO;
    }
    while ((entry = readdir(directory))) {
        struct spool_name parsed;
        char name[SPOOL_NAME_BYTES];
        enum spool_ending ending = spool_name_parse(entry->d_name, &parsed);
        bool is_sealed = ending == SPOOL_IS_SEALED;
        if ((ending != SPOOL_IS_PACKED && !is_sealed) || spool_is_unchained(spool, &parsed) ||
            (search.is_unsealed && is_sealed))
            continue;
        spool_name_stem(entry->d_name, ending, name);
        if (strcmp(name, search.after) <= 0)
            continue;
        if (out[0] == '\0' || strcmp(name, out) < 0) {
            memcpy(out, name, sizeof name);
            *out_is_sealed = is_sealed;
        }
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

enum status spool_bundle_read(const struct spool *spool, const char *name, bool is_sealed, struct spool_bundle *out,
                              struct why *why)
{
    struct spool_bundle bundle = {.is_sealed = is_sealed};
    struct spool_name parsed;
    char file_name[SPOOL_NAME_BYTES + sizeof SPOOL_SEALED];
    snprintf(bundle.name, sizeof bundle.name, "%s", name);
    snprintf(file_name, sizeof file_name, "%s%s", name, is_sealed ? SPOOL_SEALED : SPOOL_PACKED);
    enum status status = piece_read(spool, name, is_sealed ? SPOOL_SEALED : SPOOL_PACKED,
                                    is_sealed ? SEALED_BYTES_MAX : BUNDLE_PACKED_BYTES_MAX, &bundle.packed, why);
    if (status == STATUS_OK && !is_sealed)
        status = piece_read(spool, name, SPOOL_MINISIG, MINISIG_BYTES_MAX, &bundle.minisig, why);
    if (status == STATUS_OK && !is_sealed)
        status = public_key_read(spool, &bundle, why);
    if (status == STATUS_OK) {
        sha256(bundle.packed.bytes, bundle.packed.count, bundle.file_hash);
        memcpy(bundle.hash, bundle.file_hash, sizeof bundle.hash);
        if (spool_name_parse(file_name, &parsed) != SPOOL_IS_OTHER && parsed.has_hash)
            memcpy(bundle.hash, parsed.hash, sizeof bundle.hash);
        if (!is_sealed && memcmp(bundle.hash, bundle.file_hash, sizeof bundle.hash) != 0)
            status = STATUS_MALFORMED;
        if (is_sealed && !age_is_sealed(bundle.packed.bytes, bundle.packed.count))
            status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK)
        *out = bundle;
    else
        spool_bundle_free(&bundle);
    return status;
}

enum status spool_first(struct spool *spool, struct spool_bundle *out, struct why *why)
{
    char name[SPOOL_NAME_BYTES];
    bool is_sealed = false;
    enum status status = first_name(spool, (struct search){.after = ""}, name, &is_sealed, why);
    if (status != STATUS_OK)
        return status;
    status = spool_bundle_read(spool, name, is_sealed, out, why);
    /* Someone took a file away or damaged it: it must not hold up all that stand behind it. */
    if (status != STATUS_OK && status != STATUS_NO_MEMORY && status != STATUS_IO) {
        why_set(why, "bundle %s is damaged and was moved to %s; look at it there", name, spool->rejected_folder);
        (void)spool_reject(spool, name, NULL);
        status = STATUS_MALFORMED;
    }
    return status;
}

enum status spool_next(const struct spool *spool, const char *after, struct spool_bundle *out, struct why *why)
{
    char name[SPOOL_NAME_BYTES], last[SPOOL_NAME_BYTES];
    bool is_sealed = false;
    snprintf(last, sizeof last, "%s", after);
    for (;;) {
        enum status status = first_name(spool, (struct search){.after = last}, name, &is_sealed, why);
        if (status == STATUS_OK)
            status = spool_bundle_read(spool, name, is_sealed, out, why);
        else
            return status;
        if (status == STATUS_OK || status == STATUS_NO_MEMORY || status == STATUS_IO)
            return status; /* else it was receipted a moment ago, or spool_first will set it aside */
        memcpy(last, name, sizeof last);
    }
}

void spool_bundle_free(struct spool_bundle *bundle)
{
    if (!bundle)
        return;
    buffer_free(&bundle->packed);
    buffer_free(&bundle->minisig);
    *bundle = (struct spool_bundle){0};
}

static enum status unsealed_remove(const struct spool *spool, const char *name, struct why *why);

/* Under a name that tells the hash, which an older version's does not. */
static enum status one_seal(const struct spool *spool, const struct spool_bundle *bundle, struct why *why)
{
    struct spool_name name;
    char old_name[SPOOL_NAME_BYTES + sizeof SPOOL_PACKED], new_name[SPOOL_NAME_BYTES];
    snprintf(old_name, sizeof old_name, "%s%s", bundle->name, SPOOL_PACKED);
    if (spool_name_parse(old_name, &name) != SPOOL_IS_PACKED)
        return STATUS_MALFORMED;
    name.has_hash = true;
    memcpy(name.hash, bundle->hash, sizeof name.hash);
    spool_name_format(&name, new_name);
    enum status status = bundle_store(spool, new_name, bundle->public_key, &bundle->packed, &bundle->minisig, why);
    return status == STATUS_OK ? unsealed_remove(spool, bundle->name, why) : status;
}

/* One bundle after the other; what is already sealed stays so, whatever happens. */
static enum status unsealed_seal(struct spool *spool, struct why *why)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        struct spool_bundle bundle = {0};
        char name[SPOOL_NAME_BYTES];
        bool is_sealed = false;
        status = first_name(spool, (struct search){.after = "", .is_unsealed = true}, name, &is_sealed, why);
        if (status == STATUS_NOT_FOUND)
            return STATUS_OK;
        if (status == STATUS_OK)
            status = spool_bundle_read(spool, name, false, &bundle, why);
        if (status == STATUS_MALFORMED || status == STATUS_NOT_FOUND) {
            status = spool_reject(spool, name, why);
            continue;
        }
        if (status == STATUS_OK)
            status = one_seal(spool, &bundle, why);
        spool_bundle_free(&bundle);
    }
    return status;
}

enum status spool_seal_to(struct spool *spool, const struct age_recipient *recipient, struct why *why)
{
    spool->recipient = *recipient;
    spool->has_recipient = true;
    spool->counts.has_recipient = true;
    enum status status = unsealed_seal(spool, why);
    enum status counted = spool_recount(spool, why);
    return status == STATUS_OK ? counted : status;
}

static enum status piece_remove(const char *folder, const char *name, const char *ending, struct why *why)
{
    enum status status = STATUS_OK;
    char *path = NULL;
    if (asprintf(&path, "%s/%s%s", folder, name, ending) < 0)
        return STATUS_NO_MEMORY;
    if (unlink(path) != 0 && errno != ENOENT) {
        why_set(why, "cannot remove %s: %s; check the disk", path, strerror(errno));
        status = STATUS_IO;
    }
    free(path);
    return status;
}

/* The .zst first: a .minisig alone is what a crash left of it. */
static enum status unsealed_remove(const struct spool *spool, const char *name, struct why *why)
{
    enum status status = piece_remove(spool->folder, name, SPOOL_PACKED, why);
    if (status == STATUS_OK)
        status = spool_folder_sync(spool->folder, why);
    if (status == STATUS_OK)
        status = piece_remove(spool->folder, name, SPOOL_MINISIG, why);
    return status;
}

enum status spool_bundle_unlink(const struct spool *spool, const char *name, struct why *why)
{
    enum status status = piece_remove(spool->folder, name, SPOOL_SEALED, why);
    if (status == STATUS_OK)
        status = unsealed_remove(spool, name, why);
    if (status == STATUS_OK)
        status = piece_remove(spool->exported_folder, name, "", why);
    return status;
}

/* Takes a bundle out of the counts, before its files go. */
static void bundle_uncount(struct spool *spool, const char *name, bool is_rejected)
{
    bool is_there = false, is_sealed = false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        struct stat found;
        char *path = spool_path(spool, name, endings[i]);
        if (path && stat(path, &found) == 0) {
            spool->sealed_bytes -= is_rejected ? 0 : found.st_size;
            is_there = is_there || strcmp(endings[i], SPOOL_MINISIG) != 0;
            is_sealed = is_sealed || strcmp(endings[i], SPOOL_SEALED) == 0;
        }
        free(path);
    }
    char *mark = path_join(spool->exported_folder, name);
    spool->counts.bundle_count -= is_there;
    spool->counts.unsealed_count -= is_there && !is_sealed;
    spool->counts.rejected_count += is_there && is_rejected;
    spool->counts.exported_count -= mark && access(mark, F_OK) == 0;
    free(mark);
}

enum status spool_remove(struct spool *spool, const char *name, struct why *why)
{
    bundle_uncount(spool, name, false);
    enum status status = spool_bundle_unlink(spool, name, why);
    if (status != STATUS_OK)
        (void)spool_recount(spool, NULL);
    return status;
}

enum status spool_mark_exported(const struct spool *spool, const char *name, struct why *why)
{
    char *path = path_join(spool->exported_folder, name);
    enum status status = path ? file_publish(path, "", 0, 0600, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
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
    enum status status = STATUS_OK;
    bundle_uncount(spool, name, true);
    for (size_t i = sizeof endings / sizeof endings[0]; i > 0 && status == STATUS_OK; i--)
        status = piece_reject(spool, name, endings[i - 1], why);
    if (status == STATUS_OK)
        status = piece_remove(spool->exported_folder, name, "", why);
    if (status != STATUS_OK)
        (void)spool_recount(spool, NULL);
    return status;
}
