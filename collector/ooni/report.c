/* OONI's reports, without any state.
 * Owner: the caller's buffers.
 * Why: other probes of the world already speak this; what they send is worth having, and worth telling apart from what is
 * signed. */
#include "collector/ooni/report.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "measurement/record.h"

#define SUFFIX_CHARS  16
#define NOBODY_ADDRESS "127.0.0.1"
#define AHEAD_MOST_US (INT64_C(86400) * US_PER_S)
#define AGE_MOST_US   (INT64_C(366) * 86400 * US_PER_S)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* Lower-case letters and digits; underscores left out. */
static enum status name_squeeze(const char *name, char *out, size_t out_bytes)
{
    size_t count = 0;
    for (; *name; name++) {
        if (*name == '_') {
            continue;
        }
        if ((!islower((unsigned char)*name) && !isdigit((unsigned char)*name)) || count + 1 >= out_bytes) {
            return STATUS_MALFORMED;
        }
        out[count++] = *name;
    }
    out[count] = 0;
    return count > 0 ? STATUS_OK : STATUS_MALFORMED;
}

/* "AS30722". */
static enum status asn_parse(const char *text, uint32_t *out)
{
    char *end = NULL;
    if (!text || strncmp(text, "AS", 2) != 0 || !isdigit((unsigned char)text[2])) {
        return STATUS_MALFORMED;
    }
    unsigned long long value = strtoull(text + 2, &end, 10);
    if (*end || value > UINT32_MAX) {
        return STATUS_MALFORMED;
    }
    *out = (uint32_t)value;
    return STATUS_OK;
}

static bool country_is_text(const char *text)
{
    return text && strlen(text) == COUNTRY_BYTES - 1 && isupper((unsigned char)text[0]) && isupper((unsigned char)text[1]);
}

/* "20210208T162755Z" */
static enum status stamp_parse(const char *text, size_t count, int64_t *out_us)
{
    struct tm time = {0};
    if (count != 16 || text[8] != 'T' || text[15] != 'Z') {
        return STATUS_MALFORMED;
    }
    for (size_t i = 0; i < count; i++) {
        if (i != 8 && i != 15 && !isdigit((unsigned char)text[i])) {
            return STATUS_MALFORMED;
        }
    }
    const char *end = strptime(text, "%Y%m%dT%H%M%SZ", &time);
    if (!end || end != text + count) {
        return STATUS_MALFORMED;
    }
    *out_us = (int64_t)timegm(&time) * US_PER_S;
    return STATUS_OK;
}

/* The next field up to the underscore; false where there is none. */
static bool field_take(const char **at, char *out, size_t out_bytes)
{
    size_t count = strcspn(*at, "_");
    if (count == 0 || count >= out_bytes || (*at)[count] != '_') {
        return false;
    }
    memcpy(out, *at, count);
    out[count] = 0;
    *at += count + 1;
    return true;
}

enum status report_id_parse(const char *text, struct report_id *out)
{
    struct report_id id = {.asn = 0};
    char stamp[32], name[64], country[8], asn[16], node[16];
    char *end = NULL;
    const char *at = text;
    if (strlen(text) >= REPORT_ID_BYTES || !field_take(&at, stamp, sizeof stamp) || !field_take(&at, name, sizeof name) ||
        !field_take(&at, country, sizeof country) || !field_take(&at, asn, sizeof asn) ||
        !field_take(&at, node, sizeof node) || strlen(at) != SUFFIX_CHARS || at[strspn(at, alphabet)] ||
        node[0] != 'n' || !country_is_text(country) || !isdigit((unsigned char)asn[0])) {
        return STATUS_MALFORMED;
    }
    unsigned long long number = strtoull(asn, &end, 10);
    if (*end || number > UINT32_MAX || name_squeeze(name, id.test_name, sizeof id.test_name) != STATUS_OK ||
        stamp_parse(stamp, strlen(stamp), &id.opened_us) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    memcpy(id.country, country, COUNTRY_BYTES);
    id.asn = (uint32_t)number;
    *out = id;
    return STATUS_OK;
}

static void stamp_format(int64_t wall_us, const char *form, char *out, size_t out_bytes)
{
    time_t seconds = (time_t)(wall_us / US_PER_S);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(out, out_bytes, form, &parts);
}

static void id_format(const char *name, const char *country, uint32_t asn, int64_t now_us,
                      const struct random_source *random, char out[REPORT_ID_BYTES])
{
    char stamp[32];
    char suffix[SUFFIX_CHARS + 1] = "";
    for (size_t i = 0; i < SUFFIX_CHARS; i++) {
        suffix[i] = alphabet[random_below(random, sizeof alphabet - 1)];
    }
    stamp_format(now_us, "%Y%m%dT%H%M%SZ", stamp, sizeof stamp);
    snprintf(out, REPORT_ID_BYTES, "%s_%s_%s_%" PRIu32 "_n1_%s", stamp, name, country, asn, suffix);
}

enum status report_open(const char *text, size_t count, int64_t now_us, const struct random_source *random,
                        char out_id[REPORT_ID_BYTES], struct why *why)
{
    json_t *root = NULL;
    char name[64];
    uint32_t asn = 0;
    if (count > REPORT_HEAD_BYTES_MAX) {
        why_set(why, "what opens a report has at most %d bytes", REPORT_HEAD_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    enum status status = json_read(text, count, &root, why);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
    }
    const char *format = json_member_text(root, "format");
    const char *test_name = json_member_text(root, "test_name");
    const char *country = json_member_text(root, "probe_cc");
    if (format && strcmp(format, "json") != 0) {
        why_set(why, "only the format json is taken");
        status = STATUS_MALFORMED;
    } else if (!test_name || name_squeeze(test_name, name, sizeof name) != STATUS_OK) {
        why_set(why, "test_name is missing, or holds other than lower-case letters, digits and underscores");
        status = STATUS_MALFORMED;
    } else if (!country_is_text(country) || asn_parse(json_member_text(root, "probe_asn"), &asn) != STATUS_OK) {
        why_set(why, "probe_cc is a country's two letters, and probe_asn a network such as AS30722");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        id_format(name, country, asn, now_us, random, out_id);
    }
    json_decref(root);
    return status;
}

static enum status times_check(const json_t *content, int64_t now_us, struct why *why)
{
    int64_t time_us = 0;
    const char *text = json_member_text(content, "measurement_start_time");
    if (!text || time_parse(text, &time_us) != STATUS_OK) {
        why_set(why, "measurement_start_time is missing or no time");
        return STATUS_MALFORMED;
    }
    if (time_us > now_us + AHEAD_MOST_US || time_us < now_us - AGE_MOST_US) {
        why_set(why, "measurement_start_time is more than a day ahead or more than a year ago");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status content_check(const char *id_text, const json_t *content, int64_t now_us, struct why *why)
{
    struct report_id id;
    char name[64];
    uint32_t asn = 0;
    const char *test_name = json_member_text(content, "test_name");
    const char *country = json_member_text(content, "probe_cc");
    const char *report = json_member_text(content, "report_id");
    if (report_id_parse(id_text, &id) != STATUS_OK) {
        why_set(why, "there is no such report; open one first");
        return STATUS_MALFORMED;
    }
    if (id.opened_us > now_us + AHEAD_MOST_US || id.opened_us < now_us - REPORT_OPEN_S * US_PER_S) {
        why_set(why, "the report was opened more than a day ago; open another");
        return STATUS_MALFORMED;
    }
    if (!test_name || name_squeeze(test_name, name, sizeof name) != STATUS_OK || strcmp(name, id.test_name) != 0 ||
        !country_is_text(country) || strcmp(country, id.country) != 0 ||
        asn_parse(json_member_text(content, "probe_asn"), &asn) != STATUS_OK || asn != id.asn ||
        (report && report[0] && strcmp(report, id_text) != 0)) {
        why_set(why, "the measurement is of another report: test_name, probe_cc, probe_asn or report_id differ");
        return STATUS_MALFORMED;
    }
    if (asn == 0 || strcmp(country, COUNTRY_UNKNOWN) == 0) {
        return STATUS_REFUSED;
    }
    return times_check(content, now_us, why);
}

/* The address that the record calls the probe's own, as it is written there; "" where that names nobody. */
static void own_address(const json_t *content, char out[INET6_ADDRSTRLEN])
{
    const char *text = json_member_text(content, "probe_ip");
    struct in6_addr address;
    bool is_address = text && strlen(text) < INET6_ADDRSTRLEN && strcmp(text, NOBODY_ADDRESS) != 0 &&
                      (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1);
    snprintf(out, INET6_ADDRSTRLEN, "%s", is_address ? text : "");
}

/* Whether a byte beside an address makes it part of another one. */
static bool goes_on(uint8_t byte, bool is_v6)
{
    return is_v6 ? isxdigit(byte) || byte == ':' : isdigit(byte) != 0;
}

/* The line with every mention of the address replaced; JSON writes digits, points and colons as they are. */
static void line_scrub(const struct buffer *line, const char *own, struct buffer *out)
{
    bool is_v6 = strchr(own, ':') != NULL;
    size_t own_count = strlen(own), at = 0;
    const uint8_t *found = NULL;
    for (size_t from = 0; (found = memmem(line->bytes + from, line->count - from, own, own_count)) != NULL;) {
        size_t begin = (size_t)(found - line->bytes), end = begin + own_count;
        from = end;
        if ((begin == 0 || !goes_on(line->bytes[begin - 1], is_v6)) &&
            (end == line->count || !goes_on(line->bytes[end], is_v6))) {
            buffer_append(out, line->bytes + at, begin - at);
            buffer_text(out, "[scrubbed]");
            at = end;
        }
    }
    buffer_append(out, line->bytes + at, line->count - at);
}

/* One line, whoever wrote it how; the caller's own address has no place in it. */
static enum status line_write(const char *id, json_t *content, struct buffer *out)
{
    char own[INET6_ADDRSTRLEN];
    struct buffer line = {0};
    own_address(content, own);
    if (json_object_set_new(content, "probe_ip", json_string(NOBODY_ADDRESS)) != 0 ||
        json_object_set_new(content, "report_id", json_string(id)) != 0) {
        return STATUS_NO_MEMORY;
    }
    enum status status = json_write(content, own[0] ? &line : out);
    if (status == STATUS_OK && own[0]) {
        line_scrub(&line, own, out);
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    buffer_free(&line);
    return status;
}

enum status report_read(const char *id, const char *text, size_t count, int64_t now_us, struct buffer *out_line,
                        struct why *why)
{
    json_t *root = NULL;
    if (count > REPORT_BYTES_MAX) {
        why_set(why, "a measurement has at most %u bytes", REPORT_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    enum status status = json_read(text, count, &root, why);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
    }
    const char *format = json_member_text(root, "format");
    json_t *content = json_object_get(root, "content");
    if (!format || strcmp(format, "json") != 0 || !json_is_object(content)) {
        why_set(why, "send {\"format\":\"json\",\"content\":{the measurement}}");
        status = STATUS_MALFORMED;
    } else {
        status = content_check(id, content, now_us, why);
    }
    if (status == STATUS_OK) {
        status = line_write(id, content, out_line);
    }
    if (status == STATUS_OK && out_line->count > RECORD_BYTES_MAX) {
        why_set(why, "a measurement has at most %u bytes", (unsigned)RECORD_BYTES_MAX);
        status = STATUS_TOO_LARGE;
    }
    json_decref(root);
    return status;
}

void report_uid(const char *id, const struct buffer *line, int64_t now_us, char out[REPORT_UID_BYTES])
{
    struct report_id parts = {.test_name = "unknown", .country = COUNTRY_UNKNOWN};
    uint8_t hash[EVP_MAX_MD_SIZE] = {0};
    char digits[17];
    char stamp[32];
    report_id_parse(id, &parts);
    EVP_Digest(line->bytes, line->count, hash, NULL, EVP_sha512(), NULL);
    hex_encode(hash, 8, digits);
    stamp_format(now_us, "%Y%m%d%H%M%S", stamp, sizeof stamp);
    snprintf(out, REPORT_UID_BYTES, "%s.%06" PRId64 "_%s_%s_%s", stamp, now_us % US_PER_S, parts.country,
             parts.test_name, digits);
}
