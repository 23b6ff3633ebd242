/* The ClientHello of a browser that speaks HTTP/3, and the first message of the server.
 * Owner: nothing outlives a call.
 * Why: OpenSSL 3.0 has no QUIC; what a filter reads is a few hundred well-known bytes. */
#include "tests-network/quic_reachability/hello.h"

#include <openssl/evp.h>
#include <string.h>

#define KEY_BYTES             32
#define RANDOM_BYTES          32
#define TYPE_CLIENT_HELLO     1
#define TYPE_SERVER_HELLO     2
#define EXTENSION_NAME        0
#define EXTENSION_GROUPS      10
#define EXTENSION_SIGNATURES  13
#define EXTENSION_ALPN        16
#define EXTENSION_VERSIONS    43
#define EXTENSION_PSK_MODES   45
#define EXTENSION_KEY_SHARE   51
#define EXTENSION_QUIC        57
#define PARAMETER_IDLE        0x01
#define PARAMETER_UDP_BYTES   0x03
#define PARAMETER_DATA        0x04
#define PARAMETER_DATA_OWN    0x05
#define PARAMETER_DATA_PEERS  0x06
#define PARAMETER_DATA_UNI    0x07
#define PARAMETER_STREAMS     0x08
#define PARAMETER_STREAMS_UNI 0x09
#define PARAMETER_SOURCE      0x0f

/* SHA-256 of "HelloRetryRequest", which stands in place of the random (RFC 8446 section 4.1.3). */
static const uint8_t retry_random[RANDOM_BYTES] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static void append_u16(struct buffer *out, size_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    buffer_append(out, bytes, sizeof bytes);
}

static void extension_append(struct buffer *out, uint16_t type, const void *bytes, size_t count)
{
    append_u16(out, type);
    append_u16(out, count);
    buffer_append(out, bytes, count);
}

static void name_append(struct buffer *out, const char *name)
{
    struct buffer list = {0};
    size_t count = strlen(name);
    append_u16(&list, count + 3);
    buffer_append(&list, "", 1); /* host_name */
    append_u16(&list, count);
    buffer_append(&list, name, count);
    extension_append(out, EXTENSION_NAME, list.bytes, list.count);
    out->failed = out->failed || list.failed;
    buffer_free(&list);
}

static enum status share_append(struct buffer *out, const struct random_source *random)
{
    uint8_t private_key[KEY_BYTES];
    uint8_t share[6 + KEY_BYTES] = {0, 4 + KEY_BYTES, 0, 0x1d, 0, KEY_BYTES};
    size_t count = KEY_BYTES;
    random_fill(random, private_key, sizeof private_key);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, sizeof private_key);
    bool is_made = key && EVP_PKEY_get_raw_public_key(key, share + 6, &count) == 1;
    EVP_PKEY_free(key);
    if (!is_made)
        return STATUS_NO_MEMORY;
    extension_append(out, EXTENSION_KEY_SHARE, share, sizeof share);
    return STATUS_OK;
}

static void parameter_append(struct buffer *out, uint64_t id, uint64_t value)
{
    struct buffer number = {0};
    quic_varint_append(&number, value);
    quic_varint_append(out, id);
    quic_varint_append(out, number.count);
    buffer_append(out, number.bytes, number.count);
    buffer_free(&number);
}

/* Transport parameters (RFC 9000 section 18.2). */
static void parameters_append(struct buffer *out, const struct quic_cid *source)
{
    struct buffer list = {0};
    parameter_append(&list, PARAMETER_IDLE, 30000);
    parameter_append(&list, PARAMETER_UDP_BYTES, 1472);
    parameter_append(&list, PARAMETER_DATA, 1048576);
    parameter_append(&list, PARAMETER_DATA_OWN, 262144);
    parameter_append(&list, PARAMETER_DATA_PEERS, 262144);
    parameter_append(&list, PARAMETER_DATA_UNI, 262144);
    parameter_append(&list, PARAMETER_STREAMS, 100);
    parameter_append(&list, PARAMETER_STREAMS_UNI, 100);
    quic_varint_append(&list, PARAMETER_SOURCE);
    quic_varint_append(&list, source->count);
    buffer_append(&list, source->bytes, source->count);
    extension_append(out, EXTENSION_QUIC, list.bytes, list.count);
    out->failed = out->failed || list.failed;
    buffer_free(&list);
}

static enum status extensions_write(const struct random_source *random, const char *name,
                                    const struct quic_cid *source, struct buffer *out)
{
    static const uint8_t versions[] = {2, 3, 4};
    static const uint8_t groups[] = {0, 2, 0, 0x1d};
    static const uint8_t signatures[] = {0, 14, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 8, 6, 8, 7};
    static const uint8_t alpn[] = {0, 3, 2, 'h', '3'};
    static const uint8_t modes[] = {1, 1};
    if (name && name[0])
        name_append(out, name);
    extension_append(out, EXTENSION_GROUPS, groups, sizeof groups);
    extension_append(out, EXTENSION_ALPN, alpn, sizeof alpn);
    extension_append(out, EXTENSION_SIGNATURES, signatures, sizeof signatures);
    extension_append(out, EXTENSION_VERSIONS, versions, sizeof versions);
    extension_append(out, EXTENSION_PSK_MODES, modes, sizeof modes);
    parameters_append(out, source);
    return share_append(out, random);
}

enum status hello_write(const struct random_source *random, const char *name, const struct quic_cid *source,
                        struct buffer *out)
{
    /* TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256; no compression */
    static const uint8_t suites[] = {0, 6, 0x13, 1, 0x13, 2, 0x13, 3, 1, 0};
    struct buffer extensions = {0};
    uint8_t random_bytes[RANDOM_BYTES];
    if (name && strlen(name) > HELLO_NAME_BYTES_MAX)
        return STATUS_USAGE;
    enum status status = extensions_write(random, name, source, &extensions);
    if (status == STATUS_OK && extensions.failed)
        status = STATUS_NO_MEMORY;
    if (status != STATUS_OK)
        goto done;
    size_t body_bytes = 2 + RANDOM_BYTES + 1 + sizeof suites + 2 + extensions.count;
    const uint8_t head[] = {TYPE_CLIENT_HELLO, 0, (uint8_t)(body_bytes >> 8), (uint8_t)body_bytes, 3, 3};
    random_fill(random, random_bytes, sizeof random_bytes);
    buffer_append(out, head, sizeof head);
    buffer_append(out, random_bytes, sizeof random_bytes);
    buffer_append(out, "", 1); /* no session id (RFC 9001 section 8.4) */
    buffer_append(out, suites, sizeof suites);
    append_u16(out, extensions.count);
    buffer_append(out, extensions.bytes, extensions.count);
    status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
done:
    buffer_free(&extensions);
    return status;
}

enum hello_answer hello_read(const uint8_t *bytes, size_t count, uint16_t *cipher)
{
    struct reader reader = reader_of(bytes, count);
    uint8_t random_bytes[RANDOM_BYTES];
    uint8_t type = reader_u8(&reader);
    if (!reader.failed && type != TYPE_SERVER_HELLO)
        return HELLO_MALFORMED;
    reader_skip(&reader, 3 + 2); /* length, legacy version */
    reader_copy(&reader, random_bytes, sizeof random_bytes);
    reader_skip(&reader, reader_u8(&reader));
    uint16_t suite = reader_u16be(&reader);
    if (reader.failed)
        return HELLO_NOT_YET;
    *cipher = suite;
    return memcmp(random_bytes, retry_random, sizeof retry_random) == 0 ? HELLO_RETRY_REQUEST : HELLO_SERVER;
}
