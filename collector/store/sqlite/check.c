/* Whether the store is whole, and what is derived is what it is derived from.
 * Owner: statements for the length of a question.
 * Why: a damaged disk, or a hand that helped, shows here and not in a report. One read transaction, beside a
 * writer. */
#include <stdio.h>
#include <string.h>

#include "collector/store/fold.h"
#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"
#include "measurement/region.h"

#define FINDING_BYTES 256
#define TEXT_BYTES    224

struct checking {
    struct store_handle *handle;
    store_finding_callback callback;
    void *arg;
    struct why *why;
    int64_t cell_count; /* recomputed */
};

/* Each row of the answer is a finding. */
static const struct {
    const char *name;
    const char *sql;
} questions[] = {
    {"store", "SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok'"},
    {"measurement",
     "SELECT 'row ' || m.id || ' names bundle ' || bundle_id || ', which is not there' FROM measurements AS m"
     " WHERE NOT EXISTS (SELECT 1 FROM bundles WHERE bundles.id = bundle_id)"},
    {"measurement", "SELECT 'row ' || m.id || ' names a vantage point, target or verdict that is not there' "
                    "FROM measurements AS m"
                    " WHERE NOT EXISTS (SELECT 1 FROM vantages WHERE vantages.id = vantage_id)"
                    " OR NOT EXISTS (SELECT 1 FROM targets WHERE targets.id = target_id)"
                    " OR NOT EXISTS (SELECT 1 FROM verdicts WHERE verdicts.id = verdict_id)"},
    {"measurement", "SELECT 'place ' || place || ' names a row that is not there' FROM places"
                    " WHERE NOT EXISTS (SELECT 1 FROM measurements AS m WHERE m.id = measurement_id)"},
    {"measurement",
     "SELECT (SELECT COUNT(*) FROM measurements) || ' rows stand at ' || (SELECT COUNT(*) FROM places)"
     " || ' places' WHERE (SELECT COUNT(*) FROM measurements) <> (SELECT COUNT(*) FROM places)"},
    {"log",
     "SELECT 'of ' || name || ' has ' || COUNT(*) || ' bundles and ends at ' || MAX(log_index) FROM bundles"
     " JOIN logs ON logs.id = log_id GROUP BY log_id"
     " HAVING COUNT(*) <> MAX(log_index) + 1 OR MIN(log_index) <> 0"},
    {"bundle", "SELECT lower(hex(hash)) || ' names a log that is not there' FROM bundles"
               " WHERE NOT EXISTS (SELECT 1 FROM logs WHERE logs.id = log_id)"},
    {"bundle",
     "SELECT lower(hex(hash)) || ' has ' || found || ' measurements, and took in ' || accepted_count FROM"
     " (SELECT hash, accepted_count, end_us, (SELECT COUNT(*) FROM measurements WHERE bundle_id = bundles.id)"
     " AS found FROM bundles) WHERE found <> accepted_count AND NOT EXISTS"
     " (SELECT 1 FROM meta WHERE key = 'pruned_before_us')"},
    {"region",
     "SELECT region || ' of network ' || asn || ' counts ' || probe_count || ' probes, and lists ' ||"
     " (SELECT COUNT(*) FROM region_probes AS p WHERE p.region = regions.region AND p.asn = regions.asn)"
     " FROM regions WHERE probe_count <>"
     " (SELECT COUNT(*) FROM region_probes AS p WHERE p.region = regions.region AND p.asn = regions.asn)"},
    {"region",
     "SELECT region || ' counts ' || measurement_count || ' measurements, and has ' || found FROM"
     " (SELECT region, measurement_count, (SELECT COUNT(*) FROM measurements AS m JOIN vantages AS v"
     " ON v.id = vantage_id WHERE m.is_counted AND (v.country = region OR v.subdivision = region)) AS found"
     " FROM regions WHERE asn = 0) WHERE found <> measurement_count AND NOT EXISTS"
     " (SELECT 1 FROM meta WHERE key = 'pruned_before_us')"},
};

static enum status finding_tell(const struct checking *checking, const char *name, const char *text)
{
    char finding[FINDING_BYTES];
    snprintf(finding, sizeof finding, "%s: %s", name, text);
    return checking->callback(finding, checking->arg);
}

static enum status question_ask(const struct checking *checking, const char *name, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(checking->handle->db, sql, -1, &statement, NULL);
    enum status status = sqlite_status(checking->handle->db, code, "checking the store", checking->why);
    while (status == STATUS_OK && (status = query_next(checking->handle, statement)) == STATUS_OK) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        status = finding_tell(checking, name, text ? text : "a value of it cannot be read");
    }
    return query_end(statement, status);
}

static bool presence_is_same(const struct presence *a, const struct presence *b)
{
    return a->ok_count == b->ok_count && a->fail_count == b->fail_count && a->local_count == b->local_count &&
           a->other_count == b->other_count && a->worst_state == b->worst_state &&
           a->first_ok_us == b->first_ok_us && a->last_ok_us == b->last_ok_us &&
           a->first_fail_us == b->first_fail_us && a->last_fail_us == b->last_fail_us &&
           memcmp(a->example, b->example, sizeof a->example) == 0;
}

/* A recomputed cell beside the kept one. */
static enum status cell_compare(const struct presence *row, void *arg)
{
    struct checking *checking = arg;
    struct presence kept = {0};
    char text[TEXT_BYTES];
    sqlite3_stmt *find = NULL;
    checking->cell_count++;
    sqlite3_prepare_v2(
        checking->handle->db,
        "SELECT " PRESENCE_COLUMNS " FROM presence JOIN vantages ON vantages.id = vantage_id"
        " WHERE presence.country = ?1 AND bin_s = ?2 AND subdivision = ?3 AND probe = ?4 AND asn = ?5"
        " AND access = ?6 AND is_signed = ?7",
        -1, &find, NULL);
    sqlite3_bind_int64(find, 1, sqlite_country_number(row->country));
    sqlite3_bind_int64(find, 2, row->bin_s);
    sqlite3_bind_text(find, 3, row->subdivision, -1, SQLITE_STATIC);
    sqlite3_bind_text(find, 4, row->probe, -1, SQLITE_STATIC);
    sqlite3_bind_int64(find, 5, row->asn);
    sqlite3_bind_int64(find, 6, row->access);
    sqlite3_bind_int64(find, 7, row->is_signed);
    enum status status = query_next(checking->handle, find);
    if (status == STATUS_OK) {
        sqlite_presence_read(find, &kept);
    }
    sqlite3_finalize(find);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !presence_is_same(&kept, row))) {
        snprintf(text, sizeof text, "presence of %s in %s at %lld is not what its measurements say",
                 row->probe, row->subdivision[0] ? row->subdivision : row->country, (long long)row->bin_s);
        status = finding_tell(checking, "cell", text);
    }
    return status;
}

/* Presence of all blocks that still have their measurements, from those. */
static enum status cells_recompute(struct checking *checking, int64_t from_us)
{
    struct store_handle *handle = checking->handle;
    struct store_fold fold = {
        .bin_length_s = handle->bin_length_s, .presence_callback = cell_compare, .arg = checking};
    struct observation row;
    sqlite3_stmt *statement = NULL;
    enum status status = STATUS_OK;
    sqlite3_prepare_v2(
        handle->db,
        "SELECT " FOLD_COLUMNS
        " FROM places CROSS JOIN measurements AS m ON m.id = measurement_id" MEASUREMENT_TABLES
        " WHERE place >= ?1 AND m.is_counted ORDER BY place >> 40, m.country,"
        " time_us / ?2, subdivision, vantages.probe, asn, access, vantages.is_signed, identity",
        -1, &statement, NULL);
    sqlite3_bind_int64(statement, 1, sqlite_place_first(sqlite_block_of(handle, from_us)));
    sqlite3_bind_int64(statement, 2, handle->bin_length_s * US_PER_S);
    while (status == STATUS_OK && (status = query_next(handle, statement)) == STATUS_OK) {
        sqlite_fold_row_read(statement, &row);
        status = store_fold_add(&fold, &row);
    }
    sqlite3_finalize(statement);
    return status == STATUS_NOT_FOUND ? store_fold_end(&fold) : status;
}

static enum status cells_check(struct checking *checking)
{
    char sql[128];
    char text[TEXT_BYTES];
    int64_t from_us = sqlite_statement_number(checking->handle, STATEMENT_PRUNED_BEFORE, 0);
    enum status status = cells_recompute(checking, from_us);
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM presence WHERE bin_s >= %lld",
             (long long)(from_us / US_PER_S));
    int64_t kept_count = sqlite_number(checking->handle->db, sql, -1);
    if (status == STATUS_OK && kept_count != checking->cell_count) {
        snprintf(text, sizeof text, "%lld are kept, the measurements give %lld", (long long)kept_count,
                 (long long)checking->cell_count);
        status = finding_tell(checking, "cells", text);
    }
    return status;
}

enum status sqlite_check(struct store_handle *handle, store_finding_callback callback, void *arg,
                         struct why *why)
{
    struct checking checking = {.handle = handle, .callback = callback, .arg = arg, .why = why};
    int code = sqlite3_exec(handle->db, "BEGIN", NULL, NULL, NULL);
    enum status status = sqlite_status(handle->db, code, "checking the store", why);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0] && status == STATUS_OK; i++) {
        status = question_ask(&checking, questions[i].name, questions[i].sql);
    }
    if (status == STATUS_OK) {
        status = cells_check(&checking);
    }
    if (status == STATUS_IO && why && !why->text[0]) {
        why_set(why, "the store cannot be read to its end: restore it from a backup");
    }
    sqlite3_exec(handle->db, "COMMIT", NULL, NULL, NULL);
    return status;
}
