/* The emulated Internet as data.
 * Owner: texts are appended to the caller's buffers.
 * Why: servers, resolvers and certificates must agree on who is where, so it is said once. */
#include "tests/lab/internet.h"

#include <stdio.h>
#include <string.h>

#include "tests/lab/packet.h"

#define PAGE_BYTES_LEAST   1500
#define DEFAULT_PAGE_BYTES 1533 /* the reference environment's page */
#define DEFAULT_TITLE      "Default Web Page"

const struct site internet_sites[] = {
    {.address = "93.184.216.34",
     .names = "www.example.com example.com www.example.org example.org",
     .title = DEFAULT_TITLE,
     .has_http = true,
     .has_tls = true,
     .has_quic = true,
     .page_bytes = DEFAULT_PAGE_BYTES},
    {.address = "151.101.1.10",
     .names = "www.news.lab",
     .title = "News of the Day",
     .has_http = true,
     .has_tls = true},
    {.address = "151.101.65.20",
     .names = "www.video.lab",
     .title = "Moving Pictures",
     .has_http = true,
     .has_tls = true,
     .has_quic = true},
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
    {.address = "1.1.1.1",
     .second_address = "1.0.0.1",
     .names = "one.one.one.one cloudflare-dns.com",
     .page = SITE_RESOLVER,
     .has_tls = true},
    {.address = "8.8.8.8",
     .second_address = "8.8.4.4",
     .names = "dns.google",
     .page = SITE_RESOLVER,
     .has_tls = true},
    {.address = "9.9.9.9",
     .second_address = "149.112.112.112",
     .names = "dns.quad9.net",
     .page = SITE_RESOLVER,
     .has_tls = true},
    {.address = "208.67.222.222",
     .second_address = "208.67.220.220",
     .names = "doh.opendns.com",
     .page = SITE_RESOLVER,
     .has_tls = true},
    {.address = "172.64.41.4", .names = "mozilla.cloudflare-dns.com", .page = SITE_RESOLVER, .has_tls = true},
    {.address = "38.175.119.129", .names = "dns.nextdns.io", .page = SITE_RESOLVER, .has_tls = true},
    {.address = "151.101.129.40", .names = "check.anchor.lab", .page = SITE_NO_CONTENT, .has_http = true},
    {.address = INTERNET_PORTAL_ADDRESS,
     .names = "portal.isp.lab",
     .title = "Log in to this network",
     .has_http = true},
    {.address = INTERNET_PLAIN_BLOCK_PAGE_ADDRESS, .names = "", .page = SITE_PLAIN},
    {.address = INTERNET_ECHO_ADDRESS, .names = "echo.dialtone.lab", .page = SITE_PLAIN},
    {.address = INTERNET_REFLECTOR_ADDRESS, .names = "headers.dialtone.lab", .page = SITE_PLAIN},
    {.address = "151.101.193.50",
     .names = "www.cdn.lab",
     .title = "Near to Everybody",
     .has_http = true,
     .has_tls = true,
     .told_by = ZONE_OTHERS},
    {.address = "23.44.10.50",
     .names = "www.cdn.lab",
     .title = "Near to Everybody",
     .has_http = true,
     .has_tls = true,
     .told_by = ZONE_ISP},
    {.address = INTERNET_BLOCK_PAGE_ADDRESS,
     .names = "",
     .page = SITE_BLOCK_PAGE,
     .has_http = true,
     .has_tls = true,
     .certificate = CERTIFICATE_UNTRUSTED,
     .certificate_names = "blocked.isp.lab"},
    {.address = "185.125.188.132", .names = "geoip.ubuntu.com", .page = SITE_GEOIP, .has_tls = true},
    {.address = "68.183.70.80", .names = "0.th.ooni.org", .page = SITE_HELPER, .has_tls = true},
    {.address = "137.184.235.44", .names = "1.th.ooni.org", .page = SITE_HELPER, .has_tls = true},
    {.address = "178.62.195.24", .names = "2.th.ooni.org", .page = SITE_HELPER, .has_tls = true},
    {.address = "209.97.183.73", .names = "3.th.ooni.org", .page = SITE_HELPER, .has_tls = true},
    {.address = "52.85.15.84",
     .names = "d33d1gs9kpq1c5.cloudfront.net",
     .page = SITE_HELPER,
     .has_tls = true},
    {.address = "67.199.248.11", .names = "bit.ly bitly.com", .page = SITE_SHORTENER, .has_tls = true},
    {.address = "104.154.89.105",
     .names = "untrusted-root.badssl.com .badssl.com",
     .page = SITE_CLOSING,
     .has_tls = true,
     .certificate = CERTIFICATE_UNTRUSTED,
     .certificate_names = "*.badssl.com www.example.com example.com www.example.org example.org"},
    {.address = "104.154.89.105",
     .names = "wrong.host.badssl.com",
     .page = SITE_CLOSING,
     .has_tls = true,
     .certificate = CERTIFICATE_MISNAMED,
     .certificate_names = "wrong-host.badssl.com"},
    {.address = "104.154.89.105",
     .names = "expired.badssl.com",
     .page = SITE_CLOSING,
     .has_tls = true,
     .certificate = CERTIFICATE_EXPIRED},
    {.address = "5.255.255.80",
     .names = "xn--d1acpjx3f.xn--p1ai yandex.com ya.ru",
     .title = DEFAULT_TITLE,
     .page = SITE_CHAIN,
     .has_http = true,
     .has_tls = true,
     .page_bytes = DEFAULT_PAGE_BYTES},
    {.address = "52.35.36.75",
     .names = "largefile.com",
     .page = SITE_LARGE,
     .has_http = true,
     .has_tls = true},
    {.address = "104.16.132.229",
     .names = "www.cloudflare-cache.com",
     .title = DEFAULT_TITLE,
     .page = SITE_CAPTCHA,
     .has_http = true,
     .has_tls = true,
     .page_bytes = DEFAULT_PAGE_BYTES},
    {.address = "172.67.144.64",
     .names = "httpbin.com",
     .page = SITE_REDIRECTS,
     .has_http = true,
     .has_tls = true},
    {.address = "130.192.182.17", .names = "", .page = SITE_PROXY, .has_http = true},
    {.address = "151.101.193.50",
     .names = ".site.lab",
     .title = "One of Many Sites",
     .has_http = true,
     .has_tls = true,
     .certificate_names = "site.lab *.site.lab",
     .page_bytes = 4800},
    {.address = "151.101.193.60",
     .names = ".hole.lab",
     .title = "One of the Far Sites",
     .has_http = true,
     .has_tls = true,
     .certificate_names = "hole.lab *.hole.lab",
     .page_bytes = 4800},
};
const size_t internet_site_count = sizeof internet_sites / sizeof internet_sites[0];

const struct resolver internet_resolvers[] = {
    {.name = "public",
     .addresses = "8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 "
                  "172.64.41.4 38.175.119.129 193.0.14.129",
     .whose = ZONE_OTHERS},
    {.name = "isp", .addresses = INTERNET_ISP_RESOLVER, .whose = ZONE_ISP},
    {.name = "isp-64500", .addresses = "130.192.100.53", .whose = ZONE_ISP},
    {.name = "isp-64501", .addresses = "130.192.101.53", .whose = ZONE_ISP},
    {.name = "isp-64502", .addresses = "130.192.102.53", .whose = ZONE_ISP},
    {.name = "isp-64503", .addresses = "130.192.103.53", .whose = ZONE_ISP},
};
const size_t internet_resolver_count = sizeof internet_resolvers / sizeof internet_resolvers[0];

const char *const internet_helpers[] = {"0.th.ooni.org",
                                        "1.th.ooni.org",
                                        "2.th.ooni.org",
                                        "3.th.ooni.org",
                                        "d33d1gs9kpq1c5.cloudfront.net",
                                        NULL};

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

#define PAGE_END "</p>\n</body>\n</html>\n"

static void page_begin(const char *title, struct buffer *out)
{
    buffer_printf(out, "<!doctype html>\n<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<p>",
                  title, title);
}

/* Letters that only the title decides, so that pages differ in more than their title. */
static void page_text(const char *title, size_t bytes, struct buffer *out)
{
    static const char *const words[] = {"river",  "market", "station", "letter",  "bridge",  "winter",
                                        "garden", "signal", "harbour", "lantern", "orchard", "valley"};
    uint32_t state = UINT32_C(2166136261);
    for (const char *at = title; *at; at++)
        state = (state ^ (uint8_t)*at) * UINT32_C(16777619);
    while (out->count < bytes && !out->failed) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        buffer_printf(out, "%s ", words[(state >> 16) % (sizeof words / sizeof words[0])]);
    }
}

/* A page of exactly so many bytes. */
static void page_write(const char *title, size_t bytes, struct buffer *out)
{
    page_begin(title, out);
    size_t end = bytes - (sizeof PAGE_END - 1);
    page_text(title, end, out);
    if (!out->failed)
        out->count = end;
    buffer_text(out, PAGE_END);
}

void internet_page(const struct site *site, struct buffer *out)
{
    if (site->page == SITE_BLOCK_PAGE) {
        buffer_text(out, INTERNET_BLOCK_PAGE);
    } else if (site->page_bytes > 0) {
        page_write(site->title, site->page_bytes, out);
    } else if (site->title) {
        page_begin(site->title, out);
        page_text(site->title, PAGE_BYTES_LEAST, out);
        buffer_text(out, PAGE_END);
    }
}

void internet_captcha(struct buffer *out)
{
    page_write("Are you a robot?", INTERNET_CAPTCHA_BYTES, out);
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

struct record_target {
    struct buffer *out;
    const struct site *site; /* NULL: the address alone */
    const char *address;
    const char *address6;               /* NULL: none */
    const struct zone_changes *changes; /* NULL: none */
    int whose;
};

static void record_write(const char *word, void *arg)
{
    struct record_target *target = arg;
    if (target->changes && zone_is_changed(target->changes, target->whose, word))
        return;
    if (word[0] == '.') { /* and every name below it */
        buffer_printf(target->out, "address=/%s/%s\n", word + 1, target->address);
        if (target->changes)
            zone_removals_write(target->changes, target->whose, word, target->out);
        return;
    }
    buffer_printf(target->out, "host-record=%s,%s%s%s\n", word, target->address, target->address6 ? "," : "",
                  target->address6 ? target->address6 : "");
    if (target->site && target->site->second_address)
        buffer_printf(target->out, "host-record=%s,%s\n", word, target->site->second_address);
}

static void listen_write(const char *word, void *arg)
{
    buffer_printf(arg, "listen-address=%s\n", word);
}

void internet_dnsmasq(const struct resolver *resolver, bool has_ipv6, const struct zone_changes *changes,
                      const struct clean_plan *clean, struct buffer *out)
{
    struct record_target target = {.out = out, .changes = changes, .whose = resolver->whose};
    buffer_text(out, "no-resolv\nno-hosts\nno-poll\nbind-interfaces\npid-file=\n"
                     "cache-size=0\nlocal=/#/\n");
    words_each(resolver->addresses, listen_write, out);
    for (size_t i = 0; i < internet_site_count; i++) {
        if (internet_sites[i].told_by != 0 && (internet_sites[i].told_by & resolver->whose) == 0)
            continue;
        target.site = &internet_sites[i];
        target.address = internet_sites[i].address;
        target.address6 = has_ipv6 ? internet_sites[i].address6 : NULL;
        words_each(internet_sites[i].names, record_write, &target);
    }
    target.site = NULL;
    target.address = INTERNET_COLLECTOR_ADDRESS;
    target.address6 = NULL;
    words_each(INTERNET_COLLECTOR_NAME " api.ooni.io", record_write, &target);
    clean_dnsmasq(clean, resolver->whose, has_ipv6, out);
    if (changes)
        zone_changes_write(changes, resolver->whose, out);
}
