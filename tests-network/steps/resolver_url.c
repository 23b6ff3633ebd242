/* URLs of resolvers taken apart.
 * Owner: nothing; a pure function.
 * Why: libcurl's parser knows neither udp nor dot, but parses them as any scheme's authority. */
#include "tests-network/steps/resolver_url.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static char *part_get(CURLU *parser, CURLUPart part)
{
    char *value = NULL;
    return curl_url_get(parser, part, &value, 0) == CURLUE_OK ? value : NULL;
}

/* The host without brackets; false where it is too long or empty. */
static bool host_copy(const char *host, char out[RESOLVER_HOST_BYTES])
{
    size_t count = host ? strlen(host) : 0;
    if (count > 2 && host[0] == '[' && host[count - 1] == ']') {
        host++;
        count -= 2;
    }
    if (count == 0 || count >= RESOLVER_HOST_BYTES || strchr(host, '%'))
        return false;
    memcpy(out, host, count);
    out[count] = '\0';
    return true;
}

static bool scheme_apply(const char *scheme, struct resolver_url *out)
{
    for (size_t i = 0; scheme && i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strcmp(scheme, schemes[i].scheme) == 0) {
            out->transport = schemes[i].transport;
            out->port = schemes[i].port;
            snprintf(out->path, sizeof out->path, "%s", schemes[i].path);
            return true;
        }
    }
    return false;
}

/* What stands behind the host. Only DoH has a path. */
static bool rest_apply(const char *port, const char *path, const char *query, struct resolver_url *out)
{
    unsigned long number = port ? strtoul(port, NULL, 10) : out->port;
    bool has_path = path && strcmp(path, "/") != 0 && path[0] != '\0';
    if (number == 0 || number > UINT16_MAX)
        return false;
    out->port = (uint16_t)number;
    if (out->transport != RESOLVER_DOH)
        return !has_path && !query;
    if (!has_path && !query)
        return true;
    int count = snprintf(out->path, sizeof out->path, "%s%s%s", has_path ? path : "/", query ? "?" : "",
                         query ? query : "");
    return count > 0 && (size_t)count < sizeof out->path;
}

enum status resolver_url_parse(const char *text, struct resolver_url *out, struct why *why)
{
    struct resolver_url url = {0};
    CURLU *parser = curl_url();
    if (!parser)
        return STATUS_NO_MEMORY;
    bool is_url = curl_url_set(parser, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    char *scheme = is_url ? part_get(parser, CURLUPART_SCHEME) : NULL;
    char *host = is_url ? part_get(parser, CURLUPART_HOST) : NULL;
    char *port = is_url ? part_get(parser, CURLUPART_PORT) : NULL;
    char *path = is_url ? part_get(parser, CURLUPART_PATH) : NULL;
    char *query = is_url ? part_get(parser, CURLUPART_QUERY) : NULL;
    char *user = is_url ? part_get(parser, CURLUPART_USER) : NULL;
    bool is_good = scheme_apply(scheme, &url) && !user && host_copy(host, url.host) &&
                   rest_apply(port, path, query, &url);
    char *parts[] = {scheme, host, port, path, query, user};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        curl_free(parts[i]);
    curl_url_cleanup(parser);
    if (!is_good) {
        why_set(why, "it names no resolver: type udp://192.0.2.1, tcp://192.0.2.1:53, dot://dns.example or "
                     "https://dns.example/dns-query");
        return STATUS_MALFORMED;
    }
    *out = url;
    return STATUS_OK;
}
