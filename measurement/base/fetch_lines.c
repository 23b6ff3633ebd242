/* The header lines that curl is to send, and those of its own that it is not to.
 * The list is the caller's, to free with curl_slist_free_all.
 * Some network tests look for boxes that rewrite headers: what is sent must be what was asked, byte for byte.
 */
#include "measurement/base/fetch_lines.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/bytes.h"

/* tchar of RFC 9110 section 5.6.2 */
bool fetch_is_token(const char *text)
{
    static const char allowed[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

static bool has_header(const struct fetch_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0)
            return true;
    }
    return false;
}

static enum status line_add(struct curl_slist **lines, const char *line)
{
    struct curl_slist *grown = curl_slist_append(*lines, line);
    if (!grown)
        return STATUS_NO_MEMORY;
    *lines = grown;
    return STATUS_OK;
}

/* A line "Name:" takes curl's own header of that name away. For Host that must stand before the caller's:
 * curl looks at the first only, and then sends the caller's where and as it stands. */
static enum status headers_silence(struct curl_slist **lines, const struct fetch_request *request)
{
    enum status status = line_add(lines, "Expect:");
    if (status == STATUS_OK && !has_header(request, "Content-Type"))
        status = line_add(lines, "Content-Type:");
    if (status == STATUS_OK && request->no_default_headers && !has_header(request, "Accept"))
        status = line_add(lines, "Accept:");
    if (status == STATUS_OK && request->no_default_headers && !request->is_http2)
        status = line_add(lines, "Host:");
    /* HTTP/2 here is always inside a TLS that is spoken elsewhere; curl would say http, and strict servers
     * refuse it. */
    if (status == STATUS_OK && request->is_http2)
        status = line_add(lines, ":scheme: https");
    return status;
}

static enum status header_line(struct curl_slist **lines, const struct fetch_header *header)
{
    if (!fetch_is_token(header->name) || strpbrk(header->value, "\r\n"))
        return STATUS_USAGE;
    struct buffer line = {0};
    buffer_text(&line, header->name);
    /* "Name;" is curl's way to send a header without a value. */
    buffer_text(&line, header->value[0] ? ": " : ";");
    buffer_text(&line, header->value);
    char *text = buffer_take_text(&line);
    enum status status = text ? line_add(lines, text) : STATUS_NO_MEMORY;
    free(text);
    return status;
}

enum status fetch_lines_make(const struct fetch_request *request, struct curl_slist **out)
{
    struct curl_slist *lines = NULL;
    enum status status = headers_silence(&lines, request);
    for (size_t i = 0; i < request->header_count && status == STATUS_OK; i++)
        status = header_line(&lines, &request->headers[i]);
    if (status == STATUS_OK)
        *out = lines;
    else
        curl_slist_free_all(lines);
    return status;
}
