/* Folds the new measurements of a bundle into presence, sightings and region counts.
 * Owner: the batch owns its tables; it lives as long as the transaction.
 * Why: aggregation in the transaction of the insert, so that a count and what it counts never part. */
#include <stdlib.h>
#include <string.h>

#include "collector/store/sqlite/cell_table.h"
#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"
#include "measurement/region.h"

/* Keys are compared byte by byte: zero them before filling. */
struct cell_key {
    int64_t bin_s;
    uint32_t asn;
    uint32_t access;
    uint32_t is_signed;
    char country[COUNTRY_BYTES];
    char subdivision[REGION_BYTES];
    char probe[KEY_NAME_BYTES];
    char subject[SUBJECT_BYTES]; /* sightings only */
};

struct presence_slot {
    struct cell_key key;
    struct presence row;
};

struct sighting_slot {
    struct cell_key key;
    struct sighting row;
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

struct region_probe_key {
    char region[REGION_BYTES];
    uint32_t asn;
    char probe[KEY_NAME_BYTES];
};

struct cell_batch {
    struct store_handle *handle;
    struct cell_table presence;
    struct cell_table sightings;
    struct cell_table regions;
    struct cell_table region_probes;
};

enum status cell_batch_open(struct store_handle *handle, struct cell_batch **out)
{
    struct cell_batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        return STATUS_NO_MEMORY;
    }
    batch->handle = handle;
    batch->presence =
        (struct cell_table){.slot_bytes = sizeof(struct presence_slot), .key_bytes = sizeof(struct cell_key)};
    batch->sightings =
        (struct cell_table){.slot_bytes = sizeof(struct sighting_slot), .key_bytes = sizeof(struct cell_key)};
    batch->regions =
        (struct cell_table){.slot_bytes = sizeof(struct region_slot), .key_bytes = sizeof(struct region_key)};
    batch->region_probes = (struct cell_table){.slot_bytes = sizeof(struct region_probe_key),
                                               .key_bytes = sizeof(struct region_probe_key)};
    *out = batch;
    return STATUS_OK;
}

void cell_batch_free(struct cell_batch *batch)
{
    if (!batch) {
        return;
    }
    cell_table_free(&batch->presence);
    cell_table_free(&batch->sightings);
    cell_table_free(&batch->regions);
    cell_table_free(&batch->region_probes);
    free(batch);
}

/* Both ends are zeroed or hold zero-terminated text of the same room. */
static void key_text(char *out, const char *text, size_t out_bytes)
{
    memcpy(out, text, strnlen(text, out_bytes - 1));
}

static void cell_key_fill(struct cell_key *key, const struct observation *observation, int64_t bin_length_s)
{
    memset(key, 0, sizeof *key);
    key->bin_s = bin_start_s(observation->time_us, bin_length_s);
    key->asn = observation->asn;
    key->is_signed = observation->is_signed;
    key_text(key->country, observation->country, sizeof key->country);
    key_text(key->subdivision, observation->subdivision, sizeof key->subdivision);
    key_text(key->probe, observation->probe, sizeof key->probe);
}

static void presence_load(struct store_handle *handle, const struct cell_key *key, struct presence *row)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_PRESENCE);
    if (!statement) {
        return;
    }
    sqlite3_bind_text(statement, 1, key->country, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, key->bin_s);
    sqlite3_bind_text(statement, 3, key->subdivision, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, key->probe, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, key->asn);
    sqlite3_bind_int64(statement, 6, key->access);
    sqlite3_bind_int64(statement, 7, key->is_signed);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        sqlite_presence_read(statement, row);
    }
    sqlite3_reset(statement);
}

static void sighting_load(struct store_handle *handle, const struct cell_key *key, struct sighting *row)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_SIGHTING);
    if (!statement) {
        return;
    }
    sqlite3_bind_text(statement, 1, key->country, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, key->bin_s);
    sqlite3_bind_text(statement, 3, key->subject, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, key->subdivision, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 5, key->probe, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 6, key->asn);
    sqlite3_bind_int64(statement, 7, key->is_signed);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        sqlite_sighting_read(statement, row);
    }
    sqlite3_reset(statement);
}

static enum status presence_fold(struct cell_batch *batch, const struct observation *observation)
{
    struct cell_key key;
    bool is_new;
    cell_key_fill(&key, observation, batch->handle->bin_length_s);
    key.access = observation->access;
    struct presence_slot *slot = cell_table_slot(&batch->presence, &key, &is_new);
    if (!slot) {
        return STATUS_NO_MEMORY;
    }
    if (is_new) {
        presence_load(batch->handle, &key, &slot->row);
    }
    presence_add(&slot->row, observation, batch->handle->bin_length_s);
    return STATUS_OK;
}

static enum status sighting_fold(struct cell_batch *batch, const struct observation *observation)
{
    struct cell_key key;
    bool is_new;
    if (observation->subject[0] == 0 || strcmp(observation->subject, SUBJECT_CONNECTIVITY) == 0) {
        return STATUS_OK;
    }
    cell_key_fill(&key, observation, batch->handle->bin_length_s);
    key_text(key.subject, observation->subject, sizeof key.subject);
    struct sighting_slot *slot = cell_table_slot(&batch->sightings, &key, &is_new);
    if (!slot) {
        return STATUS_NO_MEMORY;
    }
    if (is_new) {
        sighting_load(batch->handle, &key, &slot->row);
    }
    sighting_add(&slot->row, observation, batch->handle->bin_length_s);
    return STATUS_OK;
}

static enum status region_fold(struct cell_batch *batch, const char *region, uint32_t asn,
                               const struct observation *observation)
{
    struct region_key key;
    struct region_probe_key probe_key;
    bool is_new;
    memset(&key, 0, sizeof key);
    memset(&probe_key, 0, sizeof probe_key);
    key.asn = probe_key.asn = asn;
    key_text(key.region, region, sizeof key.region);
    key_text(probe_key.region, region, sizeof probe_key.region);
    key_text(probe_key.probe, observation->probe, sizeof probe_key.probe);
    struct region_slot *slot = cell_table_slot(&batch->regions, &key, &is_new);
    if (!slot) {
        return STATUS_NO_MEMORY;
    }
    slot->first_us = is_new || observation->time_us < slot->first_us ? observation->time_us : slot->first_us;
    slot->last_us = is_new || observation->time_us > slot->last_us ? observation->time_us : slot->last_us;
    slot->measurement_count++;
    return cell_table_slot(&batch->region_probes, &probe_key, &is_new) ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The country and the subdivision, each as a whole and for the network. */
static enum status regions_fold(struct cell_batch *batch, const struct observation *observation)
{
    const char *regions[] = {observation->country, observation->subdivision};
    if (!region_is_country(observation->country)) {
        return STATUS_OK; /* unknown: no region's row to count in */
    }
    for (size_t i = 0; i < 2; i++) {
        if (regions[i][0] == 0) {
            continue;
        }
        enum status status = region_fold(batch, regions[i], 0, observation);
        if (status == STATUS_OK && observation->asn != 0) {
            status = region_fold(batch, regions[i], observation->asn, observation);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status cell_batch_add(struct cell_batch *batch, const struct observation *observation, struct why *why)
{
    enum status status = presence_fold(batch, observation);
    if (status == STATUS_OK) {
        status = sighting_fold(batch, observation);
    }
    if (status == STATUS_OK) {
        status = regions_fold(batch, observation);
    }
    if (status != STATUS_OK) {
        why_set(why, "out of memory while counting a bundle; give the collector more");
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
            sqlite_presence_bind(statement, &slot->row);
        }
        status = sqlite_run(batch->handle, statement, "storing presence", why);
    }
    return status;
}

static enum status sightings_write(struct cell_batch *batch, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < batch->sightings.count && status == STATUS_OK; i++) {
        const struct sighting_slot *slot = cell_table_at(&batch->sightings, i);
        sqlite3_stmt *statement = sqlite_statement(batch->handle, STATEMENT_PUT_SIGHTING);
        if (statement) {
            sqlite_sighting_bind(statement, &slot->row);
        }
        status = sqlite_run(batch->handle, statement, "storing sightings", why);
    }
    return status;
}

static enum status region_write(struct store_handle *handle, const struct region_slot *slot,
                                int64_t log_index, struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_REGION);
    if (statement) {
        sqlite3_bind_text(statement, 1, slot->key.region, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, slot->key.asn);
        sqlite3_bind_int64(statement, 3, slot->measurement_count);
        sqlite3_bind_int64(statement, 4, slot->first_us);
        sqlite3_bind_int64(statement, 5, slot->last_us);
    }
    enum status status = sqlite_run(handle, statement, "storing a region's counts", why);
    if (status != STATUS_OK || slot->key.asn != 0) {
        return status;
    }
    statement = sqlite_statement(handle, STATEMENT_PUT_DIRTY);
    if (statement) {
        sqlite3_bind_text(statement, 1, slot->key.region, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, log_index);
        sqlite3_bind_int64(statement, 3, slot->first_us);
    }
    return sqlite_run(handle, statement, "marking a region", why);
}

static enum status region_probe_write(struct store_handle *handle, const struct region_probe_key *key,
                                      struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_REGION_PROBE);
    if (statement) {
        sqlite3_bind_text(statement, 1, key->region, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, key->asn);
        sqlite3_bind_text(statement, 3, key->probe, -1, SQLITE_STATIC);
    }
    enum status status = sqlite_run(handle, statement, "storing a region's probe", why);
    if (status != STATUS_OK || sqlite3_changes(handle->db) == 0) {
        return status;
    }
    statement = sqlite_statement(handle, STATEMENT_COUNT_REGION_PROBE);
    if (statement) {
        sqlite3_bind_text(statement, 1, key->region, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, key->asn);
    }
    return sqlite_run(handle, statement, "counting a region's probe", why);
}

enum status cell_batch_write(struct cell_batch *batch, int64_t log_index, struct why *why)
{
    enum status status = presence_write(batch, why);
    if (status == STATUS_OK) {
        status = sightings_write(batch, why);
    }
    for (size_t i = 0; i < batch->regions.count && status == STATUS_OK; i++) {
        status = region_write(batch->handle, cell_table_at(&batch->regions, i), log_index, why);
    }
    for (size_t i = 0; i < batch->region_probes.count && status == STATUS_OK; i++) {
        status = region_probe_write(batch->handle, cell_table_at(&batch->region_probes, i), why);
    }
    return status;
}
