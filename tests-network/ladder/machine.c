/* The machine's own side of the ladder: link, default route, gateway, boot.
 * Owner: nothing is kept.
 * Why: a pulled cable must never look like a shutdown. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"
#include "tests-network/ladder/ladder.h"

#define PROC_BYTES_MAX (1u << 20)
#define ROUTES_MAX     8

/* The next line as text; false at the end. A longer line is cut, which no field that is read here reaches. */
static bool line_text(struct reader *reader, char *out, size_t out_bytes)
{
    struct reader line;
    if (!reader_line(reader, &line)) {
        return false;
    }
    size_t count = line.left_bytes < out_bytes ? line.left_bytes : out_bytes - 1;
    memcpy(out, line.bytes, count);
    out[count] = '\0';
    return true;
}

enum rung_outcome ladder_link_read(void)
{
    struct ifaddrs *list = NULL;
    enum rung_outcome outcome = RUNG_FAILED;
    if (getifaddrs(&list) != 0) {
        return RUNG_UNTRIED;
    }
    for (const struct ifaddrs *one = list; one != NULL; one = one->ifa_next) {
        unsigned flags = one->ifa_flags;
        if ((flags & IFF_UP) != 0 && (flags & IFF_RUNNING) != 0 && (flags & IFF_LOOPBACK) == 0) {
            outcome = RUNG_OK;
        }
    }
    freeifaddrs(list);
    return outcome;
}

/* Gateways (in the kernel's byte order) of the default routes; 0 where a route has none. Half-space routes,
 * as VPNs lay them over the default, count as one. */
static size_t gateways_read(const char *route, uint32_t *out, size_t room)
{
    struct reader reader = reader_of(route, strlen(route));
    char line[256];
    size_t count = 0;
    while (count < room && line_text(&reader, line, sizeof line)) {
        char name[IF_NAMESIZE];
        uint32_t destination = 0;
        uint32_t gateway = 0;
        uint32_t mask = 0;
        unsigned flags = 0;
        if (sscanf(line, "%15s %" SCNx32 " %" SCNx32 " %x %*s %*s %*s %" SCNx32, name, &destination, &gateway,
                   &flags, &mask) != 5) {
            continue;
        }
        bool is_default = destination == 0 && (mask == 0 || mask == htonl(UINT32_C(0x80000000)));
        if (is_default && (flags & RTF_UP) != 0 && (flags & RTF_REJECT) == 0 && strcmp(name, "lo") != 0) {
            out[count++] = gateway;
        }
    }
    return count;
}

static bool ipv6_has_default(const char *ipv6_route)
{
    struct reader reader = reader_of(ipv6_route, strlen(ipv6_route));
    char line[256];
    while (line_text(&reader, line, sizeof line)) {
        char destination[33];
        char name[IF_NAMESIZE];
        unsigned length = 0;
        unsigned flags = 0;
        if (sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %x %15s", destination, &length, &flags, name) !=
            4) {
            continue;
        }
        if (strspn(destination, "0") == 32 && length == 0 && (flags & RTF_UP) != 0 &&
            (flags & RTF_REJECT) == 0 && strcmp(name, "lo") != 0) {
            return true;
        }
    }
    return false;
}

bool ladder_routes_have_default(const char *route, const char *ipv6_route)
{
    uint32_t gateways[ROUTES_MAX];
    return gateways_read(route, gateways, ROUTES_MAX) > 0 || ipv6_has_default(ipv6_route);
}

/* Whether the address (kernel's byte order) is listed as unresolved. */
static bool arp_is_unresolved(const char *arp, uint32_t gateway)
{
    struct reader reader = reader_of(arp, strlen(arp));
    char line[256];
    while (line_text(&reader, line, sizeof line)) {
        uint8_t bytes[4];
        unsigned flags = 0;
        if (sscanf(line, "%" SCNu8 ".%" SCNu8 ".%" SCNu8 ".%" SCNu8 " %*s %x", &bytes[0], &bytes[1],
                   &bytes[2], &bytes[3], &flags) == 5 &&
            memcmp(bytes, &gateway, sizeof bytes) == 0) {
            return flags == 0;
        }
    }
    return false;
}

bool ladder_gateway_is_silent(const char *route, const char *arp)
{
    uint32_t gateways[ROUTES_MAX];
    size_t count = gateways_read(route, gateways, ROUTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (gateways[i] == 0 || !arp_is_unresolved(arp, gateways[i])) {
            return false;
        }
    }
    return count > 0;
}

/* "" where the file is not there: no IPv6, or no /proc. */
static char *proc_read(const char *path)
{
    struct buffer text = {0};
    if (file_read(path, PROC_BYTES_MAX, &text, NULL) != STATUS_OK) {
        text.count = 0;
    }
    return buffer_take_text(&text);
}

enum rung_outcome ladder_gateway_read(void)
{
    char *route = proc_read("/proc/net/route");
    char *ipv6_route = proc_read("/proc/net/ipv6_route");
    char *arp = proc_read("/proc/net/arp");
    enum rung_outcome outcome = RUNG_UNTRIED;
    if (route != NULL && ipv6_route != NULL && arp != NULL && (route[0] != '\0' || ipv6_route[0] != '\0')) {
        bool is_there = ladder_routes_have_default(route, ipv6_route);
        bool is_silent = ladder_gateway_is_silent(route, arp) && !ipv6_has_default(ipv6_route);
        outcome = is_there && !is_silent ? RUNG_OK : RUNG_FAILED;
    }
    free(route);
    free(ipv6_route);
    free(arp);
    return outcome;
}

void ladder_boot_id_read(char out[LADDER_BOOT_BYTES])
{
    char *text = proc_read("/proc/sys/kernel/random/boot_id");
    out[0] = '\0';
    if (text != NULL && strlen(text) >= LADDER_BOOT_BYTES - 1) {
        memcpy(out, text, LADDER_BOOT_BYTES - 1);
        out[LADDER_BOOT_BYTES - 1] = '\0';
    }
    free(text);
}
