/* Reads and publishes the state of the bundle chain.
 * Owner: nothing is kept.
 * Why: its publication is the one moment at which lines pass from the journal into a bundle. */
#include "probe/spool/spool_chain.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"

#define CHAIN_BYTES_MAX 4096

static enum status chain_decode(const json_t *object, struct spool_chain *out)
{
    struct spool_chain chain = {
        .next_sequence = json_member_int(object, "next_sequence", 0),
        .generation = json_member_int(object, "generation", -1),
        .offset_bytes = json_member_int(object, "offset_bytes", -1),
        .evicted_count = json_member_int(object, "evicted_bundles", 0),
        .dropped_count = json_member_int(object, "dropped_lines", 0),
    };
    const char *key_name = json_member_text(object, "key");
    const char *hash = json_member_text(object, "previous_sha256");
    if (!key_name || strlen(key_name) >= sizeof chain.key_name || !hash || chain.next_sequence < 1 ||
        chain.generation < 0 || chain.offset_bytes < 0 ||
        hex_decode(hash, chain.previous_hash, SHA256_BYTES) != STATUS_OK)
        return STATUS_MALFORMED;
    snprintf(chain.key_name, sizeof chain.key_name, "%s", key_name);
    *out = chain;
    return STATUS_OK;
}

enum status spool_chain_read(const char *path, struct spool_chain *out, struct why *why)
{
    struct buffer text = {0};
    json_t *object = NULL;
    enum status status = file_read(path, CHAIN_BYTES_MAX, &text, why);
    if (status != STATUS_OK)
        goto done;
    status = json_read((const char *)text.bytes, text.count, &object, NULL);
    if (status == STATUS_OK)
        status = chain_decode(object, out);
    if (status != STATUS_OK && status != STATUS_NO_MEMORY) {
        why_set(why, "%s is damaged; bring it back from a copy, or move it away: a new chain begins then", path);
        status = STATUS_CONFLICT;
    }
done:
    json_decref(object);
    buffer_free(&text);
    return status;
}

enum status spool_chain_publish(const char *path, const struct spool_chain *chain, struct why *why)
{
    struct buffer text = {0};
    char hash[2 * SHA256_BYTES + 1];
    hex_encode(chain->previous_hash, SHA256_BYTES, hash);
    json_t *object = json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I}", "key", chain->key_name, "next_sequence",
                               (json_int_t)chain->next_sequence, "previous_sha256", hash, "generation",
                               (json_int_t)chain->generation, "offset_bytes", (json_int_t)chain->offset_bytes,
                               "evicted_bundles", (json_int_t)chain->evicted_count, "dropped_lines",
                               (json_int_t)chain->dropped_count);
    enum status status = object ? json_write(object, &text) : STATUS_NO_MEMORY;
    buffer_text(&text, "\n");
    if (status == STATUS_OK)
        status = text.failed ? STATUS_NO_MEMORY : file_publish(path, text.bytes, text.count, 0600, why);
    json_decref(object);
    buffer_free(&text);
    return status;
}
