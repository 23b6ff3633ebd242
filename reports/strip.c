/* Runs of equal state, and their reduction to as many columns as a drawing has room for.
 * Owner: a strip owns its segments; strip_free releases them.
 * Why: a year of ten-minute bins is 52,560 rows, and a page may weigh 100 kB. */
#include "reports/strip.h"

#include <stdlib.h>
#include <string.h>

static enum status strip_push(struct strip *strip, const struct strip_segment *segment)
{
    if (strip->count == strip->room) {
        size_t room = strip->room ? strip->room * 2 : 16;
        struct strip_segment *segments = reallocarray(strip->segments, room, sizeof *segments);
        if (!segments)
            return STATUS_NO_MEMORY;
        strip->segments = segments;
        strip->room = room;
    }
    strip->segments[strip->count++] = *segment;
    return STATUS_OK;
}

static void segment_extend(struct strip_segment *segment, int64_t end_s, struct report_count seen)
{
    segment->end_s = end_s;
    if (privacy_count_compare(seen, segment->seen_least) < 0)
        segment->seen_least = seen;
    if (privacy_count_compare(seen, segment->seen_most) > 0)
        segment->seen_most = seen;
}

enum status strip_add(struct strip *strip, int64_t start_s, int64_t end_s, uint8_t state,
                      struct report_count seen)
{
    struct strip_segment *last = strip->count ? &strip->segments[strip->count - 1] : NULL;
    if (end_s <= start_s || (last && start_s < last->end_s))
        return STATUS_USAGE;
    if (last && start_s > last->end_s) {
        struct report_count none = {0, COUNT_EXACT};
        enum status status = strip_add(strip, last->end_s, start_s, STRIP_NO_DATA, none);
        if (status != STATUS_OK)
            return status;
        last = &strip->segments[strip->count - 1];
    }
    if (last && last->state == state) {
        segment_extend(last, end_s, seen);
        return STATUS_OK;
    }
    struct strip_segment segment = {start_s, end_s, state, seen, seen};
    return strip_push(strip, &segment);
}

void strip_free(struct strip *strip)
{
    if (!strip)
        return;
    free(strip->segments);
    *strip = (struct strip){0};
}

uint8_t strip_state_at(const struct strip *strip, int64_t time_s)
{
    size_t low = 0, high = strip->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct strip_segment *segment = &strip->segments[middle];
        if (time_s < segment->start_s)
            high = middle;
        else if (time_s >= segment->end_s)
            low = middle + 1;
        else
            return segment->state;
    }
    return STRIP_NO_DATA;
}

static int64_t overlap_s(const struct strip_segment *segment, int64_t from_s, int64_t to_s)
{
    int64_t start_s = segment->start_s > from_s ? segment->start_s : from_s;
    int64_t end_s = segment->end_s < to_s ? segment->end_s : to_s;
    return end_s > start_s ? end_s - start_s : 0;
}

int64_t strip_state_s(const struct strip *strip, uint8_t state, int64_t from_s, int64_t to_s)
{
    int64_t total_s = 0;
    for (size_t i = 0; i < strip->count; i++)
        if (strip->segments[i].state == state)
            total_s += overlap_s(&strip->segments[i], from_s, to_s);
    return total_s;
}

struct columns {
    int64_t length_s;
    uint8_t calm;
    bool is_sparse; /* no data loses against any other state */
};

static uint8_t longest_of(const int64_t lasted_s[256], const struct columns *columns)
{
    uint8_t longest = STRIP_NO_DATA;
    for (uint8_t state = STRIP_NO_DATA + 1; state <= columns->calm; state++)
        if (lasted_s[state] > lasted_s[longest] ||
            (columns->is_sparse && longest == STRIP_NO_DATA && lasted_s[state]))
            longest = state;
    return longest;
}

/* The one state that stands for a column; `first` moves to the first segment that reaches beyond it. */
static struct strip_segment column_of(const struct strip *strip, size_t *first, int64_t from_s, int64_t to_s,
                                      const struct columns *columns)
{
    int64_t lasted_s[256] = {0};
    uint8_t worst = 0;
    struct strip_segment column = {from_s, to_s, STRIP_NO_DATA, {0, COUNT_EXACT}, {0, COUNT_EXACT}};
    int64_t covered_s = 0;
    for (size_t i = *first; i < strip->count && strip->segments[i].start_s < to_s; i++) {
        const struct strip_segment *segment = &strip->segments[i];
        int64_t part_s = overlap_s(segment, from_s, to_s);
        if (segment->end_s <= to_s)
            *first = i + 1;
        if (part_s == 0)
            continue;
        if (covered_s == 0)
            column.seen_least = column.seen_most = segment->seen_least;
        segment_extend(&column, to_s, segment->seen_least);
        segment_extend(&column, to_s, segment->seen_most);
        lasted_s[segment->state] += part_s;
        covered_s += part_s;
        if (segment->state > worst)
            worst = segment->state;
    }
    lasted_s[STRIP_NO_DATA] += to_s - from_s - covered_s;
    column.state = worst > columns->calm ? worst : longest_of(lasted_s, columns);
    return column;
}

static enum status reduce_to_columns(const struct strip *strip, int64_t from_s, int64_t to_s,
                                     const struct columns *columns, struct strip *out)
{
    size_t first = 0;
    for (int64_t start_s = from_s; start_s < to_s; start_s += columns->length_s) {
        int64_t end_s = start_s + columns->length_s < to_s ? start_s + columns->length_s : to_s;
        struct strip_segment column = column_of(strip, &first, start_s, end_s, columns);
        enum status status = strip_add(out, start_s, end_s, column.state, column.seen_least);
        if (status != STATUS_OK)
            return status;
        segment_extend(&out->segments[out->count - 1], end_s, column.seen_most);
    }
    return STATUS_OK;
}

static int64_t column_length_s(int64_t from_s, int64_t to_s, size_t column_limit)
{
    int64_t limit = (int64_t)column_limit;
    return (to_s - from_s + limit - 1) / limit;
}

enum status strip_sample(const struct strip *strip, int64_t from_s, int64_t to_s, size_t column_limit,
                         uint8_t calm, int64_t bin_length_s, struct strip *out)
{
    if (column_limit == 0 || to_s <= from_s)
        return STATUS_USAGE;
    struct columns columns = {column_length_s(from_s, to_s, column_limit), calm, true};
    columns.length_s = columns.length_s < bin_length_s ? bin_length_s : columns.length_s;
    struct strip sampled = {0};
    enum status status = reduce_to_columns(strip, from_s, to_s, &columns, &sampled);
    if (status != STATUS_OK) {
        strip_free(&sampled);
        return status;
    }
    *out = sampled;
    return STATUS_OK;
}

enum status strip_reduce(const struct strip *strip, int64_t from_s, int64_t to_s, size_t column_limit,
                         uint8_t calm, struct strip *out)
{
    struct strip reduced = {0};
    enum status status = STATUS_OK;
    if (column_limit == 0 || to_s <= from_s)
        return STATUS_USAGE;
    size_t first = 0;
    while (first < strip->count && strip->segments[first].end_s <= from_s)
        first++;
    size_t beyond = first;
    while (beyond < strip->count && strip->segments[beyond].start_s < to_s)
        beyond++;
    if (beyond - first > column_limit) {
        struct columns columns = {column_length_s(from_s, to_s, column_limit), calm, false};
        status = reduce_to_columns(strip, from_s, to_s, &columns, &reduced);
        goto done;
    }
    for (size_t i = first; i < beyond && status == STATUS_OK; i++) {
        struct strip_segment part = strip->segments[i];
        part.start_s = part.start_s > from_s ? part.start_s : from_s;
        part.end_s = part.end_s < to_s ? part.end_s : to_s;
        status = strip_push(&reduced, &part);
    }

done:
    if (status != STATUS_OK) {
        strip_free(&reduced);
        return status;
    }
    *out = reduced;
    return STATUS_OK;
}
