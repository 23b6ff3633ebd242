/* Signed notes and checkpoints.
 * Owner: nothing is kept; texts are borrowed.
 * Why: a checkpoint is what others keep of a log; in this form their own tools can. */
#include "measurement/note.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HASH_BYTES      4
#define SIGNATURE_BYTES 64
#define ALGORITHM       0x01 /* Ed25519 */
#define ORIGIN_PREFIX   "dialtone/"

static const char dash[] = "\xe2\x80\x94 "; /* U+2014 and a space */

void note_origin(const struct public_key *key, char out[NOTE_NAME_BYTES])
{
    char name[KEY_NAME_BYTES];
    public_key_name(key, name);
    snprintf(out, NOTE_NAME_BYTES, ORIGIN_PREFIX "%s", name);
}

static bool name_is_plain(const char *name)
{
    return name[0] && strlen(name) < NOTE_NAME_BYTES && utf8_is_valid(name, strlen(name)) &&
           !strpbrk(name, " +\t\r\n");
}

/* SHA-256(name || LF || algorithm || key), its first four bytes. */
static enum status key_hash(const struct public_key *key, const char *name, uint8_t out[HASH_BYTES])
{
    static const uint8_t algorithm = ALGORITHM;
    struct buffer text = {0};
    uint8_t hash[SHA256_BYTES];
    buffer_printf(&text, "%s\n", name);
    buffer_append(&text, &algorithm, 1);
    buffer_append(&text, key->key, PUBLIC_KEY_BYTES);
    enum status status = text.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK) {
        sha256(text.bytes, text.count, hash);
        memcpy(out, hash, HASH_BYTES);
    }
    buffer_free(&text);
    return status;
}

enum status note_verifier_format(const struct public_key *key, char out[NOTE_VERIFIER_BYTES])
{
    char name[NOTE_NAME_BYTES];
    uint8_t hash[HASH_BYTES];
    char digits[2 * HASH_BYTES + 1];
    uint8_t typed[1 + PUBLIC_KEY_BYTES] = {ALGORITHM};
    struct buffer text = {0};
    note_origin(key, name);
    enum status status = key_hash(key, name, hash);
    if (status != STATUS_OK) {
        return status;
    }
    hex_encode(hash, HASH_BYTES, digits);
    memcpy(typed + 1, key->key, PUBLIC_KEY_BYTES);
    buffer_printf(&text, "%s+%s+", name, digits);
    base64_append(&text, typed, sizeof typed);
    buffer_append(&text, "", 1);
    status = text.failed || text.count > NOTE_VERIFIER_BYTES ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK) {
        memcpy(out, text.bytes, text.count);
    }
    buffer_free(&text);
    return status;
}

/* The id of a key that came as a verifier's text: as everywhere, the first bytes of the key's SHA-256. */
static void key_fill(const uint8_t bytes[PUBLIC_KEY_BYTES], struct public_key *out)
{
    uint8_t hash[SHA256_BYTES];
    memcpy(out->key, bytes, PUBLIC_KEY_BYTES);
    sha256(out->key, PUBLIC_KEY_BYTES, hash);
    memcpy(out->id, hash, KEY_ID_BYTES);
}

enum status note_verifier_parse(const char *text, char out_name[NOTE_NAME_BYTES], struct public_key *out)
{
    const char *first = strchr(text, '+');
    const char *second = first ? strchr(first + 1, '+') : NULL;
    uint8_t wanted[HASH_BYTES];
    uint8_t hash[HASH_BYTES];
    char name[NOTE_NAME_BYTES] = "";
    char digits[2 * HASH_BYTES + 1] = "";
    struct public_key key;
    struct buffer typed = {.limit = 64};
    if (!second || (size_t)(first - text) >= sizeof name || second - first - 1 != 2 * HASH_BYTES) {
        return STATUS_MALFORMED;
    }
    memcpy(name, text, (size_t)(first - text));
    memcpy(digits, first + 1, 2 * HASH_BYTES);
    enum status status = STATUS_MALFORMED;
    if (!name_is_plain(name) || hex_decode(digits, wanted, HASH_BYTES) != STATUS_OK ||
        base64_decode(second + 1, strlen(second + 1), &typed) != STATUS_OK ||
        typed.count != 1 + PUBLIC_KEY_BYTES || typed.bytes[0] != ALGORITHM) {
        goto done;
    }
    key_fill(typed.bytes + 1, &key);
    status = key_hash(&key, name, hash);
    if (status == STATUS_OK && memcmp(hash, wanted, HASH_BYTES) != 0) {
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        memcpy(out_name, name, sizeof name);
        *out = key;
    }
done:
    buffer_free(&typed);
    return status;
}

static bool text_is_plain(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\n') || c == 0x7f) {
            return false;
        }
    }
    return count > 0 && text[count - 1] == '\n' && utf8_is_valid(text, count);
}

enum status note_sign(const struct secret_key *key, const char *name, const char *text, size_t count,
                      struct buffer *out)
{
    uint8_t signed_bytes[HASH_BYTES + SIGNATURE_BYTES];
    if (!name_is_plain(name) || !text_is_plain(text, count)) {
        return STATUS_USAGE;
    }
    enum status status = key_hash(&key->public_key, name, signed_bytes);
    if (status == STATUS_OK) {
        status = key_sign(key, text, count, signed_bytes + HASH_BYTES);
    }
    if (status == STATUS_OK) {
        buffer_append(out, text, count);
        buffer_printf(out, "\n%s%s ", dash, name);
        base64_append(out, signed_bytes, sizeof signed_bytes);
        buffer_text(out, "\n");
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return status;
}

/* Where the text ends: before the last empty line. 0: there is none. */
static size_t text_end(const char *note, size_t count)
{
    for (size_t i = count; i >= 2; i--) {
        if (note[i - 1] == '\n' && note[i - 2] == '\n') {
            return i - 1;
        }
    }
    return 0;
}

/* One line "— NAME BASE64" by that key. NOT_FOUND: by another. */
static enum status line_verify(const struct public_key *key, const char *name, struct reader *line,
                               const char *text, size_t text_count)
{
    uint8_t hash[HASH_BYTES];
    struct buffer raw = {.limit = 4096};
    struct reader head = reader_take(line, sizeof dash - 1);
    const char *space = head.failed ? NULL : memchr(line->bytes, ' ', line->left_bytes);
    if (head.failed || memcmp(head.bytes, dash, sizeof dash - 1) != 0 || !space) {
        return STATUS_MALFORMED;
    }
    struct reader who = reader_take(line, (size_t)(space - (const char *)line->bytes));
    reader_skip(line, 1);
    enum status status = base64_decode((const char *)line->bytes, line->left_bytes, &raw);
    if (status != STATUS_OK || raw.count <= HASH_BYTES || who.left_bytes == 0) {
        buffer_free(&raw);
        return STATUS_MALFORMED;
    }
    status = key_hash(key, name, hash);
    if (status == STATUS_OK && (who.left_bytes != strlen(name) || memcmp(who.bytes, name, who.left_bytes) != 0 ||
                                memcmp(raw.bytes, hash, HASH_BYTES) != 0)) {
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        status = raw.count == HASH_BYTES + SIGNATURE_BYTES
                     ? key_verify(key, text, text_count, raw.bytes + HASH_BYTES)
                     : STATUS_BAD_SIGNATURE;
    }
    buffer_free(&raw);
    return status;
}

enum status note_verify(const struct public_key *key, const char *name, const char *note, size_t count,
                        size_t *out_text_bytes)
{
    size_t end = count <= NOTE_BYTES_MAX ? text_end(note, count) : 0;
    if (end == 0 || note[count - 1] != '\n' || !text_is_plain(note, end) || !text_is_plain(note, count)) {
        return STATUS_MALFORMED;
    }
    struct reader reader = reader_of(note + end + 1, count - end - 1);
    struct reader line;
    enum status result = STATUS_BAD_SIGNATURE;
    for (size_t i = 0; reader_line(&reader, &line); i++) {
        enum status status = i < NOTE_LINES_MAX ? line_verify(key, name, &line, note, end) : STATUS_MALFORMED;
        if (status == STATUS_OK) {
            result = STATUS_OK;
        } else if (status != STATUS_NOT_FOUND) {
            return status; /* a wrong signature by a known key spoils the note */
        }
    }
    if (result == STATUS_OK) {
        *out_text_bytes = end;
    }
    return result;
}

enum status note_checkpoint_sign(const struct secret_key *key, const struct note_checkpoint *checkpoint,
                                 struct buffer *out)
{
    struct buffer text = {0};
    buffer_printf(&text, "%s\n%" PRIu64 "\n", checkpoint->origin, checkpoint->size);
    base64_append(&text, checkpoint->root.bytes, SHA256_BYTES);
    buffer_text(&text, "\n");
    enum status status = text.failed ? STATUS_NO_MEMORY
                                     : note_sign(key, checkpoint->origin, (const char *)text.bytes, text.count, out);
    buffer_free(&text);
    return status;
}

/* Decimal without sign and leading zeros. */
static bool size_read(const struct reader *line, uint64_t *out)
{
    uint64_t size = 0;
    if (line->left_bytes == 0 || line->left_bytes > 18 || (line->left_bytes > 1 && line->bytes[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < line->left_bytes; i++) {
        if (line->bytes[i] < '0' || line->bytes[i] > '9') {
            return false;
        }
        size = size * 10 + (uint64_t)(line->bytes[i] - '0');
    }
    *out = size;
    return true;
}

/* The one form that stands for 32 bytes. */
static bool root_read(const struct reader *line, struct merkle_hash *out)
{
    struct buffer raw = {.limit = 64};
    struct buffer again = {0};
    bool is_root = base64_decode((const char *)line->bytes, line->left_bytes, &raw) == STATUS_OK &&
                   raw.count == SHA256_BYTES;
    if (is_root) {
        base64_append(&again, raw.bytes, raw.count);
        is_root = again.count == line->left_bytes && memcmp(again.bytes, line->bytes, again.count) == 0;
        memcpy(out->bytes, raw.bytes, SHA256_BYTES);
    }
    buffer_free(&raw);
    buffer_free(&again);
    return is_root;
}

enum status note_checkpoint_parse(const char *text, size_t count, struct note_checkpoint *out)
{
    struct reader reader = reader_of(text, count);
    struct reader line;
    struct note_checkpoint checkpoint = {.size = 0};
    if (!text_is_plain(text, count) || !reader_line(&reader, &line) || line.left_bytes >= NOTE_NAME_BYTES) {
        return STATUS_MALFORMED;
    }
    memcpy(checkpoint.origin, line.bytes, line.left_bytes);
    if (!name_is_plain(checkpoint.origin) || !reader_line(&reader, &line) || !size_read(&line, &checkpoint.size) ||
        !reader_line(&reader, &line) || !root_read(&line, &checkpoint.root)) {
        return STATUS_MALFORMED;
    }
    while (reader_line(&reader, &line)) {
        if (line.left_bytes == 0) {
            return STATUS_MALFORMED;
        }
    }
    *out = checkpoint;
    return STATUS_OK;
}

enum status note_checkpoint_open(const struct public_key *key, const char *note, size_t count,
                                 struct note_checkpoint *out)
{
    char origin[NOTE_NAME_BYTES];
    size_t text_bytes = 0;
    struct note_checkpoint checkpoint;
    note_origin(key, origin);
    enum status status = note_verify(key, origin, note, count, &text_bytes);
    if (status == STATUS_OK) {
        status = note_checkpoint_parse(note, text_bytes, &checkpoint);
    }
    if (status == STATUS_OK && strcmp(checkpoint.origin, origin) != 0) {
        status = STATUS_BAD_SIGNATURE;
    }
    if (status == STATUS_OK) {
        *out = checkpoint;
    }
    return status;
}
