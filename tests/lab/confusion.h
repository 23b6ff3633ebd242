/* What was true against what was found: a table of counts. Pure. Without pointers, so that processes may
 * share it. */
#ifndef TESTS_LAB_CONFUSION_H
#define TESTS_LAB_CONFUSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "measurement/base/bytes.h"

#define CONFUSION_WORD_BYTES 40
#define CONFUSION_CELLS_MAX  256

struct confusion_cell {
    char truth[CONFUSION_WORD_BYTES];
    char found[CONFUSION_WORD_BYTES];
    size_t count;
};

struct confusion {
    struct confusion_cell cells[CONFUSION_CELLS_MAX];
    size_t cell_count;
};

/* "ok", "blocked dns", "wrong clock", ..., or "ladder " and a state of the connectivity ladder. */
bool confusion_truth_is_known(const char *truth);
/* All of them in one line, for whoever wrote none of them. */
#define CONFUSION_TRUTHS                                                                                     \
    "ok, tampered, blocked dns|tcp|tls|http|quic|path, throttled, down, offline, captive portal, server "    \
    "refusal, "                                                                                              \
    "broken redirect, wrong clock, no control, ladder STATE"

/* What a record found, in the words of the columns: "blocked dns", "ok", "unknown", "ladder working". */
void confusion_found(const json_t *record, char out[CONFUSION_WORD_BYTES]);

/* TOO_LARGE past the bound. An empty truth counts as "(not stated)". */
enum status confusion_add(struct confusion *confusion, const char *truth, const char *found, size_t count);
enum status confusion_join(struct confusion *confusion, const struct confusion *other);

/* Records of things that nothing hindered and that were called blocked. */
size_t confusion_false_blocked(const struct confusion *confusion);
/* Records of things that were blocked and that were called ok or down. */
size_t confusion_missed(const struct confusion *confusion);

/* A line a truth, a column a verdict; the ladder's states in a table of their own below. */
void confusion_print(const struct confusion *confusion, struct buffer *out);
/* [{"truth", "found", "count"}]. New reference. */
json_t *confusion_json(const struct confusion *confusion);

#endif
