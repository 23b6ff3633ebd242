/* The server name of a QUIC client's first Initial packet, as a middlebox reads it: its protection has no
 * secret. (RFC 9001 section 5.2) */
#ifndef TESTS_LAB_QUIC_HELLO_H
#define TESTS_LAB_QUIC_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "tests/lab/client_hello.h"

/* `bytes` is a UDP payload. OK: `out` holds the name in lower case. NOT_FOUND: a whole hello without a name.
 * BUSY: the hello goes on in another datagram. MALFORMED: no Initial of version 1 that opens, or no
 * ClientHello in it. */
enum status quic_hello_server_name(const uint8_t *bytes, size_t count, char out[SERVER_NAME_BYTES]);

#endif
