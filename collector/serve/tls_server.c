/* The server's side of TLS, with a certificate that can be changed while it serves.
 * Owner: the tls_server owns its context; sessions hold a reference of their own.
 * Why: probes upload from networks that read along, and certificates live for weeks, a collector for months. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "collector/serve/parts.h"

struct tls_server {
    pthread_mutex_t mutex; /* of `context` */
    SSL_CTX *context;
    char *certificate_path;
    char *key_path;
};

static enum status context_open(const char *certificate_path, const char *key_path, SSL_CTX **out,
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

enum status tls_server_open(const char *certificate_path, const char *key_path, struct tls_server **out,
                            struct why *why)
{
    struct tls_server *tls = calloc(1, sizeof *tls);
    if (!tls) {
        return STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&tls->mutex, NULL);
    tls->certificate_path = strdup(certificate_path);
    tls->key_path = strdup(key_path);
    enum status status = tls->certificate_path && tls->key_path ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = context_open(certificate_path, key_path, &tls->context, why);
    }
    if (status == STATUS_OK) {
        *out = tls;
    } else {
        tls_server_free(tls);
    }
    return status;
}

enum status tls_server_reload(struct tls_server *tls, struct why *why)
{
    SSL_CTX *context = NULL;
    enum status status = context_open(tls->certificate_path, tls->key_path, &context, why);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&tls->mutex);
        SSL_CTX *old = tls->context;
        tls->context = context;
        pthread_mutex_unlock(&tls->mutex);
        SSL_CTX_free(old);
    }
    return status;
}

SSL *tls_server_session(struct tls_server *tls)
{
    pthread_mutex_lock(&tls->mutex);
    SSL *session = SSL_new(tls->context);
    pthread_mutex_unlock(&tls->mutex);
    return session;
}

void tls_server_free(struct tls_server *tls)
{
    if (!tls) {
        return;
    }
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->mutex);
    free(tls->certificate_path);
    free(tls->key_path);
    free(tls);
}
