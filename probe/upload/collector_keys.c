/* Checks what a collector says of its keys.
 * Owner: nothing is kept.
 * Why: whoever could slip in another recipient could read every bundle from then on. */
#include "probe/upload/collector_keys.h"

#include <string.h>

#include "measurement/base/json.h"
#include "measurement/minisig.h"

static enum status members_read(const json_t *object, struct collector_keys *out)
{
    const char *key = json_member_text(object, "key");
    const json_t *recipient = json_object_get(object, "recipient");
    if (!key || public_key_parse(key, &out->key) != STATUS_OK || !recipient)
        return STATUS_MALFORMED;
    out->has_recipient = json_is_string(recipient);
    if (json_is_null(recipient))
        return STATUS_OK;
    const char *text = json_member_text(object, "recipient");
    return text ? age_recipient_parse(text, &out->recipient) : STATUS_MALFORMED;
}

enum status collector_keys_read(const void *body, size_t count, const char *signature, const struct public_key *pinned,
                                struct collector_keys *out)
{
    struct buffer minisig = {0};
    struct collector_keys keys = {0};
    json_t *object = NULL;
    enum status status = json_read(body, count, &object, NULL);
    if (status == STATUS_OK)
        status = members_read(object, &keys);
    if (status == STATUS_OK && pinned && memcmp(pinned->key, keys.key.key, sizeof keys.key.key) != 0)
        status = STATUS_CONFLICT;
    if (status == STATUS_OK && base64_decode(signature, strlen(signature), &minisig) != STATUS_OK)
        status = STATUS_BAD_SIGNATURE;
    if (status == STATUS_OK &&
        minisig_verify(&keys.key, body, count, (const char *)minisig.bytes, minisig.count, NULL) != STATUS_OK)
        status = STATUS_BAD_SIGNATURE;
    if (status == STATUS_OK)
        *out = keys;
    buffer_free(&minisig);
    json_decref(object);
    return status;
}
