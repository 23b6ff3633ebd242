/* Reads the channel list and folds the verdicts of a channel's endpoints into one.
 * Owner: a channel_list owns its rows and texts; channel_list_free.
 * Why: which places matter to people is data that missions edit, not code. */
#include "tests-network/channel/list.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests-network/csv.h"
#include "tests-network/nettest.h"
#include "tests-network/steps/address.h"

#define CHANNEL_HOST_BYTES 256

extern const char channels_default_csv[]; /* channels.csv, embedded by the build */

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

static void id_make(struct channel *channel)
{
    size_t i = 0;
    for (; channel->name[i]; i++) {
        unsigned char letter = (unsigned char)channel->name[i];
        channel->id[i] = letter < 0x80 && isalnum(letter) ? (char)tolower(letter) : '-';
    }
    channel->id[i] = '\0';
}

static size_t channel_index(const struct channel_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->channels[i].name, name) == 0)
            return i;
    }
    return list->count;
}

const struct channel *channel_find(const struct channel_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcasecmp(list->channels[i].name, name) == 0 || strcasecmp(list->channels[i].id, name) == 0)
            return &list->channels[i];
    }
    return NULL;
}

/* ":PORT", or "" for 443. */
static bool port_read(const char *text, int *out)
{
    size_t length = strlen(text);
    if (length == 0) {
        *out = 443;
        return true;
    }
    if (length < 2 || length > 6 || strspn(text + 1, "0123456789") != length - 1)
        return false;
    *out = (int)strtol(text + 1, NULL, 10);
    return *out >= 1 && *out <= 65535;
}

/* "HOST[:PORT]" as a URL has it; a name in letters that are not ASCII stands as xn--. */
static enum status place_read(const char *text, bool needs_port, struct channel_endpoint *out)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    struct sockaddr_storage address;
    char host[CHANNEL_HOST_BYTES] = "";
    bool is_bracketed = text[0] == '[';
    const char *start = text + is_bracketed;
    size_t length = strcspn(start, is_bracketed ? "]" : ":");
    const char *behind = start + length + (is_bracketed && start[length] == ']');
    if (length == 0 || length >= sizeof host || (behind[0] == ':') != needs_port || (behind[0] && behind[0] != ':'))
        return STATUS_MALFORMED;
    for (size_t i = 0; i < length; i++)
        host[i] = (char)tolower((unsigned char)start[i]);
    bool is_host = is_bracketed ? start[length] == ']' && strchr(host, ':') && address_parse(host, 0, &address) == STATUS_OK
                                : strspn(host, letters) == length;
    if (!is_host || !port_read(behind, &out->port))
        return STATUS_MALFORMED;
    out->host = strdup(host);
    return out->host ? STATUS_OK : STATUS_NO_MEMORY;
}

static const char *behind_scheme(const char *text, const char *scheme)
{
    size_t length = strlen(scheme);
    return strncasecmp(text, scheme, length) == 0 ? text + length : NULL;
}

static enum status test_read(const char *name, struct channel_endpoint *out, struct why *why)
{
    const char *const *known = nettest_without_input;
    while (*known && strcmp(*known, name) != 0)
        known++;
    if (!*known || strcmp(name, "channel") == 0) {
        why_set(why, "\"%.60s\" is no test that needs no input; write test:whatsapp, test:signal or another", name);
        return STATUS_MALFORMED;
    }
    out->host = strdup(name);
    return out->host ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Fills all of it but the channel; `text` and `host` are the caller's to free, also on failure. */
static enum status endpoint_read(const char *text, struct channel_endpoint *out, struct why *why)
{
    const char *rest;
    enum status status;
    out->text = strdup(text);
    if (!out->text)
        return STATUS_NO_MEMORY;
    if ((rest = behind_scheme(text, "test:"))) {
        out->reach = CHANNEL_TEST;
        return test_read(rest, out, why);
    }
    if ((rest = behind_scheme(text, "tls://"))) {
        const char *literal_end = strrchr(rest, ']');
        out->reach = CHANNEL_TLS;
        status = place_read(rest, strchr(literal_end ? literal_end : rest, ':') != NULL, out);
    } else if ((rest = behind_scheme(text, "tcp://"))) {
        out->reach = CHANNEL_TCP;
        status = place_read(rest, true, out);
    } else if ((rest = behind_scheme(text, "dns://"))) {
        out->reach = CHANNEL_DNS;
        status = place_read(rest, false, out);
        out->port = 0;
    } else {
        return target_url_check(text, why);
    }
    if (status == STATUS_MALFORMED)
        why_set(why, "\"%.120s\" is no endpoint; write tcp://HOST:PORT, tls://HOST or dns://HOST", text);
    return status;
}

static void endpoint_clear(struct channel_endpoint *endpoint)
{
    free(endpoint->text);
    free(endpoint->host);
    *endpoint = (struct channel_endpoint){0};
}

/* Takes the endpoint over where it says OK. */
static enum status row_add(struct channel_list *list, const struct channel *channel, struct channel_endpoint *endpoint,
                           struct why *why)
{
    size_t index = channel_index(list, channel->name);
    if (index == CHANNELS_MAX || list->endpoint_count == CHANNEL_ENDPOINTS_MAX) {
        why_set(why, "the channel list holds more than %d channels or %d endpoints; shorten it", CHANNELS_MAX,
                CHANNEL_ENDPOINTS_MAX);
        return STATUS_TOO_LARGE;
    }
    if (index == list->count)
        list->channels[list->count++] = *channel;
    endpoint->channel = index;
    list->endpoints[list->endpoint_count++] = *endpoint;
    *endpoint = (struct channel_endpoint){0};
    return STATUS_OK;
}

#define CHANNEL_HOST_BYTES 256

struct columns {
    size_t name, kind, endpoint;
    size_t role; /* CSV_FIELDS_MAX: there is none */
};

static enum status row_read(struct channel_list *list, const struct csv_row *row, const struct columns *columns,
                            struct why *why)
{
    struct channel channel = {0};
    struct channel_endpoint endpoint = {0};
    struct why detail = {0};
    bool has_role = columns->role < row->field_count && row->fields[columns->role][0];
    if (columns->name >= row->field_count || columns->kind >= row->field_count ||
        columns->endpoint >= row->field_count) {
        why_set(why, "channel list line %zu has too few fields; write channel,kind,endpoint", row->line);
        return STATUS_MALFORMED;
    }
    if (!name_copy(row->fields[columns->name], channel.name, sizeof channel.name) ||
        !name_copy(row->fields[columns->kind], channel.kind, sizeof channel.kind) ||
        (has_role && !name_copy(row->fields[columns->role], endpoint.role, sizeof endpoint.role))) {
        why_set(why, "channel list line %zu: channel, kind or role is empty or too long; write channel,kind,endpoint",
                row->line);
        return STATUS_MALFORMED;
    }
    id_make(&channel);
    enum status status = endpoint_read(row->fields[columns->endpoint], &endpoint, &detail);
    if (status == STATUS_OK)
        status = row_add(list, &channel, &endpoint, why);
    else if (detail.text[0])
        why_set(why, "channel list line %zu: %s", row->line, detail.text);
    endpoint_clear(&endpoint);
    return status;
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
        out->endpoint = csv_column(row, "endpoint");
        if (out->endpoint == CSV_FIELDS_MAX)
            out->endpoint = csv_column(row, "url");
        out->role = csv_column(row, "role");
        if (out->name < CSV_FIELDS_MAX && out->kind < CSV_FIELDS_MAX && out->endpoint < CSV_FIELDS_MAX)
            return STATUS_OK;
    }
    why_set(why, "the channel list has no header line; start the file with: channel,kind,endpoint");
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
            why_set(why, "channel list line %zu is broken CSV; write channel,kind,endpoint", row->line);
            return STATUS_MALFORMED;
        case CSV_NO_MEMORY:
            return STATUS_NO_MEMORY;
        case CSV_END:
            if (list->endpoint_count > 0)
                return STATUS_OK;
            why_set(why, "the channel list holds no channel; add lines channel,kind,endpoint");
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
        .endpoints = calloc(CHANNEL_ENDPOINTS_MAX, sizeof *list.endpoints),
    };
    enum status status =
        list.channels && list.endpoints ? rows_read(&reader, &row, &list, why) : STATUS_NO_MEMORY;
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
    for (size_t i = 0; i < list->endpoint_count; i++)
        endpoint_clear(&list->endpoints[i]);
    free(list->endpoints);
    free(list->channels);
    *list = (struct channel_list){0};
}

enum status channel_list_targets(const struct channel_list *list, struct target_list *out)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < list->endpoint_count && status == STATUS_OK; i++) {
        const struct channel_endpoint *endpoint = &list->endpoints[i];
        const struct channel *channel = &list->channels[endpoint->channel];
        if (endpoint->reach == CHANNEL_WEB && strcmp(channel->kind, "circumvention") != 0)
            status = target_list_add(out, endpoint->text, "");
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

void channel_verdict_fold(struct verdict *channel, const struct verdict *part)
{
    int mine = outcome_weight(channel->outcome), other = outcome_weight(part->outcome);
    if (other > mine || (other == mine && part->confidence > channel->confidence))
        *channel = *part;
}

/* Whether one before it shares its role: then that one spoke for both. */
static bool is_spoken_for(const struct channel_part *parts, size_t index)
{
    for (size_t i = 0; i < index && parts[index].role[0]; i++) {
        if (strcmp(parts[i].role, parts[index].role) == 0)
            return true;
    }
    return false;
}

static struct verdict role_verdict(const struct channel_part *parts, size_t count, size_t first)
{
    struct verdict verdict = parts[first].verdict;
    for (size_t i = first + 1; i < count && parts[first].role[0]; i++) {
        if (strcmp(parts[i].role, parts[first].role) != 0 || verdict.outcome == OUTCOME_OK)
            continue;
        if (parts[i].verdict.outcome == OUTCOME_OK)
            verdict = parts[i].verdict;
        else
            channel_verdict_fold(&verdict, &parts[i].verdict);
    }
    return verdict;
}

struct verdict channel_verdict(const struct channel_part *parts, size_t count)
{
    struct verdict verdict = channel_verdict_start();
    for (size_t i = 0; i < count; i++) {
        struct verdict role = {.outcome = OUTCOME_OK};
        if (!is_spoken_for(parts, i))
            role = role_verdict(parts, count, i);
        channel_verdict_fold(&verdict, &role);
    }
    if (count == 0)
        verdict.outcome = OUTCOME_UNKNOWN;
    return verdict;
}
