/* URLs of resolvers taken apart.
 * Owner: nothing; a pure function.
 * Why: libcurl's parser knows neither udp nor dot, and is linked by nobody who only checks what was typed. */
#include "tests-network/steps/resolver_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *scheme;
    enum resolver_transport transport;
    uint16_t port;
    const char *path;
} schemes[] = {
    {"udp", RESOLVER_UDP, 53, ""},
    {"tcp", RESOLVER_TCP, 53, ""},
    {"dot", RESOLVER_DOT, 853, ""},
    {"https", RESOLVER_DOH, 443, "/dns-query"},
};

const char *resolver_transport_name(enum resolver_transport transport)
{
    switch (transport) {
    case RESOLVER_UDP:
        return "udp";
    case RESOLVER_TCP:
        return "tcp";
    case RESOLVER_DOT:
        return "dot";
    case RESOLVER_DOH:
        return "doh";
    }
    return "";
}

static bool scheme_apply(const char *scheme, struct resolver_url *out)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strcasecmp(scheme, schemes[i].scheme) == 0) {
            out->transport = schemes[i].transport;
            out->port = schemes[i].port;
            snprintf(out->path, sizeof out->path, "%s", schemes[i].path);
            return true;
        }
    }
    return false;
}

/* "HOST", "HOST:PORT", "[IPv6]" or "[IPv6]:PORT". */
static bool authority_apply(const char *text, size_t length, struct resolver_url *out)
{
    bool is_bracketed = length > 0 && text[0] == '[';
    const char *host = text + is_bracketed, *end = text + length;
    const char *host_end = is_bracketed ? memchr(host, ']', (size_t)(end - host)) : memchr(host, ':', (size_t)(end - host));
    if (!host_end && is_bracketed)
        return false;
    host_end = host_end ? host_end : end;
    size_t count = (size_t)(host_end - host);
    const char *port = host_end + is_bracketed;
    if (count == 0 || count >= sizeof out->host || memchr(text, '@', length) || memchr(host, '%', count) ||
        (!is_bracketed && memchr(host, '[', count)) || (port < end && port[0] != ':'))
        return false;
    memcpy(out->host, host, count);
    out->host[count] = '\0';
    if (port >= end || port + 1 == end)
        return true;
    char digits[6] = "";
    size_t digit_count = (size_t)(end - port - 1);
    if (digit_count >= sizeof digits)
        return false;
    memcpy(digits, port + 1, digit_count);
    unsigned long number = strspn(digits, "0123456789") == digit_count ? strtoul(digits, NULL, 10) : 0;
    out->port = (uint16_t)number;
    return number >= 1 && number <= UINT16_MAX;
}

/* What stands behind the host: only DoH has a path. A fragment is for browsers. */
static bool rest_apply(const char *rest, struct resolver_url *out)
{
    size_t length = strcspn(rest, "#");
    bool is_empty = length == 0 || (length == 1 && rest[0] == '/');
    if (is_empty || out->transport != RESOLVER_DOH)
        return is_empty;
    int count = snprintf(out->path, sizeof out->path, "%s%.*s", rest[0] == '/' ? "" : "/", (int)length, rest);
    return count > 0 && (size_t)count < sizeof out->path;
}

static bool is_printable(const char *text)
{
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return false;
    }
    return true;
}

enum status resolver_url_parse(const char *text, struct resolver_url *out, struct why *why)
{
    struct resolver_url url = {0};
    char scheme[8] = "";
    const char *behind = strstr(text, "://");
    bool is_good = behind && (size_t)(behind - text) < sizeof scheme && is_printable(text) &&
                   strlen(text) < INT16_MAX;
    if (is_good) {
        memcpy(scheme, text, (size_t)(behind - text));
        const char *authority = behind + 3;
        size_t length = strcspn(authority, "/?#");
        is_good = scheme_apply(scheme, &url) && authority_apply(authority, length, &url) &&
                  rest_apply(authority + length, &url);
    }
    if (!is_good) {
        why_set(why, "it names no resolver: type udp://192.0.2.1, tcp://192.0.2.1:53, dot://dns.example or "
                     "https://dns.example/dns-query");
        return STATUS_MALFORMED;
    }
    *out = url;
    return STATUS_OK;
}
