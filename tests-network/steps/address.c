/* Addresses of both families as sockaddr_storage: text, comparison, special ranges.
 * Owns nothing.
 * One place, so that no other file asks which family an address has. */
#include "tests-network/steps/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/address.h"

void address_of_bytes(int family, const void *bytes, uint16_t port, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    out->ss_family = (sa_family_t)family;
    if (family == AF_INET6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
        six->sin6_port = htons(port);
        memcpy(&six->sin6_addr, bytes, sizeof six->sin6_addr);
    } else {
        struct sockaddr_in *four = (struct sockaddr_in *)out;
        four->sin_port = htons(port);
        memcpy(&four->sin_addr, bytes, sizeof four->sin_addr);
    }
}

enum status address_parse(const char *text, uint16_t port, struct sockaddr_storage *out)
{
    uint8_t bytes[16];
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < 2; i++) {
        if (inet_pton(families[i], text, bytes) == 1) {
            address_of_bytes(families[i], bytes, port, out);
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

/* The address in network order and how long it is. */
static const uint8_t *address_bytes(const struct sockaddr_storage *address, size_t *count)
{
    if (address->ss_family == AF_INET6) {
        *count = 16;
        return (const uint8_t *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    }
    *count = 4;
    return (const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr;
}

void address_format(const struct sockaddr_storage *address, char out[ADDRESS_TEXT_BYTES])
{
    size_t count;
    const uint8_t *bytes = address_bytes(address, &count);
    if (!inet_ntop(address->ss_family, bytes, out, ADDRESS_TEXT_BYTES))
        out[0] = '\0';
}

void endpoint_format(const struct sockaddr_storage *address, char out[ENDPOINT_TEXT_BYTES])
{
    char text[ADDRESS_TEXT_BYTES];
    address_format(address, text);
    snprintf(out, ENDPOINT_TEXT_BYTES, address->ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", text,
             (unsigned)address_port(address));
}

static bool port_parse(const char *text, uint16_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long port = strtoul(text, &end, 10);
    if (*end != '\0' || port > UINT16_MAX)
        return false;
    *out = (uint16_t)port;
    return true;
}

enum status endpoint_parse(const char *text, uint16_t default_port, struct sockaddr_storage *out)
{
    if (address_parse(text, default_port, out) == STATUS_OK)
        return STATUS_OK;
    char host[ENDPOINT_TEXT_BYTES];
    bool is_bracketed = text[0] == '[';
    const char *start = text + (is_bracketed ? 1 : 0);
    const char *end = strchr(start, is_bracketed ? ']' : ':');
    if (!end || (size_t)(end - start) >= sizeof host)
        return STATUS_MALFORMED;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    const char *rest = end + (is_bracketed ? 1 : 0);
    uint16_t port = default_port;
    if (*rest != '\0' && (*rest != ':' || !port_parse(rest + 1, &port)))
        return STATUS_MALFORMED;
    return address_parse(host, port, out);
}

uint16_t address_port(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

void address_port_set(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons(port);
}

socklen_t address_length(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

bool address_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    size_t a_count, b_count;
    const uint8_t *a_bytes = address_bytes(a, &a_count), *b_bytes = address_bytes(b, &b_count);
    return a->ss_family == b->ss_family && memcmp(a_bytes, b_bytes, a_count) == 0;
}

bool endpoint_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    return address_same(a, b) && address_port(a) == address_port(b);
}

bool address_is_bogon(const struct sockaddr_storage *address)
{
    return !address_is_public((const struct sockaddr *)address);
}

bool address_is_loopback(const struct sockaddr_storage *address)
{
    static const uint8_t one[16] = {[15] = 1};
    size_t count;
    const uint8_t *bytes = address_bytes(address, &count);
    return count == 4 ? bytes[0] == 127 : memcmp(bytes, one, sizeof one) == 0;
}
