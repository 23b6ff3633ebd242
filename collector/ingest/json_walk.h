/* Judges a JSON text by where its tokens start, and finds a record's fields on the way: no tree is made. */
#ifndef COLLECTOR_INGEST_JSON_WALK_H
#define COLLECTOR_INGEST_JSON_WALK_H

#include <stdint.h>

#include "collector/ingest/json_tree.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One thread's walker: its memory serves one text after the other. */
struct json_walk;

enum status json_walk_open(struct json_walk **out);
void json_walk_free(struct json_walk *walk);

/* A text and its tokens. `starts` are the places, ascending, of structural characters, opening quotes, and first bytes of
 * whatever else stands between white space: what simdjson's first stage gives. It has found the text to be UTF-8, without
 * control characters in strings, and all strings closed. JSON_TREE_PADDING_BYTES are readable behind the text. */
struct json_tokens {
    const char *text;
    size_t count;
    const uint32_t *starts;
    size_t start_count;
};

/* Fills what json_tree_read hands out, but for test_keys, which stays NULL. Texts are borrowed until the next text. Status
 * as json_tree_read's. */
enum status json_walk_read(struct json_walk *walk, const struct json_tokens *tokens, struct json_record *out,
                           struct why *why);

#ifdef __cplusplus
}
#endif

#endif
