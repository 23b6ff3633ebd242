/* A bucket of S3-compatible object storage: objects by name, put, read and removed whole.
 * Requests are signed with AWS Signature Version 4 by libcurl; path-style addresses (https://HOST/BUCKET/NAME), as every
 * such server understands them. https, or http to a loopback address. */
#ifndef COLLECTOR_RAW_OBJECT_STORE_H
#define COLLECTOR_RAW_OBJECT_STORE_H

#include "measurement/base/bytes.h"
#include "measurement/base/status.h"

#define OBJECT_URL_BYTES    512
#define OBJECT_REGION_BYTES 64
#define OBJECT_KEY_BYTES    256

struct object_place {
    char url[OBJECT_URL_BYTES];       /* "https://HOST[:PORT]/BUCKET[/FOLDER]", without a slash at its end */
    char region[OBJECT_REGION_BYTES]; /* "us-east-1" */
    char key_id[OBJECT_KEY_BYTES];
    char secret[OBJECT_KEY_BYTES];
};

struct object_store; /* one thread at a time */

/* USAGE with a reason where the address is none, or would send in the clear what others may read on the way. */
enum status object_place_check(const struct object_place *place, struct why *why);

/* Copies the place. Nothing is asked yet. */
enum status object_store_open(const struct object_place *place, struct object_store **out, struct why *why);
void object_store_free(struct object_store *store); /* wipes the secret */

/* Names are of letters, digits, dots, dashes and slashes. REFUSED: the key is not taken or has no right; BUSY: the server
 * cannot be reached or says to come again; FULL; IO. The server checks what it was sent against its SHA-256. */
enum status object_put(struct object_store *store, const char *name, const void *bytes, size_t count, struct why *why);
/* Appends; NOT_FOUND; TOO_LARGE past the limit. */
enum status object_read(struct object_store *store, const char *name, size_t limit_bytes, struct buffer *out,
                        struct why *why);
/* OK too where there was none. */
enum status object_remove(struct object_store *store, const char *name, struct why *why);

#endif
