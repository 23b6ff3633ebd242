/* Which special-purpose addresses a forged answer may make the probe connect to.
 * Owner: nothing; a socket lives within a call.
 * Why: a censor's server often has a private address, and whether anything answers there is evidence; but no answer may
 * lead the probe to its own machine, its own network or everybody's multicast. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests-network/steps/address.h"
#include "tests-network/web_connectivity/run.h"

struct network {
    int family;
    uint8_t prefix[4];
    unsigned bit_count;
};

/* Private and documentation networks. All else that is special leads to this machine, its link or nowhere. */
static const struct network tried_networks[] = {
    {AF_INET, {10}, 8},           {AF_INET, {100, 64}, 10},    {AF_INET, {172, 16}, 12},
    {AF_INET, {192, 168}, 16},    {AF_INET, {192, 0, 2}, 24},  {AF_INET, {198, 18}, 15},
    {AF_INET, {198, 51, 100}, 24}, {AF_INET, {203, 0, 113}, 24}, {AF_INET6, {0xfc}, 7},
    {AF_INET6, {0x20, 0x01, 0x0d, 0xb8}, 32},
};

static bool network_holds(const struct network *network, const struct sockaddr_storage *address)
{
    uint8_t bytes[4];
    if (network->family != address->ss_family)
        return false;
    if (address->ss_family == AF_INET)
        memcpy(bytes, &((const struct sockaddr_in *)address)->sin_addr, sizeof bytes);
    else
        memcpy(bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof bytes);
    for (unsigned bit = 0; bit < network->bit_count; bit++) {
        unsigned mask = 0x80u >> (bit % 8);
        if (((bytes[bit / 8] ^ network->prefix[bit / 8]) & mask) != 0)
            return false;
    }
    return true;
}

/* Without its routes the kernel finds no way to what is not on this machine's own links. Sends nothing. */
static bool is_on_own_link(const struct sockaddr_storage *address)
{
    int one = 1;
    int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    bool is_near = setsockopt(fd, SOL_SOCKET, SO_DONTROUTE, &one, sizeof one) != 0 ||
                   connect(fd, (const struct sockaddr *)address, address_length(address)) == 0;
    close(fd);
    return is_near;
}

bool web_special_is_tried(const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < sizeof tried_networks / sizeof tried_networks[0]; i++) {
        if (network_holds(&tried_networks[i], address))
            return !is_on_own_link(address);
    }
    return false;
}
