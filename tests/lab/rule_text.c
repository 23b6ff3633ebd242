/* The text of one rule.
 * Owner: nothing is allocated; words are copied into the result.
 * Why: scenario files and the reference table name rules alike, so one reader serves both. */
#include "tests/lab/rule_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is left to read. */
struct cursor {
    const char *at;
    struct why *why;
};

static enum status complain(struct cursor *cursor, const char *wanted)
{
    why_set(cursor->why, "rule: expected %s at \"%.40s\"; write Name(Field=value Field=\"text\")", wanted,
            cursor->at);
    return STATUS_MALFORMED;
}

/* White space, commas and Go comments separate. */
static void skip_space(struct cursor *cursor)
{
    for (;;) {
        while (isspace((unsigned char)*cursor->at) || *cursor->at == ',')
            cursor->at++;
        const char *end = strncmp(cursor->at, "/*", 2) == 0 ? strstr(cursor->at + 2, "*/") : NULL;
        if (!end)
            return;
        cursor->at = end + 2;
    }
}

static bool is_word_letter(char letter)
{
    return isalnum((unsigned char)letter) || (letter != '\0' && strchr("._-:/+%$@#", letter) != NULL);
}

/* Up to so many hexadecimal digits; -1 where there are fewer. */
static int hex_read(struct cursor *cursor, int digit_count)
{
    int value = 0;
    for (int i = 0; i < digit_count; i++) {
        char digit = *cursor->at;
        if (!isxdigit((unsigned char)digit))
            return -1;
        value = value * 16 + (isdigit((unsigned char)digit) ? digit - '0' : (digit | 0x20) - 'a' + 10);
        cursor->at++;
    }
    return value;
}

/* What stands behind a backslash, as in Go and JSON; a byte of zero cannot be told. */
static enum status escape_read(struct cursor *cursor, char *out)
{
    static const char letters[] = "nrt\\\"'/";
    static const char meanings[] = "\n\r\t\\\"'/";
    const char *known = *cursor->at ? strchr(letters, *cursor->at) : NULL;
    if (known) {
        *out = meanings[known - letters];
        cursor->at++;
        return STATUS_OK;
    }
    int digit_count = *cursor->at == 'x' ? 2 : *cursor->at == 'u' ? 4 : 0;
    if (digit_count > 0)
        cursor->at++;
    int value = digit_count > 0 ? hex_read(cursor, digit_count) : -1;
    if (value < 1 || value > (digit_count == 2 ? 0xff : 0x7f))
        return complain(cursor, "\\n, \\r, \\t, \\xHH, \\u00HH of ASCII, \\\\ or \\\" behind a backslash");
    *out = (char)value;
    return STATUS_OK;
}

/* Between quotes with escapes, between backquotes as it stands. */
static enum status quoted_read(struct cursor *cursor, char *out, size_t room)
{
    const char quote = *cursor->at++;
    size_t used = 0;
    while (*cursor->at != quote) {
        if (*cursor->at == '\0')
            return complain(cursor, "a closing quote");
        if (used + 1 >= room)
            return complain(cursor, "a shorter word");
        char letter = *cursor->at++;
        if (letter == '\\' && quote == '"') {
            enum status status = escape_read(cursor, &letter);
            if (status != STATUS_OK)
                return status;
        }
        out[used++] = letter;
    }
    out[used] = '\0';
    cursor->at++;
    return STATUS_OK;
}

static enum status word_read(struct cursor *cursor, char *out, size_t room)
{
    if (*cursor->at == '"' || *cursor->at == '`')
        return quoted_read(cursor, out, room);
    size_t used = 0;
    while (is_word_letter(*cursor->at)) {
        if (used + 1 >= room)
            return complain(cursor, "a shorter word");
        out[used++] = *cursor->at++;
    }
    out[used] = '\0';
    return used > 0 ? STATUS_OK : complain(cursor, "a word");
}

static enum status list_read(struct cursor *cursor, struct rule_field *field)
{
    const char end = *cursor->at == '{' ? '}' : ']';
    cursor->at++;
    for (;;) {
        skip_space(cursor);
        if (*cursor->at == end) {
            cursor->at++;
            return STATUS_OK;
        }
        if (field->value_count == RULE_VALUES_MAX)
            return complain(cursor, "at most 16 values");
        enum status status = word_read(cursor, field->values[field->value_count], RULE_WORD_BYTES);
        if (status != STATUS_OK)
            return status;
        field->value_count++;
    }
}

/* Go's units of time as ours; NULL for another word. */
static const char *unit_of(const char *word)
{
    static const char *const units[][2] = {
        {"time.Microsecond", "us"}, {"time.Millisecond", "ms"}, {"time.Second", "s"}, {"time.Minute", "m"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(word, units[i][0]) == 0)
            return units[i][1];
    return NULL;
}

/* Go writes durations as a product, "300 * time.Millisecond", or as the unit alone: then it is one of it. */
static enum status product_read(struct cursor *cursor, char *value)
{
    struct cursor ahead = *cursor;
    const char *alone = unit_of(value);
    if (alone) {
        snprintf(value, RULE_WORD_BYTES, "1%s", alone);
        return STATUS_OK;
    }
    skip_space(&ahead);
    if (*ahead.at != '*')
        return STATUS_OK;
    ahead.at++;
    skip_space(&ahead);
    char word[32];
    enum status status = word_read(&ahead, word, sizeof word);
    if (status != STATUS_OK)
        return status;
    const char *unit = unit_of(word);
    size_t used = strlen(value);
    if (!unit || used + strlen(unit) >= RULE_WORD_BYTES)
        return complain(cursor, "a unit of time");
    memcpy(value + used, unit, strlen(unit) + 1);
    cursor->at = ahead.at;
    return STATUS_OK;
}

static enum status value_read(struct cursor *cursor, struct rule_field *field)
{
    static const char go_list[] = "[]string{"; /* as in Go's source */
    if (strncmp(cursor->at, go_list, sizeof go_list - 1) == 0)
        cursor->at += sizeof go_list - 2;
    if (*cursor->at == '{' || *cursor->at == '[')
        return list_read(cursor, field);
    enum status status = word_read(cursor, field->values[0], RULE_WORD_BYTES);
    if (status != STATUS_OK)
        return status;
    field->value_count = 1;
    return product_read(cursor, field->values[0]);
}

static enum status field_read(struct cursor *cursor, struct rule_field *field)
{
    struct cursor ahead = *cursor;
    size_t used = 0;
    while (isalnum((unsigned char)*ahead.at) && used + 1 < sizeof field->name)
        field->name[used++] = *ahead.at++;
    field->name[used] = '\0';
    skip_space(&ahead);
    if (used > 0 && *ahead.at == '=') {
        cursor->at = ahead.at + 1;
        skip_space(cursor);
    } else {
        field->name[0] = '\0';
    }
    return value_read(cursor, field);
}

static enum status name_read(struct cursor *cursor, struct rule_text *out)
{
    size_t used = 0;
    if (strncmp(cursor->at, "DPI", 3) == 0)
        cursor->at += 3;
    while ((isalnum((unsigned char)*cursor->at) || *cursor->at == '.') && used + 1 < sizeof out->name)
        out->name[used++] = *cursor->at++;
    out->name[used] = '\0';
    skip_space(cursor);
    if (used == 0 || *cursor->at != '(')
        return complain(cursor, "a rule's name and \"(\"");
    cursor->at++;
    return STATUS_OK;
}

enum status rule_text_parse(const char *text, struct rule_text *out, const char **out_rest, struct why *why)
{
    struct cursor cursor = {.at = text, .why = why};
    memset(out, 0, sizeof *out);
    skip_space(&cursor);
    enum status status = name_read(&cursor, out);
    for (;;) {
        skip_space(&cursor);
        if (status != STATUS_OK)
            return status;
        if (*cursor.at == ')')
            break;
        if (out->field_count == RULE_FIELDS_MAX)
            return complain(&cursor, "at most 18 fields");
        status = field_read(&cursor, &out->fields[out->field_count++]);
    }
    cursor.at++;
    if (out_rest)
        *out_rest = cursor.at;
    skip_space(&cursor);
    return out_rest || *cursor.at == '\0' ? STATUS_OK : complain(&cursor, "the end");
}

const struct rule_field *rule_text_field(const struct rule_text *text, const char *name)
{
    for (size_t i = 0; i < text->field_count; i++)
        if (strcmp(text->fields[i].name, name) == 0)
            return &text->fields[i];
    return NULL;
}

const char *rule_text_value(const struct rule_text *text, const char *name)
{
    const struct rule_field *field = rule_text_field(text, name);
    return field && field->value_count == 1 ? field->values[0] : NULL;
}

static enum status refuse(const struct rule_text *text, const char *name, const char *wanted, struct why *why)
{
    const char *value = rule_text_value(text, name);
    why_set(why, "rule %s: %s=%s is not %s", text->name, name, value ? value : "(a list)", wanted);
    return STATUS_USAGE;
}

enum status rule_text_address(const struct rule_text *text, const char *name, struct ip_address *out,
                              struct why *why)
{
    if (!rule_text_field(text, name))
        return STATUS_OK;
    const char *value = rule_text_value(text, name);
    if (value && ip_parse(value, out) == STATUS_OK)
        return STATUS_OK;
    return refuse(text, name, "an IP address", why);
}

enum status rule_text_number(const struct rule_text *text, const char *name, int64_t least, int64_t most,
                             int64_t *out, struct why *why)
{
    if (!rule_text_field(text, name))
        return STATUS_OK;
    const char *value = rule_text_value(text, name);
    char *end = NULL;
    long long number = value ? strtoll(value, &end, 10) : 0;
    if (!value || end == value || *end != '\0' || number < least || number > most)
        return refuse(text, name, "a whole number in its range", why);
    *out = number;
    return STATUS_OK;
}

enum status rule_text_fraction(const struct rule_text *text, const char *name, double *out, struct why *why)
{
    if (!rule_text_field(text, name))
        return STATUS_OK;
    const char *value = rule_text_value(text, name);
    char *end = NULL;
    double number = value ? strtod(value, &end) : 0;
    if (value && end != value && strcmp(end, "%") == 0) {
        number /= 100;
        end++;
    }
    if (!value || end == value || *end != '\0' || !(number >= 0 && number <= 1))
        return refuse(text, name, "a number from 0 to 1", why);
    *out = number;
    return STATUS_OK;
}

enum status duration_parse(const char *text, int64_t *out_us)
{
    static const struct {
        const char *unit;
        double us;
    } units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 6e7}, {"h", 3.6e9}, {"d", 8.64e10}, {"", 1e6}};
    char *end = NULL;
    double number = isdigit((unsigned char)text[0]) ? strtod(text, &end) : -1;
    if (!(number >= 0) || !isfinite(number))
        return STATUS_MALFORMED;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0 && number * units[i].us <= 1e15) {
            *out_us = (int64_t)(number * units[i].us);
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

enum status rule_text_duration(const struct rule_text *text, const char *name, int64_t *out_us,
                               struct why *why)
{
    if (!rule_text_field(text, name))
        return STATUS_OK;
    const char *value = rule_text_value(text, name);
    if (value && duration_parse(value, out_us) == STATUS_OK)
        return STATUS_OK;
    return refuse(text, name, "a duration such as 300ms", why);
}

enum status rule_text_only(const struct rule_text *text, const char *const *names, struct why *why)
{
    for (size_t i = 0; i < text->field_count; i++) {
        bool is_known = false;
        for (size_t j = 0; names[j] && !is_known; j++)
            is_known = strcmp(names[j], text->fields[i].name) == 0;
        if (!is_known) {
            why_set(why, "rule %s has no field '%s'", text->name, text->fields[i].name);
            return STATUS_USAGE;
        }
    }
    return STATUS_OK;
}
