/* Replaces the probe's own addresses in a JSON tree.
 * Owner: the tree is the caller's; a scrub_addresses holds no memory of its own.
 * Why: a site that echoes its visitor's address must not put a volunteer's into a public record. */
#include "probe/measuring/scrub.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "measurement/base/address.h"
#include "measurement/base/json.h"

#define SHORTEST_FORM_BYTES 3 /* "::2" */
#define PACKED_WINDOW_BYTES 16384
#define PACKED_BYTES_MAX    (64u << 20)

static bool pair_is_known(const struct scrub_addresses *addresses, const uint8_t *at)
{
    size_t pair = (size_t)at[0] << 8 | at[1];
    return addresses->pairs[pair / 8] >> pair % 8 & 1;
}

static bool is_own(const struct scrub_addresses *addresses, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (memcmp(&addresses->addresses[i], address, sizeof *address) == 0)
            return true;
    }
    return false;
}

enum status scrub_add(struct scrub_addresses *addresses, const struct sockaddr *address)
{
    struct sockaddr_storage kept = {0};
    struct in_addr v4 = {0};
    struct in6_addr v6 = {0};
    bool is_v4 = address->sa_family == AF_INET;
    if (is_v4) {
        v4 = ((const struct sockaddr_in *)address)->sin_addr;
        *(struct sockaddr_in *)&kept = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = v4};
        uint32_t host = ntohl(v4.s_addr);
        if (host >> 24 == 127 || host == 0)
            return STATUS_OK;
    } else if (address->sa_family == AF_INET6) {
        v6 = ((const struct sockaddr_in6 *)address)->sin6_addr;
        *(struct sockaddr_in6 *)&kept = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = v6};
        if (IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6))
            return STATUS_OK;
    } else {
        return STATUS_OK;
    }
    if (is_own(addresses, &kept))
        return STATUS_OK;
    if (addresses->count == SCRUB_ADDRESSES_MAX)
        return STATUS_FULL;
    addresses->addresses[addresses->count++] = kept;
    scrub_forms_add(addresses, is_v4 ? (const uint8_t *)&v4 : (const uint8_t *)&v6, is_v4);
    return STATUS_OK;
}

enum status scrub_add_text(struct scrub_addresses *addresses, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return scrub_add(addresses, (const struct sockaddr *)&v4);
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        return scrub_add(addresses, (const struct sockaddr *)&v6);
    return STATUS_MALFORMED;
}

enum status scrub_add_interfaces(struct scrub_addresses *addresses)
{
    struct ifaddrs *interfaces = NULL;
    if (getifaddrs(&interfaces) != 0)
        return STATUS_IO;
    enum status status = STATUS_OK;
    for (const struct ifaddrs *at = interfaces; at && status == STATUS_OK; at = at->ifa_next) {
        if (at->ifa_addr)
            status = scrub_add(addresses, at->ifa_addr);
    }
    freeifaddrs(interfaces);
    return status;
}

/* Family, address without port: as addresses are kept. */
static struct sockaddr_storage plain_address(const struct sockaddr *address)
{
    struct sockaddr_storage plain = {0};
    if (address->sa_family == AF_INET)
        *(struct sockaddr_in *)&plain = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_addr = ((const struct sockaddr_in *)address)->sin_addr};
    else if (address->sa_family == AF_INET6)
        *(struct sockaddr_in6 *)&plain = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_addr = ((const struct sockaddr_in6 *)address)->sin6_addr};
    return plain;
}

bool scrub_holds(const struct scrub_addresses *addresses, const struct sockaddr *address)
{
    struct sockaddr_storage plain = plain_address(address);
    return is_own(addresses, &plain);
}

static bool same_network(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return memcmp(&((const struct sockaddr_in *)a)->sin_addr, &((const struct sockaddr_in *)b)->sin_addr, 3) == 0;
    return a->ss_family == AF_INET6 && memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                                              &((const struct sockaddr_in6 *)b)->sin6_addr, 8) == 0;
}

enum status scrub_add_resolvers(struct scrub_addresses *addresses, const struct sockaddr_storage *resolvers, size_t count)
{
    enum status status = STATUS_OK;
    size_t own_count = addresses->count; /* a resolver makes no other one near */
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        bool is_near = !address_is_public((const struct sockaddr *)&resolvers[i]);
        for (size_t j = 0; j < own_count && !is_near; j++)
            is_near = same_network(&addresses->addresses[j], &resolvers[i]);
        if (is_near)
            status = scrub_add(addresses, (const struct sockaddr *)&resolvers[i]);
    }
    return status;
}

/* Whether a character next to a form makes it another, longer number. A colon does not: "2001:db8::1:443" is written
 * for a port more often than for an address, and where in doubt it is scrubbed. */
static bool continues(const struct reader *text, size_t at, enum scrub_edge edge)
{
    if (at >= text->left_bytes || edge == SCRUB_EDGE_NONE)
        return false;
    return edge == SCRUB_EDGE_HEX ? isxdigit(text->bytes[at]) != 0 : isdigit(text->bytes[at]) != 0;
}

static bool form_is(const struct scrub_addresses *addresses, const struct scrub_form *form, const uint8_t *text)
{
    for (size_t i = 0; i < form->length; i++) {
        if ((uint8_t)(tolower(text[i]) ^ addresses->mask[i]) != form->masked[i])
            return false;
    }
    return true;
}

/* To the end of the address that begins with the network at `at`; one colon behind it is the sentence's. */
static size_t network_length(const struct reader *text, size_t at, size_t length)
{
    const uint8_t *bytes = text->bytes + at;
    while (at + length < text->left_bytes && (isxdigit(bytes[length]) || bytes[length] == ':'))
        length++;
    return bytes[length - 1] == ':' && bytes[length - 2] != ':' ? length - 1 : length;
}

/* Length of the longest form that stands at `at`, or 0. */
static size_t form_at(const struct scrub_addresses *addresses, const struct reader *text, size_t at)
{
    size_t longest = 0;
    for (size_t i = 0; i < addresses->form_count; i++) {
        const struct scrub_form *form = &addresses->forms[i];
        size_t length = form->length;
        if (length > text->left_bytes - at || !form_is(addresses, form, text->bytes + at))
            continue;
        /* What begins with a colon is the rest of a longer address. */
        bool goes_on_before = at > 0 && text->bytes[at] != ':' && continues(text, at - 1, form->edge);
        /* "5.10.0.0.2" holds no 10.0.0.2. */
        bool is_longer =
            form->has_dot && at > 1 && text->bytes[at - 1] == '.' && isdigit(text->bytes[at - 2]);
        if (goes_on_before || is_longer || (!form->is_network && continues(text, at + length, form->edge)))
            continue;
        if (form->is_network)
            length = network_length(text, at, length);
        longest = length > longest ? length : longest;
    }
    return longest;
}

bool scrub_finds(const struct scrub_addresses *addresses, const void *bytes, size_t count)
{
    struct reader text = reader_of(bytes, count);
    for (size_t at = 0; addresses->form_count > 0 && at + SHORTEST_FORM_BYTES <= count; at++) {
        if (pair_is_known(addresses, text.bytes + at) && form_at(addresses, &text, at) > 0)
            return true;
    }
    return false;
}

/* Writes the text with forms replaced; returns how many were, and writes nothing where none was. */
static size_t text_scrub(const struct scrub_addresses *addresses, const void *bytes, size_t count,
                         struct buffer *out)
{
    struct reader text = reader_of(bytes, count);
    size_t replaced_count = 0, plain_start = 0, at = 0;
    while (at + SHORTEST_FORM_BYTES <= count) {
        size_t length = pair_is_known(addresses, text.bytes + at) ? form_at(addresses, &text, at) : 0;
        if (length == 0) {
            at++;
            continue;
        }
        buffer_append(out, text.bytes + plain_start, at - plain_start);
        buffer_text(out, SCRUB_MARK);
        at += length;
        plain_start = at;
        replaced_count++;
    }
    if (replaced_count > 0)
        buffer_append(out, text.bytes + plain_start, count - plain_start);
    return replaced_count;
}

static enum status string_scrub(const struct scrub_addresses *addresses, json_t *string)
{
    struct buffer out = {0};
    enum status status = STATUS_OK;
    if (text_scrub(addresses, json_string_value(string), json_string_length(string), &out) > 0 &&
        (out.failed || json_string_setn(string, (const char *)out.bytes, out.count) != 0))
        status = STATUS_NO_MEMORY;
    if (out.failed)
        status = STATUS_NO_MEMORY;
    buffer_free(&out);
    return status;
}

/* The address itself, four or sixteen bytes: in what is binary it stands so. Replaced by as many letters. */
static size_t raw_scrub(const struct scrub_addresses *addresses, struct buffer *bytes)
{
    size_t replaced_count = 0;
    for (size_t i = 0; i < addresses->count; i++) {
        const struct sockaddr_storage *own = &addresses->addresses[i];
        bool is_v4 = own->ss_family == AF_INET;
        size_t length = is_v4 ? 4 : 16;
        const void *needle = is_v4 ? (const void *)&((const struct sockaddr_in *)own)->sin_addr
                                   : (const void *)&((const struct sockaddr_in6 *)own)->sin6_addr;
        uint8_t *found;
        while (bytes->count > 0 && (found = memmem(bytes->bytes, bytes->count, needle, length))) {
            memset(found, 'x', length);
            replaced_count++;
        }
    }
    return replaced_count;
}

/* What a server compressed though nobody asked for it. REFUSED where an address stands in it, or it ends too late. */
static enum status packed_check(const struct scrub_addresses *addresses, const struct buffer *bytes)
{
    uint8_t window[PACKED_WINDOW_BYTES];
    z_stream stream = {.next_in = bytes->bytes, .avail_in = (uInt)bytes->count};
    size_t kept = 0, seen = 0;
    int code = Z_OK;
    if (bytes->count < 2 || bytes->bytes[0] != 0x1f || bytes->bytes[1] != 0x8b)
        return STATUS_OK;
    if (bytes->count > UINT32_MAX || inflateInit2(&stream, 15 + 16) != Z_OK)
        return STATUS_NO_MEMORY;
    enum status status = STATUS_OK;
    while (code == Z_OK && status == STATUS_OK) {
        stream.next_out = window + kept;
        stream.avail_out = (uInt)(sizeof window - kept);
        code = inflate(&stream, Z_NO_FLUSH);
        size_t count = sizeof window - stream.avail_out;
        seen += count - kept;
        if (scrub_finds(addresses, window, count) || seen > PACKED_BYTES_MAX)
            status = STATUS_REFUSED;
        bool is_stuck = count == kept;
        kept = count < SCRUB_FORM_BYTES ? count : SCRUB_FORM_BYTES;
        memmove(window, window + count - kept, kept);
        if (is_stuck)
            break;
    }
    inflateEnd(&stream);
    explicit_bzero(window, sizeof window);
    return status;
}

/* {"data": ..., "format": "base64"}: the text inside, and the raw address. What is not base64 is left. */
static enum status binary_scrub(const struct scrub_addresses *addresses, json_t *object)
{
    struct buffer plain = {0}, scrubbed = {0}, encoded = {0};
    enum status status = STATUS_OK;
    const char *data = json_member_text(object, "data");
    if (base64_decode(data, strlen(data), &plain) != STATUS_OK)
        goto done;
    status = packed_check(addresses, &plain);
    if (status != STATUS_OK)
        goto done;
    size_t raw_count = raw_scrub(addresses, &plain);
    if (text_scrub(addresses, plain.bytes, plain.count, &scrubbed) == 0) {
        if (raw_count == 0)
            goto done;
        buffer_append(&scrubbed, plain.bytes, plain.count);
    }
    base64_append(&encoded, scrubbed.bytes, scrubbed.count);
    if (scrubbed.failed || encoded.failed ||
        json_object_set_new(object, "data", json_stringn((const char *)encoded.bytes, encoded.count)) != 0)
        status = STATUS_NO_MEMORY;
done:
    buffer_free(&plain);
    buffer_free(&scrubbed);
    buffer_free(&encoded);
    return status;
}

static enum status value_scrub(const struct scrub_addresses *addresses, json_t *value, int depth)
{
    enum status status = STATUS_OK;
    if (depth > JSON_DEPTH_LIMIT)
        return STATUS_TOO_LARGE;
    if (json_is_string(value))
        return string_scrub(addresses, value);
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value) && status == STATUS_OK; i++)
            status = value_scrub(addresses, json_array_get(value, i), depth + 1);
        return status;
    }
    if (!json_is_object(value))
        return STATUS_OK;
    const char *format = json_member_text(value, "format");
    if (format && strcmp(format, "base64") == 0 && json_member_text(value, "data"))
        return binary_scrub(addresses, value);
    for (void *at = json_object_iter(value); at && status == STATUS_OK; at = json_object_iter_next(value, at))
        status = value_scrub(addresses, json_object_iter_value(at), depth + 1);
    return status;
}

enum status scrub_json(const struct scrub_addresses *addresses, json_t *tree)
{
    return addresses->form_count == 0 ? STATUS_OK : value_scrub(addresses, tree, 0);
}
