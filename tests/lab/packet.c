/* IP packets: read into fields, and built from them with right checksums.
 * Owner: nothing is allocated; a packet that was read borrows the caller's bytes.
 * Why: the censor's rules think in fields, and what they forge must look whole to the kernel that receives
 * it. */
#include "tests/lab/packet.h"

#include <arpa/inet.h>
#include <string.h>

#include "measurement/base/bytes.h"

#define EXTENSION_HEADERS_MAX 8

enum status ip_parse(const char *text, struct ip_address *out)
{
    struct ip_address address = {0};
    if (inet_pton(AF_INET, text, address.bytes) == 1)
        address.version = 4;
    else if (inet_pton(AF_INET6, text, address.bytes) == 1)
        address.version = 6;
    else
        return STATUS_MALFORMED;
    *out = address;
    return STATUS_OK;
}

void ip_format(const struct ip_address *address, char out[ADDRESS_TEXT_BYTES])
{
    out[0] = '\0';
    if (address->version != 0)
        inet_ntop(address->version == 4 ? AF_INET : AF_INET6, address->bytes, out, ADDRESS_TEXT_BYTES);
}

size_t ip_bytes(const struct ip_address *address)
{
    return address->version == 4 ? 4 : 16;
}

bool ip_equal(const struct ip_address *left, const struct ip_address *right)
{
    return left->version == right->version && memcmp(left->bytes, right->bytes, ip_bytes(left)) == 0;
}

bool ip_within(const struct ip_address *address, const struct ip_address *network, int prefix_bits)
{
    if (address->version != network->version || prefix_bits < 0 || prefix_bits > (int)ip_bytes(network) * 8)
        return false;
    size_t whole = (size_t)prefix_bits / 8;
    if (memcmp(address->bytes, network->bytes, whole) != 0)
        return false;
    int rest = prefix_bits % 8;
    if (rest == 0)
        return true;
    return (address->bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}

static enum status read_ipv4(struct reader *reader, struct packet *out)
{
    size_t total = reader->left_bytes;
    size_t header_bytes = (size_t)(reader_u8(reader) & 0x0f) * 4;
    reader_u8(reader);
    size_t length_bytes = reader_u16be(reader);
    out->ip_id = reader_u16be(reader);
    uint16_t fragment = reader_u16be(reader);
    out->ttl = reader_u8(reader);
    out->protocol = reader_u8(reader);
    reader_skip(reader, 2);
    out->source.version = out->destination.version = 4;
    reader_copy(reader, out->source.bytes, 4);
    reader_copy(reader, out->destination.bytes, 4);
    if (reader->failed || header_bytes < 20 || length_bytes < header_bytes || length_bytes > total)
        return STATUS_MALFORMED;
    reader_skip(reader, header_bytes - 20);
    *reader = reader_take(reader, length_bytes - header_bytes);
    out->is_fragment = (fragment & 0x3fff) != 0;
    return reader->failed ? STATUS_MALFORMED : STATUS_OK;
}

/* Hop-by-hop, routing and destination options are skipped; a fragment header ends the reading. */
static enum status skip_extensions(struct reader *reader, struct packet *out)
{
    for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
        if (out->protocol == 44) {
            out->is_fragment = true;
            return STATUS_OK;
        }
        if (out->protocol != 0 && out->protocol != 43 && out->protocol != 60)
            return STATUS_OK;
        out->protocol = reader_u8(reader);
        size_t length_bytes = ((size_t)reader_u8(reader) + 1) * 8;
        reader_skip(reader, length_bytes - 2);
        if (reader->failed)
            return STATUS_MALFORMED;
    }
    return STATUS_MALFORMED;
}

static enum status read_ipv6(struct reader *reader, struct packet *out)
{
    reader_u32be(reader);
    size_t length_bytes = reader_u16be(reader);
    out->protocol = reader_u8(reader);
    out->ttl = reader_u8(reader);
    out->source.version = out->destination.version = 6;
    reader_copy(reader, out->source.bytes, 16);
    reader_copy(reader, out->destination.bytes, 16);
    *reader = reader_take(reader, length_bytes);
    return reader->failed ? STATUS_MALFORMED : skip_extensions(reader, out);
}

static enum status read_tcp(struct reader *reader, struct packet *out)
{
    out->source_port = reader_u16be(reader);
    out->destination_port = reader_u16be(reader);
    out->sequence = reader_u32be(reader);
    out->acknowledgement = reader_u32be(reader);
    size_t header_bytes = (size_t)(reader_u8(reader) >> 4) * 4;
    out->flags = reader_u8(reader);
    out->window = reader_u16be(reader);
    reader_skip(reader, 4);
    if (reader->failed || header_bytes < 20)
        return STATUS_MALFORMED;
    reader_skip(reader, header_bytes - 20);
    return reader->failed ? STATUS_MALFORMED : STATUS_OK;
}

static enum status read_udp(struct reader *reader, struct packet *out)
{
    out->source_port = reader_u16be(reader);
    out->destination_port = reader_u16be(reader);
    size_t length_bytes = reader_u16be(reader);
    reader_skip(reader, 2);
    if (reader->failed || length_bytes < 8)
        return STATUS_MALFORMED;
    *reader = reader_take(reader, length_bytes - 8);
    return reader->failed ? STATUS_MALFORMED : STATUS_OK;
}

enum status packet_read(const void *bytes, size_t count, struct packet *out)
{
    struct packet packet = {0};
    struct reader reader = reader_of(bytes, count);
    if (count == 0)
        return STATUS_MALFORMED;
    int version = *(const uint8_t *)bytes >> 4;
    enum status status = STATUS_MALFORMED;
    if (version == 4)
        status = read_ipv4(&reader, &packet);
    else if (version == 6)
        status = read_ipv6(&reader, &packet);
    if (status == STATUS_OK && !packet.is_fragment && packet.protocol == PROTOCOL_TCP)
        status = read_tcp(&reader, &packet);
    else if (status == STATUS_OK && !packet.is_fragment && packet.protocol == PROTOCOL_UDP)
        status = read_udp(&reader, &packet);
    if (status != STATUS_OK)
        return status;
    packet.payload = reader.bytes;
    packet.payload_bytes = reader.left_bytes;
    *out = packet;
    return STATUS_OK;
}

/* RFC 1071: the one's complement sum, not yet inverted. */
static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        sum += at % 2 == 0 ? (uint32_t)bytes[at] << 8 : bytes[at];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint16_t sum_finish(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum & 0xffff);
}

static void put_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value >> 16);
    put_u16(at + 2, value & 0xffff);
}

/* The pseudo header of RFC 9293 section 3.1 and RFC 8200 section 8.1; ICMP over IPv4 has none. */
static uint16_t transport_checksum(const struct packet *packet, const uint8_t *segment, size_t count)
{
    uint32_t sum = 0;
    if (packet->protocol != PROTOCOL_ICMP) {
        sum = sum_add(sum, packet->source.bytes, ip_bytes(&packet->source));
        sum = sum_add(sum, packet->destination.bytes, ip_bytes(&packet->destination));
        uint8_t tail[4] = {0, packet->protocol, 0, 0};
        put_u16(tail + 2, count);
        sum = sum_add(sum, tail, sizeof tail);
    }
    return sum_finish(sum_add(sum, segment, count));
}

static void build_ip(const struct packet *packet, uint8_t *out, size_t header_bytes, size_t total_bytes)
{
    size_t each = ip_bytes(&packet->source);
    memset(out, 0, header_bytes);
    if (packet->source.version == 4) {
        out[0] = 0x45;
        put_u16(out + 2, total_bytes);
        put_u16(out + 4, packet->ip_id);
        out[6] = 0x40; /* don't fragment, as every sender of today */
        out[8] = packet->ttl;
        out[9] = packet->protocol;
    } else {
        out[0] = 0x60;
        put_u16(out + 4, total_bytes - header_bytes);
        out[6] = packet->protocol;
        out[7] = packet->ttl;
    }
    memcpy(out + header_bytes - 2 * each, packet->source.bytes, each);
    memcpy(out + header_bytes - each, packet->destination.bytes, each);
    if (packet->source.version == 4)
        put_u16(out + 10, sum_finish(sum_add(0, out, header_bytes)));
}

static size_t transport_header_bytes(uint8_t protocol)
{
    if (protocol == PROTOCOL_TCP)
        return 20;
    return protocol == PROTOCOL_UDP ? 8 : 0;
}

static void build_transport(const struct packet *packet, uint8_t *out, size_t header_bytes, size_t count)
{
    memset(out, 0, header_bytes);
    if (header_bytes > 0) {
        put_u16(out, packet->source_port);
        put_u16(out + 2, packet->destination_port);
    }
    if (packet->protocol == PROTOCOL_TCP) {
        put_u32(out + 4, packet->sequence);
        put_u32(out + 8, packet->acknowledgement);
        out[12] = 5 << 4;
        out[13] = packet->flags;
        put_u16(out + 14, packet->window);
    } else if (packet->protocol == PROTOCOL_UDP) {
        put_u16(out + 4, count);
    }
}

static size_t checksum_offset(uint8_t protocol)
{
    if (protocol == PROTOCOL_TCP)
        return 16;
    return protocol == PROTOCOL_UDP ? 6 : 2;
}

enum status packet_build(const struct packet *packet, uint8_t *out, size_t room_bytes, size_t *out_count)
{
    size_t ip_bytes = packet->source.version == 4 ? 20 : 40;
    size_t header_bytes = transport_header_bytes(packet->protocol);
    size_t segment_bytes = header_bytes + packet->payload_bytes;
    size_t total_bytes = ip_bytes + segment_bytes;
    if (total_bytes > room_bytes || total_bytes > PACKET_BYTES_MAX || segment_bytes < 8)
        return STATUS_TOO_LARGE;
    uint8_t *segment = out + ip_bytes;
    build_ip(packet, out, ip_bytes, total_bytes);
    build_transport(packet, segment, header_bytes, segment_bytes);
    if (packet->payload_bytes > 0)
        memcpy(segment + header_bytes, packet->payload, packet->payload_bytes);
    uint8_t *checksum = segment + checksum_offset(packet->protocol);
    put_u16(checksum, 0);
    uint16_t value = transport_checksum(packet, segment, segment_bytes);
    put_u16(checksum, packet->protocol == PROTOCOL_UDP && value == 0 ? 0xffff : value);
    *out_count = total_bytes;
    return STATUS_OK;
}

bool packet_checksums_right(const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    struct packet packet;
    if (packet_read(bytes, count, &packet) != STATUS_OK)
        return false;
    size_t ip_bytes = packet.source.version == 4 ? (size_t)(at[0] & 0x0f) * 4 : 40;
    if (packet.source.version == 4 && sum_finish(sum_add(0, at, ip_bytes)) != 0)
        return false;
    bool is_known = packet.protocol == PROTOCOL_TCP || packet.protocol == PROTOCOL_UDP ||
                    packet.protocol == PROTOCOL_ICMP || packet.protocol == PROTOCOL_ICMPV6;
    if (packet.is_fragment || !is_known)
        return true;
    size_t total_bytes = (size_t)(packet.payload - at) + packet.payload_bytes;
    return transport_checksum(&packet, at + ip_bytes, total_bytes - ip_bytes) == 0;
}

struct packet packet_reply_to(const struct packet *request)
{
    return (struct packet){
        .source = request->destination,
        .destination = request->source,
        .source_port = request->destination_port,
        .destination_port = request->source_port,
        .protocol = request->protocol,
        .ttl = PACKET_TTL_DEFAULT,
    };
}
