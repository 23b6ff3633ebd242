/* Cookies across the redirects of one measurement (RFC 6265 sections 5.1 to 5.4).
 * A jar owns its cookies.
 * Many sites answer a visitor without their cookie with the same redirect for ever, which would read as a failure. */
#include "tests-network/steps/cookie.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/bytes.h"

struct cookie {
    char *name;
    char *value;
    char *domain;
    char *path;
    bool is_host_only;
    bool is_secure;
};

static void cookie_free(struct cookie *cookie)
{
    free(cookie->name);
    free(cookie->value);
    free(cookie->domain);
    free(cookie->path);
}

void cookie_jar_free(struct cookie_jar *jar)
{
    for (size_t i = 0; i < jar->count; i++)
        cookie_free(&jar->cookies[i]);
    free(jar->cookies);
    *jar = (struct cookie_jar){0};
}

static bool host_is_address(const char *host)
{
    struct in6_addr ignored;
    return inet_pton(AF_INET, host, &ignored) == 1 || inet_pton(AF_INET6, host, &ignored) == 1;
}

/* Section 5.1.3. */
static bool domain_matches(const char *host, const char *domain)
{
    size_t host_length = strlen(host), length = strlen(domain);
    if (strcasecmp(host, domain) == 0)
        return true;
    return host_length > length && host[host_length - length - 1] == '.' &&
           strcasecmp(host + host_length - length, domain) == 0 && !host_is_address(host);
}

/* The path of a URL as curl has normalised it: from the first slash behind the host up to the query. */
static struct reader path_of(const struct url *url)
{
    const char *host = strstr(url->text, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    return path ? reader_of(path, strcspn(path, "?#")) : reader_of("/", 1);
}

/* Section 5.1.4. */
static char *default_path(const struct url *url)
{
    struct reader path = path_of(url);
    size_t length = path.left_bytes;
    while (length > 1 && path.bytes[length - 1] != '/')
        length--;
    if (length > 1)
        length--;
    return strndup((const char *)path.bytes, length);
}

static bool path_matches(const struct url *url, const char *cookie_path)
{
    struct reader path = path_of(url);
    size_t length = strlen(cookie_path);
    if (length > path.left_bytes || memcmp(path.bytes, cookie_path, length) != 0)
        return false;
    return length == path.left_bytes || cookie_path[length - 1] == '/' || path.bytes[length] == '/';
}

/* Text between white space, copied. */
static char *trimmed_copy(const char *text, size_t count)
{
    while (count > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        count--;
    }
    while (count > 0 && (text[count - 1] == ' ' || text[count - 1] == '\t'))
        count--;
    return strndup(text, count);
}

struct attributes {
    char *domain; /* NULL: host only */
    char *path;
    bool is_secure;
    bool is_expired;
    bool has_age; /* Max-Age rules over Expires */
};

static void attribute_take(struct attributes *found, const char *name, char *value, int64_t now_s)
{
    if (strcasecmp(name, "Secure") == 0) {
        found->is_secure = true;
    } else if (strcasecmp(name, "Max-Age") == 0 && value[0]) {
        found->has_age = true;
        found->is_expired = strtol(value, NULL, 10) <= 0;
    } else if (strcasecmp(name, "Expires") == 0 && !found->has_age) {
        time_t when = curl_getdate(value, NULL);
        found->is_expired = when != (time_t)-1 && (int64_t)when <= now_s;
    } else if (strcasecmp(name, "Path") == 0 && value[0] == '/') {
        free(found->path);
        found->path = strdup(value);
    } else if (strcasecmp(name, "Domain") == 0) {
        free(found->domain);
        const char *domain = value[0] == '.' ? value + 1 : value;
        found->domain = domain[0] ? strdup(domain) : NULL;
    }
}

static void attributes_read(const char *text, int64_t now_s, struct attributes *found)
{
    while (*text == ';') {
        text++;
        size_t length = strcspn(text, ";");
        size_t name_length = strcspn(text, ";=");
        bool has_value = name_length < length;
        char *name = trimmed_copy(text, name_length);
        char *value = trimmed_copy(text + name_length + has_value, length - name_length - has_value);
        if (name && value)
            attribute_take(found, name, value, now_s);
        free(name);
        free(value);
        text += length;
    }
}

static void cookie_remove(struct cookie_jar *jar, const struct cookie *same)
{
    for (size_t i = 0; i < jar->count; i++) {
        struct cookie *at = &jar->cookies[i];
        if (strcmp(at->name, same->name) != 0 || strcasecmp(at->domain, same->domain) != 0 ||
            strcmp(at->path, same->path) != 0)
            continue;
        cookie_free(at);
        jar->count--;
        memmove(at, at + 1, (jar->count - i) * sizeof *at);
        return;
    }
}

/* Takes the cookie over where it returns true. */
static bool cookie_keep(struct cookie_jar *jar, const struct cookie *cookie)
{
    if (jar->count == COOKIES_MAX)
        return false;
    struct cookie *grown = reallocarray(jar->cookies, jar->count + 1, sizeof *grown);
    if (!grown)
        return false;
    jar->cookies = grown;
    grown[jar->count++] = *cookie;
    return true;
}

/* Whether the host may set it: for itself or a parent of at least two labels. */
static bool is_hosts_own(const struct url *url, const struct cookie *cookie)
{
    return cookie->is_host_only ||
           (domain_matches(url->host, cookie->domain) &&
            (strchr(cookie->domain, '.') != NULL || strcasecmp(url->host, cookie->domain) == 0));
}

void cookie_take(struct cookie_jar *jar, const struct url *url, const char *set_cookie, int64_t now_s)
{
    size_t pair_length = strcspn(set_cookie, ";"), name_length = strcspn(set_cookie, ";=");
    if (strlen(set_cookie) > COOKIE_BYTES_MAX || name_length >= pair_length)
        return;
    struct attributes found = {0};
    attributes_read(set_cookie + pair_length, now_s, &found);
    struct cookie cookie = {.is_secure = found.is_secure, .is_host_only = found.domain == NULL};
    cookie.name = trimmed_copy(set_cookie, name_length);
    cookie.value = trimmed_copy(set_cookie + name_length + 1, pair_length - name_length - 1);
    cookie.domain = found.domain ? found.domain : strdup(url->host);
    cookie.path = found.path ? found.path : default_path(url);
    bool is_kept = false;
    if (cookie.name && cookie.name[0] && cookie.value && cookie.domain && cookie.path &&
        is_hosts_own(url, &cookie)) {
        cookie_remove(jar, &cookie);
        is_kept = !found.is_expired && cookie_keep(jar, &cookie);
    }
    if (!is_kept)
        cookie_free(&cookie);
}

static bool cookie_applies(const struct cookie *cookie, const struct url *url)
{
    bool is_host = cookie->is_host_only ? strcasecmp(cookie->domain, url->host) == 0
                                        : domain_matches(url->host, cookie->domain);
    return is_host && path_matches(url, cookie->path) && (!cookie->is_secure || url->is_https);
}

char *cookie_header(const struct cookie_jar *jar, const struct url *url)
{
    struct buffer text = {0};
    for (size_t i = 0; i < jar->count; i++) {
        const struct cookie *cookie = &jar->cookies[i];
        if (cookie_applies(cookie, url))
            buffer_printf(&text, "%s%s=%s", text.count ? "; " : "", cookie->name, cookie->value);
    }
    char *header = text.count > 0 ? buffer_take_text(&text) : NULL;
    buffer_free(&text);
    return header;
}
