/* Who of several collectors judges: a lease, written to the database.
 * Owner: the handle remembers until when it holds the lease.
 * Why: two that judged at once would give one event two histories. A collector is known by its data folder's
 * token. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <string.h>

#include "measurement/base/clock.h"

#define LEASE_US (INT64_C(300) * US_PER_S)

struct lease {
    int64_t until_us;
    char holder[CLICKHOUSE_TOKEN_BYTES];
};

static enum status lease_keep(struct reader *reader, void *arg)
{
    struct lease lease = {.until_us = binary_i64(reader)};
    binary_text(reader, lease.holder, sizeof lease.holder);
    if (!reader->failed) {
        *(struct lease *)arg = lease;
    }
    return STATUS_OK;
}

static enum status lease_read(struct store_handle *handle, struct lease *out, struct why *why)
{
    struct buffer sql = {0};
    buffer_text(&sql,
                "SELECT value, text FROM meta WHERE key = 'detector' ORDER BY version DESC, text LIMIT 1");
    return clickhouse_select(handle, &sql, lease_keep, out, why);
}

/* The newest row counts: its version is the time. */
static enum status lease_write(struct store_handle *handle, int64_t now_us, int64_t until_us, struct why *why)
{
    struct buffer rows = {0};
    binary_put_text(&rows, "detector");
    binary_put_i64(&rows, until_us);
    binary_put_text(&rows, handle->token);
    binary_put_i64(&rows, now_us);
    enum status status =
        clickhouse_insert_common(handle, "INSERT INTO meta (key, value, text, version)", &rows, why);
    buffer_free(&rows);
    return status;
}

enum status clickhouse_lease_take(struct store_handle *handle, bool *out_is_mine, struct why *why)
{
    struct clock clock = clock_system();
    int64_t now_us = clock_wall_us(&clock);
    struct lease lease = {.until_us = 0};
    if (handle->lease_until_us - now_us > LEASE_US / 2) {
        *out_is_mine = true;
        return STATUS_OK;
    }
    enum status status = lease_read(handle, &lease, why);
    bool is_free = lease.until_us <= now_us || strcmp(lease.holder, handle->token) == 0;
    if (status == STATUS_OK && is_free) {
        status = lease_write(handle, now_us, now_us + LEASE_US, why);
    }
    /* Another one may have written since: then the newest row is not ours. */
    if (status == STATUS_OK && is_free) {
        status = lease_read(handle, &lease, why);
    }
    if (status == STATUS_OK) {
        *out_is_mine = strcmp(lease.holder, handle->token) == 0;
        handle->lease_until_us = *out_is_mine ? lease.until_us : 0;
    }
    return status;
}

void clickhouse_lease_give(struct store_handle *handle)
{
    struct clock clock = clock_system();
    if (handle->lease_until_us != 0) {
        lease_write(handle, clock_wall_us(&clock), 0, NULL);
    }
    handle->lease_until_us = 0;
}
