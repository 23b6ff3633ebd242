/* One code path for IPv4 and IPv6 addresses, and which of them are special. */
#ifndef TESTS_NETWORK_STEPS_ADDRESS_H
#define TESTS_NETWORK_STEPS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "measurement/base/status.h"

#define ADDRESS_TEXT_BYTES  46 /* "ffff:...": INET6_ADDRSTRLEN */
#define ENDPOINT_TEXT_BYTES 56 /* "[address]:65535" */

/* An address without brackets; MALFORMED where `text` is none. */
enum status address_parse(const char *text, uint16_t port, struct sockaddr_storage *out);
/* 4 or 16 bytes in network order. */
void address_of_bytes(int family, const void *bytes, uint16_t port, struct sockaddr_storage *out);
void address_format(const struct sockaddr_storage *address, char out[ADDRESS_TEXT_BYTES]);
/* "1.2.3.4:443", "[2001:db8::1]:443" */
void endpoint_format(const struct sockaddr_storage *address, char out[ENDPOINT_TEXT_BYTES]);
/* "1.2.3.4:443", "[2001:db8::1]:443", or an address alone with `default_port`. */
enum status endpoint_parse(const char *text, uint16_t default_port, struct sockaddr_storage *out);
uint16_t address_port(const struct sockaddr_storage *address);
void address_port_set(struct sockaddr_storage *address, uint16_t port);
socklen_t address_length(const struct sockaddr_storage *address);
/* Same family and address, whatever the port. */
bool address_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
bool endpoint_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* Loopback, private, link-local, documentation, multicast, reserved: never a public site's address (RFC
 * 6890). */
bool address_is_bogon(const struct sockaddr_storage *address);
bool address_is_loopback(const struct sockaddr_storage *address);

#endif
