/* Clean targets from a seed.
 * Owner: texts are appended to the caller's buffers.
 * Why: a verdict that calls a healthy site blocked is the worst that we can do, and healthy sites differ
 * without end; here a thousand of them can be made again from one number. */
#include "tests/lab/clean_targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/random.h"
#include "tests/lab/backend.h"
#include "tests/lab/zone.h"

#define DOMAIN     "clean.lab"
#define NAMES_MANY 60

static bool chance(const struct random_source *random, int percent)
{
    return random_below(random, 100) < (uint64_t)percent;
}

/* Most pages are small, a few are large. */
static size_t body_size(const struct random_source *random)
{
    static const size_t bounds[][2] = {
        {200, 2000}, {2000, 20000}, {20000, 80000}, {80000, 300000}, {560000, 700000}};
    static const int weights[] = {20, 45, 25, 8, 2};
    int left = (int)random_below(random, 100);
    size_t i = 0;
    while (left >= weights[i])
        left -= weights[i++];
    return bounds[i][0] + random_below(random, bounds[i][1] - bounds[i][0]);
}

static enum clean_page page_kind(const struct random_source *random)
{
    static const enum clean_page rare[] = {CLEAN_EMPTY,  CLEAN_MISSING,       CLEAN_FORBIDDEN,
                                           CLEAN_PUZZLE, CLEAN_PROBE_REFUSED, CLEAN_MISSING};
    return chance(random, 85) ? CLEAN_TEXT : rare[random_below(random, sizeof rare / sizeof rare[0])];
}

static enum clean_start start_kind(const struct random_source *random)
{
    static const enum clean_start rare[] = {CLEAN_TO_HTTPS, CLEAN_TO_WWW, CLEAN_TO_BOTH, CLEAN_CHAIN,
                                            CLEAN_BY_COOKIE};
    return chance(random, 60) ? CLEAN_DIRECT : rare[random_below(random, sizeof rare / sizeof rare[0])];
}

struct clean_target clean_target_of(uint64_t seed, int number)
{
    struct random_seeded seeded;
    const struct random_source random = random_of_seed(&seeded, seed * UINT64_C(1000003) + (uint64_t)number);
    struct clean_target target = {.number = number};
    snprintf(target.host, sizeof target.host, "t%d." DOMAIN, number);
    target.cluster = (int)random_below(&random, CLEAN_CLUSTERS);
    target.has_two_edges = chance(&random, 25);
    target.has_ipv6 = chance(&random, 30);
    target.is_plain_server = clean_cluster_is_plain(target.cluster);
    target.is_chunked = chance(&random, 40);
    target.is_gzipped = chance(&random, 40);
    target.has_own_header = chance(&random, 30);
    target.start = start_kind(&random);
    target.page = page_kind(&random);
    target.language = (enum clean_language)random_below(&random, CLEAN_LANGUAGE_COUNT);
    target.key = (enum certificate_key)random_below(&random, CERTIFICATE_KEY_COUNT);
    target.has_intermediate = chance(&random, 40);
    target.has_many_names = chance(&random, 10);
    target.body_bytes = body_size(&random);
    target.dynamic_percent = chance(&random, 50) ? 0 : (int)random_below(&random, 60);
    target.is_title_dynamic = chance(&random, 10);
    target.delay_ms = chance(&random, 10) ? 300 + (int)random_below(&random, 2700) : 0;
    target.piece_delay_ms = chance(&random, 4) ? 100 + (int)random_below(&random, 150) : 0;
    bool is_cleartext =
        target.start == CLEAN_TO_HTTPS || target.start == CLEAN_TO_BOTH || chance(&random, 35);
    snprintf(target.url, sizeof target.url, "%s://%s/%s", is_cleartext ? "http" : "https", target.host,
             chance(&random, 20) ? "news/index.html?from=list" : "");
    return target;
}

int clean_number_of(const char *host)
{
    char *end = NULL;
    if (strncmp(host, "www.", 4) == 0)
        host += 4;
    if (host[0] != 't')
        return -1;
    long number = strtol(host + 1, &end, 10);
    bool is_ours =
        end != host + 1 && strcmp(end, "." DOMAIN) == 0 && number >= 0 && number < CLEAN_TARGETS_MAX;
    return is_ours ? (int)number : -1;
}

void clean_address(int cluster, int edge, char out[CLEAN_ADDRESS_ROOM])
{
    snprintf(out, CLEAN_ADDRESS_ROOM, "%s.%d", edge == 0 ? "23.40.7" : "146.75.9", 10 + cluster);
}

void clean_address6(int cluster, char out[CLEAN_ADDRESS_ROOM])
{
    snprintf(out, CLEAN_ADDRESS_ROOM, "2a04:4e42:40::%x", 0x10 + cluster);
}

bool clean_cluster_is_plain(int cluster)
{
    return cluster % 2 == 0;
}

void clean_dnsmasq(const struct clean_plan *plan, int whose, bool has_ipv6, struct buffer *out)
{
    char address[CLEAN_ADDRESS_ROOM], address6[CLEAN_ADDRESS_ROOM];
    for (int i = 0; i < plan->count; i++) {
        const struct clean_target target = clean_target_of(plan->seed, i);
        clean_address(target.cluster, target.has_two_edges && (whose & ZONE_ISP) != 0, address);
        clean_address6(target.cluster, address6);
        bool tells_ipv6 = has_ipv6 && target.has_ipv6;
        buffer_printf(out, "host-record=%s,%s%s%s\n", target.host, address, tells_ipv6 ? "," : "",
                      tells_ipv6 ? address6 : "");
        buffer_printf(out, "host-record=www.%s,%s%s%s\n", target.host, address, tells_ipv6 ? "," : "",
                      tells_ipv6 ? address6 : "");
    }
}

static void listens_write(const char *address, bool has_http, struct buffer *out)
{
    if (has_http)
        buffer_printf(out, "    listen %s:80;\n", address);
    buffer_printf(out, "    listen %s:443 ssl http2;\n", address);
}

static void target_nginx(const struct clean_target *target, const char *folder, bool has_ipv6,
                         struct buffer *out)
{
    char address[CLEAN_ADDRESS_ROOM], address6[CLEAN_ADDRESS_ROOM + 2];
    buffer_text(out, "  server {\n");
    for (int edge = 0; edge < 2; edge++) {
        clean_address(target->cluster, edge, address);
        listens_write(address, !target->is_plain_server, out);
    }
    if (has_ipv6) {
        clean_address6(target->cluster, address);
        snprintf(address6, sizeof address6, "[%s]", address);
        listens_write(address6, true, out);
    }
    buffer_printf(out,
                  "    server_name %s www.%s;\n    ssl_certificate %s/clean-%d.crt;\n"
                  "    ssl_certificate_key %s/clean-%d.key;\n    gzip %s;\n"
                  "    location / { proxy_pass http://" BACKEND_ADDRESS ":%d; proxy_http_version 1.1;\n"
                  "      proxy_set_header Host $host; proxy_set_header X-Scheme $scheme;\n"
                  "      proxy_set_header X-Is-Probe $is_probe; }\n  }\n",
                  target->host, target->host, folder, target->number, folder, target->number,
                  target->is_gzipped ? "on" : "off", BACKEND_HTTP_PORT);
}

void clean_nginx(const struct clean_plan *plan, const char *folder, bool has_ipv6, struct buffer *out)
{
    for (int i = 0; i < plan->count; i++) {
        const struct clean_target target = clean_target_of(plan->seed, i);
        target_nginx(&target, folder, has_ipv6, out);
    }
}

void clean_list(const struct clean_plan *plan, struct buffer *out)
{
    buffer_text(out, "url,category_code,category_description,date_added,source,notes\n");
    for (int i = 0; i < plan->count; i++)
        buffer_printf(out, "%s,MISC,Miscellaneous,2026-01-01,dialtone lab,\n",
                      clean_target_of(plan->seed, i).url);
}

void clean_certificate_names(const struct clean_target *target, struct buffer *out)
{
    buffer_printf(out, "%s *.%s", target->host, target->host);
    for (int i = 0; target->has_many_names && i < NAMES_MANY; i++)
        buffer_printf(out, " customer%d.%s", i, "edge." DOMAIN);
}
