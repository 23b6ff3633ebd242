/* The store in a ClickHouse database, asked over HTTP, for many measurements or many machines that read.
 * Owner: a handle owns its connection and its paths; rows passed to callbacks live on the stack of the read.
 * Why: columns scan a hundred million rows where one file would not; what it guarantees stands in its header.
 */
#include "collector/store/clickhouse/clickhouse_store.h"
#include "collector/store/clickhouse/trust.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/setting.h"
#include "measurement/base/file.h"

#define LOCK_FILE    "store.lock"
#define PENDING_FILE "store.pending"

static void clickhouse_close(struct store_handle *handle)
{
    if (!handle) {
        return;
    }
    clickhouse_lease_give(handle);
    curl_easy_cleanup(handle->idle);
    buffer_free(&handle->seen);
    free(handle->lock_path);
    free(handle->pending_path);
    free(handle);
}

static enum status address_check(const char *address, struct why *why)
{
    struct clickhouse_address parsed;
    return clickhouse_address_parse(address, &parsed, why);
}

/* Sends again what was not acknowledged, so that readers find the log as its receipts say. A server that
 * cannot now will be asked again by the next put. */
static enum status handle_settle(struct store_handle *handle, struct why *why)
{
    int lock = clickhouse_lock(handle, why);
    enum status status = lock < 0 ? STATUS_IO : clickhouse_settle(handle, why);
    clickhouse_unlock(lock);
    return status == STATUS_BUSY ? STATUS_OK : status;
}

static enum status handle_open(struct store_handle *handle, const struct store_setting *setting,
                               int64_t *bin_length_s, struct why *why)
{
    enum status status = clickhouse_address_parse(setting->address, &handle->address, why);
    int64_t length_s = *bin_length_s;
    if (status == STATUS_OK) {
        memcpy(handle->token, setting->token, sizeof handle->token);
        handle->server = (int)random_below(&handle->random, (uint64_t)handle->address.server_count);
        status = clickhouse_schema_open(handle, &length_s, why);
    }
    if (status == STATUS_OK && !handle->is_read_only) {
        status = handle_settle(handle, why);
    }
    if (status == STATUS_OK) {
        status = clickhouse_logs_see(handle, why);
    }
    if (status == STATUS_OK) {
        handle->bin_length_s = *bin_length_s = length_s;
    }
    return status;
}

static enum status clickhouse_open(const char *folder, bool read_only, int64_t *bin_length_s,
                                   struct store_handle **out, struct why *why)
{
    struct store_setting setting;
    enum status status = store_setting_read(folder, &setting, why);
    if (status == STATUS_OK && setting.store != &store_clickhouse) {
        why_set(why,
                "%s names no ClickHouse database; run dialtone-collector import or serve with --store "
                "clickhouse=http://HOST:8123/DATABASE on that folder first",
                folder);
        status = STATUS_NOT_FOUND;
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct store_handle *handle = calloc(1, sizeof *handle);
    if (handle) {
        handle->is_read_only = read_only;
        handle->random = random_system();
        handle->lock_path = path_join(folder, LOCK_FILE);
        handle->pending_path = path_join(folder, PENDING_FILE);
    }
    status = handle && handle->lock_path && handle->pending_path
                 ? handle_open(handle, &setting, bin_length_s, why)
                 : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        *out = handle;
        handle = NULL;
    }
    clickhouse_close(handle);
    return status;
}

const struct store store_clickhouse = {
    .name = "clickhouse",
    .check_address = address_check,
    .open = clickhouse_open,
    .close = clickhouse_close,
    .put_bundles = clickhouse_put_bundles,
    .put_detection = clickhouse_put_detection,
    .judged_version = clickhouse_judged_version,
    .each_dirty_region = clickhouse_each_dirty_region,
    .each_presence = clickhouse_each_presence,
    .each_sighting = clickhouse_each_sighting,
    .each_region = clickhouse_each_region,
    .each_state = clickhouse_each_state,
    .each_event = clickhouse_each_event,
    .each_measurement = clickhouse_each_measurement,
    .find_bundle = clickhouse_find_bundle,
    .each_bundle = clickhouse_each_bundle,
    .put_trust = clickhouse_put_trust,
    .each_trust = clickhouse_each_trust,
};
