/* A timeline as runs of one state: what a year of bins becomes before it is drawn. Pure. */
#ifndef REPORTS_STRIP_H
#define REPORTS_STRIP_H

#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"
#include "collector/query.h"

/* State 0 of every strip is "no data"; what the others mean, and which is worse, is the caller's. */
#define STRIP_NO_DATA 0

struct strip_segment {
    int64_t start_s, end_s; /* half-open */
    uint8_t state;
    struct report_count seen_least, seen_most; /* probes seen in its bins */
};

/* Owns its segments; they touch each other, in order, and neighbours differ in state. Zero-initialise to
 * start. */
struct strip {
    struct strip_segment *segments;
    size_t count;
    size_t room;
};

/* Appends a bin. Bins come in order: one that starts before the end of the last is USAGE. A gap becomes no
 * data. */
enum status strip_add(struct strip *strip, int64_t start_s, int64_t end_s, uint8_t state,
                      struct report_count seen);
void strip_free(struct strip *strip);

/* The state at a time; no data outside. */
uint8_t strip_state_at(const struct strip *strip, int64_t time_s);
/* Seconds spent in `state` within [from_s, to_s). */
int64_t strip_state_s(const struct strip *strip, uint8_t state, int64_t from_s, int64_t to_s);

/* The part within [from_s, to_s) in at most `column_limit` segments. Where there are more, time is cut into
 * that many equal columns: a column shows the worst of its states above `calm`, however short; else the one
 * that lasted longest. *out is the caller's. */
enum status strip_reduce(const struct strip *strip, int64_t from_s, int64_t to_s, size_t column_limit,
                         uint8_t calm, struct strip *out);
/* For what is only tested now and then: always equal columns, none shorter than `bin_length_s`, and no data
 * only where a column holds nothing else. */
enum status strip_sample(const struct strip *strip, int64_t from_s, int64_t to_s, size_t column_limit,
                         uint8_t calm, int64_t bin_length_s, struct strip *out);

#endif
