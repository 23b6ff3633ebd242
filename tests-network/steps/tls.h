/* One TLS handshake on a connected socket, with the certificate checked after the fact, so that what a forged
 * certificate said is kept. */
#ifndef TESTS_NETWORK_STEPS_TLS_H
#define TESTS_NETWORK_STEPS_TLS_H

#include <openssl/types.h>

#include "tests-network/steps/step.h"

#define TLS_CERTIFICATES_MAX      8
#define TLS_CERTIFICATE_BYTES_MAX 16384 /* a longer certificate is not kept */

/* Trust store and settings, made once and shared by all handshakes of a program (nettest_context.trust). */
struct tls_trust;
/* `ca_file` NULL: the system's store. NOT_FOUND with a reason where the file holds no certificate. */
enum status tls_trust_open(const char *ca_file, struct tls_trust **out, struct why *why);
/* Trusts these certificates too: PEM text of authorities. MALFORMED where it holds none. */
enum status tls_trust_add(struct tls_trust *trust, const char *pem, struct why *why);
void tls_trust_free(struct tls_trust *trust);

struct tls_certificate {
    uint8_t *der;
    size_t count;
};

struct tls_result {
    char server_name[256];
    char address[64]; /* "1.2.3.4:443" */
    struct step_label label;
    int64_t start_us;
    int64_t end_us;
    const char *failure;
    bool is_complete;       /* the handshake itself ended well, whatever the certificate */
    const char *version;    /* "TLSv1.3"; "" where unknown */
    const char *cipher;     /* "TLS_AES_256_GCM_SHA384"; "" */
    char alpn[16];          /* "h2", "http/1.1"; "" */
    int64_t received_bytes; /* from the peer: 0 with a timeout says that nothing came at all */
    struct tls_certificate certificates[TLS_CERTIFICATES_MAX]; /* the peer's, leaf first */
    size_t certificate_count;
    int64_t not_before_s, not_after_s; /* of the leaf, UTC; 0 not known */
};

struct tls_request {
    struct tls_trust *trust;
    int fd; /* connected, non-blocking; borrowed until the step is freed */
    struct sockaddr_storage remote;
    const char
        *server_name; /* SNI, and the name (or address: then without SNI) that the certificate must hold */
    struct step_label label;
    int64_t timeout_us; /* 0: context->limits.tls_timeout_us */
    bool no_http2;      /* offer http/1.1 only; else h2 and http/1.1 */
    bool is_dns;        /* offer "dot" alone: DNS is spoken inside (RFC 7858) */
};

struct tls_handshake;
typedef void (*tls_callback)(struct tls_handshake *handshake, void *arg);

enum status tls_start(const struct step_trace *trace, const struct tls_request *request,
                      tls_callback callback, void *arg, struct tls_handshake **out);
const struct tls_result *tls_result(const struct tls_handshake *handshake);
/* The session, now the caller's; NULL unless the handshake and the certificate were good. Its BIO does not
 * own fd. */
SSL *tls_take_session(struct tls_handshake *handshake);
void tls_free(struct tls_handshake *handshake);

/* One element of `tls_handshakes` (df-006). New reference, NULL without memory. */
json_t *tls_encode(const struct step_trace *trace, const struct tls_result *result);

#endif
