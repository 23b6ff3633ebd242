/* Opens sealed bundles with the collector's identity.
 * Owner: the opener owns a copy of the identity and wipes it; the job owns what was opened.
 * Why: what is sealed says only inside who signed it, so that a seized stick names no probe. */
#include "collector/ingest/sealed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/age.h"
#include "measurement/base/file.h"

#define SIGNATURE_LINES 4
#define OPENED_BYTES_MAX (BUNDLE_PACKED_BYTES_MAX + 2 * MINISIG_BYTES_MAX)

struct sealed_opener {
    bool has_identity;
    struct age_identity identity;
};

enum status sealed_opener_open(const struct collector_folder *folder, struct sealed_opener **out,
                               struct why *why)
{
    struct sealed_opener *opener = calloc(1, sizeof *opener);
    const char *given = folder->identity_path;
    char *path = given ? strdup(given) : path_join(folder->path, SEALED_IDENTITY_FILE);
    enum status status = opener && path ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK && path[0] && access(path, F_OK) == 0) {
        status = age_identity_load(path, &opener->identity, why);
        opener->has_identity = status == STATUS_OK;
    }
    free(path);
    if (status == STATUS_OK) {
        *out = opener;
    } else {
        sealed_opener_free(opener);
    }
    return status;
}

void sealed_opener_free(struct sealed_opener *opener)
{
    if (opener) {
        age_identity_wipe(&opener->identity);
        free(opener);
    }
}

/* A .pub file: a comment, then the key. */
static bool key_take(struct reader *reader, struct public_key *out)
{
    char text[PUBLIC_KEY_TEXT_BYTES] = "";
    struct reader line;
    if (!reader_line(reader, &line) || !reader_line(reader, &line) || line.left_bytes != sizeof text - 1) {
        return false;
    }
    memcpy(text, line.bytes, line.left_bytes);
    return public_key_parse(text, out) == STATUS_OK;
}

static bool parts_take(const struct buffer *opened, struct ingest_job *job)
{
    struct reader reader = reader_of(opened->bytes, opened->count);
    struct reader line;
    if (!key_take(&reader, &job->sealed_key)) {
        return false;
    }
    const uint8_t *minisig = reader.bytes;
    for (int i = 0; i < SIGNATURE_LINES; i++) {
        if (!reader_line(&reader, &line)) {
            return false;
        }
    }
    job->key = &job->sealed_key;
    job->minisig = (const char *)minisig;
    job->minisig_count = (size_t)(reader.bytes - minisig);
    job->packed = reader.bytes;
    job->packed_count = reader.left_bytes;
    return true;
}

enum status sealed_open(const struct sealed_opener *opener, struct ingest_job *job)
{
    if (!opener->has_identity) {
        why_set(&job->why, "this collector has no key for sealed bundles; send the .zst with its signature");
        return STATUS_UNSUPPORTED;
    }
    enum status status = age_open(&opener->identity, job->packed, job->packed_count, OPENED_BYTES_MAX,
                                  &job->opened, &job->why);
    if (status == STATUS_OK && !parts_take(&job->opened, job)) {
        why_set(&job->why, "what was sealed is no bundle: seal the .pub, the .minisig and the .zst, in that order");
        status = STATUS_MALFORMED;
    }
    return status;
}
