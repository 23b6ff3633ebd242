/* GET of anything else: the pages that dialtone-report wrote, where --site names their folder.
 * Owner: a file's bytes live for one answer.
 * Why: a small deployment needs no second server. */
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "collector/serve/parts.h"
#include "measurement/base/file.h"

#define PAGE_BYTES_MAX (32u << 20)

static const char *content_type(const char *path)
{
    static const struct {
        const char *suffix;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".json", "application/json"},
        {".csv", "text/csv; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".xml", "application/xml"},
        {".png", "image/png"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(dot, types[i].suffix) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

/* Names of plain files only: no hidden ones, no way up, nothing that a file system reads otherwise. */
static bool path_is_plain(const char *path)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    return path[0] == '/' && path[strspn(path, allowed)] == 0 && !strstr(path, "/.") && !strstr(path, "//");
}

void route_site(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct buffer bytes = {0};
    struct buffer name = {0};
    char *path = NULL;
    enum status status = STATUS_NOT_FOUND;
    if (server->config->site_folder && path_is_plain(rest)) {
        buffer_printf(&name, "%s%s%s", server->config->site_folder, rest,
                      rest[strlen(rest) - 1] == '/' ? "index.html" : "");
        path = buffer_take_text(&name);
        status = path ? file_read(path, PAGE_BYTES_MAX, &bytes, NULL) : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        reply_header(request, "Content-Security-Policy",
                     "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
                     "frame-ancestors 'none'");
        reply_tagged(request, content_type(path), &bytes);
    } else {
        buffer_free(&bytes);
        reply_error(request, 404, status_name(STATUS_NOT_FOUND),
                    "there is nothing at this path; the interface begins with /v1/ and /api/v1/");
    }
    free(path);
}
