/* Keeps what the detector found: states replaced, events as revisions, and up to where it has seen.
 * Owner: a put owns the rows it read and the rows it writes until it ends.
 * Why: one insert of one block carries a whole judgement; readers see all of it or nothing.
 * Plan: 1 take turns, 2 read the region's last version, its states from the first bin given on and the latest
 * revision of its events, 3 write what differs, states that are gone, new revisions, and the mark. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/revision.h"
#include "measurement/base/clock.h"

/* What the store has of the region. */
struct known {
    struct buffer states; /* struct bin_state, in order */
    struct buffer events; /* struct event, the latest revision of each, by id */
};

static void known_free(struct known *known)
{
    buffer_free(&known->states);
    buffer_free(&known->events);
}

static enum status known_keep(struct reader *reader, void *arg)
{
    struct known *known = arg;
    struct judged_row row;
    judged_read(reader, &row);
    if (reader->failed) {
        return STATUS_OK;
    }
    if (row.kind == JUDGED_EVENT) {
        buffer_append(&known->events, &row.event, sizeof row.event);
    } else if (!row.is_gone) {
        buffer_append(&known->states, &row.bin, sizeof row.bin);
    }
    return known->events.failed || known->states.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status states_read(struct store_handle *handle, const char *region,
                               const struct detection *detection, struct known *known, struct why *why)
{
    struct buffer sql = {0};
    if (detection->state_count == 0) {
        return STATUS_OK;
    }
    sql_text(&sql, "SELECT " JUDGED_COLUMNS " FROM judged WHERE region = %", region);
    sql_number(&sql, " AND kind = %", JUDGED_STATE);
    sql_number(&sql, " AND bin_s >= % ORDER BY bin_s, version DESC LIMIT 1 BY bin_s",
               detection->states[0].bin_s);
    return clickhouse_select(handle, &sql, known_keep, known, why);
}

static enum status events_read(struct store_handle *handle, const char *region, struct known *known,
                               struct why *why)
{
    struct buffer sql = {0};
    sql_text(&sql, "SELECT " JUDGED_COLUMNS " FROM judged WHERE region = %", region);
    sql_number(&sql, " AND kind = % ORDER BY id, revision DESC, version DESC LIMIT 1 BY id", JUDGED_EVENT);
    return clickhouse_select(handle, &sql, known_keep, known, why);
}

enum status clickhouse_judged_version(struct store_handle *handle, const char *region, int64_t *out,
                                      struct why *why)
{
    struct buffer sql = {0};
    sql_text(&sql, "SELECT toInt64(max(version)) FROM judged WHERE region = %", region);
    sql_number(&sql, " AND kind = %", JUDGED_MARK);
    return clickhouse_number(handle, &sql, 0, out, why);
}

static int bin_compare(const void *a, const void *b)
{
    const struct bin_state *left = a;
    const struct bin_state *right = b;
    return (left->bin_s > right->bin_s) - (left->bin_s < right->bin_s);
}

static bool state_is_same(const struct bin_state *a, const struct bin_state *b)
{
    return a->state == b->state && a->expected == b->expected && a->seen_count == b->seen_count &&
           a->ok_count == b->ok_count && a->fail_count == b->fail_count &&
           a->network_count == b->network_count;
}

static void states_write(const struct known *known, const char *region, const struct detection *detection,
                         int64_t version, struct buffer *out)
{
    const struct bin_state *stored = (const void *)known->states.bytes;
    size_t stored_count = known->states.count / sizeof *stored;
    for (size_t i = 0; i < detection->state_count; i++) {
        const struct bin_state *bin = &detection->states[i];
        const struct bin_state *old =
            stored_count > 0 ? bsearch(bin, stored, stored_count, sizeof *stored, bin_compare) : NULL;
        if (!old || !state_is_same(old, bin)) {
            judged_put(out, region,
                       &(struct judged_row){.kind = JUDGED_STATE, .version = version, .bin = *bin});
        }
    }
    for (size_t i = 0; i < stored_count && detection->state_count > 0; i++) {
        if (stored[i].bin_s > detection->states[detection->state_count - 1].bin_s) {
            struct judged_row gone = {
                .kind = JUDGED_STATE, .version = version, .is_gone = true, .bin = stored[i]};
            judged_put(out, region, &gone);
        }
    }
}

static void revision_write(const struct event *event, int revision, int64_t judged_us, int64_t version,
                           struct buffer *out)
{
    struct judged_row row = {.kind = JUDGED_EVENT, .version = version, .event = *event};
    row.event.revision = revision;
    row.event.revised_us = judged_us;
    judged_put(out, event->region, &row);
}

static const struct event *event_latest(const struct known *known, const char *id)
{
    const struct event *events = (const void *)known->events.bytes;
    for (size_t i = 0; i < known->events.count / sizeof *events; i++) {
        if (strcmp(events[i].id, id) == 0) {
            return &events[i];
        }
    }
    return NULL;
}

static void events_write(const struct known *known, const struct detection *detection, int64_t version,
                         struct buffer *out)
{
    for (size_t i = 0; i < detection->event_count; i++) {
        const struct event *event = &detection->events[i];
        const struct event *latest = event_latest(known, event->id);
        if (!latest || !revision_is_same(latest, event)) {
            revision_write(event, latest ? latest->revision + 1 : 1, detection->judged_us, version, out);
        }
    }
    const struct event *events = (const void *)known->events.bytes;
    for (size_t i = 0; i < known->events.count / sizeof *events && detection->state_count > 0; i++) {
        if (!revision_is_held(detection, events[i].id) &&
            revision_is_withdrawable(&events[i], detection->states[0].bin_s * US_PER_S)) {
            struct event withdrawn = events[i];
            revision_withdraw(&withdrawn);
            revision_write(&withdrawn, withdrawn.revision + 1, detection->judged_us, version, out);
        }
    }
}

/* What the judgement has seen of each log. */
static void marks_write(const struct store_handle *handle, const char *region, int64_t version,
                        struct buffer *out)
{
    const struct log_end *ends = (const void *)handle->seen.bytes;
    for (size_t i = 0; i < handle->seen.count / sizeof *ends; i++) {
        struct judged_row mark = {.kind = JUDGED_MARK, .version = version, .log_index = ends[i].newest};
        memcpy(mark.event.id, ends[i].log, sizeof ends[i].log);
        judged_put(out, region, &mark);
    }
}

static enum status lease_check(struct store_handle *handle, struct why *why)
{
    bool is_mine = false;
    enum status status = clickhouse_lease_take(handle, &is_mine, why);
    if (status == STATUS_OK && !is_mine) {
        why_set(
            why,
            "another collector of this database judges now; leave it to that one, or stop that one and try "
            "again in five minutes");
        return STATUS_BUSY;
    }
    return status;
}

/* Everything while the lock is held. */
static enum status detection_put(struct store_handle *handle, const char *region,
                                 const struct detection *detection, struct why *why)
{
    struct known known = {0};
    struct buffer rows = {0};
    int64_t version = 0;
    enum status status = lease_check(handle, why);
    if (status == STATUS_OK) {
        status = clickhouse_judged_version(handle, region, &version, why);
    }
    if (status == STATUS_OK) {
        status = states_read(handle, region, detection, &known, why);
    }
    if (status == STATUS_OK) {
        status = events_read(handle, region, &known, why);
    }
    if (status == STATUS_OK) {
        states_write(&known, region, detection, version + 1, &rows);
        events_write(&known, detection, version + 1, &rows);
        marks_write(handle, region, version + 1, &rows);
        status = rows.count == 0 ? STATUS_OK
                                 : clickhouse_insert_common(handle, "INSERT INTO judged (" JUDGED_COLUMNS ")",
                                                            &rows, why);
    }
    known_free(&known);
    buffer_free(&rows);
    return status;
}

enum status clickhouse_put_detection(struct store_handle *handle, const char *region,
                                     const struct detection *detection, struct why *why)
{
    if (handle->is_read_only) {
        why_set(why, "the store was opened for reading only");
        return STATUS_REFUSED;
    }
    int lock = clickhouse_lock(handle, why);
    if (lock < 0) {
        return STATUS_IO;
    }
    enum status status = detection_put(handle, region, detection, why);
    clickhouse_unlock(lock);
    return status == STATUS_NOT_FOUND ? STATUS_IO : status;
}
