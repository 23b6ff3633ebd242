/* What all network tests share: limits, the system's resolvers, the registry.
 * Owner: nothing is kept; the context is the caller's.
 * Why: defaults stand in one place, next to where their source is named. */
#include "tests-network/nettest.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define DNS_PORT 53

struct nettest_limits nettest_limits_default(void)
{
    return (struct nettest_limits){
        .dns_timeout_us = 4 * US_PER_S,
        .dns_late_us = 500 * US_PER_MS,
        .tcp_timeout_us = 10 * US_PER_S,
        .tls_timeout_us = 10 * US_PER_S,
        .http_timeout_us = 10 * US_PER_S,
        .control_timeout_us = 30 * US_PER_S,
        .body_bytes = 512u << 10,
        .redirect_count = 10,
        .linger_us = 1 * US_PER_S,
    };
}

static bool port_parse(const char *text, uint16_t *out)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    long port = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || port < 1 || port > 65535) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

static bool address_fill(int family, const char *text, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_storage address = {0};
    if (family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        if (inet_pton(AF_INET, text, &v4->sin_addr) != 1) {
            return false;
        }
    } else {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1) {
            return false;
        }
    }
    *out = address;
    return true;
}

/* "192.0.2.1", "192.0.2.1:53", "2001:db8::1" or "[2001:db8::1]:53". Writes over `text`. */
static bool resolver_parse(char *text, struct sockaddr_storage *out)
{
    uint16_t port = DNS_PORT;
    if (text[0] == '[') {
        char *close = strchr(text, ']');
        if (close == NULL || (close[1] != '\0' && (close[1] != ':' || !port_parse(close + 2, &port)))) {
            return false;
        }
        *close = '\0';
        return address_fill(AF_INET6, text + 1, port, out);
    }
    char *colon = strchr(text, ':');
    if (colon != NULL && strchr(colon + 1, ':') != NULL) {
        return address_fill(AF_INET6, text, port, out);
    }
    if (colon != NULL) {
        *colon = '\0';
        if (!port_parse(colon + 1, &port)) {
            return false;
        }
    }
    return address_fill(AF_INET, text, port, out);
}

static enum status resolvers_parse(const char *list, struct nettest_context *context, struct why *why)
{
    struct sockaddr_storage found[NETTEST_RESOLVERS_MAX];
    size_t count = 0;
    const char *left = list;
    for (;;) {
        char item[80] = "";
        size_t length = strcspn(left, ",");
        if (count == NETTEST_RESOLVERS_MAX) {
            why_set(why, "more than %d resolvers are given: '%.120s'; name fewer", NETTEST_RESOLVERS_MAX,
                    list);
            return STATUS_USAGE;
        }
        if (length < sizeof item) {
            memcpy(item, left, length);
        }
        if (!resolver_parse(item, &found[count])) {
            why_set(why, "'%.*s' is no resolver; write IP, IP:PORT or [IPv6]:PORT, separated by commas",
                    (int)(length < 80 ? length : 80), left);
            return STATUS_USAGE;
        }
        count++;
        if (left[length] == '\0') {
            break;
        }
        left += length + 1;
    }
    memcpy(context->resolvers, found, count * sizeof found[0]);
    context->resolver_count = count;
    return STATUS_OK;
}

static bool node_fill(const struct ares_addr_port_node *node, struct sockaddr_storage *out)
{
    uint16_t port = node->udp_port > 0 ? (uint16_t)node->udp_port : DNS_PORT;
    struct sockaddr_storage address = {0};
    if (node->family == AF_INET) {
        *(struct sockaddr_in *)&address = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = node->addr.addr4};
    } else if (node->family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&v6->sin6_addr, &node->addr.addr6, sizeof v6->sin6_addr);
    } else {
        return false;
    }
    *out = address;
    return true;
}

static enum status resolvers_of_system(struct nettest_context *context, struct why *why)
{
    ares_channel channel = NULL;
    struct ares_addr_port_node *nodes = NULL;
    size_t count = 0;
    enum status status = STATUS_OK;
    int code = ares_init(&channel);
    if (code == ARES_SUCCESS) {
        code = ares_get_servers_ports(channel, &nodes);
    }
    if (code != ARES_SUCCESS) {
        why_set(why, "cannot read the system's resolvers: %s; name one with --resolver IP",
                ares_strerror(code));
        status = code == ARES_ENOMEM ? STATUS_NO_MEMORY : STATUS_IO;
        goto done;
    }
    for (struct ares_addr_port_node *node = nodes; node != NULL && count < NETTEST_RESOLVERS_MAX;
         node = node->next) {
        count += node_fill(node, &context->resolvers[count]);
    }
    context->resolver_count = count;
    if (count == 0) {
        why_set(why, "the system names no resolver; name one with --resolver IP");
        status = STATUS_NOT_FOUND;
    }
done:
    ares_free_data(nodes);
    if (channel != NULL) {
        ares_destroy(channel);
    }
    return status;
}

enum status nettest_resolvers_read(const char *list_or_null, struct nettest_context *context, struct why *why)
{
    if (list_or_null != NULL) {
        return resolvers_parse(list_or_null, context, why);
    }
    return resolvers_of_system(context, why);
}

const struct nettest *nettest_find(const char *name)
{
    for (size_t i = 0; nettest_registry[i] != NULL; i++) {
        if (strcmp(nettest_registry[i]->name, name) == 0) {
            return nettest_registry[i];
        }
    }
    return NULL;
}
