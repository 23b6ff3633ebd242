/* Statements about probes' keys, in the order in which they were made.
 * Owner: everything given is borrowed.
 * Why: they stand in `meta`, which every server has whole, so that all collectors in front know them. */
#include <stdlib.h>
#include <string.h>

#include "collector/store/clickhouse/clickhouse_store.h"
#include "collector/store/clickhouse/trust.h"

#define TRUST_PREFIX "trust/"
#define ID_BYTES     128

enum status clickhouse_put_trust(struct store_handle *handle, const char *id, int64_t time_us,
                                 const char *text, struct why *why)
{
    struct buffer key = {0};
    struct buffer rows = {0};
    if (handle->is_read_only) {
        why_set(why, "the store was opened for reading only");
        return STATUS_REFUSED;
    }
    buffer_printf(&key, TRUST_PREFIX "%s", id);
    char *name = buffer_take_text(&key);
    if (!name) {
        return STATUS_NO_MEMORY;
    }
    binary_put_text(&rows, name);
    binary_put_i64(&rows, time_us);
    binary_put_text(&rows, text);
    binary_put_i64(&rows, time_us);
    enum status status =
        rows.failed
            ? STATUS_NO_MEMORY
            : clickhouse_insert_common(handle, "INSERT INTO meta (key, value, text, version)", &rows, why);
    buffer_free(&rows);
    free(name);
    return status;
}

struct trust_read {
    store_trust_callback callback;
    void *arg;
};

static enum status trust_take(struct reader *reader, void *arg)
{
    struct trust_read *read = arg;
    char key[ID_BYTES];
    char text[STORE_TRUST_BYTES_MAX];
    binary_text(reader, key, sizeof key);
    int64_t time_us = binary_i64(reader);
    binary_text(reader, text, sizeof text);
    return reader->failed ? STATUS_OK : read->callback(key + strlen(TRUST_PREFIX), time_us, text, read->arg);
}

enum status clickhouse_each_trust(struct store_handle *handle, store_trust_callback callback, void *arg)
{
    struct buffer sql = {0};
    struct trust_read read = {callback, arg};
    buffer_text(&sql, "SELECT key, value, text FROM meta WHERE key LIKE '" TRUST_PREFIX "%'"
                      " ORDER BY value, key LIMIT 1 BY key");
    return clickhouse_select(handle, &sql, trust_take, &read, NULL);
}
