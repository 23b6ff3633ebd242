/* The page that the probe got against the control's, by OONI's HTTP diff rules.
 * Owns nothing; reads evidence.
 * (ooni/spec nettests/ts-017-web-connectivity.md, and probe-cli where the two differ: titles must not differ
 * in any long word, equal codes match whatever they are.) */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests-network/web_connectivity/verdict.h"

#define BODY_PROPORTION_LEAST 0.7
#define TITLE_WORD_BYTES      5

static const char *const common_headers[] = {
    "date",
    "content-type",
    "server",
    "cache-control",
    "vary",
    "set-cookie",
    "location",
    "expires",
    "x-powered-by",
    "content-encoding",
    "last-modified",
    "accept-ranges",
    "pragma",
    "x-frame-options",
    "etag",
    "x-content-type-options",
    "age",
    "via",
    "p3p",
    "x-xss-protection",
    "content-language",
    "cf-ray",
    "strict-transport-security",
    "link",
    "x-varnish",
};

static bool header_is_common(const char *name)
{
    for (size_t i = 0; i < sizeof common_headers / sizeof common_headers[0]; i++) {
        if (strcasecmp(common_headers[i], name) == 0)
            return true;
    }
    return false;
}

static bool headers_hold(const struct web_page *page, const char *name)
{
    for (size_t i = 0; i < page->header_count; i++) {
        if (strcasecmp(page->header_names[i], name) == 0)
            return true;
    }
    return false;
}

/* Only uncommon headers tell one site from another. */
static enum web_truth headers_compare(const struct web_page *page, const struct web_page *control)
{
    for (size_t i = 0; i < page->header_count; i++) {
        const char *name = page->header_names[i];
        if (!header_is_common(name) && headers_hold(control, name))
            return WEB_TRUE;
    }
    return WEB_FALSE;
}

static size_t word_length(const char *text)
{
    return strcspn(text, " ");
}

static bool word_within(const char *word, size_t length, const char *title)
{
    for (const char *at = title; *at; at += word_length(at) + (at[word_length(at)] == ' ')) {
        if (word_length(at) == length && strncasecmp(at, word, length) == 0)
            return true;
    }
    return false;
}

static bool long_words_within(const char *title, const char *other)
{
    for (const char *at = title; *at; at += word_length(at) + (at[word_length(at)] == ' ')) {
        if (word_length(at) >= TITLE_WORD_BYTES && !word_within(at, word_length(at), other))
            return false;
    }
    return true;
}

static enum web_truth titles_compare(const char *title, const char *control)
{
    return long_words_within(title, control) && long_words_within(control, title) ? WEB_TRUE : WEB_FALSE;
}

static enum web_truth codes_compare(long code, long control)
{
    if (code <= 0 || control <= 0)
        return WEB_NULL;
    if (code == control)
        return WEB_TRUE;
    return control / 100 == 2 ? WEB_FALSE : WEB_NULL;
}

struct web_comparison web_compare(const struct web_page *page, const struct web_control *control)
{
    struct web_comparison found = {0};
    if (!control->is_there || !control->http_tried || control->http_failure)
        return found;
    int64_t a = page->body_length, b = control->page.body_length;
    if (!page->is_truncated && a > 0 && b > 0) {
        found.body_proportion = a < b ? (double)a / (double)b : (double)b / (double)a;
        found.body_length_match = found.body_proportion > BODY_PROPORTION_LEAST ? WEB_TRUE : WEB_FALSE;
    }
    found.status_code_match = codes_compare(page->code, control->page.code);
    if (control->page.code > 0) {
        found.headers_match = headers_compare(page, &control->page);
        found.title_match = titles_compare(page->title, control->page.title);
    }
    found.is_same = found.status_code_match == WEB_TRUE &&
                    (found.body_length_match == WEB_TRUE || found.headers_match == WEB_TRUE ||
                     found.title_match == WEB_TRUE);
    return found;
}
