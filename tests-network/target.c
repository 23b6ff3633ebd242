/* Target lists in Citizen Lab's CSV form.
 * Owner: a target_list owns its targets and their URLs; target_list_free.
 * Why: the lists are edited by many hands, so that a broken line is counted and passed over. */
#include "tests-network/target.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests-network/csv.h"

static bool port_is_valid(const char *text, size_t count)
{
    unsigned port = 0;
    if (count == 0 || count > 5) {
        return count == 0; /* "http://host:/" is the default port (RFC 3986 section 3.2.3) */
    }
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

static bool host_is_ipv6(const char *text, size_t count)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr unused;
    if (count >= sizeof address) {
        return false;
    }
    memcpy(address, text, count);
    address[count] = '\0';
    return inet_pton(AF_INET6, address, &unused) == 1;
}

/* Host and port of "host[:port]" or "[v6][:port]". */
static bool authority_is_valid(const char *text, size_t count)
{
    const char *port = NULL;
    if (count > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', count);
        if (close == NULL || !host_is_ipv6(text + 1, (size_t)(close - text) - 1)) {
            return false;
        }
        port = close + 1;
        size_t rest = count - (size_t)(port - text);
        return rest == 0 || (port[0] == ':' && port_is_valid(port + 1, rest - 1));
    }
    port = memchr(text, ':', count);
    size_t host_count = port != NULL ? (size_t)(port - text) : count;
    if (host_count == 0 || host_count > 253 || text[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < host_count; i++) {
        if (strchr("[]<>\"{}|\\^`%,;", text[i]) != NULL) {
            return false;
        }
    }
    return port == NULL || port_is_valid(port + 1, count - host_count - 1);
}

enum status target_url_check(const char *url, struct why *why)
{
    size_t count = strnlen(url, TARGET_URL_BYTES_MAX + 1);
    if (count > TARGET_URL_BYTES_MAX) {
        why_set(why, "URL is longer than %d bytes; shorten it", TARGET_URL_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < count; i++) {
        if ((unsigned char)url[i] <= ' ' || url[i] == 0x7f) {
            why_set(why, "URL holds a space or a control character; percent-encode it");
            return STATUS_MALFORMED;
        }
    }
    size_t scheme = strncasecmp(url, "http://", 7) == 0 ? 7 : strncasecmp(url, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0) {
        why_set(why, "URL does not start with http:// or https://: '%.80s'; write the scheme in full", url);
        return STATUS_MALFORMED;
    }
    const char *authority = url + scheme;
    size_t authority_count = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', authority_count);
    if (at != NULL) {
        authority_count -= (size_t)(at + 1 - authority);
        authority = at + 1;
    }
    if (!authority_is_valid(authority, authority_count)) {
        why_set(why, "URL has no valid host: '%.80s'; write http://HOST/ or https://HOST/", url);
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

enum status target_list_add(struct target_list *list, const char *url, const char *category)
{
    if (list->count >= TARGET_LIST_MAX) {
        return STATUS_TOO_LARGE;
    }
    /* The room is always the next power of two, so that it needs no field of its own. */
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count == 0 ? 1 : list->count * 2;
        struct target *grown = reallocarray(list->targets, room, sizeof *grown);
        if (grown == NULL) {
            return STATUS_NO_MEMORY;
        }
        list->targets = grown;
    }
    struct target *target = &list->targets[list->count];
    *target = (struct target){.url = strdup(url)};
    if (target->url == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (category != NULL && strlen(category) < sizeof target->category) {
        memcpy(target->category, category, strlen(category) + 1);
    }
    list->count++;
    return STATUS_OK;
}

static void skip_count(struct target_list *list, size_t line)
{
    list->skipped_count++;
    if (list->first_skipped_line == 0) {
        list->first_skipped_line = line;
    }
}

static enum status header_read(struct csv_reader *reader, struct csv_row *row, size_t *url, size_t *category,
                               struct why *why)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    if (reader->left.left_bytes >= sizeof mark && memcmp(reader->left.bytes, mark, sizeof mark) == 0) {
        reader_skip(&reader->left, sizeof mark);
    }
    enum csv_outcome outcome = csv_next(reader, row);
    if (outcome == CSV_NO_MEMORY) {
        return STATUS_NO_MEMORY;
    }
    *url = outcome == CSV_ROW ? csv_column(row, "url") : CSV_FIELDS_MAX;
    if (*url == CSV_FIELDS_MAX) {
        why_set(why, "target list has no header line with a 'url' column; "
                     "start it with: url,category_code,category_description,date_added,source,notes");
        return STATUS_MALFORMED;
    }
    *category = csv_column(row, "category_code");
    return STATUS_OK;
}

static enum status rows_read(struct csv_reader *reader, struct csv_row *row, size_t url, size_t category,
                             struct target_list *list)
{
    for (;;) {
        enum csv_outcome outcome = csv_next(reader, row);
        if (outcome == CSV_END) {
            return STATUS_OK;
        }
        if (outcome == CSV_NO_MEMORY) {
            return STATUS_NO_MEMORY;
        }
        if (outcome == CSV_BROKEN || url >= row->field_count ||
            target_url_check(row->fields[url], NULL) != STATUS_OK) {
            skip_count(list, row->line);
            continue;
        }
        enum status status =
            target_list_add(list, row->fields[url], category < row->field_count ? row->fields[category] : "");
        if (status != STATUS_OK) {
            return status;
        }
    }
}

enum status target_list_read(const char *text, size_t count, struct target_list *out, struct why *why)
{
    struct csv_reader reader = {.left = reader_of(text, count)};
    struct csv_row row = {0};
    struct target_list list = {0};
    size_t url = 0;
    size_t category = 0;
    enum status status = header_read(&reader, &row, &url, &category, why);
    if (status != STATUS_OK) {
        goto done;
    }
    status = rows_read(&reader, &row, url, category, &list);
    if (status == STATUS_TOO_LARGE) {
        why_set(why, "target list holds more than %d targets; split it", TARGET_LIST_MAX);
    } else if (status == STATUS_OK && list.count == 0) {
        why_set(why, "target list holds no usable URL (%zu lines skipped); check its 'url' column",
                list.skipped_count);
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        *out = list;
        list = (struct target_list){0};
    }
done:
    csv_row_free(&row);
    target_list_free(&list);
    return status;
}

void target_list_free(struct target_list *list)
{
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        free(list->targets[i].url);
    }
    free(list->targets);
    *list = (struct target_list){0};
}
