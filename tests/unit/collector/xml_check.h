/* A strict reader of XML, for tests of what writes it: elements nest and close, attributes are quoted and
 * differ, references are known, and nothing stands where XML 1.0 forbids it. No DTD, no CDATA, no processing
 * instruction but the first: our writers make none, and one that appears is a fault. */
#ifndef TESTS_UNIT_COLLECTOR_XML_CHECK_H
#define TESTS_UNIT_COLLECTOR_XML_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"

#define XML_DEPTH_MAX  32
#define XML_NAME_BYTES 64

struct xml_check {
    const char *at;
    char open[XML_DEPTH_MAX][XML_NAME_BYTES];
    size_t depth;
    const char *fault; /* NULL: none yet */
};

static inline bool xml_fail(struct xml_check *check, const char *fault)
{
    check->fault = check->fault ? check->fault : fault;
    return false;
}

static inline bool xml_name(struct xml_check *check, char out[XML_NAME_BYTES])
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char later[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:";
    size_t count = *check->at && strchr(first, *check->at) ? strspn(check->at, later) : 0;
    if (count == 0 || count >= XML_NAME_BYTES) {
        return xml_fail(check, "no name where one must stand");
    }
    memcpy(out, check->at, count);
    out[count] = '\0';
    check->at += count;
    return true;
}

/* "&amp;", "&#39;" ... and no other. */
static inline bool xml_reference(struct xml_check *check)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#39;", "&#13;"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(check->at, known[i], strlen(known[i])) == 0) {
            check->at += strlen(known[i]);
            return true;
        }
    }
    return xml_fail(check, "an ampersand that begins no known reference");
}

/* One character of text or of an attribute's value. */
static inline bool xml_character(struct xml_check *check)
{
    unsigned char c = (unsigned char)*check->at;
    if (c == '&') {
        return xml_reference(check);
    }
    if (c == '<') {
        return xml_fail(check, "a bare < in text");
    }
    if (c < 0x20 && c != '\t' && c != '\n') {
        return xml_fail(check, "a control character");
    }
    if (strncmp(check->at, "\xEF\xBF\xBE", 3) == 0 || strncmp(check->at, "\xEF\xBF\xBF", 3) == 0) {
        return xml_fail(check, "a character that XML does not have");
    }
    check->at++;
    return true;
}

static inline bool xml_attributes(struct xml_check *check)
{
    char names[8][XML_NAME_BYTES];
    size_t count = 0;
    while (*check->at == ' ') {
        check->at++;
        if (count == 8 || !xml_name(check, names[count])) {
            return xml_fail(check, "too many attributes, or a space before none");
        }
        for (size_t i = 0; i < count; i++) {
            if (strcmp(names[i], names[count]) == 0) {
                return xml_fail(check, "the same attribute twice");
            }
        }
        count++;
        if (strncmp(check->at, "=\"", 2) != 0) {
            return xml_fail(check, "an attribute without a quoted value");
        }
        check->at += 2;
        while (*check->at && *check->at != '"') {
            if (!xml_character(check)) {
                return false;
            }
        }
        if (*check->at++ != '"') {
            return xml_fail(check, "an attribute that does not end");
        }
    }
    return true;
}

static inline bool xml_tag(struct xml_check *check)
{
    char name[XML_NAME_BYTES];
    bool is_end = check->at[1] == '/';
    check->at += is_end ? 2 : 1;
    if (!xml_name(check, name) || (!is_end && !xml_attributes(check))) {
        return false;
    }
    if (!is_end && strncmp(check->at, "/>", 2) == 0) {
        check->at += 2;
        return check->depth > 0 || xml_fail(check, "the root is empty");
    }
    if (*check->at++ != '>') {
        return xml_fail(check, "a tag that does not end");
    }
    if (is_end) {
        return (check->depth > 0 && strcmp(check->open[--check->depth], name) == 0) ||
               xml_fail(check, "an end tag of another element");
    }
    if (check->depth == XML_DEPTH_MAX) {
        return xml_fail(check, "too deep");
    }
    memcpy(check->open[check->depth++], name, sizeof name);
    return true;
}

/* NULL where the text is one well-formed document with that root; else what is wrong. */
static inline const char *xml_fault(const char *text, const char *root)
{
    static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    struct xml_check check = {.at = text};
    char wanted[XML_NAME_BYTES + 2];
    snprintf(wanted, sizeof wanted, "<%s", root);
    if (!utf8_is_valid(text, strlen(text))) {
        return "no UTF-8";
    }
    if (strncmp(text, head, strlen(head)) != 0 || strncmp(text + strlen(head), wanted, strlen(wanted)) != 0) {
        return "no XML declaration, or another root";
    }
    check.at += strlen(head);
    do {
        if (*check.at == '<' ? !xml_tag(&check) : !xml_character(&check)) {
            return check.fault;
        }
    } while (check.depth > 0 && *check.at);
    if (check.depth > 0) {
        return "an element that is not closed";
    }
    return strspn(check.at, " \n") == strlen(check.at) ? NULL : "something behind the root";
}

/* The text between the first <name ...> at or after *at and its end tag, unescaped not; NULL: none. Moves *at
 * on. The caller frees. */
static inline char *xml_inner(const char **at, const char *name)
{
    char opening[XML_NAME_BYTES + 2];
    char closing[XML_NAME_BYTES + 4];
    snprintf(opening, sizeof opening, "<%s", name);
    snprintf(closing, sizeof closing, "</%s>", name);
    const char *found = strstr(*at, opening);
    while (found && found[strlen(opening)] != '>' && found[strlen(opening)] != ' ') {
        found = strstr(found + 1, opening);
    }
    const char *start = found ? strchr(found, '>') : NULL;
    const char *end = start ? strstr(start, closing) : NULL;
    if (!end) {
        return NULL;
    }
    *at = end + strlen(closing);
    return strndup(start + 1, (size_t)(end - start - 1));
}

#endif
