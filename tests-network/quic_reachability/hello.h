/* The TLS messages of a QUIC first flight: a ClientHello written, a server's answer read (RFC 8446
 * section 4.1, RFC 9001 section 8). Pure. */
#ifndef TESTS_NETWORK_QUIC_REACHABILITY_HELLO_H
#define TESTS_NETWORK_QUIC_REACHABILITY_HELLO_H

#include <stdint.h>

#include "measurement/base/bytes.h"
#include "measurement/base/random.h"
#include "tests-network/quic_reachability/packet.h"

#define HELLO_NAME_BYTES_MAX 253

/* Appends the handshake message, without record header. `name` NULL or "": no server name. Offers TLS 1.3
 * alone, X25519, "h3". USAGE where the name is too long. */
enum status hello_write(const struct random_source *random, const char *name, const struct quic_cid *source,
                        struct buffer *out);

/* What a server may say first. */
enum hello_answer { HELLO_NOT_YET, HELLO_SERVER, HELLO_RETRY_REQUEST, HELLO_MALFORMED };

/* Of the CRYPTO bytes received so far, from the first. `cipher` is the suite that the server chose. */
enum hello_answer hello_read(const uint8_t *bytes, size_t count, uint16_t *cipher);

#endif
