/* Setting up the network namespace that the caller is in.
 * Owner: nothing outlives a call; each opens its own socket in the namespace of the moment.
 * Why: the lab must run where iproute2 is missing and where only a user namespace is allowed. */
#include "tests/lab/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    struct nlmsghdr header;
    uint8_t body[256];
};

static void request_open(struct request *request, uint16_t type, const void *body, size_t count)
{
    memset(request, 0, sizeof *request);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(count);
    memcpy(request->body, body, count);
}

static void request_attribute(struct request *request, uint16_t type, const void *value, size_t count)
{
    size_t at = NLMSG_ALIGN(request->header.nlmsg_len) - sizeof request->header;
    struct rtattr attribute = {.rta_len = (uint16_t)RTA_LENGTH(count), .rta_type = type};
    if (at + RTA_SPACE(count) > sizeof request->body)
        return;
    memcpy(request->body + at, &attribute, sizeof attribute);
    memcpy(request->body + at + RTA_LENGTH(0), value, count);
    request->header.nlmsg_len = (uint32_t)(sizeof request->header + at + RTA_LENGTH(count));
}

/* 0, or the kernel's errno. */
static int request_send(const struct request *request)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[512];
    } answer;
    int error = 0;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return errno;
    if (send(fd, request, request->header.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
        error = errno;
    else if (answer.header.nlmsg_type == NLMSG_ERROR)
        error = -answer.error.error;
    close(fd);
    return error;
}

static enum status told(int error, const char *what, const char *device, struct why *why)
{
    if (error == 0)
        return STATUS_OK;
    why_set(why, "cannot %s %s: %s", what, device, strerror(error));
    return STATUS_IO;
}

static enum status device_index(const char *device, int *out, struct why *why)
{
    unsigned index = if_nametoindex(device);
    *out = (int)index;
    return told(index == 0 ? errno : 0, "find the device", device, why);
}

enum status netlink_up(const char *device, struct why *why)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    enum status status = device_index(device, &body.ifi_index, why);
    if (status != STATUS_OK)
        return status;
    struct request request;
    request_open(&request, RTM_NEWLINK, &body, sizeof body);
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    return told(request_send(&request), "switch on", device, why);
}

enum status netlink_mtu_set(const char *device, int mtu, struct why *why)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    enum status status = device_index(device, &body.ifi_index, why);
    if (status != STATUS_OK)
        return status;
    uint32_t bytes = (uint32_t)mtu;
    struct request request;
    request_open(&request, RTM_NEWLINK, &body, sizeof body);
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request_attribute(&request, IFLA_MTU, &bytes, sizeof bytes);
    return told(request_send(&request), "set the packet size of", device, why);
}

/* Opens a nested attribute; what is added until attribute_end belongs to it. */
static size_t attribute_begin(struct request *request, uint16_t type)
{
    size_t at = NLMSG_ALIGN(request->header.nlmsg_len) - sizeof request->header;
    request_attribute(request, type, "", 0);
    return at;
}

static void attribute_end(struct request *request, size_t at)
{
    struct rtattr attribute;
    memcpy(&attribute, request->body + at, sizeof attribute);
    attribute.rta_len = (uint16_t)(request->header.nlmsg_len - sizeof request->header - at);
    memcpy(request->body + at, &attribute, sizeof attribute);
}

enum status netlink_veth_add(const char *name, const char *far_name, struct why *why)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    struct request request;
    request_open(&request, RTM_NEWLINK, &body, sizeof body);
    request.header.nlmsg_flags |= NLM_F_EXCL;
    request_attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
    size_t info = attribute_begin(&request, IFLA_LINKINFO);
    request_attribute(&request, IFLA_INFO_KIND, "veth", strlen("veth"));
    size_t data = attribute_begin(&request, IFLA_INFO_DATA);
    size_t far_end = attribute_begin(&request, VETH_INFO_PEER);
    size_t at = NLMSG_ALIGN(request.header.nlmsg_len) - sizeof request.header;
    memcpy(request.body + at, &body, sizeof body);
    request.header.nlmsg_len = (uint32_t)(sizeof request.header + at + sizeof body);
    request_attribute(&request, IFLA_IFNAME, far_name, strlen(far_name) + 1);
    attribute_end(&request, far_end);
    attribute_end(&request, data);
    attribute_end(&request, info);
    return told(request_send(&request), "make the veth pair", name, why);
}

static uint8_t family_of(int version)
{
    return version == 4 ? AF_INET : AF_INET6;
}

enum status netlink_address_add(const char *device, const struct ip_address *address, int prefix_bits,
                                struct why *why)
{
    int index = 0;
    enum status status = device_index(device, &index, why);
    if (status != STATUS_OK)
        return status;
    struct ifaddrmsg body = {
        .ifa_family = family_of(address->version),
        .ifa_prefixlen = (uint8_t)prefix_bits,
        .ifa_flags = IFA_F_NODAD,
        .ifa_index = (unsigned)index,
    };
    struct request request;
    request_open(&request, RTM_NEWADDR, &body, sizeof body);
    request_attribute(&request, IFA_LOCAL, address->bytes, ip_bytes(address));
    request_attribute(&request, IFA_ADDRESS, address->bytes, ip_bytes(address));
    return told(request_send(&request), "give an address to", device, why);
}

enum status netlink_default_route(const char *device, int version, const struct ip_address *gateway,
                                  struct why *why)
{
    int index = 0;
    enum status status = device_index(device, &index, why);
    if (status != STATUS_OK)
        return status;
    struct rtmsg body = {
        .rtm_family = family_of(version),
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_BOOT,
        .rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
        .rtm_type = RTN_UNICAST,
    };
    struct request request;
    request_open(&request, RTM_NEWROUTE, &body, sizeof body);
    request_attribute(&request, RTA_OIF, &index, sizeof index);
    if (gateway)
        request_attribute(&request, RTA_GATEWAY, gateway->bytes, ip_bytes(gateway));
    return told(request_send(&request), "lead the default route out of", device, why);
}
