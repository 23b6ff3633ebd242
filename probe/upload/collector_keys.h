/* What a collector says of its keys, GET /v1/keys. */
#ifndef PROBE_UPLOAD_COLLECTOR_KEYS_H
#define PROBE_UPLOAD_COLLECTOR_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "measurement/age.h"
#include "measurement/key.h"

struct collector_keys {
    struct public_key key;
    struct age_recipient recipient;
    bool has_recipient;
};

/* Reads {"key", "recipient": "age1..." or null, "log"} and checks that `signature` (a minisign file, base64url) is over
 * these very bytes: by `pinned`, or, where that is NULL, by the key it brings. MALFORMED: no such object; CONFLICT: from
 * another collector than the pinned one; BAD_SIGNATURE. */
enum status collector_keys_read(const void *body, size_t count, const char *signature, const struct public_key *pinned,
                                struct collector_keys *out);

#endif
