/* Well-formed XML 1.0, whatever the text. */
#ifndef COLLECTOR_FEED_XML_H
#define COLLECTOR_FEED_XML_H

#include <stdint.h>

#include "measurement/base/bytes.h"

/* Escaped for content and for quoted attributes. Bytes that are no UTF-8 and characters that XML 1.0 does not
 * allow (section 2.2) become U+FFFD. */
void xml_text(struct buffer *out, const char *text);
/* <name>text</name>, on a line of its own; nothing where `text` is NULL. */
void xml_element(struct buffer *out, const char *name, const char *text);
/* name="text" with a space before it. */
void xml_attribute(struct buffer *out, const char *name, const char *text);

/* "2026-01-31T23:50:00Z" (RFC 3339) as an element. */
void xml_time(struct buffer *out, const char *name, int64_t time_s);
/* "Sat, 31 Jan 2026 23:50:00 +0000" (RFC 822 with four-digit years, as RSS 2.0 wants). */
void xml_time_rfc822(struct buffer *out, const char *name, int64_t time_s);
/* "2026-01-31T23:50:00-00:00": CAP 1.2 section 3.3.2 forbids "Z", and writes UTC as -00:00. */
void xml_time_cap(struct buffer *out, const char *name, int64_t time_s);

/* A name-based "urn:uuid:...", the same for the same words (RFC 9562, version 8 over SHA-256). */
#define XML_URN_BYTES 46
void xml_urn(const char *kind, const char *name, char out[XML_URN_BYTES]);

#endif
