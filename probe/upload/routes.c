/* Reads routes and says in which order they are tried.
 * Owner: a route_list owns its texts; route_list_free.
 * Why: who blocks measurements blocks their upload too, and seldom every way at once. */
#include "probe/upload/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/bytes.h"

struct url_parts {
    struct reader scheme, host, port, path; /* port and path may be empty */
};

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static struct reader part_take(const char **at, const char *ends)
{
    size_t length = strcspn(*at, ends);
    struct reader part = reader_of(*at, length);
    *at += length;
    return part;
}

/* No user, no query: a collector's address has none. */
static bool url_take_apart(const char *url, struct url_parts *out)
{
    struct url_parts parts = {0};
    const char *at = url;
    parts.scheme = part_take(&at, ":");
    if (strncmp(at, "://", 3) != 0 || strpbrk(url, " \t\r\n\"'<>@?#"))
        return false;
    at += 3;
    if (*at == '[') {
        parts.host = part_take(&at, "]");
        if (*at++ != ']')
            return false;
        parts.host.left_bytes++;
    } else {
        parts.host = part_take(&at, ":/");
    }
    if (*at == ':') {
        at++;
        parts.port = part_take(&at, "/");
        if (parts.port.left_bytes == 0 || parts.port.left_bytes > 5)
            return false;
    }
    parts.path = reader_of(at, strlen(at));
    bool is_web = (parts.scheme.left_bytes == 4 && strncasecmp(url, "http", 4) == 0) ||
                  (parts.scheme.left_bytes == 5 && strncasecmp(url, "https", 5) == 0);
    *out = parts;
    return is_web && parts.host.left_bytes > 0 && (*at == '\0' || *at == '/');
}

static char *url_clean(const char *url)
{
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    return strndup(url, length);
}

/* What may stand in a host name, an address or a port. */
static bool host_is_good(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool is_letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                         (text[i] >= '0' && text[i] <= '9');
        if (!is_letter && !is_one_of(text[i], ".-_:[]"))
            return false;
    }
    return length > 0;
}

static enum status name_read(const char *value, const char *collector_url, struct route *out)
{
    struct url_parts parts;
    size_t name_length = strcspn(value, "@");
    const char *address = value[name_length] ? value + name_length + 1 : NULL;
    if (!url_take_apart(collector_url, &parts) || !host_is_good(value, name_length) ||
        (address && !host_is_good(address, strlen(address))))
        return STATUS_USAGE;
    bool has_port = memchr(value, ':', name_length) != NULL || parts.port.left_bytes == 0;
    char *url = NULL, *connect_to = NULL;
    if (asprintf(&url, "%.*s://%.*s%s%.*s%.*s", (int)parts.scheme.left_bytes, (const char *)parts.scheme.bytes,
                 (int)name_length, value, has_port ? "" : ":", has_port ? 0 : (int)parts.port.left_bytes,
                 (const char *)parts.port.bytes, (int)parts.path.left_bytes, (const char *)parts.path.bytes) < 0)
        return STATUS_NO_MEMORY;
    if (address && !(connect_to = strdup(address))) {
        free(url);
        return STATUS_NO_MEMORY;
    }
    out->url = url_clean(url);
    out->connect_to = connect_to;
    free(url);
    snprintf(out->label, sizeof out->label, "name=%s", value);
    return STATUS_OK;
}

/* The label has the part behind "USER:WORD@". */
static enum status proxy_read(const char *value, struct route *out)
{
    const char *at = strrchr(value, '@');
    const char *host = at ? at + 1 : value + strcspn(value, "/") + 2;
    bool is_web = strncasecmp(value, "http://", 7) == 0 || strncasecmp(value, "https://", 8) == 0;
    if (!is_web || !host_is_good(host, strlen(host)) || strpbrk(value, " \t\r\n\"'<>"))
        return STATUS_USAGE;
    out->proxy = strdup(value);
    snprintf(out->label, sizeof out->label, "proxy=%s", host);
    return STATUS_OK;
}

static enum status socks_read(const char *value, struct route *out)
{
    if (!host_is_good(value, strlen(value)) || !strrchr(value, ':'))
        return STATUS_USAGE;
    if (asprintf(&out->proxy, "socks5h://%s", value) < 0)
        out->proxy = NULL;
    snprintf(out->label, sizeof out->label, "socks5=%s", value);
    return STATUS_OK;
}

static enum status collector_read(const char *value, struct route *out)
{
    struct url_parts parts;
    size_t length = strcspn(value, ",");
    char *url = strndup(value, length);
    enum status status = url ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK && !url_take_apart(url, &parts))
        status = STATUS_USAGE;
    if (status == STATUS_OK && value[length]) {
        status = public_key_parse(value + length + 1, &out->key) == STATUS_OK ? STATUS_OK : STATUS_USAGE;
        out->has_key = status == STATUS_OK;
    }
    if (status == STATUS_OK) {
        out->url = url_clean(url);
        snprintf(out->label, sizeof out->label, "collector=%s", url);
    }
    free(url);
    return status;
}

static void route_clear(struct route *route)
{
    free(route->url);
    free(route->proxy);
    free(route->connect_to);
    *route = (struct route){0};
}

static enum status route_read(const char *text, const char *collector_url, struct route *out)
{
    static const struct {
        const char *start;
        enum status (*read)(const char *value, struct route *out);
    } kinds[] = {{"proxy=", proxy_read}, {"socks5=", socks_read}, {"collector=", collector_read}};
    if (strcmp(text, "direct") == 0) {
        snprintf(out->label, sizeof out->label, "direct");
        return STATUS_OK;
    }
    if (strncmp(text, "name=", 5) == 0)
        return name_read(text + 5, collector_url, out);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(text, kinds[i].start, strlen(kinds[i].start)) == 0)
            return kinds[i].read(text + strlen(kinds[i].start), out);
    }
    return STATUS_USAGE;
}

enum status route_list_add(struct route_list *list, const char *collector_url, const char *text, struct why *why)
{
    struct route route = {0};
    if (list->count == ROUTES_MAX) {
        why_set(why, "there are more than %d routes; leave some out", ROUTES_MAX);
        return STATUS_FULL;
    }
    enum status status = route_read(text, collector_url, &route);
    bool needs_proxy = strncmp(text, "proxy=", 6) == 0 || strncmp(text, "socks5=", 7) == 0;
    if (status == STATUS_OK && !route.url)
        route.url = url_clean(collector_url);
    if (status == STATUS_OK && (!route.url || (needs_proxy && !route.proxy)))
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        list->routes[list->count++] = route;
        return STATUS_OK;
    }
    if (status == STATUS_USAGE) /* not the text itself: it may hold a password */
        why_set(why, "a route is none of: direct, name=ALT[:PORT][@ADDRESS], proxy=http://HOST:PORT, socks5=HOST:PORT, "
                     "collector=URL[,KEY]; type one of these (the route is number %zu)", list->count + 1);
    route_clear(&route);
    return status;
}

void route_list_free(struct route_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        route_clear(&list->routes[i]);
    list->count = 0;
}

size_t route_order(size_t count, size_t working, size_t n)
{
    if (working >= count || n > working)
        return n;
    return n == 0 ? working : n - 1;
}

size_t route_find(const struct route_list *list, const char *label)
{
    size_t at = 0;
    while (at < list->count && strcmp(list->routes[at].label, label) != 0)
        at++;
    return at;
}

bool route_pins_are_good(const char *text)
{
    static const char start[] = "sha256//";
    while (*text) {
        struct buffer hash = {0};
        size_t length = strcspn(text, ";");
        bool is_good = length > sizeof start - 1 && strncmp(text, start, sizeof start - 1) == 0 &&
                       base64_decode(text + sizeof start - 1, length - (sizeof start - 1), &hash) == STATUS_OK &&
                       hash.count == SHA256_BYTES;
        buffer_free(&hash);
        if (!is_good)
            return false;
        text += length;
        if (*text == ';' && *++text == '\0')
            return false;
    }
    return true;
}
