/* The reference table: its rows, and the comparison of a record with a row.
 * Owner: the caller frees the cases; they hold copies.
 * Why: rows that nobody here has seen must run, so nothing is known about a row but what stands in it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/json.h"
#include "tests-network/csv.h"
#include "tests/lab/reference.h"
#include "tests/lab/rule.h"

#define PROPORTION_TOLERANCE 1e-6 /* records are rounded to that */
#define EXPECTED             "expected_"
#define OTHER_VERSION        "x_status_v04"
#define ANYTHING             "*"
#define ANDROID_RULE         "EmulateAndroidGetaddrinfo"

struct columns {
    size_t name, url, rules, is_required, is_long;      /* CSV_FIELDS_MAX: absent */
    char fields[CSV_FIELDS_MAX][REFERENCE_FIELD_BYTES]; /* "": the column expects nothing */
    size_t count;
};

/* Without the white space around it. */
static bool text_copy(char *out, size_t room, const char *text)
{
    text += strspn(text, " \t\r\n");
    size_t count = strlen(text);
    while (count > 0 && strchr(" \t\r\n", text[count - 1]))
        count--;
    if (count >= room)
        return false;
    memcpy(out, text, count);
    out[count] = '\0';
    return true;
}

/* The first column of that name, with or without white space around it. */
static size_t column_find(const struct csv_row *header, const char *name)
{
    for (size_t i = 0; i < header->field_count; i++) {
        char field[REFERENCE_FIELD_BYTES + sizeof EXPECTED];
        if (text_copy(field, sizeof field, header->fields[i]) && strcmp(field, name) == 0)
            return i;
    }
    return CSV_FIELDS_MAX;
}

static enum status header_read(const struct csv_row *row, struct columns *out, struct why *why)
{
    *out = (struct columns){
        .name = column_find(row, "name"),
        .url = column_find(row, "input_url"),
        .rules = column_find(row, "rules"),
        .is_required = column_find(row, "runs_on_v0.5.28"),
        .is_long = column_find(row, "long_test"),
        .count = row->field_count,
    };
    size_t expect_count = 0;
    for (size_t i = 0; i < row->field_count; i++) {
        char field[REFERENCE_FIELD_BYTES + sizeof EXPECTED];
        if (!text_copy(field, sizeof field, row->fields[i])) {
            why_set(why, "the name of its column %zu is too long", i + 1);
            return STATUS_MALFORMED;
        }
        const char *key = field + strlen(EXPECTED);
        if (strncmp(field, EXPECTED, strlen(EXPECTED)) != 0 || strcmp(key, OTHER_VERSION) == 0)
            continue;
        if (!text_copy(out->fields[i], sizeof out->fields[i], key))
            return STATUS_MALFORMED;
        expect_count++;
    }
    if (out->name < CSV_FIELDS_MAX && out->url < CSV_FIELDS_MAX && out->rules < CSV_FIELDS_MAX &&
        expect_count > 0 && expect_count <= REFERENCE_EXPECTS_MAX)
        return STATUS_OK;
    why_set(why, "its first line must name the columns name, input_url, rules and at least one expected_...");
    return STATUS_MALFORMED;
}

static const char *cell(const struct csv_row *row, size_t column)
{
    return column < row->field_count ? row->fields[column] : "";
}

static enum status rule_take(struct reference_case *out, const char *text, size_t count,
                             const struct rule_text *parsed, struct why *why)
{
    if (strcmp(parsed->name, ANDROID_RULE) == 0) {
        const char *value = parsed->field_count == 1 ? parsed->fields[0].values[0] : "";
        out->is_android = strcmp(value, "true") == 0;
        if (out->is_android || strcmp(value, "false") == 0)
            return STATUS_OK;
        why_set(why, "rule %s: write %s(true) or %s(false)", ANDROID_RULE, ANDROID_RULE, ANDROID_RULE);
        return STATUS_USAGE;
    }
    enum status status = zone_change_read(parsed, &out->zones, why);
    if (status != STATUS_NOT_FOUND)
        return status;
    if (out->rule_count == REFERENCE_RULES_MAX || count >= REFERENCE_RULE_BYTES) {
        why_set(why, "there are too many rules, or one is too long; 32 of 1023 bytes are the most");
        return STATUS_TOO_LARGE;
    }
    char *rule_text = out->rules[out->rule_count];
    memcpy(rule_text, text, count);
    rule_text[count] = '\0';
    struct rule *rule = NULL;
    status = rule_open(rule_text, &rule, why);
    rule_free(rule);
    out->rule_count++;
    if (strstr(rule_text, "Drop") || strstr(rule_text, "Throttle"))
        out->is_slow = true;
    return status;
}

/* "Rule(...); Rule(...)", on one line or several. */
static enum status rules_read(const char *text, struct reference_case *out, struct why *why)
{
    for (;;) {
        text += strspn(text, ";, \t\r\n");
        if (*text == '\0')
            return STATUS_OK;
        struct rule_text parsed;
        const char *rest = NULL;
        enum status status = rule_text_parse(text, &parsed, &rest, why);
        if (status == STATUS_OK)
            status = rule_take(out, text, (size_t)(rest - text), &parsed, why);
        if (status != STATUS_OK)
            return status;
        text = rest;
    }
}

/* Spreadsheets write TRUE for true. */
static bool is_yes(const char *text)
{
    char word[8] = "";
    (void)!text_copy(word, sizeof word, text);
    return strcasecmp(word, "yes") == 0 || strcasecmp(word, "true") == 0;
}

/* Another word would silently ask nothing of the row. */
static bool is_yes_or_no(const char *text)
{
    static const char *const words[] = {"", "yes", "no", "true", "false"};
    char word[8] = "";
    bool is_whole = text_copy(word, sizeof word, text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (is_whole && strcasecmp(word, words[i]) == 0)
            return true;
    return false;
}

static bool is_blank(const struct csv_row *row)
{
    for (size_t i = 0; i < row->field_count; i++)
        if (row->fields[i][strspn(row->fields[i], " \t")] != '\0')
            return false;
    return true;
}

static enum status row_read(const struct columns *columns, const struct csv_row *row,
                            struct reference_case *out, struct why *why)
{
    memset(out, 0, sizeof *out);
    if (row->field_count != columns->count) {
        why_set(why, "it has %zu cells where the first line has %zu", row->field_count, columns->count);
        return STATUS_MALFORMED;
    }
    bool is_whole = text_copy(out->name, sizeof out->name, cell(row, columns->name)) &&
                    text_copy(out->url, sizeof out->url, cell(row, columns->url));
    for (size_t i = 0; i < columns->count && is_whole; i++) {
        if (columns->fields[i][0] == '\0')
            continue;
        struct reference_expect *expect = &out->expects[out->expect_count++];
        is_whole = text_copy(expect->field, sizeof expect->field, columns->fields[i]) &&
                   text_copy(expect->value, sizeof expect->value, cell(row, i));
        if (strcmp(expect->field, "accessible") == 0)
            out->is_clean = is_yes(expect->value);
    }
    if (!is_whole) {
        why_set(why, "a cell is too long");
        return STATUS_MALFORMED;
    }
    if (!is_yes_or_no(cell(row, columns->is_required)) || !is_yes_or_no(cell(row, columns->is_long))) {
        why_set(why, "runs_on_v0.5.28 and long_test are yes, no, true or false");
        return STATUS_MALFORMED;
    }
    if (out->name[0] == '\0')
        snprintf(out->name, sizeof out->name, "line %zu", row->line);
    out->is_required = columns->is_required == CSV_FIELDS_MAX || is_yes(cell(row, columns->is_required));
    out->is_long = out->is_slow = is_yes(cell(row, columns->is_long));
    enum status status = rules_read(cell(row, columns->rules), out, why);
    out->is_clean = out->is_clean && out->rule_count == 0 && out->zones.count == 0;
    return status;
}

struct gathering {
    struct columns columns;
    bool has_header;
    const char *only;
    struct reference_case *cases;
    size_t count;
};

static enum status row_take(struct gathering *gathering, const struct csv_row *row, struct why *why)
{
    if (!gathering->has_header) {
        gathering->has_header = true;
        return header_read(row, &gathering->columns, why);
    }
    char name[REFERENCE_NAME_BYTES] = "";
    (void)!text_copy(name, sizeof name, cell(row, gathering->columns.name));
    if (is_blank(row) || (gathering->only && strcmp(name, gathering->only) != 0))
        return STATUS_OK;
    if (gathering->count == REFERENCE_CASES_MAX) {
        why_set(why, "there are more than %d cases; split the file", REFERENCE_CASES_MAX);
        return STATUS_TOO_LARGE;
    }
    struct reference_case *cases =
        reallocarray(gathering->cases, gathering->count + 1, sizeof *gathering->cases);
    if (!cases)
        return STATUS_NO_MEMORY;
    gathering->cases = cases;
    struct why reason = {0};
    enum status status = row_read(&gathering->columns, row, &cases[gathering->count], &reason);
    if (status == STATUS_OK)
        gathering->count++;
    else
        why_set(why, "line %zu (%.60s): %s", row->line, name,
                reason.text[0] ? reason.text : status_name(status));
    return status;
}

enum status reference_read(const void *text, size_t count, const char *only, struct reference_case **out,
                           size_t *out_count, struct why *why)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    size_t mark_bytes = count >= 3 && memcmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
    struct csv_reader reader = {.left = reader_of((const char *)text + mark_bytes, count - mark_bytes)};
    struct csv_row row = {0};
    struct gathering gathering = {.only = only};
    enum status status = STATUS_OK;
    enum csv_outcome outcome = CSV_ROW;
    while (status == STATUS_OK && (outcome = csv_next(&reader, &row)) != CSV_END) {
        if (outcome == CSV_ROW) {
            status = row_take(&gathering, &row, why);
        } else {
            why_set(why, "line %zu is no CSV; mend its quotes", row.line);
            status = outcome == CSV_BROKEN ? STATUS_MALFORMED : STATUS_NO_MEMORY;
        }
    }
    csv_row_free(&row);
    if (status == STATUS_OK && gathering.count == 0) {
        why_set(why, "there is no case%s%s in it", only ? " named " : "", only ? only : "");
        status = STATUS_MALFORMED;
    }
    if (status != STATUS_OK) {
        free(gathering.cases);
        return status;
    }
    *out = gathering.cases;
    *out_count = gathering.count;
    return STATUS_OK;
}

static void value_text(const json_t *value, char *out, size_t room)
{
    if (!value || json_is_null(value))
        snprintf(out, room, "%s", value ? "null" : "absent");
    else if (json_is_string(value))
        snprintf(out, room, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(out, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, room, "%.9g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(out, room, "%s", json_is_true(value) ? "true" : "false");
    else
        snprintf(out, room, "%s", json_is_array(value) ? "a list" : "an object");
}

/* A cell says null, true, false, a number or a text; an empty one says that there is nothing, * that it may
 * be anything.
 */
static bool value_agrees(const char *expected, const json_t *was)
{
    if (strcmp(expected, ANYTHING) == 0)
        return true;
    if (strcasecmp(expected, "null") == 0)
        return json_is_null(was); /* not where it is absent: a column whose name is misspelt must not pass */
    if (expected[0] == '\0')
        return !was || json_is_null(was) || (json_is_string(was) && json_string_length(was) == 0);
    if (strcasecmp(expected, "true") == 0)
        return json_is_true(was);
    if (strcasecmp(expected, "false") == 0)
        return json_is_false(was);
    char *end = NULL;
    double number = strtod(expected, &end);
    if (*end == '\0')
        return json_is_number(was) && fabs(json_number_value(was) - number) <= PROPORTION_TOLERANCE;
    return json_is_string(was) && strcmp(json_string_value(was), expected) == 0;
}

static void difference_add(struct reference_outcome *outcome, const char *field, const char *expected,
                           const json_t *was)
{
    size_t room = sizeof outcome->differences / sizeof outcome->differences[0];
    if (outcome->difference_count == room)
        return;
    struct reference_difference *difference = &outcome->differences[outcome->difference_count++];
    snprintf(difference->field, sizeof difference->field, "%s", field);
    snprintf(difference->expected, sizeof difference->expected, "%s", expected);
    value_text(was, difference->was, sizeof difference->was);
}

void reference_compare(const struct reference_case *wanted, const json_t *record,
                       struct reference_outcome *outcome)
{
    const json_t *keys = json_object_get(record, "test_keys");
    for (size_t i = 0; i < wanted->expect_count; i++) {
        const struct reference_expect *expect = &wanted->expects[i];
        const json_t *was = json_object_get(keys, expect->field);
        if (!value_agrees(expect->value, was))
            difference_add(outcome, expect->field, expect->value, was);
    }
    if (!wanted->is_clean)
        return;
    if (json_array_size(json_object_get(keys, "network_events")) == 0)
        difference_add(outcome, "network_events", "at least one", json_object_get(keys, "network_events"));
    const char *resolver = json_member_text(record, "resolver_ip");
    const json_t *client_resolver = json_object_get(keys, "client_resolver");
    if (!resolver || !value_agrees(resolver, client_resolver))
        difference_add(outcome, "client_resolver", resolver ? resolver : "resolver_ip", client_resolver);
}
