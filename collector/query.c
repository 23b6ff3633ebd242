/* Everything that may be asked of a collector's data.
 * Owner: an open query owns a read-only store handle.
 * Why: one door, so that reports never learn how the data is kept. */
#include "collector/query.h"

#include <stdlib.h>
#include <string.h>

#include "collector/folder.h"
#include "collector/ingest/line_source.h"
#include "collector/raw/raw_store.h"
#include "collector/store/setting.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"

struct query {
    char *folder;
    const struct store *store;
    struct store_handle *handle;
    int64_t bin_length_s;
};

enum status query_open(const char *folder, struct query **out, struct why *why)
{
    enum status status = STATUS_NO_MEMORY;
    struct store_setting setting;
    struct query *query = calloc(1, sizeof *query);
    if (!query || !(query->folder = strdup(folder))) {
        goto done;
    }
    status = store_setting_read(folder, &setting, why);
    if (status != STATUS_OK) {
        goto done;
    }
    query->store = setting.store;
    status = query->store->open(folder, true, &query->bin_length_s, &query->handle, why);
    if (status == STATUS_OK) {
        *out = query;
        query = NULL;
    }
done:
    query_close(query);
    return status;
}

void query_close(struct query *query)
{
    if (!query) {
        return;
    }
    if (query->store) {
        query->store->close(query->handle);
    }
    free(query->folder);
    free(query);
}

int64_t query_bin_length_s(const struct query *query)
{
    return query->bin_length_s;
}

enum status query_regions(struct query *query, store_region_callback callback, void *arg)
{
    return query->store->each_region(query->handle, callback, arg);
}

enum status query_timeline(struct query *query, const char *region, struct store_span span,
                           store_state_callback callback, void *arg)
{
    return query->store->each_state(query->handle, region, span, callback, arg);
}

enum status query_signals(struct query *query, const char *region, struct store_span span, signal_callback callback,
                          void *arg)
{
    int64_t to_s = span.to_us == 0 ? 0 : (span.to_us + US_PER_S - 1) / US_PER_S;
    return signals_each(query->folder, region, span.from_us / US_PER_S, to_s, callback, arg);
}

/* Presence rows of a region, reduced as they pass. */
struct sign_list {
    struct network_sign *signs;
    size_t count;
    size_t room;
    uint32_t asn; /* 0: any that is known */
};

static enum status sign_append(const struct presence *row, void *arg)
{
    struct sign_list *list = arg;
    if (row->asn == 0 || (list->asn != 0 && row->asn != list->asn))
        return STATUS_OK;
    if (list->count == list->room) {
        size_t room = list->room * 2 + 1024;
        struct network_sign *signs = reallocarray(list->signs, room, sizeof *signs);
        if (!signs)
            return STATUS_NO_MEMORY;
        list->signs = signs;
        list->room = room;
    }
    list->signs[list->count++] = network_sign_of(row);
    return STATUS_OK;
}

enum status query_network_timelines(struct query *query, const char *region, uint32_t asn, struct store_span span,
                                    network_callback callback, void *arg)
{
    struct sign_list list = {.asn = asn};
    enum status status = query->store->each_presence(query->handle, region, span, sign_append, &list);
    if (status == STATUS_OK)
        status = network_bins_tell(list.signs, list.count, callback, arg);
    free(list.signs);
    return status;
}

enum status query_events(struct query *query, const struct store_event_filter *filter,
                         store_event_callback callback, void *arg)
{
    return query->store->each_event(query->handle, filter, callback, arg);
}

enum status query_measurements(struct query *query, const struct store_measurement_filter *filter,
                               store_measurement_callback callback, void *arg)
{
    return query->store->each_measurement(query->handle, filter, callback, arg);
}

enum status query_sightings(struct query *query, const char *region, struct store_span span,
                            store_sighting_callback callback, void *arg)
{
    return query->store->each_sighting(query->handle, region, span, callback, arg);
}

enum status query_bundle(struct query *query, const uint8_t hash[SHA256_BYTES], struct store_bundle *out)
{
    struct store_put_result result;
    return query->store->find_bundle(query->handle, NULL, hash, out, &result);
}

enum status query_bundle_place(struct query *query, const char *log, const uint8_t hash[SHA256_BYTES],
                               struct store_bundle *out, struct store_put_result *out_result)
{
    return query->store->find_bundle(query->handle, log, hash, out, out_result);
}

enum status query_bundles(struct query *query, const struct store_bundle_filter *filter,
                          store_bundle_callback callback, void *arg)
{
    return query->store->each_bundle(query->handle, filter, callback, arg);
}

const char *query_folder(const struct query *query)
{
    return query->folder;
}

void query_bundle_path(const uint8_t hash[SHA256_BYTES], char out[96])
{
    collector_bundle_path(hash, out);
}

enum status query_bundle_bring(struct query *query, const uint8_t hash[SHA256_BYTES], struct why *why)
{
    char name[BUNDLE_PATH_BYTES];
    collector_bundle_path(hash, name);
    enum status status = raw_bundle_bring(query->folder, name, why);
    return status == STATUS_BUSY || status == STATUS_REFUSED ? STATUS_OFFLINE : status;
}

/* The place of one measurement, and whether it was found. */
struct place {
    struct store_measurement row;
    bool is_found;
};

static enum status place_keep(const struct store_measurement *row, void *arg)
{
    struct place *place = arg;
    place->row = *row;
    place->is_found = true;
    return STATUS_OK;
}

/* The line by its number; what stands there must have the identity asked for, or the file was altered. */
static enum status line_read(struct line_source *source, const struct place *place, struct buffer *out,
                             struct why *why)
{
    struct reader line;
    uint8_t identity[SHA256_BYTES];
    enum status status = STATUS_OK;
    for (int64_t i = 0; i <= place->row.line && status == STATUS_OK; i++) {
        status = line_source_next(source, RECORD_BYTES_MAX, &line, why);
    }
    if (status == STATUS_OK) {
        measurement_identity(line.bytes, line.left_bytes, identity);
        status = memcmp(identity, place->row.observation.identity, SHA256_BYTES) == 0 ? STATUS_OK
                                                                                      : STATUS_CONFLICT;
    }
    if (status == STATUS_OK) {
        buffer_append(out, line.bytes, line.left_bytes);
        return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    why_set(why, "the kept bundle does not hold the measurement any more: the file was altered; restore it");
    return status == STATUS_NOT_FOUND ? STATUS_CONFLICT : status;
}

enum status query_evidence(struct query *query, const uint8_t identity[SHA256_BYTES], struct buffer *out,
                           struct why *why)
{
    struct place place = {.is_found = false};
    struct store_measurement_filter filter = {.identity = identity, .limit = 1};
    char name[BUNDLE_PATH_BYTES];
    struct line_source *source = NULL;
    char *path = NULL;
    enum status status = query->store->each_measurement(query->handle, &filter, place_keep, &place);
    if (status == STATUS_OK && !place.is_found) {
        why_set(why, "there is no measurement with that identity");
        return STATUS_NOT_FOUND;
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = query_bundle_bring(query, place.row.bundle_hash, why);
    collector_bundle_path(place.row.bundle_hash, name);
    path = path_join(query->folder, name);
    if (status == STATUS_OK) {
        status = path ? line_source_open(path, &source, why) : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        status = line_read(source, &place, out, why);
    } else {
        status =
            status == STATUS_NOT_FOUND ? STATUS_IO : status; /* the measurement is there, its file is not */
    }
    line_source_free(source);
    free(path);
    return status;
}
