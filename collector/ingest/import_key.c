/* Keys by text, by file, by the data folder.
 * Owner: the caller's key.
 * Why: a courier brings files; whose they are must come from somewhere the courier does not control. */
#include "collector/ingest/import_key.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "collector/folder.h"
#include "measurement/base/file.h"

#define PUB_BYTES_MAX 4096
#define PUB_NAME      "minisign.pub"

/* minisign's .pub file: an untrusted comment, then the key; ours have the key alone. */
static enum status key_of_file(const char *path, struct public_key *out)
{
    struct buffer bytes = {0};
    struct reader line;
    char text[PUBLIC_KEY_TEXT_BYTES];
    enum status found = file_read(path, PUB_BYTES_MAX, &bytes, NULL);
    if (found == STATUS_OK) {
        found = STATUS_MALFORMED;
        struct reader reader = reader_of(bytes.bytes, bytes.count);
        while (found != STATUS_OK && reader_line(&reader, &line)) {
            if (line.left_bytes == PUBLIC_KEY_TEXT_BYTES - 1) {
                memcpy(text, line.bytes, line.left_bytes);
                text[line.left_bytes] = 0;
                found = public_key_parse(text, out);
            }
        }
    }
    buffer_free(&bytes);
    return found;
}

enum status import_key_given(const char *given, struct public_key *out, struct why *why)
{
    if (public_key_parse(given, out) == STATUS_OK || key_of_file(given, out) == STATUS_OK) {
        return STATUS_OK;
    }
    why_set(why,
            "--key \"%.80s\" is neither a minisign public key nor a file that holds one; dialtone-probe keys "
            "prints "
            "it",
            given);
    return STATUS_USAGE;
}

static enum status key_beside(const char *path, struct public_key *out)
{
    char *copy = strdup(path);
    char *file = copy ? path_join(dirname(copy), PUB_NAME) : NULL;
    enum status status = file ? key_of_file(file, out) : STATUS_NO_MEMORY;
    free(file);
    free(copy);
    return status;
}

enum status import_key_of_bundle(const char *folder_path, const char *path, const char *minisig,
                                 size_t minisig_count, struct public_key *out, struct why *why)
{
    uint8_t id[KEY_ID_BYTES];
    char digits[2 * KEY_ID_BYTES + 1];
    enum status status = minisig_key_id(minisig, minisig_count, id);
    if (status != STATUS_OK) {
        why_set(why, "its .minisig is no minisign signature");
        return status;
    }
    if (folder_path && collector_folder_probe_key(folder_path, id, out) == STATUS_OK) {
        return STATUS_OK;
    }
    if (key_beside(path, out) == STATUS_OK && memcmp(out->id, id, sizeof id) == 0) {
        return STATUS_OK;
    }
    hex_encode(id, KEY_ID_BYTES, digits);
    why_set(why, "the key %s that signed it is not known here; give its public key with --key", digits);
    return STATUS_NOT_FOUND;
}
