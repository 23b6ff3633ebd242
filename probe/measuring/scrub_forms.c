/* The ways in which a server writes its visitor's address.
 * Owner: the forms stand in the scrub_addresses.
 * Why: an address that is left in one of them is as public as in any other. Base64 is among them, because cookies and
 * tokens hold JSON in it; encryption and hashes are not, since nobody can look into them without trying all addresses. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/random.h"
#include "probe/measuring/scrub.h"

static void pair_add(struct scrub_addresses *addresses, int first, int second)
{
    size_t pair = (size_t)(uint8_t)first << 8 | (uint8_t)second;
    addresses->pairs[pair / 8] |= (uint8_t)(1u << pair % 8);
}

static void form_keep(struct scrub_addresses *addresses, const char *form, enum scrub_edge edge, bool is_network)
{
    struct scrub_form added = {
        .length = strlen(form), .has_dot = strchr(form, '.') != NULL, .is_network = is_network, .edge = edge};
    if (addresses->form_count == SCRUB_ADDRESSES_MAX * SCRUB_FORMS_MAX || added.length >= SCRUB_FORM_BYTES || !form[0])
        return;
    if (addresses->form_count == 0) {
        struct random_source random = random_system();
        random_fill(&random, addresses->mask, sizeof addresses->mask);
    }
    for (size_t i = 0; i < added.length; i++)
        added.masked[i] = (uint8_t)(tolower(form[i]) ^ addresses->mask[i]);
    for (size_t i = 0; i < addresses->form_count; i++) {
        if (addresses->forms[i].length == added.length &&
            memcmp(addresses->forms[i].masked, added.masked, added.length) == 0)
            return;
    }
    addresses->forms[addresses->form_count++] = added;
    pair_add(addresses, tolower(form[0]), tolower(form[1]));
    pair_add(addresses, tolower(form[0]), toupper(form[1]));
    pair_add(addresses, toupper(form[0]), tolower(form[1]));
    pair_add(addresses, toupper(form[0]), toupper(form[1]));
}

static void form_add(struct scrub_addresses *addresses, const char *form, enum scrub_edge edge)
{
    form_keep(addresses, form, edge, false);
}

/* The text inside a longer base64 text begins at one of three places; what depends on its neighbours is left out. */
static void base64_add(struct scrub_addresses *addresses, const void *text, size_t count)
{
    for (size_t before = 0; before < 3; before++) {
        struct buffer plain = {0}, encoded = {0};
        buffer_append(&plain, "\0\0", before);
        buffer_append(&plain, text, count);
        base64_append(&encoded, plain.bytes, plain.count);
        /* Digits that hold bits of the text alone. */
        size_t first = (before * 8 + 5) / 6, end = plain.count * 8 / 6;
        char form[SCRUB_FORM_BYTES] = "";
        if (!encoded.failed && end > first && end - first < sizeof form) {
            memcpy(form, encoded.bytes + first, end - first);
            form_add(addresses, form, SCRUB_EDGE_NONE);
        }
        OPENSSL_cleanse(form, sizeof form);
        if (plain.bytes)
            OPENSSL_cleanse(plain.bytes, plain.count);
        if (encoded.bytes)
            OPENSSL_cleanse(encoded.bytes, encoded.count);
        buffer_free(&plain);
        buffer_free(&encoded);
    }
}

/* Names that providers give to addresses, and what escapes dots. */
static void v4_separated_add(struct scrub_addresses *addresses, const uint8_t b[4])
{
    static const char *const separators[] = {"-", "_", "%2e", "&#46;"};
    char form[SCRUB_FORM_BYTES];
    for (size_t i = 0; i < sizeof separators / sizeof separators[0]; i++) {
        const char *s = separators[i];
        snprintf(form, sizeof form, "%u%s%u%s%u%s%u", b[0], s, b[1], s, b[2], s, b[3]);
        form_add(addresses, form, SCRUB_EDGE_DIGIT);
    }
    snprintf(form, sizeof form, "%u-%u-%u-%u", b[3], b[2], b[1], b[0]);
    form_add(addresses, form, SCRUB_EDGE_DIGIT);
    for (const char *s = ".-"; *s; s++) {
        snprintf(form, sizeof form, "%03u%c%03u%c%03u%c%03u", b[0], *s, b[1], *s, b[2], *s, b[3]);
        form_add(addresses, form, SCRUB_EDGE_DIGIT);
    }
    snprintf(form, sizeof form, "%03u%03u%03u%03u", b[0], b[1], b[2], b[3]);
    form_add(addresses, form, SCRUB_EDGE_DIGIT);
    OPENSSL_cleanse(form, sizeof form);
}

/* Inside an IPv6 address: mapped (::ffff:c000:201), by NAT64 (64:ff9b::c000:201), 6to4 (2002:c000:201::). */
static void v4_embedded_add(struct scrub_addresses *addresses, const uint8_t b[4])
{
    static const char *const before[] = {"ffff:", "::", "2002:"};
    char form[SCRUB_FORM_BYTES];
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        snprintf(form, sizeof form, "%s%x:%x", before[i], (unsigned)b[0] << 8 | b[1], (unsigned)b[2] << 8 | b[3]);
        form_add(addresses, form, SCRUB_EDGE_HEX);
    }
    snprintf(form, sizeof form, "%02x%02x:%02x%02x", b[0], b[1], b[2], b[3]);
    form_add(addresses, form, SCRUB_EDGE_HEX);
    OPENSSL_cleanse(form, sizeof form);
}

static void v4_add(struct scrub_addresses *addresses, const uint8_t b[4])
{
    char form[SCRUB_FORM_BYTES], dotted[SCRUB_FORM_BYTES];
    snprintf(dotted, sizeof dotted, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    form_add(addresses, dotted, SCRUB_EDGE_DIGIT);
    v4_separated_add(addresses, b);
    v4_embedded_add(addresses, b);
    snprintf(form, sizeof form, "%u.%u.%u.%u.in-addr", b[3], b[2], b[1], b[0]);
    form_add(addresses, form, SCRUB_EDGE_DIGIT);
    snprintf(form, sizeof form, "%u.%u.%u.%u", b[3], b[2], b[1], b[0]); /* block lists' names */
    form_add(addresses, form, SCRUB_EDGE_DIGIT);
    snprintf(form, sizeof form, "%02x%02x%02x%02x", b[0], b[1], b[2], b[3]);
    form_add(addresses, form, SCRUB_EDGE_HEX);
    snprintf(form, sizeof form, "%lu",
             (unsigned long)b[0] << 24 | (unsigned long)b[1] << 16 | (unsigned long)b[2] << 8 | b[3]);
    form_add(addresses, form, SCRUB_EDGE_DIGIT);
    base64_add(addresses, dotted, strlen(dotted));
    OPENSSL_cleanse(form, sizeof form);
    OPENSSL_cleanse(dotted, sizeof dotted);
}

static void v6_groups_add(struct scrub_addresses *addresses, const uint8_t b[16])
{
    char plain[SCRUB_FORM_BYTES] = "", full[SCRUB_FORM_BYTES] = "", packed[SCRUB_FORM_BYTES], reversed[SCRUB_FORM_BYTES];
    size_t plain_used = 0, full_used = 0, reversed_used = 0;
    for (size_t i = 0; i < 16; i += 2) {
        unsigned group = (unsigned)b[i] << 8 | b[i + 1];
        const char *colon = i ? ":" : "";
        plain_used += (size_t)snprintf(plain + plain_used, sizeof plain - plain_used, "%s%x", colon, group);
        full_used += (size_t)snprintf(full + full_used, sizeof full - full_used, "%s%04x", colon, group);
    }
    form_add(addresses, plain, SCRUB_EDGE_HEX);
    form_add(addresses, full, SCRUB_EDGE_HEX);
    hex_encode(b, 16, packed);
    form_add(addresses, packed, SCRUB_EDGE_HEX);
    for (size_t i = 32; i > 0; i--) /* ip6.arpa */
        reversed_used += (size_t)snprintf(reversed + reversed_used, sizeof reversed - reversed_used, "%c%s",
                                          packed[i - 1], i > 1 ? "." : "");
    form_add(addresses, reversed, SCRUB_EDGE_HEX);
    OPENSSL_cleanse(plain, sizeof plain);
    OPENSSL_cleanse(full, sizeof full);
    OPENSSL_cleanse(packed, sizeof packed);
    OPENSSL_cleanse(reversed, sizeof reversed);
}

/* Its /64 is a household's, whoever of its machines is named. */
static void v6_network_add(struct scrub_addresses *addresses, const uint8_t b[16])
{
    char form[SCRUB_FORM_BYTES];
    unsigned groups[4];
    for (size_t i = 0; i < 4; i++)
        groups[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
    if (b[0] >> 5 != 1 || groups[2] == 0) /* of global addresses; and not of what is written as 2001:db8:: */
        return;
    snprintf(form, sizeof form, "%x:%x:%x:%x:", groups[0], groups[1], groups[2], groups[3]);
    form_keep(addresses, form, SCRUB_EDGE_HEX, true);
    snprintf(form, sizeof form, "%04x:%04x:%04x:%04x:", groups[0], groups[1], groups[2], groups[3]);
    form_keep(addresses, form, SCRUB_EDGE_HEX, true);
    snprintf(form, sizeof form, "%x:%x:%x::", groups[0], groups[1], groups[2]);
    if (groups[3] == 0)
        form_keep(addresses, form, SCRUB_EDGE_HEX, true);
    OPENSSL_cleanse(form, sizeof form);
}

static void v6_add(struct scrub_addresses *addresses, const uint8_t b[16])
{
    char form[SCRUB_FORM_BYTES] = "", escaped[SCRUB_FORM_BYTES] = "", dashed[SCRUB_FORM_BYTES] = "";
    size_t used = 0;
    if (!inet_ntop(AF_INET6, b, form, sizeof form))
        return;
    form_add(addresses, form, SCRUB_EDGE_HEX);
    v6_groups_add(addresses, b);
    for (const char *at = form; *at && used + 4 < sizeof escaped; at++) /* in a URL's query */
        used += (size_t)snprintf(escaped + used, sizeof escaped - used, *at == ':' ? "%%3a" : "%c", *at);
    form_add(addresses, escaped, SCRUB_EDGE_HEX);
    for (size_t i = 0; form[i]; i++)
        dashed[i] = form[i] == ':' ? '-' : form[i];
    form_add(addresses, dashed, SCRUB_EDGE_HEX);
    base64_add(addresses, form, strlen(form));
    base64_add(addresses, b, 16);
    v6_network_add(addresses, b);
    OPENSSL_cleanse(form, sizeof form);
    OPENSSL_cleanse(escaped, sizeof escaped);
    OPENSSL_cleanse(dashed, sizeof dashed);
}

void scrub_forms_add(struct scrub_addresses *addresses, const uint8_t *address, bool is_v4)
{
    if (is_v4)
        v4_add(addresses, address);
    else
        v6_add(addresses, address);
}
