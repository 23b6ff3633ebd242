/* Keeps what the detector found: states replaced, events as revisions.
 * Owner: everything given is borrowed.
 * Why: a reader may have quoted an event; so it is never overwritten, only revised or withdrawn. */
#include <string.h>

#include "collector/store/revision.h"
#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"

static enum status states_put(struct store_handle *handle, const char *region,
                              const struct detection *detection, struct why *why)
{
    for (size_t i = 0; i < detection->state_count; i++) {
        const struct bin_state *row = &detection->states[i];
        sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_STATE);
        if (statement) {
            sqlite3_bind_text(statement, 1, region, -1, SQLITE_STATIC);
            sqlite3_bind_int64(statement, 2, row->bin_s);
            sqlite3_bind_int64(statement, 3, row->state);
            sqlite3_bind_double(statement, 4, row->expected);
            sqlite3_bind_int64(statement, 5, row->seen_count);
            sqlite3_bind_int64(statement, 6, row->ok_count);
            sqlite3_bind_int64(statement, 7, row->fail_count);
            sqlite3_bind_int64(statement, 8, row->network_count);
        }
        enum status status = sqlite_run(handle, statement, "storing states", why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (detection->state_count == 0) {
        return STATUS_OK;
    }
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_DROP_STATES);
    if (statement) {
        sqlite3_bind_text(statement, 1, region, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, detection->states[detection->state_count - 1].bin_s);
    }
    return sqlite_run(handle, statement, "storing states", why);
}

/* NOT_FOUND: the store has none of that id. */
static enum status event_latest(struct store_handle *handle, const char *id, struct event *out)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_EVENT);
    if (!statement) {
        return STATUS_IO;
    }
    sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        sqlite_event_read(statement, out);
    }
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? STATUS_NOT_FOUND : sqlite_status(handle->db, code, "reading an event", NULL);
}

static enum status revision_put(struct store_handle *handle, const struct event *event, int revision,
                                int64_t judged_us, struct why *why)
{
    struct event row = *event;
    row.revision = revision;
    row.revised_us = judged_us;
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_EVENT);
    if (statement) {
        sqlite_event_bind(statement, &row);
    }
    return sqlite_run(handle, statement, "storing an event", why);
}

static enum status event_put(struct store_handle *handle, const struct event *event, int64_t judged_us,
                             struct why *why)
{
    struct event latest;
    enum status status = event_latest(handle, event->id, &latest);
    if (status == STATUS_NOT_FOUND) {
        return revision_put(handle, event, 1, judged_us, why);
    }
    if (status != STATUS_OK) {
        why_set(why, "the store's events cannot be read; check that the data folder is whole");
        return status;
    }
    return revision_is_same(&latest, event)
               ? STATUS_OK
               : revision_put(handle, event, latest.revision + 1, judged_us, why);
}

static enum status event_withdraw(struct store_handle *handle, const char *id, int64_t from_us,
                                  int64_t judged_us, struct why *why)
{
    struct event latest;
    enum status status = event_latest(handle, id, &latest);
    if (status != STATUS_OK || !revision_is_withdrawable(&latest, from_us)) {
        return status;
    }
    revision_withdraw(&latest);
    return revision_put(handle, &latest, latest.revision + 1, judged_us, why);
}

/* Events that began in the judged bins and are no longer found. */
static enum status events_withdraw(struct store_handle *handle, const char *region,
                                   const struct detection *detection, struct why *why)
{
    struct buffer gone = {0};
    char id[EVENT_ID_BYTES];
    if (detection->state_count == 0) {
        return STATUS_OK;
    }
    int64_t from_us = detection->states[0].bin_s * US_PER_S;
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_LIST_EVENTS);
    if (!statement) {
        return sqlite_status(handle->db, sqlite3_errcode(handle->db), "reading events", why);
    }
    sqlite3_bind_text(statement, 1, region, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, from_us);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        memset(id, 0, sizeof id);
        sqlite_column_copy(statement, 0, id, sizeof id);
        if (!revision_is_held(detection, id)) {
            buffer_append(&gone, id, sizeof id);
        }
    }
    enum status status = sqlite_status(handle->db, sqlite3_reset(statement), "reading events", why);
    if (status == STATUS_OK && gone.failed) {
        status = STATUS_NO_MEMORY;
    }
    for (size_t at = 0; at < gone.count && status == STATUS_OK; at += sizeof id) {
        memcpy(id, gone.bytes + at, sizeof id);
        status = event_withdraw(handle, id, from_us, detection->judged_us, why);
    }
    buffer_free(&gone);
    return status;
}

static enum status dirt_forget(struct store_handle *handle, const char *region, struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FORGET_DIRTY);
    if (statement) {
        sqlite3_bind_text(statement, 1, region, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, handle->dirt_seen);
    }
    return sqlite_run(handle, statement, "unmarking a region", why);
}

enum status sqlite_put_detection(struct store_handle *handle, const char *region,
                                 const struct detection *detection, struct why *why)
{
    enum status status = sqlite_begin(handle, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = states_put(handle, region, detection, why);
    for (size_t i = 0; i < detection->event_count && status == STATUS_OK; i++) {
        status = event_put(handle, &detection->events[i], detection->judged_us, why);
    }
    if (status == STATUS_OK) {
        status = events_withdraw(handle, region, detection, why);
    }
    if (status == STATUS_OK) {
        status = dirt_forget(handle, region, why);
    }
    if (status == STATUS_OK) {
        status = sqlite_commit(handle, why);
    }
    if (status != STATUS_OK) {
        sqlite_rollback(handle);
    }
    return status;
}
