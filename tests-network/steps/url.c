/* URLs through libcurl's parser, with what a probe cannot carry refused.
 * The caller owns the texts of a `struct url`.
 * libcurl decides what host a request goes to, so the same parser decides what is resolved. */
#include "tests-network/steps/url.h"

#include <curl/curl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "tests-network/target.h"

/* Host as a name or a bare address. curl keeps the brackets of IPv6 and a zone behind '%'. */
static char *host_of(CURLU *handle)
{
    char *text = NULL, *host = NULL;
    if (curl_url_get(handle, CURLUPART_HOST, &text, CURLU_PUNYCODE) != CURLUE_OK) {
        curl_free(text); /* libcurl 7.88 leaves the name here that it could not encode */
        return NULL;
    }
    size_t count = strlen(text);
    if (count > 2 && text[0] == '[' && text[count - 1] == ']')
        host = strndup(text + 1, count - 2);
    else if (count > 0 && count < 256)
        host = strdup(text);
    curl_free(text);
    if (host) {
        for (char *at = host; *at; at++) {
            if (*at >= 'A' && *at <= 'Z')
                *at = (char)(*at - 'A' + 'a');
        }
    }
    return host;
}

static enum status url_read(CURLU *handle, struct url *out)
{
    struct url url = {0};
    char *scheme = NULL, *port = NULL, *text = NULL;
    enum status status = STATUS_MALFORMED;
    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    curl_url_set(handle, CURLUPART_USER, NULL, 0);
    curl_url_set(handle, CURLUPART_PASSWORD, NULL, 0);
    if (curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        goto done;
    url.is_https = strcmp(scheme, "https") == 0;
    if (!url.is_https && strcmp(scheme, "http") != 0)
        goto done;
    url.host = host_of(handle);
    if (!url.host || curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        goto done;
    url.port = (uint16_t)strtoul(port, NULL, 10);
    if (curl_url_get(handle, CURLUPART_URL, &text, CURLU_PUNYCODE) != CURLUE_OK ||
        strlen(text) > TARGET_URL_BYTES_MAX)
        goto done;
    url.text = strdup(text);
    status = url.text && url.port > 0 ? STATUS_OK : STATUS_MALFORMED;
done:
    curl_free(scheme);
    curl_free(port);
    curl_free(text);
    if (status == STATUS_OK)
        *out = url;
    else
        url_free(&url);
    return status;
}

static enum status url_build(const char *base, const char *text, struct url *out)
{
    CURLU *handle = curl_url();
    if (!handle)
        return STATUS_NO_MEMORY;
    enum status status = STATUS_MALFORMED;
    /* A space in a Location is common and browsers encode it; curl refuses it otherwise. */
    if ((!base || curl_url_set(handle, CURLUPART_URL, base, 0) == CURLUE_OK) &&
        curl_url_set(handle, CURLUPART_URL, text, CURLU_URLENCODE) == CURLUE_OK)
        status = url_read(handle, out);
    curl_url_cleanup(handle);
    return status;
}

/* libcurl takes a name that is not ASCII for text of the locale's charset, and URLs are UTF-8 whatever that
 * is. */
static enum status url_build_utf8(const char *base, const char *text, struct url *out)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8)
        return url_build(base, text, out);
    locale_t before = uselocale(utf8);
    enum status status = url_build(base, text, out);
    uselocale(before);
    freelocale(utf8);
    return status;
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

enum status url_parse(const char *text, struct url *out)
{
    return is_ascii(text) ? url_build(NULL, text, out) : url_build_utf8(NULL, text, out);
}

enum status url_resolve(const struct url *base, const char *location, struct url *out)
{
    return is_ascii(location) ? url_build(base->text, location, out)
                              : url_build_utf8(base->text, location, out);
}

void url_free(struct url *url)
{
    if (!url)
        return;
    free(url->text);
    free(url->host);
    *url = (struct url){0};
}
