/* The JSON reader of ingest: simdjson behind a C interface. It judges the whole text as json_read does (bounds,
 * duplicate keys, UTF-8, numbers), and hands out only what an observation is drawn from: making trees is what costs. */
#ifndef COLLECTOR_INGEST_JSON_TREE_H
#define COLLECTOR_INGEST_JSON_TREE_H

#include <jansson.h>

#include "measurement/record.h"

/* Readable bytes that must stand behind the text; what they hold does not matter. */
#define JSON_TREE_PADDING_BYTES 64

#ifdef __cplusplus
extern "C" {
#endif

/* One thread's reader: its memory serves one text after the other. */
struct json_tree;

enum status json_tree_open(struct json_tree **out);
void json_tree_free(struct json_tree *tree);

/* What an observation is drawn from. Texts are borrowed from the reader until its next text. */
struct json_record {
    struct record_fields fields;
    bool has_verdict; /* test_keys.x_dialtone.verdict is there and not null */
    struct verdict_words verdict;
    json_t *test_keys; /* what collector/observation.h reads of them; NULL where the verdict and the name of the test say
                        * all. A new reference */
};

/* TOO_LARGE past the bounds of json_read, MALFORMED for what it calls so. On failure there is nothing to release. */
enum status json_tree_read(struct json_tree *tree, const char *text, size_t count, struct json_record *out,
                           struct why *why);

#ifdef __cplusplus
}
#endif

#endif
