/* QUIC version 1 packets: headers read and written, Initial protection put on and taken off.
 * Owner: nothing outlives a call.
 * Why: Initial keys come from the connection id on the wire, so that the first flight can be made and read
 * without a QUIC library. */
#include "tests-network/quic_reachability/packet.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

#define SECRET_BYTES 32
#define SAMPLE_BYTES 16
#define FORM_LONG    0x80
#define FIXED_BIT    0x40
#define NUMBER_BYTES 4
#define LENGTH_BYTES 2 /* how the length of an Initial is written: up to 16383 */
#define RETRY_KEY    "\xbe\x0c\x69\x0b\x9f\x66\x57\x5a\x1d\x76\x6b\x54\xe3\x68\xc8\x4e"
#define RETRY_NONCE  "\x46\x15\x99\xd3\x5d\x63\x2b\xf2\x23\x98\x25\xbb"

static const uint8_t initial_salt[20] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                         0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};

uint64_t quic_varint_read(struct reader *reader)
{
    uint8_t first = reader_u8(reader);
    uint64_t value = first & 0x3f;
    for (int more = (1 << (first >> 6)) - 1; more > 0; more--)
        value = value << 8 | reader_u8(reader);
    return reader->failed ? 0 : value;
}

void quic_varint_append(struct buffer *buffer, uint64_t value)
{
    int bytes_count = value < 64 ? 1 : value < 16384 ? 2 : value < (UINT64_C(1) << 30) ? 4 : 8;
    uint8_t bytes[8];
    for (int i = bytes_count - 1; i >= 0; i--, value >>= 8)
        bytes[i] = (uint8_t)value;
    static const uint8_t prefixes[] = {0, 0x00, 0x40, 0, 0x80, 0, 0, 0, 0xc0};
    bytes[0] = (uint8_t)(bytes[0] | prefixes[bytes_count]);
    buffer_append(buffer, bytes, (size_t)bytes_count);
}

static enum status hkdf(int mode, const void *key, size_t key_bytes, const void *salt, size_t salt_bytes,
                        const void *info, size_t info_bytes, uint8_t *out, size_t out_bytes)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    bool is_done = context && EVP_PKEY_derive_init(context) == 1 &&
                   EVP_PKEY_CTX_set_hkdf_mode(context, mode) == 1 &&
                   EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1 &&
                   EVP_PKEY_CTX_set1_hkdf_key(context, key, (int)key_bytes) == 1;
    if (is_done && salt)
        is_done = EVP_PKEY_CTX_set1_hkdf_salt(context, salt, (int)salt_bytes) == 1;
    if (is_done && info)
        is_done = EVP_PKEY_CTX_add1_hkdf_info(context, info, (int)info_bytes) == 1;
    is_done = is_done && EVP_PKEY_derive(context, out, &out_bytes) == 1;
    EVP_PKEY_CTX_free(context);
    return is_done ? STATUS_OK : STATUS_NO_MEMORY;
}

/* HKDF-Expand-Label with an empty context (RFC 8446 section 7.1). */
static enum status expand_label(const uint8_t secret[SECRET_BYTES], const char *label, uint8_t *out,
                                size_t out_bytes)
{
    uint8_t info[40] = {0, (uint8_t)out_bytes, (uint8_t)(6 + strlen(label)), 't', 'l', 's', '1', '3', ' '};
    memcpy(info + 9, label, strlen(label)); /* followed by the zero that is the length of the context */
    return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, secret, SECRET_BYTES, NULL, 0, info, 10 + strlen(label), out,
                out_bytes);
}

enum status quic_initial_keys(const struct quic_cid *destination, enum quic_side side, struct quic_keys *out)
{
    uint8_t initial[SECRET_BYTES];
    uint8_t secret[SECRET_BYTES];
    struct quic_keys keys;
    enum status status = hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, destination->bytes, destination->count,
                              initial_salt, sizeof initial_salt, NULL, 0, initial, sizeof initial);
    if (status == STATUS_OK)
        status =
            expand_label(initial, side == QUIC_CLIENT ? "client in" : "server in", secret, sizeof secret);
    if (status == STATUS_OK)
        status = expand_label(secret, "quic key", keys.key, sizeof keys.key);
    if (status == STATUS_OK)
        status = expand_label(secret, "quic iv", keys.iv, sizeof keys.iv);
    if (status == STATUS_OK)
        status = expand_label(secret, "quic hp", keys.hp, sizeof keys.hp);
    if (status == STATUS_OK)
        *out = keys;
    return status;
}

static void cid_read(struct reader *reader, struct quic_cid *out)
{
    size_t count = reader_u8(reader);
    if (count > QUIC_CID_BYTES_MAX) {
        reader->failed = true;
        return;
    }
    reader_copy(reader, out->bytes, count);
    out->count = count;
}

static void token_read(struct reader *reader, size_t count, struct quic_header *out)
{
    struct reader token = reader_take(reader, count);
    out->token = token.bytes;
    out->token_bytes = token.left_bytes;
}

static void versions_read(struct reader *reader, struct quic_header *out)
{
    out->kind = QUIC_NEGOTIATION;
    while (reader->left_bytes >= 4 && out->version_count < QUIC_VERSIONS_MAX)
        out->versions[out->version_count++] = reader_u32be(reader);
    if (out->version_count == 0)
        reader->failed = true;
}

/* What stands behind the connection ids of a version 1 packet. */
static void rest_read(struct reader *reader, size_t whole_bytes, struct quic_header *out)
{
    if (out->kind == QUIC_RETRY) {
        if (reader->left_bytes < QUIC_TAG_BYTES) {
            reader->failed = true;
            return;
        }
        token_read(reader, reader->left_bytes - QUIC_TAG_BYTES, out);
        return;
    }
    if (out->kind == QUIC_INITIAL) {
        uint64_t token_bytes = quic_varint_read(reader);
        if (token_bytes > reader->left_bytes) {
            reader->failed = true;
            return;
        }
        token_read(reader, (size_t)token_bytes, out);
    }
    uint64_t length = quic_varint_read(reader);
    if (reader->failed || length > reader->left_bytes || length < NUMBER_BYTES + SAMPLE_BYTES) {
        reader->failed = true;
        return;
    }
    out->packet_number_at = whole_bytes - reader->left_bytes;
    out->packet_bytes = out->packet_number_at + (size_t)length;
}

enum status quic_header_read(const uint8_t *bytes, size_t count, struct quic_header *out)
{
    static const enum quic_kind kinds[] = {QUIC_INITIAL, QUIC_ZERO_RTT, QUIC_HANDSHAKE, QUIC_RETRY};
    struct reader reader = reader_of(bytes, count);
    struct quic_header header = {.packet_bytes = count};
    uint8_t first = reader_u8(&reader);
    if (reader.failed)
        return STATUS_MALFORMED;
    if ((first & FORM_LONG) == 0) {
        header.kind = QUIC_SHORT;
        *out = header;
        return STATUS_OK;
    }
    header.version = reader_u32be(&reader);
    cid_read(&reader, &header.destination);
    cid_read(&reader, &header.source);
    header.kind = kinds[first >> 4 & 3];
    if (reader.failed)
        return STATUS_MALFORMED;
    if (header.version == 0)
        versions_read(&reader, &header);
    else if (header.version != QUIC_VERSION_1 || (first & FIXED_BIT) == 0)
        return STATUS_MALFORMED;
    else
        rest_read(&reader, count, &header);
    if (reader.failed)
        return STATUS_MALFORMED;
    *out = header;
    return STATUS_OK;
}

/* AES-128-ECB of the sample: what the first byte and the packet number are hidden with. */
static enum status mask_make(const uint8_t hp[16], const uint8_t sample[SAMPLE_BYTES],
                             uint8_t out[SAMPLE_BYTES])
{
    int count = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool is_done = context && EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), NULL, hp, NULL) == 1 &&
                   EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
                   EVP_EncryptUpdate(context, out, &count, sample, SAMPLE_BYTES) == 1 &&
                   count == SAMPLE_BYTES;
    EVP_CIPHER_CTX_free(context);
    return is_done ? STATUS_OK : STATUS_NO_MEMORY;
}

static void nonce_make(const uint8_t iv[12], uint32_t packet_number, uint8_t out[12])
{
    memcpy(out, iv, 12);
    for (int i = 0; i < 4; i++)
        out[8 + i] = (uint8_t)(out[8 + i] ^ (uint8_t)(packet_number >> (24 - 8 * i)));
}

static enum status gcm_seal(const uint8_t key[16], const uint8_t nonce[12], const uint8_t *head,
                            size_t head_bytes, const uint8_t *plain, size_t plain_bytes, uint8_t *out,
                            uint8_t tag[QUIC_TAG_BYTES])
{
    int count = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool is_done =
        context && EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
        EVP_EncryptUpdate(context, NULL, &count, head, (int)head_bytes) == 1 &&
        (plain_bytes == 0 || EVP_EncryptUpdate(context, out, &count, plain, (int)plain_bytes) == 1) &&
        EVP_EncryptFinal_ex(context, tag, &count) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, QUIC_TAG_BYTES, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_done ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status gcm_open(const uint8_t key[16], const uint8_t nonce[12], const uint8_t *head,
                            size_t head_bytes, const uint8_t *sealed, size_t sealed_bytes, uint8_t *out)
{
    int count = 0;
    uint8_t tag[QUIC_TAG_BYTES];
    uint8_t rest[16];
    size_t plain_bytes = sealed_bytes - QUIC_TAG_BYTES;
    memcpy(tag, sealed + plain_bytes, sizeof tag);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool is_ready = context && EVP_DecryptInit_ex(context, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
                    EVP_DecryptUpdate(context, NULL, &count, head, (int)head_bytes) == 1 &&
                    EVP_DecryptUpdate(context, out, &count, sealed, (int)plain_bytes) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, QUIC_TAG_BYTES, tag) == 1;
    bool is_genuine = is_ready && EVP_DecryptFinal_ex(context, rest, &count) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_genuine ? STATUS_OK : is_ready ? STATUS_BAD_SIGNATURE : STATUS_NO_MEMORY;
}

static void head_append(const struct quic_initial *initial, size_t sealed_bytes, struct buffer *out)
{
    const uint8_t first = FORM_LONG | FIXED_BIT | (NUMBER_BYTES - 1);
    const uint8_t version[4] = {0, 0, 0, 1};
    const uint32_t number = initial->packet_number;
    const uint8_t tail[LENGTH_BYTES + NUMBER_BYTES] = {(uint8_t)(0x40 | (sealed_bytes + NUMBER_BYTES) >> 8),
                                                       (uint8_t)(sealed_bytes + NUMBER_BYTES),
                                                       (uint8_t)(number >> 24),
                                                       (uint8_t)(number >> 16),
                                                       (uint8_t)(number >> 8),
                                                       (uint8_t)number};
    const uint8_t destination_bytes = (uint8_t)initial->destination.count;
    const uint8_t source_bytes = (uint8_t)initial->source.count;
    buffer_append(out, &first, 1);
    buffer_append(out, version, sizeof version);
    buffer_append(out, &destination_bytes, 1);
    buffer_append(out, initial->destination.bytes, destination_bytes);
    buffer_append(out, &source_bytes, 1);
    buffer_append(out, initial->source.bytes, source_bytes);
    quic_varint_append(out, initial->token_bytes);
    if (initial->token_bytes > 0)
        buffer_append(out, initial->token, initial->token_bytes);
    buffer_append(out, tail, sizeof tail);
}

enum status quic_initial_seal(const struct quic_keys *keys, const struct quic_initial *initial,
                              struct buffer *out)
{
    uint8_t plain[QUIC_DATAGRAM_BYTES] = {0};
    uint8_t sealed[QUIC_DATAGRAM_BYTES + QUIC_TAG_BYTES];
    uint8_t nonce[12];
    uint8_t mask[SAMPLE_BYTES];
    size_t head_bytes = 1 + 4 + 1 + initial->destination.count + 1 + initial->source.count +
                        (initial->token_bytes < 64 ? 1u : 2u) + initial->token_bytes + LENGTH_BYTES +
                        NUMBER_BYTES;
    if (initial->destination.count > QUIC_CID_BYTES_MAX || initial->source.count > QUIC_CID_BYTES_MAX ||
        initial->token_bytes > QUIC_TOKEN_BYTES_MAX || initial->payload_bytes > sizeof plain ||
        head_bytes + initial->payload_bytes + QUIC_TAG_BYTES > QUIC_DATAGRAM_BYTES)
        return STATUS_TOO_LARGE;
    size_t plain_bytes = initial->payload_bytes;
    if (head_bytes + plain_bytes + QUIC_TAG_BYTES < initial->datagram_bytes &&
        initial->datagram_bytes <= QUIC_DATAGRAM_BYTES)
        plain_bytes = initial->datagram_bytes - head_bytes - QUIC_TAG_BYTES;
    if (plain_bytes < SAMPLE_BYTES)
        plain_bytes = SAMPLE_BYTES; /* so that there is enough to sample */
    memcpy(plain, initial->payload, initial->payload_bytes);
    size_t at = out->count;
    head_append(initial, plain_bytes + QUIC_TAG_BYTES, out);
    if (out->failed)
        return STATUS_NO_MEMORY;
    nonce_make(keys->iv, initial->packet_number, nonce);
    enum status status = gcm_seal(keys->key, nonce, out->bytes + at, head_bytes, plain, plain_bytes, sealed,
                                  sealed + plain_bytes);
    if (status == STATUS_OK)
        status = mask_make(keys->hp, sealed,
                           mask); /* the number has its full four bytes: the sample begins here */
    if (status != STATUS_OK)
        return status;
    out->bytes[at] = (uint8_t)(out->bytes[at] ^ (mask[0] & 0x0f));
    for (size_t i = 0; i < NUMBER_BYTES; i++)
        out->bytes[at + head_bytes - NUMBER_BYTES + i] ^= mask[1 + i];
    buffer_append(out, sealed, plain_bytes + QUIC_TAG_BYTES);
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status quic_initial_open(const struct quic_keys *keys, const uint8_t *bytes,
                              const struct quic_header *header, struct buffer *payload,
                              uint32_t *packet_number)
{
    uint8_t packet[QUIC_DATAGRAM_BYTES_MAX];
    uint8_t nonce[12];
    uint8_t mask[SAMPLE_BYTES];
    uint32_t number = 0;
    size_t at = header->packet_number_at;
    if (header->packet_bytes > sizeof packet || at + NUMBER_BYTES + SAMPLE_BYTES > header->packet_bytes)
        return STATUS_MALFORMED;
    memcpy(packet, bytes, header->packet_bytes);
    enum status status = mask_make(keys->hp, packet + at + NUMBER_BYTES, mask);
    if (status != STATUS_OK)
        return status;
    packet[0] = (uint8_t)(packet[0] ^ (mask[0] & 0x0f));
    size_t number_bytes = (packet[0] & 3u) + 1u;
    for (size_t i = 0; i < number_bytes; i++) {
        packet[at + i] ^= mask[1 + i];
        number = number << 8 | packet[at + i];
    }
    size_t head_bytes = at + number_bytes;
    size_t sealed_bytes = header->packet_bytes - head_bytes;
    if (sealed_bytes <= QUIC_TAG_BYTES)
        return STATUS_MALFORMED;
    size_t plain_bytes = sealed_bytes - QUIC_TAG_BYTES;
    uint8_t *out = buffer_reserve(payload, plain_bytes);
    if (!out)
        return STATUS_NO_MEMORY;
    nonce_make(keys->iv, number, nonce);
    status = gcm_open(keys->key, nonce, packet, head_bytes, packet + head_bytes, sealed_bytes, out);
    if (status != STATUS_OK)
        return status;
    payload->count += plain_bytes;
    *packet_number = number;
    return STATUS_OK;
}

bool quic_retry_is_genuine(const struct quic_cid *original, const uint8_t *bytes, size_t count)
{
    uint8_t tag[QUIC_TAG_BYTES];
    struct buffer pseudo = {0};
    const uint8_t length = (uint8_t)original->count;
    bool is_genuine = false;
    if (count < QUIC_TAG_BYTES)
        return false;
    buffer_append(&pseudo, &length, 1);
    buffer_append(&pseudo, original->bytes, original->count);
    buffer_append(&pseudo, bytes, count - QUIC_TAG_BYTES);
    if (!pseudo.failed && gcm_seal((const uint8_t *)RETRY_KEY, (const uint8_t *)RETRY_NONCE, pseudo.bytes,
                                   pseudo.count, NULL, 0, NULL, tag) == STATUS_OK)
        is_genuine = memcmp(tag, bytes + count - QUIC_TAG_BYTES, sizeof tag) == 0;
    buffer_free(&pseudo);
    return is_genuine;
}
