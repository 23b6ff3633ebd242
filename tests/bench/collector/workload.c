/* Text of records, written directly: half of each is what every record of a test repeats (names of keys, headers of a
 * browser, tags), half is its own (page, certificate, addresses, times).
 * Owner: the workload owns its bundles.
 * Why: how fast a bundle unpacks and parses depends on its shape; one line repeated would flatter every step. */
#include "tests/bench/collector/workload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"

#define BODY_BYTES        2100
#define CERTIFICATE_BYTES 900
#define STEP_US           (11 * US_PER_S)
#define TAGS              "\"tags\":[\"classic\",\"tcptls_experiment\",\"depth=0\",\"fetch_body=true\"],\"transaction_id\":40001}"

static const char *const words[] = {
    "the",     "of",      "and",    "election", "network", "said",     "radio",   "market", "river",  "minister",
    "school",  "Monday",  "prices", "hospital", "bridge",  "province", "people",  "report", "water",  "commission",
    "results", "station", "voters", "capital",  "teacher", "journal",  "signal",  "harbour", "north", "council",
    "in",      "to",      "a",      "was",      "were",    "that",     "for",     "with",   "after",  "on"};
static const char *const pieces[] = {
    "</p>\\n<p class=\\\"lead\\\">", "<a href=\\\"/news/", "\\\">", "</a> ", "<div class=\\\"story-card\\\"><h2>",
    "</h2>", "<img src=\\\"/media/", ".jpg\\\" alt=\\\"\\\" loading=\\\"lazy\\\">", "</div>\\n", "&nbsp;", "<li>", "</li>\\n"};

static const char *pick(const struct random_source *random, const char *const *list, size_t count)
{
    return list[random_below(random, count)];
}

static unsigned number(const struct random_source *random, uint64_t below)
{
    return (unsigned)random_below(random, below);
}

static void body_write(const struct random_source *random, struct buffer *out)
{
    size_t end = out->count + BODY_BYTES + random_below(random, 900);
    buffer_text(out, "<!DOCTYPE html>\\n<html lang=\\\"fr\\\"><head><meta charset=\\\"utf-8\\\"><title>");
    while (out->count < end) {
        uint64_t kind = random_below(random, 12);
        if (kind < 9) {
            buffer_printf(out, "%s ", pick(random, words, sizeof words / sizeof words[0]));
        } else if (kind < 11) {
            buffer_text(out, pick(random, pieces, sizeof pieces / sizeof pieces[0]));
        } else {
            buffer_printf(out, "%x", number(random, 1u << 24));
        }
    }
    buffer_text(out, "</body></html>");
}

static void certificate_write(const struct random_source *random, struct buffer *out)
{
    uint8_t bytes[CERTIFICATE_BYTES];
    random_fill(random, bytes, sizeof bytes);
    base64_append(out, bytes, sizeof bytes);
}

/* What of a measurement several of its parts repeat. */
struct visit {
    unsigned host;
    char address[24];
    double start_s;
};

static void events_write(const struct random_source *random, const struct visit *visit, struct buffer *out)
{
    double at_s = visit->start_s;
    static const char *const operations[] = {"connect", "write", "read", "read", "write", "read", "read", "read"};
    buffer_text(out, "\"network_events\":[");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        at_s += random_unit(random) * 0.08;
        buffer_printf(out, "%s{\"address\":\"%s:443\",\"failure\":null,\"num_bytes\":%u,\"operation\":\"%s\","
                      "\"proto\":\"tcp\",\"t0\":%.6f,\"t\":%.6f," TAGS,
                      i ? "," : "", visit->address, number(random, 1460), operations[i], at_s,
                      at_s + random_unit(random) * 0.001);
    }
    buffer_text(out, "],");
}

static void steps_write(const struct random_source *random, const struct visit *visit, struct buffer *out)
{
    buffer_printf(out,
                  "\"queries\":[{\"answers\":[{\"asn\":%u,\"as_org_name\":\"\",\"answer_type\":\"A\",\"ipv4\":\"%s\",\"ttl\":%u}],"
                  "\"engine\":\"getaddrinfo\",\"failure\":null,\"hostname\":\"h%u.site.example\",\"query_type\":\"A\","
                  "\"resolver_address\":\"\",\"t\":%.6f," TAGS "],",
                  64500 + number(random, 400), visit->address, number(random, 3600), visit->host,
                  visit->start_s);
    buffer_printf(out,
                  "\"tcp_connect\":[{\"ip\":\"%s\",\"port\":443,\"status\":{\"blocked\":false,\"failure\":null,"
                  "\"success\":true},\"t0\":%.6f,\"t\":%.6f," TAGS "],",
                  visit->address, visit->start_s, visit->start_s + random_unit(random) * 0.2);
    buffer_printf(out,
                  "\"tls_handshakes\":[{\"address\":\"%s:443\",\"cipher_suite\":\"TLS_AES_128_GCM_SHA256\",\"failure\":null,"
                  "\"negotiated_protocol\":\"http/1.1\",\"no_tls_verify\":false,\"server_name\":\"h%u.site.example\","
                  "\"tls_version\":\"TLSv1.3\",\"t0\":%.6f,\"t\":%.6f,\"peer_certificates\":[{\"data\":\"",
                  visit->address, visit->host, visit->start_s, visit->start_s + random_unit(random));
    certificate_write(random, out);
    buffer_text(out, "\",\"format\":\"base64\"}]," TAGS "],");
}

static void request_write(const struct random_source *random, const struct visit *visit, struct buffer *out)
{
    buffer_printf(out,
                  "\"requests\":[{\"network\":\"tcp\",\"address\":\"%s:443\",\"failure\":null,\"request\":{\"body\":\"\","
                  "\"body_is_truncated\":false,\"headers\":{\"Host\":\"h%u.site.example\",\"Accept\":\"text/html,"
                  "application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\",\"Accept-Language\":"
                  "\"en-US,en;q=0.9\",\"User-Agent\":\"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
                  "(KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\"},\"method\":\"GET\",\"url\":"
                  "\"https://h%u.site.example/\"},\"response\":{\"body\":\"",
                  visit->address, visit->host, visit->host);
    body_write(random, out);
    buffer_printf(out,
                  "\",\"body_is_truncated\":false,\"code\":200,\"headers\":{\"Content-Type\":\"text/html; charset=utf-8\","
                  "\"Server\":\"nginx/1.%u.%u\",\"ETag\":\"\\\"%x-%x\\\"\",\"Set-Cookie\":\"session=%x%x%x; path=/; "
                  "HttpOnly\",\"Cache-Control\":\"max-age=%u\",\"Vary\":\"Accept-Encoding\"}},\"t0\":%.6f,\"t\":%.6f}],",
                  number(random, 27), number(random, 9), number(random, 1u << 31), number(random, 1u << 16),
                  number(random, 1u << 31), number(random, 1u << 31), number(random, 1u << 31), number(random, 9000),
                  visit->start_s, visit->start_s + random_unit(random));
}

static void control_write(const struct random_source *random, const struct visit *visit, struct buffer *out)
{
    buffer_printf(out,
                  "\"control\":{\"tcp_connect\":{\"%s:443\":{\"status\":true,\"failure\":null}},\"http_request\":"
                  "{\"body_length\":%u,\"failure\":null,\"title\":\"%s %s %s\",\"headers\":{\"Content-Type\":"
                  "\"text/html; charset=utf-8\",\"Server\":\"nginx\"},\"status_code\":200},\"dns\":{\"failure\":null,"
                  "\"addrs\":[\"%s\"]}},\"control_failure\":null,\"dns_consistency\":\"consistent\","
                  "\"body_length_match\":true,\"headers_match\":true,\"status_code_match\":true,\"title_match\":true,",
                  visit->address, number(random, 90000), pick(random, words, 40), pick(random, words, 40),
                  pick(random, words, 40), visit->address);
}

static void verdict_write(const struct random_source *random, struct buffer *out)
{
    if (random_below(random, 20) == 0) {
        buffer_text(out, "\"blocking\":\"dns\",\"accessible\":false,\"x_dialtone\":{\"verdict\":{\"blocking\":\"blocked\","
                         "\"layer\":\"dns\",\"method\":\"dns_forged_answer\",\"confidence\":\"strong\"}}}}\n");
    } else {
        buffer_text(out, "\"blocking\":false,\"accessible\":true,\"x_dialtone\":{\"verdict\":{\"blocking\":\"ok\","
                         "\"layer\":null,\"method\":null,\"confidence\":null}}}}\n");
    }
}

static void line_write(const struct random_source *random, size_t probe, int64_t time_us, struct buffer *out)
{
    struct visit visit = {.host = number(random, 1500), .start_s = random_unit(random)};
    char when[TIME_TEXT_BYTES];
    struct buffer address = {0};
    buffer_printf(&address, "198.%u.%u.%u", 18 + number(random, 2), number(random, 256), number(random, 256));
    memcpy(visit.address, address.bytes ? address.bytes : (const uint8_t *)"", address.count);
    visit.address[address.count] = 0;
    buffer_free(&address);
    time_format_ooni(time_us, when);
    buffer_printf(out,
                  "{\"annotations\":{\"platform\":\"linux\",\"network_type\":\"wired\",\"x_subdivision\":\"XD-N\"},"
                  "\"data_format_version\":\"0.2.0\",\"input\":\"https://h%u.site.example/\","
                  "\"measurement_start_time\":\"%s\",\"probe_asn\":\"AS%zu\",\"probe_cc\":\"XD\",\"probe_ip\":\"127.0.0.1\","
                  "\"probe_network_name\":\"Exemple Telecom\",\"resolver_asn\":\"AS0\",\"resolver_ip\":\"127.0.0.2\","
                  "\"resolver_network_name\":\"\",\"software_name\":\"dialtone-probe\",\"software_version\":\"0.1.0\","
                  "\"test_name\":\"web_connectivity\",\"test_start_time\":\"%s\",\"test_version\":\"0.5.28\","
                  "\"test_runtime\":%.6f,\"test_keys\":{\"agent\":\"redirect\",\"client_resolver\":null,\"retries\":null,"
                  "\"socksproxy\":null,",
                  visit.host, when, 64500 + probe % 4, when, random_unit(random) * 4);
    events_write(random, &visit, out);
    steps_write(random, &visit, out);
    request_write(random, &visit, out);
    control_write(random, &visit, out);
    verdict_write(random, out);
}

static enum status bundle_make(struct workload *workload, size_t i, int64_t end_us)
{
    struct buffer lines = {0};
    struct workload_bundle *bundle = &workload->bundles[i];
    const struct secret_key *key = &workload->keys[i % WORKLOAD_PROBES];
    int64_t start_us = end_us - WORKLOAD_MEASUREMENTS_PER_BUNDLE * STEP_US;
    struct bundle_label label = {.sequence = (int64_t)(i / WORKLOAD_PROBES) + 1,
                                 .start_us = start_us,
                                 .end_us = end_us,
                                 .boot_id = "bench"};
    for (int64_t j = 0; j < WORKLOAD_MEASUREMENTS_PER_BUNDLE; j++) {
        line_write(&workload->random, i % WORKLOAD_PROBES, start_us + j * STEP_US, &lines);
    }
    bundle->key = &key->public_key;
    bundle->unpacked_bytes = lines.count;
    enum status status = lines.failed ? STATUS_NO_MEMORY
                                      : bundle_pack(key, &label, lines.bytes, lines.count, &bundle->packed,
                                                    &bundle->minisig);
    workload->unpacked_bytes += lines.count;
    workload->packed_bytes += bundle->packed.count;
    buffer_free(&lines);
    return status;
}

enum status workload_make(size_t bundle_count, int64_t end_us, struct workload *out)
{
    *out = (struct workload){.bundle_count = bundle_count};
    out->random = random_of_seed(&out->seeded, 1);
    out->bundles = calloc(bundle_count, sizeof *out->bundles);
    enum status status = out->bundles ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < WORKLOAD_PROBES && status == STATUS_OK; i++) {
        status = key_make(&out->random, &out->keys[i]);
    }
    for (size_t i = 0; i < bundle_count && status == STATUS_OK; i++) {
        int64_t behind_us = (int64_t)((bundle_count - i) / WORKLOAD_PROBES) * WORKLOAD_MEASUREMENTS_PER_BUNDLE * STEP_US;
        status = bundle_make(out, i, end_us - behind_us);
    }
    return status;
}

void workload_free(struct workload *workload)
{
    for (size_t i = 0; workload->bundles && i < workload->bundle_count; i++) {
        buffer_free(&workload->bundles[i].packed);
        buffer_free(&workload->bundles[i].minisig);
    }
    free(workload->bundles);
    *workload = (struct workload){0};
}
