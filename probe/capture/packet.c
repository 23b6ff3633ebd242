/* One captured frame taken apart.
 * Owner: nothing; the payload is borrowed from the frame.
 * Why: these bytes come from anyone on the path, so that they pass the bounded reader only. */
#include "probe/capture/packet.h"

#include <netinet/in.h>
#include <pcap/dlt.h>
#include <string.h>

#include "measurement/base/bytes.h"

#define ETHER_IPV4          0x0800
#define ETHER_IPV6          0x86dd
#define ETHER_VLAN          0x8100 /* IEEE 802.1Q */
#define ETHER_QINQ          0x88a8 /* IEEE 802.1ad */
#define VLAN_TAGS_MAX       2
#define IPV6_EXTENSIONS_MAX 8

/* Of the frame: consumes the link header, leaves the EtherType; 0 where it carries no EtherType. */
static uint16_t ethernet_read(struct reader *left)
{
    reader_skip(left, 12);
    uint16_t type = reader_u16be(left);
    for (int i = 0; i < VLAN_TAGS_MAX && (type == ETHER_VLAN || type == ETHER_QINQ); i++) {
        reader_skip(left, 2);
        type = reader_u16be(left);
    }
    return type;
}

/* Raw IP tells its version itself. */
static uint16_t version_peek(const struct reader *left)
{
    unsigned version = left->left_bytes > 0 ? left->bytes[0] >> 4 : 0;
    return version == 4 ? ETHER_IPV4 : version == 6 ? ETHER_IPV6 : 0;
}

static enum status link_read(int link_type, struct reader *left, uint16_t *out_type)
{
    switch (link_type) {
    case DLT_EN10MB:
        *out_type = ethernet_read(left);
        break;
    case DLT_LINUX_SLL:
        reader_skip(left, 14);
        *out_type = reader_u16be(left);
        break;
    case DLT_LINUX_SLL2:
        *out_type = reader_u16be(left);
        reader_skip(left, 18);
        break;
    case DLT_NULL:
    case DLT_LOOP:
        reader_skip(left, 4);
        *out_type = version_peek(left);
        break;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        *out_type = version_peek(left);
        break;
    default:
        return STATUS_UNSUPPORTED;
    }
    return left->failed ? STATUS_MALFORMED : STATUS_OK;
}

/* RFC 791 section 3.1. */
static enum status ipv4_read(struct reader *left, struct packet *out, size_t *out_claimed)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    size_t whole = left->left_bytes;
    uint8_t first = reader_u8(left);
    size_t header_bytes = (size_t)(first & 0x0f) * 4;
    reader_skip(left, 1);
    size_t total = reader_u16be(left);
    out->ip_id = reader_u16be(left);
    uint16_t fragment = reader_u16be(left);
    out->ttl = reader_u8(left);
    out->protocol = reader_u8(left);
    reader_skip(left, 2);
    memcpy(out->source.address, mapped, sizeof mapped);
    memcpy(out->destination.address, mapped, sizeof mapped);
    reader_copy(left, out->source.address + 12, 4);
    reader_copy(left, out->destination.address + 12, 4);
    total = total == 0 ? whole : total; /* segmentation offload leaves it 0 */
    if (left->failed || first >> 4 != 4 || header_bytes < 20 || total < header_bytes) {
        return STATUS_MALFORMED;
    }
    reader_skip(left, header_bytes - 20);
    out->is_ipv4 = true;
    out->df = (fragment & 0x4000) != 0;
    *out_claimed = total - header_bytes;
    return (fragment & 0x1fff) != 0 ? STATUS_UNSUPPORTED : STATUS_OK;
}

/* RFC 8200 section 4: passes the extension headers that may stand before TCP and UDP. */
static enum status extensions_read(struct reader *left, uint8_t next, struct packet *out, size_t *claimed)
{
    for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
            next != IPPROTO_FRAGMENT) {
            out->protocol = next;
            return left->failed ? STATUS_MALFORMED : STATUS_OK;
        }
        bool is_fragment = next == IPPROTO_FRAGMENT;
        next = reader_u8(left);
        size_t length = reader_u8(left);
        uint16_t offset = reader_u16be(left);
        if (is_fragment && (offset & 0xfff8) != 0) {
            return STATUS_UNSUPPORTED;
        }
        size_t header_bytes = is_fragment ? 8 : (length + 1) * 8;
        reader_skip(left, header_bytes - 4);
        if (left->failed || header_bytes > *claimed) {
            return STATUS_MALFORMED;
        }
        *claimed -= header_bytes;
    }
    return STATUS_UNSUPPORTED;
}

static enum status ipv6_read(struct reader *left, struct packet *out, size_t *out_claimed)
{
    size_t whole = left->left_bytes;
    uint8_t first = reader_u8(left);
    reader_skip(left, 3);
    size_t length = reader_u16be(left);
    uint8_t next = reader_u8(left);
    out->ttl = reader_u8(left);
    reader_copy(left, out->source.address, 16);
    reader_copy(left, out->destination.address, 16);
    if (left->failed || first >> 4 != 6) {
        return STATUS_MALFORMED;
    }
    *out_claimed = length == 0 ? whole - 40 : length;
    return extensions_read(left, next, out, out_claimed);
}

/* RFC 9293 section 3.1. */
static enum status tcp_read(struct reader *left, struct packet *out, size_t claimed)
{
    out->source.port = reader_u16be(left);
    out->destination.port = reader_u16be(left);
    out->sequence = reader_u32be(left);
    out->acknowledgement = reader_u32be(left);
    size_t header_bytes = (size_t)(reader_u8(left) >> 4) * 4;
    out->flags = reader_u8(left);
    out->window = reader_u16be(left);
    reader_skip(left, 4);
    if (left->failed || header_bytes < 20 || header_bytes > claimed) {
        return STATUS_MALFORMED;
    }
    /* Options may have been cut by the capture: then there is no payload in the frame either. */
    size_t options = header_bytes - 20;
    reader_skip(left, options < left->left_bytes ? options : left->left_bytes);
    out->payload_bytes = claimed - header_bytes;
    return STATUS_OK;
}

static enum status udp_read(struct reader *left, struct packet *out, size_t claimed)
{
    out->source.port = reader_u16be(left);
    out->destination.port = reader_u16be(left);
    size_t length = reader_u16be(left);
    reader_skip(left, 2);
    length = length == 0 ? claimed : length; /* offload and jumbograms */
    if (left->failed || length < 8 || length > claimed) {
        return STATUS_MALFORMED;
    }
    out->payload_bytes = length - 8;
    return STATUS_OK;
}

enum status packet_decode(int link_type, const void *bytes, size_t count, struct packet *out)
{
    struct reader left = reader_of(bytes, count);
    struct packet packet = {0};
    uint16_t type = 0;
    size_t claimed = 0;
    enum status status = link_read(link_type, &left, &type);
    if (status == STATUS_OK) {
        status = type == ETHER_IPV4   ? ipv4_read(&left, &packet, &claimed)
                 : type == ETHER_IPV6 ? ipv6_read(&left, &packet, &claimed)
                                      : STATUS_UNSUPPORTED;
    }
    if (status == STATUS_OK) {
        /* Ethernet pads short packets: what the IP header does not claim is no payload. */
        left.left_bytes = claimed < left.left_bytes ? claimed : left.left_bytes;
        status = packet.protocol == IPPROTO_TCP   ? tcp_read(&left, &packet, claimed)
                 : packet.protocol == IPPROTO_UDP ? udp_read(&left, &packet, claimed)
                                                  : STATUS_UNSUPPORTED;
    }
    if (status != STATUS_OK) {
        return status;
    }
    packet.payload = left.bytes;
    packet.payload_captured = left.left_bytes < packet.payload_bytes ? left.left_bytes : packet.payload_bytes;
    *out = packet;
    return STATUS_OK;
}

enum status packet_end_of(const struct sockaddr_storage *address, struct packet_end *out)
{
    struct packet_end end = {0};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        end.address[10] = end.address[11] = 0xff;
        memcpy(end.address + 12, &v4->sin_addr, 4);
        end.port = ntohs(v4->sin_port);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        memcpy(end.address, &v6->sin6_addr, 16);
        end.port = ntohs(v6->sin6_port);
    } else {
        return STATUS_UNSUPPORTED;
    }
    *out = end;
    return STATUS_OK;
}
