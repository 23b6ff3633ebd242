/* What the log tells of each probe.
 * Owner: a roll owns its rows and the short list of all bundles.
 * Why: a probe that was silenced, copied or rolled back shows in the numbers that it signed. */
#include "collector/trust/roll.h"

#include <stdlib.h>
#include <string.h>

#define DAY_US       (INT64_C(86400) * US_PER_S)
#define FULL_AGE_US  (7 * DAY_US)
#define WEIGHT_LEAST 0.1

struct entry {
    char probe[KEY_NAME_BYTES];
    int64_t sequence;
    int64_t received_us;
    int64_t measurement_count;
    uint8_t hash[SHA256_BYTES];
    uint8_t previous_hash[SHA256_BYTES];
};

struct roll {
    struct entry *entries; /* by probe, then by sequence */
    size_t entry_count;
    size_t entry_room;
    struct roll_row *rows;
    size_t row_count;
    size_t *begins; /* of each row's entries; one more at the end */
};

static enum status entry_keep(const struct store_bundle *bundle, const struct store_put_result *result, void *arg)
{
    struct roll *roll = arg;
    (void)result;
    if (!bundle->is_signed) {
        return STATUS_OK;
    }
    if (roll->entry_count == roll->entry_room) {
        size_t room = roll->entry_room * 2 + 256;
        struct entry *entries = reallocarray(roll->entries, room, sizeof *entries);
        if (!entries) {
            return STATUS_NO_MEMORY;
        }
        roll->entries = entries;
        roll->entry_room = room;
    }
    struct entry *entry = &roll->entries[roll->entry_count++];
    *entry = (struct entry){.sequence = bundle->label.sequence,
                            .received_us = bundle->received_us,
                            .measurement_count = bundle->label.measurement_count};
    memcpy(entry->probe, bundle->probe, sizeof entry->probe);
    memcpy(entry->hash, bundle->hash, SHA256_BYTES);
    memcpy(entry->previous_hash, bundle->label.previous_hash, SHA256_BYTES);
    return STATUS_OK;
}

static int entry_compare(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    int order = strcmp(left->probe, right->probe);
    if (order == 0) {
        order = (left->sequence > right->sequence) - (left->sequence < right->sequence);
    }
    return order ? order : memcmp(left->hash, right->hash, SHA256_BYTES);
}

/* Whether the entry is the first of its number, and the number has different bundles. */
static bool is_fork(const struct entry *entries, size_t count, size_t at)
{
    if (at > 0 && entries[at - 1].sequence == entries[at].sequence) {
        return false;
    }
    for (size_t i = at + 1; i < count && entries[i].sequence == entries[at].sequence; i++) {
        if (memcmp(entries[i].hash, entries[at].hash, SHA256_BYTES) != 0) {
            return true;
        }
    }
    return false;
}

/* Whether the entry names one of the bundles with the number before it. */
static bool follows_any(const struct entry *entries, size_t at)
{
    for (size_t i = at; i-- > 0 && entries[i].sequence == entries[at - 1].sequence;) {
        if (memcmp(entries[at].previous_hash, entries[i].hash, SHA256_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static void row_fill(struct roll_row *row, const struct entry *entries, size_t count)
{
    memcpy(row->name, entries[0].probe, sizeof row->name);
    row->first_sequence = entries[0].sequence;
    row->last_sequence = entries[count - 1].sequence;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[i];
        row->first_us = i == 0 || entry->received_us < row->first_us ? entry->received_us : row->first_us;
        row->last_us = entry->received_us > row->last_us ? entry->received_us : row->last_us;
        row->bundle_count++;
        row->measurement_count += entry->measurement_count;
        row->fork_count += is_fork(entries, count, i);
        if (i == 0 || entry->sequence == entries[i - 1].sequence) {
            continue; /* in the logs of two collectors, or a fork */
        }
        row->missing_count += entry->sequence - entries[i - 1].sequence - 1;
        row->break_count += entry->sequence == entries[i - 1].sequence + 1 && !follows_any(entries, i);
    }
}

static enum status rows_make(struct roll *roll)
{
    size_t count = 0;
    for (size_t i = 0; i < roll->entry_count; i++) {
        count += i == 0 || strcmp(roll->entries[i].probe, roll->entries[i - 1].probe) != 0;
    }
    roll->rows = calloc(count + 1, sizeof *roll->rows);
    roll->begins = calloc(count + 1, sizeof *roll->begins);
    if (!roll->rows || !roll->begins) {
        return STATUS_NO_MEMORY;
    }
    for (size_t begin = 0; begin < roll->entry_count;) {
        size_t end = begin + 1;
        while (end < roll->entry_count && strcmp(roll->entries[end].probe, roll->entries[begin].probe) == 0) {
            end++;
        }
        row_fill(&roll->rows[roll->row_count], &roll->entries[begin], end - begin);
        roll->begins[roll->row_count++] = begin;
        begin = end;
    }
    roll->begins[roll->row_count] = roll->entry_count;
    return STATUS_OK;
}

enum status roll_read(struct query *query, const char *log, const char *probe, struct roll **out, struct why *why)
{
    struct store_bundle_filter filter = {.log = log, .probe = probe};
    struct roll *roll = calloc(1, sizeof *roll);
    if (!roll) {
        return STATUS_NO_MEMORY;
    }
    enum status status = query_bundles(query, &filter, entry_keep, roll);
    if (status != STATUS_OK) {
        why_set(why, "the list of bundles cannot be read; check that the store answers");
    } else {
        if (roll->entry_count > 0) {
            qsort(roll->entries, roll->entry_count, sizeof *roll->entries, entry_compare);
        }
        status = rows_make(roll);
    }
    if (status == STATUS_OK) {
        *out = roll;
    } else {
        roll_free(roll);
    }
    return status;
}

void roll_free(struct roll *roll)
{
    if (!roll) {
        return;
    }
    free(roll->entries);
    free(roll->rows);
    free(roll->begins);
    free(roll);
}

size_t roll_count(const struct roll *roll)
{
    return roll->row_count;
}

const struct roll_row *roll_at(const struct roll *roll, size_t n)
{
    return &roll->rows[n];
}

void roll_gaps(const struct roll *roll, size_t n, void (*callback)(const struct roll_gap *gap, void *arg),
                 void *arg)
{
    for (size_t i = roll->begins[n] + 1; i < roll->begins[n + 1]; i++) {
        struct roll_gap gap = {roll->entries[i - 1].sequence + 1, roll->entries[i].sequence - 1};
        if (gap.from_sequence <= gap.to_sequence) {
            callback(&gap, arg);
        }
    }
}

void roll_forks(const struct roll *roll, size_t n, void (*callback)(int64_t sequence, void *arg), void *arg)
{
    const struct entry *entries = &roll->entries[roll->begins[n]];
    size_t count = roll->begins[n + 1] - roll->begins[n];
    for (size_t i = 0; i < count; i++) {
        if (is_fork(entries, count, i)) {
            callback(entries[i].sequence, arg);
        }
    }
}

double roll_suggest(const struct roll_row *row, const struct trust_probe *said, int64_t now_us)
{
    int64_t since_us = row->first_us;
    if (said && said->enrolled_us != 0 && said->enrolled_us < since_us) {
        since_us = said->enrolled_us;
    }
    if (said && said->standing == TRUST_REVOKED) {
        return 0;
    }
    double age = now_us > since_us ? (double)(now_us - since_us) / (double)FULL_AGE_US : 0;
    double sure = age < WEIGHT_LEAST ? WEIGHT_LEAST : age > 1 ? 1 : age;
    double missing = (double)row->missing_count / (double)(row->missing_count + row->bundle_count + 1);
    return sure * (1 - (missing > 0.5 ? 0.5 : missing)) * (row->fork_count > 0 ? 0.5 : 1);
}
