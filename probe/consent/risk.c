/* Keeps from a hosted probe the targets that its host has not chosen to open.
 * Owner: the list stays the caller's.
 * Why: opening a page can be held against a person; what the default list holds must endanger nobody. */
#include "probe/consent/risk.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"

extern const char risk_categories_csv[]; /* probe/consent/categories.csv */

static const char *const names[] = {[RISK_LOW] = "low", [RISK_MEDIUM] = "medium", [RISK_HIGH] = "high"};

static bool field_is(const struct reader *field, const char *text)
{
    return field->left_bytes == strlen(text) && memcmp(field->bytes, text, field->left_bytes) == 0;
}

/* Up to the next comma. */
static struct reader field_take(struct reader *line)
{
    const uint8_t *comma = line->left_bytes > 0 ? memchr(line->bytes, ',', line->left_bytes) : NULL;
    struct reader field = reader_take(line, comma ? (size_t)(comma - line->bytes) : line->left_bytes);
    reader_skip(line, comma ? 1 : 0);
    return field;
}

enum status risk_parse(const char *text, enum risk_level *out)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum risk_level)i;
            return STATUS_OK;
        }
    }
    return STATUS_USAGE;
}

const char *risk_name(enum risk_level level)
{
    return names[level];
}

enum risk_level risk_of_category(const char *category)
{
    struct reader left = reader_of(risk_categories_csv, strlen(risk_categories_csv)), line;
    if (category[0] == '\0')
        return RISK_LOW;
    while (reader_line(&left, &line)) {
        struct reader code = field_take(&line), level = field_take(&line);
        if (!field_is(&code, category))
            continue;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (field_is(&level, names[i]))
                return (enum risk_level)i;
        }
    }
    return RISK_HIGH;
}

size_t risk_apply(enum risk_level most, struct target_list *list)
{
    size_t kept_count = 0, count = list->count;
    for (size_t i = 0; i < count; i++) {
        if (risk_of_category(list->targets[i].category) > most) {
            free(list->targets[i].url);
            continue;
        }
        list->targets[kept_count++] = list->targets[i];
    }
    list->count = kept_count;
    list->above_risk_count += count - kept_count;
    return count - kept_count;
}
