/* Numbers for what many measurements have in common: their vantage point, target, verdict, boot.
 * Owner: the handle owns what is remembered; a rollback must forget it.
 * Why: a row of numbers is a fifth of a row of text, and comparing numbers is what an index does fastest. */
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"

#define VALUES_MAX 8
#define KEY_BYTES  1024

/* One entry: text where `text` is set, a number otherwise. */
struct value {
    const char *text;
    int64_t number;
};

struct entry {
    enum sqlite_statement find;
    enum sqlite_statement put;
    int count;
    struct value values[VALUES_MAX];
};

/* The values in a row, each text with its end. The kind comes first: no two kinds share a key. */
static size_t entry_key(const struct entry *entry, uint8_t key[KEY_BYTES])
{
    size_t at = 0;
    key[at++] = (uint8_t)entry->find;
    for (int i = 0; i < entry->count; i++) {
        const struct value *value = &entry->values[i];
        size_t count = value->text ? strlen(value->text) + 1 : sizeof value->number;
        if (count > KEY_BYTES - at) {
            return 0;
        }
        memcpy(key + at, value->text ? (const void *)value->text : (const void *)&value->number, count);
        at += count;
    }
    return at;
}

static sqlite3_stmt *entry_bind(struct store_handle *handle, enum sqlite_statement id,
                                const struct entry *entry)
{
    sqlite3_stmt *statement = sqlite_statement(handle, id);
    for (int i = 0; i < entry->count && statement; i++) {
        if (entry->values[i].text) {
            sqlite3_bind_text(statement, i + 1, entry->values[i].text, -1, SQLITE_STATIC);
        } else {
            sqlite3_bind_int64(statement, i + 1, entry->values[i].number);
        }
    }
    return statement;
}

/* What the table says; a new row where it has none. */
static enum status entry_store(struct store_handle *handle, const struct entry *entry, int64_t *out,
                               struct why *why)
{
    sqlite3_stmt *statement = entry_bind(handle, entry->find, entry);
    if (!statement) {
        return sqlite_status(handle->db, sqlite3_errcode(handle->db), "reading a dictionary", why);
    }
    int code = sqlite3_step(statement);
    int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    enum status status = sqlite_status(handle->db, code, "reading a dictionary", why);
    if (status == STATUS_OK && code != SQLITE_ROW) {
        status = sqlite_run(handle, entry_bind(handle, entry->put, entry), "storing a dictionary", why);
        number = sqlite3_last_insert_rowid(handle->db);
    }
    if (status == STATUS_OK) {
        *out = number;
    }
    return status;
}

static enum status entry_number(struct store_handle *handle, const struct entry *entry, int64_t *out,
                                struct why *why)
{
    uint8_t key[KEY_BYTES];
    size_t count = entry_key(entry, key);
    if (count > 0 && intern_find(&handle->dictionary, key, count, out)) {
        return STATUS_OK;
    }
    enum status status = entry_store(handle, entry, out, why);
    if (status == STATUS_OK && count > 0) {
        intern_keep(&handle->dictionary, key, count, *out);
    }
    return status;
}

enum status sqlite_vantage_number(struct store_handle *handle, const struct observation *observation,
                                  int64_t *out, struct why *why)
{
    struct entry entry = {STATEMENT_FIND_VANTAGE,
                          STATEMENT_PUT_VANTAGE,
                          6,
                          {{.text = observation->probe},
                           {.text = observation->country},
                           {.text = observation->subdivision},
                           {.number = observation->asn},
                           {.number = observation->access},
                           {.number = observation->is_signed}}};
    return entry_number(handle, &entry, out, why);
}

enum status sqlite_target_number(struct store_handle *handle, const struct observation *observation,
                                 int64_t *out, struct why *why)
{
    struct entry entry = {
        STATEMENT_FIND_TARGET,
        STATEMENT_PUT_TARGET,
        3,
        {{.text = observation->subject}, {.text = observation->input}, {.text = observation->test_name}}};
    return entry_number(handle, &entry, out, why);
}

enum status sqlite_verdict_number(struct store_handle *handle, const struct observation *observation,
                                  int64_t *out, struct why *why)
{
    struct entry entry = {STATEMENT_FIND_VERDICT,
                          STATEMENT_PUT_VERDICT,
                          8,
                          {{.number = observation->verdict.outcome},
                           {.number = observation->verdict.layer},
                           {.text = observation->verdict.method},
                           {.number = observation->verdict.confidence},
                           {.number = observation->ladder.state},
                           {.number = observation->ladder.controls_ok_count},
                           {.number = observation->ladder.controls_failed_count},
                           {.number = observation->ladder.operators_failed_count}}};
    return entry_number(handle, &entry, out, why);
}

enum status sqlite_boot_number(struct store_handle *handle, const char *boot, int64_t *out, struct why *why)
{
    struct entry entry = {STATEMENT_FIND_BOOT, STATEMENT_PUT_BOOT, 1, {{.text = boot}}};
    return entry_number(handle, &entry, out, why);
}

void sqlite_dictionary_forget(struct store_handle *handle)
{
    intern_forget(&handle->dictionary);
}
