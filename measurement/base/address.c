/* Which Internet addresses are everybody's and which are special.
 * Owner: nothing; a pure function.
 * Why: whoever lets others name an endpoint must not become their way into a private network. */
#include "measurement/base/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct range {
    uint8_t prefix[16];
    uint8_t bit_count;
};

/* IANA IPv4 Special-Purpose Address Registry, what is not globally reachable, and multicast (RFC 5771). The
 * anycast exceptions inside 192.0.0.0/24 serve no web site. */
static const struct range special_v4[] = {
    {{0}, 8},             /* this network, RFC 791 */
    {{10}, 8},            /* private, RFC 1918 */
    {{100, 64}, 10},      /* carrier-grade NAT, RFC 6598 */
    {{127}, 8},           /* loopback, RFC 1122 */
    {{169, 254}, 16},     /* link-local, RFC 3927 */
    {{172, 16}, 12},      /* private, RFC 1918 */
    {{192, 0, 0}, 24},    /* IETF protocols, RFC 6890 */
    {{192, 0, 2}, 24},    /* documentation, RFC 5737 */
    {{192, 88, 99}, 24},  /* 6to4 relays, withdrawn by RFC 7526 */
    {{192, 168}, 16},     /* private, RFC 1918 */
    {{198, 18}, 15},      /* benchmarking, RFC 2544 */
    {{198, 51, 100}, 24}, /* documentation, RFC 5737 */
    {{203, 0, 113}, 24},  /* documentation, RFC 5737 */
    {{224}, 4},           /* multicast, RFC 5771 */
    {{240}, 4},           /* reserved and broadcast, RFC 1112, RFC 8190 */
};

/* Inside 2000::/3, what the IPv6 registry says is not globally reachable. All else outside 2000::/3 is
 * special. */
static const struct range special_v6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* IETF protocols, Teredo among them, RFC 2928 */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation, RFC 3849 */
    {{0x3f, 0xff, 0x00}, 20},       /* documentation, RFC 9637 */
};

static const struct range global_v6 = {{0x20}, 3};

/* IPv6 prefixes that carry an IPv4 address, and where in the address it stands. */
static const struct {
    struct range range;
    size_t offset;
} embedding_v6[] = {
    {{{[10] = 0xff, [11] = 0xff}, 96}, 12}, /* mapped, RFC 4291 */
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},   /* NAT64, RFC 6052 */
    {{{0x20, 0x02}, 16}, 2},                /* 6to4, RFC 3056 */
};

static bool range_holds(const struct range *range, const uint8_t *bytes)
{
    size_t whole = range->bit_count / 8;
    unsigned rest = range->bit_count % 8;
    if (memcmp(range->prefix, bytes, whole) != 0) {
        return false;
    }
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return rest == 0 || (range->prefix[whole] & mask) == (bytes[whole] & mask);
}

static bool is_in(const struct range *ranges, size_t count, const uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (range_holds(&ranges[i], bytes)) {
            return true;
        }
    }
    return false;
}

static bool v4_is_public(const uint8_t *bytes)
{
    return !is_in(special_v4, sizeof special_v4 / sizeof special_v4[0], bytes);
}

static bool v6_is_public(const uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof embedding_v6 / sizeof embedding_v6[0]; i++) {
        if (range_holds(&embedding_v6[i].range, bytes)) {
            return v4_is_public(bytes + embedding_v6[i].offset);
        }
    }
    return range_holds(&global_v6, bytes) &&
           !is_in(special_v6, sizeof special_v6 / sizeof special_v6[0], bytes);
}

bool address_is_public(const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (address->sa_family == AF_INET) {
        memcpy(bytes, &((const struct sockaddr_in *)address)->sin_addr, 4);
        return v4_is_public(bytes);
    }
    if (address->sa_family == AF_INET6) {
        memcpy(bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
        return v6_is_public(bytes);
    }
    return false;
}
