/* The JSON reader of ingest: simdjson behind a C interface. It judges the whole text as json_read does (bounds,
 * duplicate keys, UTF-8, numbers), and makes a tree of only those members that an observation is drawn from: making
 * trees is what costs. */
#ifndef COLLECTOR_INGEST_JSON_TREE_H
#define COLLECTOR_INGEST_JSON_TREE_H

#include <jansson.h>

#include "measurement/base/status.h"

/* Readable bytes that must stand behind the text; what they hold does not matter. */
#define JSON_TREE_PADDING_BYTES 64

#ifdef __cplusplus
extern "C" {
#endif

/* One thread's reader: its memory serves one text after the other. */
struct json_tree;

enum status json_tree_open(struct json_tree **out);
void json_tree_free(struct json_tree *tree);

/* *out is a new reference: the value, and of a record's test_keys what collector/observation.h reads. TOO_LARGE past the
 * bounds of json_read, MALFORMED for what it calls so. */
enum status json_tree_read(struct json_tree *tree, const char *text, size_t count, json_t **out,
                           struct why *why);

#ifdef __cplusplus
}
#endif

#endif
