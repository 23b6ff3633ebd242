/* Proofs that stand alone.
 * Owner: appends to the caller's buffer; reading keeps nothing.
 * Why: a report lies on sticks and in court files for years; what it claims must be provable without its collector. */
#include "measurement/log_proof.h"

#include <inttypes.h>
#include <string.h>

static const char head_line[] = "c2sp.org/tlog-proof@v1";
static const char index_word[] = "index ";
static const char extra_word[] = "extra ";

enum status log_proof_write(uint64_t index, const struct merkle_proof *proof, const char *note, size_t note_count,
                            struct buffer *out)
{
    buffer_printf(out, "%s\n%s%" PRIu64 "\n", head_line, index_word, index);
    for (size_t i = 0; i < proof->count; i++) {
        base64_append(out, proof->hashes[i].bytes, SHA256_BYTES);
        buffer_text(out, "\n");
    }
    buffer_text(out, "\n");
    buffer_append(out, note, note_count);
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static bool begins(const struct reader *line, const char *word)
{
    size_t length = strlen(word);
    return line->left_bytes >= length && memcmp(line->bytes, word, length) == 0;
}

/* "index N", N in decimal without leading zeros. */
static bool index_read(struct reader *line, uint64_t *out)
{
    uint64_t index = 0;
    if (!begins(line, index_word)) {
        return false;
    }
    reader_skip(line, strlen(index_word));
    size_t count = line->left_bytes;
    if (count == 0 || count > 18 || (count > 1 && line->bytes[0] == '0')) {
        return false;
    }
    while (line->left_bytes > 0) {
        uint8_t digit = reader_u8(line);
        if (digit < '0' || digit > '9') {
            return false;
        }
        index = index * 10 + (digit - '0');
    }
    *out = index;
    return true;
}

static bool hash_read(const struct reader *line, struct merkle_proof *out)
{
    struct buffer bytes = {.limit = 3 * SHA256_BYTES};
    bool is_hash = out->count < MERKLE_PROOF_MAX && line->left_bytes == 44 &&
                   base64_decode((const char *)line->bytes, line->left_bytes, &bytes) == STATUS_OK &&
                   bytes.count == SHA256_BYTES;
    if (is_hash) {
        memcpy(out->hashes[out->count++].bytes, bytes.bytes, SHA256_BYTES);
    }
    buffer_free(&bytes);
    return is_hash;
}

/* All before the checkpoint; the reader is then at it. */
static bool proof_read(struct reader *reader, uint64_t *out_index, struct merkle_proof *out)
{
    struct reader line;
    if (!reader_line(reader, &line) || line.left_bytes != strlen(head_line) || !begins(&line, head_line) ||
        !reader_line(reader, &line)) {
        return false;
    }
    if (begins(&line, extra_word) && !reader_line(reader, &line)) { /* of whoever wrote it, for its own use */
        return false;
    }
    if (!index_read(&line, out_index)) {
        return false;
    }
    out->count = 0;
    while (reader_line(reader, &line)) {
        if (line.left_bytes == 0) {
            return true;
        }
        if (!hash_read(&line, out)) {
            return false;
        }
    }
    return false;
}

enum status log_proof_verify(const char *text, size_t count, const struct public_key *key, const void *entry,
                             size_t entry_count, uint64_t *out_index, struct note_checkpoint *out)
{
    struct reader reader = reader_of(text, count);
    struct merkle_proof proof;
    struct merkle_hash leaf;
    struct note_checkpoint checkpoint;
    uint64_t index = 0;
    if (count > LOG_PROOF_BYTES_MAX || !proof_read(&reader, &index, &proof)) {
        return STATUS_MALFORMED;
    }
    enum status status = note_checkpoint_open(key, (const char *)reader.bytes, reader.left_bytes, &checkpoint);
    if (status != STATUS_OK) {
        return status;
    }
    merkle_leaf(entry, entry_count, &leaf);
    status = merkle_verify_inclusion(&leaf, index, checkpoint.size, &proof, &checkpoint.root);
    if (status == STATUS_OK) {
        *out_index = index;
        *out = checkpoint;
    }
    return status;
}
