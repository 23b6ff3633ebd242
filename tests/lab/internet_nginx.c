/* nginx's configuration for every site of the emulated Internet.
 * Owner: text is appended to the caller's buffer.
 * Why: a site differs from another by what it answers, and that is said here once. */
#include <string.h>

#include "tests/lab/backend.h"
#include "tests/lab/internet.h"

#define REDIRECTS_MAX 64

/* What stands in the site's server blocks behind its addresses and its certificate. */
struct writing {
    const struct site *site;
    const char *folder;
    char stem[SITE_STEM_BYTES];
    struct buffer *out;
};

static void bare_name_lead(const char *word, void *arg)
{
    if (strncmp(word, "www.", 4) != 0)
        buffer_printf(arg, "    if ($host = %s) { return 308 https://www.%s$request_uri; }\n", word, word);
}

static void page_serve(const struct writing *writing)
{
    buffer_printf(writing->out, "    root %s/www-%s;\n    location / { try_files /index.html =404; }\n",
                  writing->folder, writing->stem);
}

static void page_write(const struct writing *writing)
{
    if (strncmp(writing->site->names, "www.", 4) == 0)
        words_each(writing->site->names, bare_name_lead, writing->out);
    page_serve(writing);
}

static void resolver_write(const struct writing *writing)
{
    buffer_printf(writing->out,
                  "    location = /dns-query { proxy_pass http://" BACKEND_ADDRESS ":%d; }\n"
                  "    location / { return 200 \"\"; }\n",
                  BACKEND_HTTP_PORT);
}

static void no_content_write(const struct writing *writing)
{
    buffer_text(writing->out, "    location / { return 204; }\n");
}

static void closing_write(const struct writing *writing)
{
    buffer_text(writing->out, "    return 444;\n"); /* nginx's code for closing without an answer */
}

static void shortener_write(const struct writing *writing)
{
    static const struct {
        const char *path;
        const char *location;
    } links[] = {
        {"21645", "https://www.example.com/"}, {"32447", "http://www.example.com/"},
        {"24561", "https://example.com/"},     {"21309", "http://example.com/"},
        {"30744", "https://www.example.org/"}, {"23894", "http://www.example.org/"},
        {"30179", "https://example.org/"},     {"11372", "http://example.org/"},
    };
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        buffer_printf(writing->out, "    location = /%s { return 308 %s; }\n", links[i].path,
                      links[i].location);
}

static void chain_write(const struct writing *writing)
{
    buffer_text(writing->out, "    if ($host = xn--d1acpjx3f.xn--p1ai) { return 308 https://yandex.com/; }\n"
                              "    if ($host = yandex.com) { return 308 https://ya.ru/; }\n");
    page_serve(writing);
}

static void captcha_write(const struct writing *writing)
{
    buffer_printf(writing->out,
                  "    root %s/www-%s;\n    error_page 503 /captcha.html;\n"
                  "    location = /captcha.html { internal; }\n"
                  "    location / { if ($is_probe) { return 503; } try_files /index.html =404; }\n",
                  writing->folder, writing->stem);
}

static void redirects_write(const struct writing *writing)
{
    struct buffer *out = writing->out;
    buffer_text(out, "    absolute_redirect off;\n    location = /redirect/0 { return 200 \"\"; }\n");
    for (int i = 1; i <= REDIRECTS_MAX; i++)
        buffer_printf(out, "    location = /redirect/%d { return 302 /redirect/%d; }\n", i, i - 1);
    buffer_text(out, "    location = /broken-redirect-http { if ($is_probe) { return 302 http://; }"
                     " return 302 http://www.example.com/; }\n"
                     "    location = /broken-redirect-https { if ($is_probe) { return 302 https://; }"
                     " return 302 https://www.example.com/; }\n");
}

static void geoip_write(const struct writing *writing)
{
    buffer_text(writing->out, "    location / { default_type text/xml; return 200"
                              " '<?xml version=\"1.0\"?><Response><Ip>$remote_addr</Ip></Response>'; }\n");
}

/* Who asks is told here: behind the helper the collector sees the helper. */
static void helper_write(const struct writing *writing)
{
    buffer_text(writing->out, "    location = /v1/whoami { default_type application/json; return 200"
                              " '{\"cc\":\"ZZ\",\"asn\":0,\"address\":\"$remote_addr\"}'; }\n");
    buffer_text(writing->out, "    location / { proxy_pass https://" INTERNET_COLLECTOR_ADDRESS
                              "; proxy_read_timeout 60s; client_max_body_size 1m; }\n");
}

static void proxy_write(const struct writing *writing)
{
    buffer_text(writing->out, "    location / { proxy_pass http://$host$request_uri;"
                              " proxy_set_header Host $http_host; proxy_pass_header Server; }\n");
}

static void (*answer_of(enum site_page page))(const struct writing *writing)
{
    switch (page) {
    case SITE_PAGE:
        return page_write;
    case SITE_BLOCK_PAGE:
    case SITE_LARGE:
    case SITE_PLAIN:
        return page_serve;
    case SITE_RESOLVER:
        return resolver_write;
    case SITE_NO_CONTENT:
        return no_content_write;
    case SITE_CLOSING:
        return closing_write;
    case SITE_SHORTENER:
        return shortener_write;
    case SITE_CHAIN:
        return chain_write;
    case SITE_CAPTCHA:
        return captcha_write;
    case SITE_REDIRECTS:
        return redirects_write;
    case SITE_HELPER:
        return helper_write;
    case SITE_GEOIP:
        return geoip_write;
    case SITE_PROXY:
        return proxy_write;
    }
    return page_serve;
}

/* The header by which these pages are known, which no box on the way adds. */
static bool has_own_header(enum site_page page)
{
    return page == SITE_PAGE || page == SITE_CHAIN || page == SITE_CAPTCHA || page == SITE_LARGE ||
           page == SITE_SHORTENER || page == SITE_REDIRECTS;
}

/* Each address of a site, with and without TLS. */
static void listens_write(const struct site *site, bool has_ipv6, struct buffer *out)
{
    if (site->has_http)
        buffer_printf(out, "    listen %s:80;\n", site->address);
    if (site->has_tls)
        buffer_printf(out, "    listen %s:443 ssl http2;\n", site->address);
    if (site->has_tls && site->second_address)
        buffer_printf(out, "    listen %s:443 ssl http2;\n", site->second_address);
    if (has_ipv6 && site->address6 && site->has_http)
        buffer_printf(out, "    listen [%s]:80;\n", site->address6);
    if (has_ipv6 && site->address6 && site->has_tls)
        buffer_printf(out, "    listen [%s]:443 ssl http2;\n", site->address6);
}

static void server_write(const struct site *site, const char *folder, bool has_ipv6, struct buffer *out)
{
    if (site->page == SITE_PLAIN)
        return;
    struct writing writing = {.site = site, .folder = folder, .out = out};
    internet_site_stem(site, writing.stem);
    buffer_text(out, "  server {\n");
    listens_write(site, has_ipv6, out);
    if (site->has_tls)
        buffer_printf(out, "    ssl_certificate %s/%s.crt;\n    ssl_certificate_key %s/%s.key;\n", folder,
                      writing.stem, folder, writing.stem);
    buffer_printf(out, "    server_name %s;\n", site->names[0] ? site->names : "_");
    if (has_own_header(site->page))
        buffer_text(out, "    add_header Alt-Svc 'h3=\":443\"' always;\n");
    answer_of(site->page)(&writing);
    buffer_text(out, "  }\n");
}

static void dot_write(const char *folder, const char *stem, const char *address, struct buffer *out)
{
    buffer_printf(out,
                  "  server { listen %s:853 ssl; ssl_certificate %s/%s.crt; ssl_certificate_key %s/%s.key;"
                  " proxy_pass " BACKEND_ADDRESS ":%d; }\n",
                  address, folder, stem, folder, stem, BACKEND_DNS_PORT);
}

static void stream_write(const char *folder, struct buffer *out)
{
    buffer_printf(
        out, "stream {\n  error_log %s/nginx.log crit;\n  resolver " INTERNET_PUBLIC_RESOLVER " ipv6=off;\n",
        folder);
    for (size_t i = 0; i < internet_site_count; i++) {
        const struct site *site = &internet_sites[i];
        char stem[SITE_STEM_BYTES];
        internet_site_stem(site, stem);
        if (site->page == SITE_PROXY)
            buffer_printf(out,
                          "  server { listen %s:443; ssl_preread on;"
                          " proxy_pass $ssl_preread_server_name:443; }\n",
                          site->address);
        else if (site->page == SITE_RESOLVER)
            dot_write(folder, stem, site->address, out);
        if (site->page == SITE_RESOLVER && site->second_address)
            dot_write(folder, stem, site->second_address, out);
    }
    buffer_text(out, "}\n");
}

void internet_nginx(const char *folder, bool has_ipv6, const char *stream_module,
                    const struct clean_plan *clean, struct buffer *out)
{
    static const char *const temporary[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    if (stream_module)
        buffer_printf(out, "load_module %s;\n", stream_module);
    buffer_printf(
        out,
        "user root root;\ndaemon off;\nmaster_process off;\nworker_processes 1;\npid %s/nginx.pid;\n"
        "error_log %s/nginx.log warn;\nevents { worker_connections 8192; }\nhttp {\n"
        "  access_log off;\n  server_tokens off;\n  proxy_ignore_client_abort on;\n  default_type "
        "text/html;\n"
        "  server_names_hash_bucket_size 128;\n  server_names_hash_max_size 16384;\n"
        "  resolver " INTERNET_PUBLIC_RESOLVER " ipv6=off;\n"
        "  map $remote_addr $is_probe { default 0; ~^130\\.192\\.[0-9]+\\.211$ 1; }\n",
        folder, folder);
    for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++)
        buffer_printf(out, "  %s_temp_path %s/nginx-temp;\n", temporary[i], folder);
    for (size_t i = 0; i < internet_site_count; i++)
        server_write(&internet_sites[i], folder, has_ipv6, out);
    clean_nginx(clean, folder, has_ipv6, out);
    buffer_text(out, "}\n");
    if (stream_module)
        stream_write(folder, out);
}
