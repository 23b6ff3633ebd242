/* The server's side of TLS.
 * Owner: the caller owns the context.
 * Why: probes upload from networks that read along. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "collector/serve/parts.h"

enum status tls_server_open(const char *certificate_path, const char *key_path, SSL_CTX **out,
                            struct why *why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) {
        return STATUS_NO_MEMORY;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(context, certificate_path) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        why_set(why, "%s and %s are no certificate chain and its key in PEM (%s); check the two files",
                certificate_path, key_path, ERR_reason_error_string(ERR_peek_last_error()));
        SSL_CTX_free(context);
        ERR_clear_error();
        return STATUS_USAGE;
    }
    *out = context;
    return STATUS_OK;
}
