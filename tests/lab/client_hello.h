/* The server name of a TLS ClientHello, as a middlebox reads it. (RFC 8446 section 4.1.2, RFC 6066 section 3)
 */
#ifndef TESTS_LAB_CLIENT_HELLO_H
#define TESTS_LAB_CLIENT_HELLO_H

#include <stddef.h>

#include "measurement/base/status.h"

#define CLIENT_HELLO_BYTES_MAX 8192 /* beyond which a stream's start is not gathered */
#define SERVER_NAME_BYTES      256

/* `bytes` is the start of what the client sent, TLS records and all; the hello may span several records.
 * OK: `out` holds the name in lower case. NOT_FOUND: a whole hello without a name. BUSY: whole so far, more
 * is needed. MALFORMED: no ClientHello. */
enum status client_hello_server_name(const void *bytes, size_t count, char out[SERVER_NAME_BYTES]);
/* The same of the handshake message itself, as it comes without records. */
enum status client_hello_name(const void *bytes, size_t count, char out[SERVER_NAME_BYTES]);

#endif
