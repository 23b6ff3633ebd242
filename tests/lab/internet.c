/* The emulated Internet as data.
 * Owner: texts are appended to the caller's buffers.
 * Why: servers, resolvers and certificates must agree on who is where, so it is said once. */
#include "tests/lab/internet.h"

#include <stdio.h>
#include <string.h>

#include "tests/lab/packet.h"

#define PAGE_BYTES_LEAST 1500 /* as large as the reference environment's page */

const struct site internet_sites[] = {
    {.address = "93.184.216.34",
     .names = "www.example.com example.com www.example.org example.org",
     .title = "Default Web Page",
     .has_http = true,
     .has_tls = true},
    {.address = "151.101.1.10",
     .names = "www.news.lab",
     .title = "News of the Day",
     .has_http = true,
     .has_tls = true},
    {.address = "151.101.65.20",
     .names = "www.video.lab",
     .title = "Moving Pictures",
     .has_http = true,
     .has_tls = true},
    {.address = "104.16.10.30",
     .address6 = "2a04:4e42:10::30",
     .names = "www.wiki.lab",
     .title = "Everything Known",
     .has_http = true,
     .has_tls = true},
    {.address = "104.16.10.31",
     .names = "www.chat.lab",
     .title = "Talk to Friends",
     .has_http = true,
     .has_tls = true},
    {.address = "130.192.20.1",
     .names = "portal.xd.lab",
     .title = "Public Services",
     .has_http = true,
     .has_tls = true},
    {.address = "1.1.1.1", .names = "one.one.one.one", .page = SITE_SILENT, .has_tls = true},
    {.address = "8.8.8.8", .names = "dns.google", .page = SITE_SILENT, .has_tls = true},
    {.address = "9.9.9.9", .names = "dns.quad9.net", .page = SITE_SILENT, .has_tls = true},
    {.address = "83.224.65.41", .names = "", .page = SITE_BLOCK_PAGE, .has_http = true},
    {.address = INTERNET_BLOCK_PAGE_ADDRESS,
     .names = "",
     .page = SITE_BLOCK_PAGE,
     .has_http = true,
     .has_tls = true,
     .is_untrusted = true},
};
const size_t internet_site_count = sizeof internet_sites / sizeof internet_sites[0];

const struct resolver internet_resolvers[] = {
    {.name = "public", .addresses = "8.8.8.8 1.1.1.1 9.9.9.9"},
    {.name = "isp", .addresses = INTERNET_ISP_RESOLVER},
    {.name = "isp-64500", .addresses = "130.192.100.53"},
    {.name = "isp-64501", .addresses = "130.192.101.53"},
    {.name = "isp-64502", .addresses = "130.192.102.53"},
    {.name = "isp-64503", .addresses = "130.192.103.53"},
};
const size_t internet_resolver_count = sizeof internet_resolvers / sizeof internet_resolvers[0];

void words_each(const char *words, void (*callback)(const char *word, void *arg), void *arg)
{
    char word[256];
    int used = 0;
    for (const char *at = words; sscanf(at, " %255s%n", word, &used) == 1; at += used)
        callback(word, arg);
}

void internet_site_stem(const struct site *site, char out[SITE_STEM_BYTES])
{
    if (sscanf(site->names, " %95s", out) != 1)
        snprintf(out, SITE_STEM_BYTES, "%s", site->address);
}

/* Letters that only the title decides, so that pages differ in more than their title. */
static void page_text(const char *title, struct buffer *out)
{
    static const char *const words[] = {"river",  "market", "station", "letter",  "bridge",  "winter",
                                        "garden", "signal", "harbour", "lantern", "orchard", "valley"};
    uint32_t state = UINT32_C(2166136261);
    for (const char *at = title; *at; at++)
        state = (state ^ (uint8_t)*at) * UINT32_C(16777619);
    while (out->count < PAGE_BYTES_LEAST && !out->failed) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        buffer_printf(out, "%s ", words[(state >> 16) % (sizeof words / sizeof words[0])]);
    }
}

void internet_page(const struct site *site, struct buffer *out)
{
    if (site->page == SITE_SILENT)
        return;
    const char *title = site->page == SITE_BLOCK_PAGE ? "Access Denied" : site->title;
    buffer_printf(out, "<!doctype html>\n<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<p>",
                  title, title);
    if (site->page == SITE_BLOCK_PAGE)
        buffer_text(out, "This request cannot be served in your jurisdiction.");
    else
        page_text(site->title, out);
    buffer_text(out, "</p>\n</body>\n</html>\n");
}

void internet_anchors(struct buffer *out)
{
    buffer_text(out, "kind,operator,host,port\n"
                     "domestic,xd-portal,130.192.20.1,443\n"
                     "foreign,cloudflare,1.1.1.1,443\n"
                     "foreign,google,8.8.8.8,443\n"
                     "foreign,quad9,9.9.9.9,443\n"
                     "control,cloudflare,one.one.one.one,443\n"
                     "control,google,dns.google,443\n"
                     "control,quad9,dns.quad9.net,443\n");
}

static void bare_name_lead(const char *word, void *arg)
{
    if (strncmp(word, "www.", 4) != 0)
        buffer_printf(arg, "    if ($host = %s) { return 308 https://www.%s$request_uri; }\n", word, word);
}

static bool has_www(const struct site *site)
{
    return strncmp(site->names, "www.", 4) == 0;
}

/* Each address of a site, with and without TLS. */
static void listens_write(const struct site *site, bool has_ipv6, struct buffer *out)
{
    if (site->has_http)
        buffer_printf(out, "    listen %s:80;\n", site->address);
    if (site->has_tls)
        buffer_printf(out, "    listen %s:443 ssl http2;\n", site->address);
    if (has_ipv6 && site->address6 && site->has_http)
        buffer_printf(out, "    listen [%s]:80;\n", site->address6);
    if (has_ipv6 && site->address6 && site->has_tls)
        buffer_printf(out, "    listen [%s]:443 ssl http2;\n", site->address6);
}

static void server_write(const struct site *site, const char *folder, bool has_ipv6, struct buffer *out)
{
    char stem[SITE_STEM_BYTES];
    internet_site_stem(site, stem);
    buffer_text(out, "  server {\n");
    listens_write(site, has_ipv6, out);
    if (site->has_tls)
        buffer_printf(out, "    ssl_certificate %s/%s.crt;\n    ssl_certificate_key %s/%s.key;\n", folder,
                      stem, folder, stem);
    buffer_printf(out, "    server_name %s;\n", site->names[0] ? site->names : "_");
    if (has_www(site))
        words_each(site->names, bare_name_lead, out);
    if (site->page == SITE_SILENT)
        buffer_text(out, "    location / { return 200 \"\"; }\n");
    else
        buffer_printf(out, "    root %s/www-%s;\n    location / { try_files /index.html =404; }\n", folder,
                      stem);
    if (site->page == SITE_PAGE)
        buffer_text(out, "    add_header Alt-Svc 'h3=\":443\"';\n");
    buffer_text(out, "  }\n");
}

void internet_nginx(const char *folder, bool has_ipv6, struct buffer *out)
{
    static const char *const temporary[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    buffer_printf(
        out,
        "user root root;\ndaemon off;\nmaster_process off;\nworker_processes 1;\npid %s/nginx.pid;\n"
        "error_log %s/nginx.log warn;\nevents { worker_connections 2048; }\nhttp {\n"
        "  access_log off;\n  server_tokens off;\n  default_type text/html;\n",
        folder, folder);
    for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++)
        buffer_printf(out, "  %s_temp_path %s/nginx-temp;\n", temporary[i], folder);
    for (size_t i = 0; i < internet_site_count; i++)
        server_write(&internet_sites[i], folder, has_ipv6, out);
    buffer_text(out, "}\n");
}

struct record_target {
    struct buffer *out;
    const char *address;
    const char *address6; /* NULL: none */
};

static void record_write(const char *word, void *arg)
{
    struct record_target *target = arg;
    buffer_printf(target->out, "host-record=%s,%s%s%s\n", word, target->address, target->address6 ? "," : "",
                  target->address6 ? target->address6 : "");
}

static void listen_write(const char *word, void *arg)
{
    buffer_printf(arg, "listen-address=%s\n", word);
}

void internet_dnsmasq(const struct resolver *resolver, bool has_ipv6, struct buffer *out)
{
    buffer_text(out, "no-resolv\nno-hosts\nno-poll\nbind-interfaces\npid-file=\n"
                     "cache-size=0\nlocal=/#/\n");
    words_each(resolver->addresses, listen_write, out);
    for (size_t i = 0; i < internet_site_count; i++) {
        const struct site *site = &internet_sites[i];
        struct record_target target = {
            .out = out, .address = site->address, .address6 = has_ipv6 ? site->address6 : NULL};
        words_each(site->names, record_write, &target);
    }
    buffer_printf(out, "host-record=%s,%s\n", INTERNET_COLLECTOR_NAME, INTERNET_COLLECTOR_ADDRESS);
}
