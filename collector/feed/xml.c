/* Elements, text and times of XML.
 * Owner: appends to the caller's buffer.
 * Why: subjects come from URLs that anybody chose, and a reader that stops at a stray byte loses the whole
 * feed. */
#include "collector/feed/xml.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "measurement/base/clock.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* How many bytes of one character begin here; 0 where it is none, or none that XML allows. */
static size_t character_bytes(const char *at, size_t left)
{
    unsigned char first = (unsigned char)*at;
    size_t count = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (count > left || !utf8_is_valid(at, count)) {
        return 0;
    }
    if (count == 1 && first < 0x20 && first != '\t' && first != '\n' && first != '\r') {
        return 0;
    }
    bool is_no_character =
        count == 3 && (memcmp(at, "\xEF\xBF\xBE", 3) == 0 || memcmp(at, "\xEF\xBF\xBF", 3) == 0);
    return is_no_character ? 0 : count;
}

static const char *escape_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

void xml_text(struct buffer *out, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t count = character_bytes(text, left);
        const char *escape = escape_of(*text);
        if (count == 0) {
            buffer_text(out, REPLACEMENT);
            count = 1;
        } else if (escape) {
            buffer_text(out, escape);
        } else {
            buffer_append(out, text, count);
        }
        text += count;
        left -= count;
    }
}

void xml_element(struct buffer *out, const char *name, const char *text)
{
    if (text) {
        buffer_printf(out, "<%s>", name);
        xml_text(out, text);
        buffer_printf(out, "</%s>\n", name);
    }
}

void xml_attribute(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, " %s=\"", name);
    xml_text(out, text);
    buffer_text(out, "\"");
}

void xml_time(struct buffer *out, const char *name, int64_t time_s)
{
    char text[TIME_TEXT_BYTES];
    time_format_utc(time_s * US_PER_S, text);
    xml_element(out, name, text);
}

void xml_time_cap(struct buffer *out, const char *name, int64_t time_s)
{
    char text[TIME_TEXT_BYTES];
    time_format_utc(time_s * US_PER_S, text);
    text[strcspn(text, "Z")] = '\0';
    buffer_printf(out, "<%s>%s-00:00</%s>\n", name, text, name);
}

void xml_time_rfc822(struct buffer *out, const char *name, int64_t time_s)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm parts = {0};
    time_t time = (time_t)time_s;
    gmtime_r(&time, &parts);
    buffer_printf(out, "<%s>%s, %02d %s %04d %02d:%02d:%02d +0000</%s>\n", name, days[parts.tm_wday],
                  parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                  parts.tm_sec, name);
}

void xml_urn(const char *kind, const char *name, char out[XML_URN_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    char digits[2 * 16 + 1];
    struct buffer words = {0};
    buffer_printf(&words, "dialtone %s %s", kind, name);
    sha256(words.bytes, words.count, hash);
    buffer_free(&words);
    hash[6] = (uint8_t)((hash[6] & 0x0F) | 0x80);
    hash[8] = (uint8_t)((hash[8] & 0x3F) | 0x80);
    hex_encode(hash, 16, digits);
    snprintf(out, XML_URN_BYTES, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12,
             digits + 16, digits + 20);
}
