/* The address of a database: http[s]://[user:password@]host[:port]/database[?cluster=NAME], of each server,
 * with commas between. Owner: everything is borrowed. Why: database and cluster stand bare in SQL; so they
 * are letters, digits and underscores, or they are refused. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <string.h>

/* Up to the end of the name; false where it is empty, too long, or begins with a digit. */
static bool name_take(const char **next, char out[CLICKHOUSE_NAME_BYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t length = strspn(*next, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (length == 0 || length >= CLICKHOUSE_NAME_BYTES || !strchr(letters, **next)) {
        return false;
    }
    memset(out, 0, CLICKHOUSE_NAME_BYTES);
    memcpy(out, *next, length);
    *next += length;
    return true;
}

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~' || strchr("\"'\\<>`", *text)) {
            return false;
        }
    }
    return true;
}

static bool server_take(const char **next, char out[CLICKHOUSE_ADDRESS_BYTES])
{
    size_t scheme = strncmp(*next, "http://", 7) == 0 ? 7 : strncmp(*next, "https://", 8) == 0 ? 8 : 0;
    size_t host = scheme ? strcspn(*next + scheme, "/?#") : 0;
    if (host == 0 || (*next)[scheme + host] != '/' || scheme + host + 2 > CLICKHOUSE_ADDRESS_BYTES) {
        return false;
    }
    memset(out, 0, CLICKHOUSE_ADDRESS_BYTES);
    memcpy(out, *next, scheme + host + 1);
    *next += scheme + host + 1;
    return is_printable(out);
}

/* One address of the list; database and cluster are the same in all of them. */
static bool one_take(const char **next, struct clickhouse_address *address)
{
    static const char cluster_mark[] = "?cluster=";
    char database[CLICKHOUSE_NAME_BYTES] = "";
    char cluster[CLICKHOUSE_NAME_BYTES] = "";
    if (address->server_count == CLICKHOUSE_SERVERS_MAX ||
        !server_take(next, address->servers[address->server_count]) || !name_take(next, database)) {
        return false;
    }
    if (strncmp(*next, cluster_mark, sizeof cluster_mark - 1) == 0) {
        *next += sizeof cluster_mark - 1;
        if (!name_take(next, cluster)) {
            return false;
        }
    }
    bool is_first = address->server_count++ == 0;
    if (is_first) {
        memcpy(address->database, database, sizeof database);
        memcpy(address->cluster, cluster, sizeof cluster);
    }
    return strcmp(address->database, database) == 0 && strcmp(address->cluster, cluster) == 0;
}

enum status clickhouse_address_parse(const char *text, struct clickhouse_address *out, struct why *why)
{
    struct clickhouse_address address = {.cluster = ""};
    const char *next = text;
    bool is_good = one_take(&next, &address);
    while (is_good && *next == ',') {
        next++;
        is_good = one_take(&next, &address);
    }
    if (!is_good || *next) {
        /* The address is not repeated: it may hold a password. */
        why_set(
            why,
            "that is no address of a ClickHouse database; type http://HOST:8123/DATABASE, with "
            "?cluster=NAME behind it for a cluster, and several servers of one database with commas between");
        return STATUS_USAGE;
    }
    *out = address;
    return STATUS_OK;
}
