/* Where packets enter and leave a network namespace.
 * Owner: the caller owns the device; closing its descriptor takes a TUN device away, a veth pair goes with
 * its namespace. Why: containers often lack /dev/net/tun or keep it to root; packet sockets on a veth pair
 * then do the same. */
#include "tests/lab/device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lab/netlink.h"

static enum status tun_open(const char *name, struct device *out, struct why *why)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        why_set(why, "cannot open /dev/net/tun: %s", strerror(errno));
        return STATUS_UNSUPPORTED;
    }
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) != 0) {
        why_set(why, "cannot make the TUN device %s: %s", name, strerror(errno));
        close(fd);
        return STATUS_UNSUPPORTED;
    }
    *out = (struct device){.fd = fd};
    return STATUS_OK;
}

/* The kernel must finish checksums and cut segments itself, for behind this device there is no hardware. */
static void offloads_off(int fd, const char *name)
{
    static const uint32_t commands[] = {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct ethtool_value value = {.cmd = commands[i], .data = 0};
        struct ifreq request = {.ifr_data = (char *)&value};
        snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
        (void)!ioctl(fd, SIOCETHTOOL, &request);
    }
}

/* Without address resolution every packet goes straight to the far end. */
static bool near_end_settle(int fd, const char *name, uint8_t out_address[6])
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
        return false;
    request.ifr_flags = (short)(request.ifr_flags | IFF_NOARP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0)
        return false;
    memcpy(out_address, request.ifr_hwaddr.sa_data, 6);
    return true;
}

static bool far_end_listen(int fd, int index)
{
    int one = 1;
    struct sockaddr_ll end = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
    return setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) == 0 &&
           bind(fd, (const struct sockaddr *)&end, sizeof end) == 0;
}

static enum status veth_open(const char *name, struct device *out, struct why *why)
{
    char far_name[IF_NAMESIZE];
    snprintf(far_name, sizeof far_name, "%.13sx", name);
    enum status status = netlink_veth_add(name, far_name, why);
    if (status == STATUS_OK)
        status = netlink_up(far_name, why);
    if (status != STATUS_OK)
        return STATUS_UNSUPPORTED;
    struct device device = {.is_veth = true, .far_index = (int)if_nametoindex(far_name)};
    device.fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (device.fd >= 0) {
        offloads_off(device.fd, name);
        if (near_end_settle(device.fd, name, device.near_address) &&
            far_end_listen(device.fd, device.far_index)) {
            *out = device;
            return STATUS_OK;
        }
        close(device.fd);
    }
    why_set(why, "cannot read a veth pair through a packet socket: %s", strerror(errno));
    return STATUS_UNSUPPORTED;
}

enum status device_open(const char *name, bool avoids_tun, struct device *out, struct why *why)
{
    struct why tun_why = {0}, veth_why = {0};
    why_set(&tun_why, "TUN was not wanted");
    if (!avoids_tun && tun_open(name, out, &tun_why) == STATUS_OK)
        return STATUS_OK;
    if (veth_open(name, out, &veth_why) == STATUS_OK)
        return STATUS_OK;
    why_set(why, "no device to carry packets: %.120s; %.120s; allow one of them", tun_why.text,
            veth_why.text);
    return STATUS_UNSUPPORTED;
}

void device_close(struct device *device)
{
    if (device->fd >= 0)
        close(device->fd);
    device->fd = -1;
}

ssize_t device_read(const struct device *device, void *bytes, size_t room_bytes)
{
    return read(device->fd, bytes, room_bytes);
}

void device_write(const struct device *device, const void *bytes, size_t count)
{
    if (!device->is_veth) {
        (void)!write(device->fd, bytes, count);
        return;
    }
    bool is_ipv6 = count > 0 && *(const uint8_t *)bytes >> 4 == 6;
    struct sockaddr_ll end = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(is_ipv6 ? ETH_P_IPV6 : ETH_P_IP),
        .sll_ifindex = device->far_index,
        .sll_halen = sizeof device->near_address,
    };
    memcpy(end.sll_addr, device->near_address, sizeof device->near_address);
    (void)!sendto(device->fd, bytes, count, 0, (const struct sockaddr *)&end, sizeof end);
}
