/* Reads the channel list and folds the verdicts of a channel's URLs into one.
 * Owner: a channel_list owns its rows and URLs; channel_list_free.
 * Why: which places matter to people is data that missions edit, not code. */
#include "probe/channels.h"

#include <stdlib.h>
#include <string.h>

#include "tests-network/csv.h"

extern const char channels_default_csv[]; /* probe/channels/channels.csv, embedded by the build */

static bool name_copy(const char *text, char *out, size_t out_bytes)
{
    size_t length = strlen(text);
    if (length == 0 || length >= out_bytes)
        return false;
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    }
    memcpy(out, text, length + 1);
    return true;
}

static size_t channel_index(const struct channel_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->channels[i].name, name) == 0)
            return i;
    }
    return list->count;
}

static enum status row_add(struct channel_list *list, const struct channel *channel, const char *url,
                           struct why *why)
{
    size_t index = channel_index(list, channel->name);
    if (index == CHANNELS_MAX || list->url_count == CHANNEL_URLS_MAX) {
        why_set(why, "the channel list holds more than %d channels or %d URLs; shorten it", CHANNELS_MAX,
                CHANNEL_URLS_MAX);
        return STATUS_TOO_LARGE;
    }
    char *copy = strdup(url);
    if (!copy)
        return STATUS_NO_MEMORY;
    if (index == list->count)
        list->channels[list->count++] = *channel;
    list->urls[list->url_count++] = (struct channel_url){.channel = index, .url = copy};
    return STATUS_OK;
}

struct columns {
    size_t name, kind, url;
};

static enum status row_read(struct channel_list *list, const struct csv_row *row, const struct columns *columns,
                            struct why *why)
{
    struct channel channel = {0};
    struct why detail = {0};
    if (columns->name >= row->field_count || columns->kind >= row->field_count ||
        columns->url >= row->field_count) {
        why_set(why, "channel list line %zu has too few fields; write channel,kind,url", row->line);
        return STATUS_MALFORMED;
    }
    if (!name_copy(row->fields[columns->name], channel.name, sizeof channel.name) ||
        !name_copy(row->fields[columns->kind], channel.kind, sizeof channel.kind)) {
        why_set(why, "channel list line %zu: channel or kind is empty or too long; write channel,kind,url",
                row->line);
        return STATUS_MALFORMED;
    }
    if (target_url_check(row->fields[columns->url], &detail) != STATUS_OK) {
        why_set(why, "channel list line %zu: %s", row->line, detail.text);
        return STATUS_MALFORMED;
    }
    return row_add(list, &channel, row->fields[columns->url], why);
}

static enum status header_read(struct csv_reader *reader, struct csv_row *row, struct columns *out,
                               struct why *why)
{
    enum csv_outcome outcome = csv_next(reader, row);
    if (outcome == CSV_NO_MEMORY)
        return STATUS_NO_MEMORY;
    if (outcome == CSV_ROW) {
        out->name = csv_column(row, "channel");
        out->kind = csv_column(row, "kind");
        out->url = csv_column(row, "url");
        if (out->name < CSV_FIELDS_MAX && out->kind < CSV_FIELDS_MAX && out->url < CSV_FIELDS_MAX)
            return STATUS_OK;
    }
    why_set(why, "the channel list has no header line; start the file with: channel,kind,url");
    return STATUS_MALFORMED;
}

static enum status rows_read(struct csv_reader *reader, struct csv_row *row, struct channel_list *list,
                             struct why *why)
{
    struct columns columns = {0};
    enum status status = header_read(reader, row, &columns, why);
    while (status == STATUS_OK) {
        switch (csv_next(reader, row)) {
        case CSV_ROW:
            status = row_read(list, row, &columns, why);
            break;
        case CSV_BROKEN:
            why_set(why, "channel list line %zu is broken CSV; write channel,kind,url", row->line);
            return STATUS_MALFORMED;
        case CSV_NO_MEMORY:
            return STATUS_NO_MEMORY;
        case CSV_END:
            if (list->url_count > 0)
                return STATUS_OK;
            why_set(why, "the channel list holds no channel; add lines channel,kind,url");
            return STATUS_MALFORMED;
        }
    }
    return status;
}

enum status channel_list_read(const char *text, size_t count, struct channel_list *out, struct why *why)
{
    struct csv_reader reader = {.left = reader_of(text, count)};
    struct csv_row row = {0};
    struct channel_list list = {
        .channels = calloc(CHANNELS_MAX, sizeof *list.channels),
        .urls = calloc(CHANNEL_URLS_MAX, sizeof *list.urls),
    };
    enum status status =
        list.channels && list.urls ? rows_read(&reader, &row, &list, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        *out = list;
        list = (struct channel_list){0};
    }
    csv_row_free(&row);
    channel_list_free(&list);
    return status;
}

enum status channel_list_default(struct channel_list *out, struct why *why)
{
    return channel_list_read(channels_default_csv, strlen(channels_default_csv), out, why);
}

void channel_list_free(struct channel_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->url_count; i++)
        free(list->urls[i].url);
    free(list->urls);
    free(list->channels);
    *list = (struct channel_list){0};
}

enum status channel_list_targets(const struct channel_list *list, struct target_list *out)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < list->url_count && status == STATUS_OK; i++) {
        const struct channel *channel = &list->channels[list->urls[i].channel];
        if (strcmp(channel->kind, "circumvention") != 0)
            status = target_list_add(out, list->urls[i].url, "");
    }
    return status;
}

struct verdict channel_verdict_start(void)
{
    return (struct verdict){.outcome = OUTCOME_OK};
}

/* Which of two outcomes decides for the channel: the higher. */
static int outcome_weight(enum verdict_outcome outcome)
{
    switch (outcome) {
    case OUTCOME_OK:
        return 0;
    case OUTCOME_UNKNOWN:
        return 1;
    case OUTCOME_DOWN:
        return 2;
    case OUTCOME_OFFLINE:
        return 3;
    case OUTCOME_BLOCKED:
        return 4;
    }
    return 1;
}

void channel_verdict_fold(struct verdict *channel, const struct verdict *url)
{
    int mine = outcome_weight(channel->outcome), other = outcome_weight(url->outcome);
    if (other > mine || (other == mine && url->confidence > channel->confidence))
        *channel = *url;
}
