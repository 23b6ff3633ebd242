/* Statements about keys as JSON.
 * Owner: nothing is kept.
 * Why: stores keep text alone, so that a new kind of statement changes no table. */
#include "collector/trust/statement.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/json.h"

static const char *const kind_names[] = {
    [STATEMENT_ENROL] = "enrol",   [STATEMENT_REVOKE] = "revoke", [STATEMENT_RESTORE] = "restore",
    [STATEMENT_ROTATE] = "rotate", [STATEMENT_INVITE] = "invite", [STATEMENT_WEIGH] = "weigh",
};

/* A text as it may stand in JSON and in a terminal. */
static json_t *text_of(const char *text)
{
    return utf8_is_valid(text, strlen(text)) ? json_string(text) : json_string("");
}

enum status statement_write(const struct trust_statement *statement, struct buffer *out,
                            char out_id[STATEMENT_ID_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    size_t begin = out->count;
    json_t *root = json_pack(
        "{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I}", "kind", kind_names[statement->kind], "time_us",
        (json_int_t)statement->time_us, "probe", statement->probe, "key", statement->key, "successor",
        statement->successor, "successor_key", statement->successor_key, "invitation", statement->invitation, "label",
        text_of(statement->label), "from_us", (json_int_t)statement->from_us, "until_us",
        (json_int_t)statement->until_us, "uses", (json_int_t)statement->use_count);
    bool is_made = root && (statement->kind != STATEMENT_WEIGH ||
                            (json_object_set_new(root, "asn", json_integer(statement->asn)) == 0 &&
                             json_object_set_new(root, "percent", json_integer(statement->weight_percent)) == 0));
    enum status status = is_made ? json_write(root, out) : STATUS_NO_MEMORY;
    json_decref(root);
    if (status == STATUS_OK && !out->failed) {
        sha256(out->bytes + begin, out->count - begin, hash);
        hex_encode(hash, SHA256_BYTES, out_id);
    }
    return out->failed ? STATUS_NO_MEMORY : status;
}

static void member_copy(const json_t *root, const char *name, char *out, size_t out_bytes)
{
    const char *text = json_member_text(root, name);
    snprintf(out, out_bytes, "%s", text ? text : "");
}

/* A weight that is none says nothing. */
static bool weight_read(const json_t *root, struct trust_statement *out)
{
    int64_t asn = json_member_int(root, "asn", 0);
    int64_t percent = json_member_int(root, "percent", -1);
    if (asn < 0 || asn > UINT32_MAX || percent < 0 || percent > 100 || (asn == 0) != (out->probe[0] != 0)) {
        return false;
    }
    out->asn = (uint32_t)asn;
    out->weight_percent = (int)percent;
    return true;
}

enum status statement_read(const char *text, size_t count, struct trust_statement *out)
{
    struct trust_statement statement = {.kind = STATEMENT_ENROL};
    json_t *root = NULL;
    enum status status = json_read(text, count, &root, NULL);
    const char *kind = status == STATUS_OK ? json_member_text(root, "kind") : NULL;
    status = kind ? STATUS_MALFORMED : status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
    for (size_t i = 0; kind && i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (strcmp(kind, kind_names[i]) == 0) {
            statement.kind = (enum statement_kind)i;
            status = STATUS_OK;
        }
    }
    if (status == STATUS_OK) {
        statement.time_us = json_member_int(root, "time_us", 0);
        statement.from_us = json_member_int(root, "from_us", 0);
        statement.until_us = json_member_int(root, "until_us", 0);
        statement.use_count = json_member_int(root, "uses", 0);
        member_copy(root, "probe", statement.probe, sizeof statement.probe);
        member_copy(root, "key", statement.key, sizeof statement.key);
        member_copy(root, "successor", statement.successor, sizeof statement.successor);
        member_copy(root, "successor_key", statement.successor_key, sizeof statement.successor_key);
        member_copy(root, "invitation", statement.invitation, sizeof statement.invitation);
        member_copy(root, "label", statement.label, sizeof statement.label);
        status = statement.kind != STATEMENT_WEIGH || weight_read(root, &statement) ? STATUS_OK : STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        *out = statement;
    }
    json_decref(root);
    return status;
}
