/* Jansson with bounds and without surprises: depth, size, duplicate keys and invalid UTF-8 are refused on reading;
 * accessors never crash on a wrong type. */
#ifndef MEASUREMENT_BASE_JSON_H
#define MEASUREMENT_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/bytes.h"
#include "measurement/base/status.h"

#define JSON_DEPTH_LIMIT 64
/* Of arrays, objects and members together: a small text must not become a large tree. */
#define JSON_VALUE_COUNT_LIMIT (1u << 18)

/* One JSON value and nothing behind it but white space. *out is a new reference. TOO_LARGE past the depth or the count;
 * MALFORMED for what is not JSON, for a number past int64 or double, and for a duplicate key. "\u0000" in a string is
 * kept (bodies hold it), in a key refused. */
enum status json_read(const char *text, size_t count, json_t **out, struct why *why);
/* Compact, one line, keys in insertion order, reals so that they read back as the same number, in few digits where
 * few are enough. */
enum status json_write(const json_t *value, struct buffer *out);

/* Members by key; NULL or the fallback where absent or of another type. Text is borrowed from the object,
 * and absent where it holds a zero byte: what a C string would show is not what was signed. */
const char *json_member_text(const json_t *object, const char *key);
const json_t *json_member_object(const json_t *object, const char *key);
const json_t *json_member_array(const json_t *object, const char *key);
int64_t json_member_int(const json_t *object, const char *key, int64_t fallback);
double json_member_real(const json_t *object, const char *key, double fallback);
bool json_member_bool(const json_t *object, const char *key, bool fallback);

/* The text if it is valid UTF-8, else {"data": base64, "format": "base64"}; null where `count` is 0. New reference.
 * (OONI df-001, MaybeBinaryData) */
json_t *json_maybe_binary(const void *bytes, size_t count);
/* A string, or null where `text` is NULL. New reference. */
json_t *json_text_or_null(const char *text);

#endif
