/* Folds the new measurements of a transaction into presence and region counts.
 * Owner: the batch owns its tables; it lives as long as the transaction.
 * Why: aggregation in the transaction of the insert, so that a count and what it counts never part. Sightings
 * are folded when they are read: nearly every measurement of a bin is of another subject, so that keeping
 * them would double the rows. */
#include <stdlib.h>
#include <string.h>

#include "collector/store/sqlite/cell_table.h"
#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"
#include "measurement/region.h"

/* Keys are compared byte by byte: they have no padding, or are zeroed before they are filled. */
struct presence_key {
    int64_t bin_s;
    int64_t vantage_id;
};

struct presence_slot {
    struct presence_key key;
    struct presence row;
};

/* What the transaction adds to one vantage point. */
struct vantage_slot {
    int64_t id;
    int64_t measurement_count;
    int64_t first_us, last_us;
    uint32_t asn;
    char probe[KEY_NAME_BYTES];
    char country[COUNTRY_BYTES];
    char subdivision[REGION_BYTES];
};

struct region_key {
    char region[REGION_BYTES];
    uint32_t asn;
};

struct region_slot {
    struct region_key key;
    int64_t measurement_count;
    int64_t first_us, last_us;
};

struct cell_batch {
    struct store_handle *handle;
    struct cell_table presence;
    struct cell_table vantages;
    struct cell_table regions;
};

enum status cell_batch_open(struct store_handle *handle, struct cell_batch **out)
{
    struct cell_batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        return STATUS_NO_MEMORY;
    }
    batch->handle = handle;
    batch->presence = (struct cell_table){.slot_bytes = sizeof(struct presence_slot),
                                          .key_bytes = sizeof(struct presence_key)};
    batch->vantages =
        (struct cell_table){.slot_bytes = sizeof(struct vantage_slot), .key_bytes = sizeof(int64_t)};
    batch->regions =
        (struct cell_table){.slot_bytes = sizeof(struct region_slot), .key_bytes = sizeof(struct region_key)};
    *out = batch;
    return STATUS_OK;
}

void cell_batch_free(struct cell_batch *batch)
{
    if (!batch) {
        return;
    }
    cell_table_free(&batch->presence);
    cell_table_free(&batch->vantages);
    cell_table_free(&batch->regions);
    free(batch);
}

/* What the store has of the row already; it stays zeroed where it has nothing. */
static enum status presence_load(struct store_handle *handle, const struct observation *observation,
                                 const struct presence_key *key, struct presence *row)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_PRESENCE);
    sqlite3_bind_int64(statement, 1, sqlite_country_number(observation->country));
    sqlite3_bind_int64(statement, 2, key->bin_s);
    sqlite3_bind_int64(statement, 3, key->vantage_id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        sqlite_presence_read(statement, row);
    }
    sqlite3_reset(statement);
    return sqlite_status(handle->db, code, "reading presence", NULL);
}

static enum status presence_fold(struct cell_batch *batch, const struct observation *observation,
                                 int64_t vantage_id)
{
    int64_t bin_length_s = batch->handle->bin_length_s;
    struct presence_key key = {bin_start_s(observation->time_us, bin_length_s), vantage_id};
    bool is_new;
    struct presence_slot *slot = cell_table_slot(&batch->presence, &key, &is_new);
    if (!slot) {
        return STATUS_NO_MEMORY;
    }
    enum status status = is_new ? presence_load(batch->handle, observation, &key, &slot->row) : STATUS_OK;
    if (status == STATUS_OK) {
        presence_add(&slot->row, observation, bin_length_s);
    }
    return status;
}

static void span_widen(int64_t *first_us, int64_t *last_us, int64_t from_us, int64_t to_us, bool is_new)
{
    *first_us = is_new || from_us < *first_us ? from_us : *first_us;
    *last_us = is_new || to_us > *last_us ? to_us : *last_us;
}

static enum status vantage_fold(struct cell_batch *batch, const struct observation *observation,
                                int64_t vantage_id)
{
    bool is_new;
    struct vantage_slot *slot = cell_table_slot(&batch->vantages, &vantage_id, &is_new);
    if (!slot) {
        return STATUS_NO_MEMORY;
    }
    if (is_new) {
        slot->asn = observation->asn;
        memcpy(slot->probe, observation->probe, sizeof slot->probe);
        memcpy(slot->country, observation->country, sizeof slot->country);
        memcpy(slot->subdivision, observation->subdivision, sizeof slot->subdivision);
    }
    slot->measurement_count++;
    span_widen(&slot->first_us, &slot->last_us, observation->time_us, observation->time_us, is_new);
    return STATUS_OK;
}

enum status cell_batch_add(struct cell_batch *batch, const struct observation *observation,
                           int64_t vantage_id, struct why *why)
{
    enum status status = presence_fold(batch, observation, vantage_id);
    if (status == STATUS_OK) {
        status = vantage_fold(batch, observation, vantage_id);
    }
    if (status != STATUS_OK) {
        why_set(why, status == STATUS_NO_MEMORY
                         ? "out of memory while counting a bundle; give the collector more"
                         : "the store's cells cannot be read; check that the data folder is whole");
    }
    return status;
}

static enum status presence_write(struct cell_batch *batch, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < batch->presence.count && status == STATUS_OK; i++) {
        const struct presence_slot *slot = cell_table_at(&batch->presence, i);
        sqlite3_stmt *statement = sqlite_statement(batch->handle, STATEMENT_PUT_PRESENCE);
        if (statement) {
            sqlite_presence_bind(statement, &slot->row, slot->key.vantage_id);
        }
        status = sqlite_run(batch->handle, statement, "storing presence", why);
    }
    return status;
}

static enum status region_fold(struct cell_batch *batch, const char *region, uint32_t asn,
                               const struct vantage_slot *vantage)
{
    struct region_key key;
    bool is_new;
    memset(&key, 0, sizeof key);
    key.asn = asn;
    memcpy(key.region, region, strnlen(region, sizeof key.region - 1));
    struct region_slot *slot = cell_table_slot(&batch->regions, &key, &is_new);
    if (!slot) {
        return STATUS_NO_MEMORY;
    }
    span_widen(&slot->first_us, &slot->last_us, vantage->first_us, vantage->last_us, is_new);
    slot->measurement_count += vantage->measurement_count;
    return STATUS_OK;
}

/* The probe counts in the region from its first measurement there on. */
static enum status region_probe_write(struct store_handle *handle, const char *region, uint32_t asn,
                                      const char *probe, struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_REGION_PROBE);
    sqlite3_bind_text(statement, 1, region, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, asn);
    sqlite3_bind_text(statement, 3, probe, -1, SQLITE_STATIC);
    enum status status = sqlite_run(handle, statement, "storing a region's probe", why);
    if (status != STATUS_OK || sqlite3_changes(handle->db) == 0) {
        return status;
    }
    statement = sqlite_statement(handle, STATEMENT_COUNT_REGION_PROBE);
    sqlite3_bind_text(statement, 1, region, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, asn);
    return sqlite_run(handle, statement, "counting a region's probe", why);
}

static enum status region_write(struct store_handle *handle, const struct region_slot *slot,
                                int64_t bundle_id, struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_REGION);
    sqlite3_bind_text(statement, 1, slot->key.region, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, slot->key.asn);
    sqlite3_bind_int64(statement, 3, slot->measurement_count);
    sqlite3_bind_int64(statement, 4, slot->first_us);
    sqlite3_bind_int64(statement, 5, slot->last_us);
    enum status status = sqlite_run(handle, statement, "storing a region's counts", why);
    if (status != STATUS_OK || slot->key.asn != 0) {
        return status;
    }
    statement = sqlite_statement(handle, STATEMENT_PUT_DIRTY);
    sqlite3_bind_text(statement, 1, slot->key.region, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, bundle_id);
    sqlite3_bind_int64(statement, 3, slot->first_us);
    return sqlite_run(handle, statement, "marking a region", why);
}

/* Whether the vantage point had never been counted before. */
static enum status vantage_mark(struct store_handle *handle, int64_t id, bool *out_is_first, struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_COUNT_VANTAGE);
    sqlite3_bind_int64(statement, 1, id);
    enum status status = sqlite_run(handle, statement, "marking a vantage point", why);
    *out_is_first = status == STATUS_OK && sqlite3_changes(handle->db) > 0;
    return status;
}

/* The country and the subdivision, each as a whole and for the network. */
struct vantage_regions {
    struct region_key keys[4];
    size_t count;
};

static struct vantage_regions vantage_regions(const struct vantage_slot *vantage)
{
    struct vantage_regions regions = {.count = 0};
    const char *names[] = {vantage->country, vantage->subdivision};
    for (size_t i = 0; i < 2 && region_is_country(vantage->country);
         i++) { /* ZZ: no region's row to count in */
        for (int with_asn = 0; with_asn < (vantage->asn != 0 ? 2 : 1) && names[i][0]; with_asn++) {
            struct region_key *key = &regions.keys[regions.count++];
            memcpy(key->region, names[i], strnlen(names[i], sizeof key->region - 1));
            key->asn = with_asn ? vantage->asn : 0;
        }
    }
    return regions;
}

static enum status vantages_fold(struct cell_batch *batch)
{
    for (size_t i = 0; i < batch->vantages.count; i++) {
        const struct vantage_slot *vantage = cell_table_at(&batch->vantages, i);
        struct vantage_regions regions = vantage_regions(vantage);
        for (size_t j = 0; j < regions.count; j++) {
            if (region_fold(batch, regions.keys[j].region, regions.keys[j].asn, vantage) != STATUS_OK) {
                return STATUS_NO_MEMORY;
            }
        }
    }
    return STATUS_OK;
}

static enum status vantages_write(struct cell_batch *batch, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < batch->vantages.count && status == STATUS_OK; i++) {
        const struct vantage_slot *vantage = cell_table_at(&batch->vantages, i);
        struct vantage_regions regions = vantage_regions(vantage);
        bool is_first = false;
        status = vantage_mark(batch->handle, vantage->id, &is_first, why);
        for (size_t j = 0; j < regions.count && status == STATUS_OK && is_first; j++) {
            status = region_probe_write(batch->handle, regions.keys[j].region, regions.keys[j].asn,
                                        vantage->probe, why);
        }
    }
    return status;
}

enum status cell_batch_write(struct cell_batch *batch, int64_t bundle_id, struct why *why)
{
    enum status status = presence_write(batch, why);
    if (status == STATUS_OK) {
        status = vantages_fold(batch);
    }
    for (size_t i = 0; i < batch->regions.count && status == STATUS_OK; i++) {
        status = region_write(batch->handle, cell_table_at(&batch->regions, i), bundle_id, why);
    }
    return status == STATUS_OK ? vantages_write(batch, why) : status;
}
