/* One TLS handshake with OpenSSL on a connected socket.
 * The handshake owns its session until the caller takes it; trust (one SSL_CTX) is shared and outlives all.
 * Plan: 1 SSL on a socket BIO whose callback counts bytes and remembers errno; 2 SSL_connect as the socket
 * allows; 3 whatever happened, keep version, cipher and the peer's certificates; 4 only then judge the
 * certificate: time, name, chain, in the order in which OONI's client names what is wrong. */
#include "tests-network/steps/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"

struct tls_trust {
    SSL_CTX *settings;
};

struct tls_handshake {
    const struct step_trace *trace;
    struct tls_result result;
    SSL *ssl;
    int last_errno;
    bool is_over;
    bool is_address; /* the name to verify is an address */
    struct loop_watch *watch;
    struct loop_timer *timer;
    tls_callback callback;
    void *arg;
};

enum status tls_trust_open(const char *ca_file, struct tls_trust **out, struct why *why)
{
    struct tls_trust *trust = calloc(1, sizeof *trust);
    if (!trust || !(trust->settings = SSL_CTX_new(TLS_client_method()))) {
        free(trust);
        return STATUS_NO_MEMORY;
    }
    int loaded = ca_file ? SSL_CTX_load_verify_file(trust->settings, ca_file)
                         : SSL_CTX_set_default_verify_paths(trust->settings);
    ERR_clear_error();
    if (loaded != 1) {
        why_set(why, "No certificates to trust in %s: name a PEM file of certificate authorities.",
                ca_file ? ca_file : "the system's store");
        tls_trust_free(trust);
        return STATUS_NOT_FOUND;
    }
    /* The handshake goes on whatever the certificate: what a censor shows is evidence. It is judged
     * afterwards. */
    SSL_CTX_set_verify(trust->settings, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(trust->settings, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(trust->settings, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(trust->settings, 1);
    *out = trust;
    return STATUS_OK;
}

enum status tls_trust_add(struct tls_trust *trust, const char *pem, struct why *why)
{
    X509_STORE *store = SSL_CTX_get_cert_store(trust->settings);
    BIO *text = BIO_new_mem_buf(pem, -1);
    X509 *certificate;
    size_t added_count = 0;
    if (!text)
        return STATUS_NO_MEMORY;
    while ((certificate = PEM_read_bio_X509(text, NULL, NULL, NULL))) {
        added_count += X509_STORE_add_cert(store, certificate) == 1;
        X509_free(certificate);
    }
    BIO_free(text);
    ERR_clear_error();
    if (added_count > 0)
        return STATUS_OK;
    why_set(why, "The text holds no certificate to trust: give PEM certificates of authorities.");
    return STATUS_MALFORMED;
}

void tls_trust_free(struct tls_trust *trust)
{
    if (!trust)
        return;
    SSL_CTX_free(trust->settings);
    free(trust);
}

static void certificates_keep(struct tls_handshake *handshake)
{
    struct tls_result *result = &handshake->result;
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(handshake->ssl);
    for (int i = 0; i < sk_X509_num(chain) && result->certificate_count < TLS_CERTIFICATES_MAX; i++) {
        uint8_t *der = NULL;
        int count = i2d_X509(sk_X509_value(chain, i), NULL);
        if (count <= 0 || count > TLS_CERTIFICATE_BYTES_MAX || !(der = malloc((size_t)count)))
            return;
        uint8_t *end = der;
        i2d_X509(sk_X509_value(chain, i), &end);
        result->certificates[result->certificate_count++] = (struct tls_certificate){der, (size_t)count};
    }
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static void dates_keep(struct tls_handshake *handshake)
{
    const X509 *leaf = SSL_get0_peer_certificate(handshake->ssl);
    if (!leaf)
        return;
    handshake->result.not_before_s = seconds_of(X509_get0_notBefore(leaf));
    handshake->result.not_after_s = seconds_of(X509_get0_notAfter(leaf));
}

static const char *certificate_failure(const struct tls_handshake *handshake)
{
    const char *name = handshake->result.server_name;
    X509 *leaf = SSL_get0_peer_certificate(handshake->ssl);
    if (!leaf)
        return FAILURE_TLS_INVALID;
    if (X509_cmp_current_time(X509_get0_notBefore(leaf)) >= 0 ||
        X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0)
        return FAILURE_TLS_INVALID;
    int is_named =
        handshake->is_address ? X509_check_ip_asc(leaf, name, 0) : X509_check_host(leaf, name, 0, 0, NULL);
    if (is_named != 1)
        return FAILURE_TLS_HOSTNAME;
    switch (SSL_get_verify_result(handshake->ssl)) {
    case X509_V_OK:
        return NULL;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: /* a stranger who took a trusted one's name */
        return FAILURE_TLS_AUTHORITY;
    default: /* OpenSSL's list of reasons is open-ended */
        return FAILURE_TLS_INVALID;
    }
}

static void event_add(struct tls_handshake *handshake, const char *operation, const char *failure,
                      int64_t at_us)
{
    struct step_event event = {.operation = operation,
                               .address = handshake->result.address,
                               .proto = "tcp",
                               .failure = failure,
                               .start_us = at_us,
                               .end_us = at_us};
    step_event(handshake->trace, &handshake->result.label, &event);
}

/* The callback may free the handshake: nothing after it. */
static void handshake_end(struct tls_handshake *handshake, const char *failure)
{
    struct tls_result *result = &handshake->result;
    loop_timer_cancel(handshake->timer);
    handshake->timer = NULL;
    loop_watch_free(handshake->watch);
    handshake->watch = NULL;
    handshake->is_over = true;
    result->end_us = step_now_us(handshake->trace);
    result->is_complete = failure == NULL;
    certificates_keep(handshake);
    dates_keep(handshake);
    if (result->is_complete) {
        const unsigned char *alpn = NULL;
        unsigned alpn_count = 0;
        SSL_get0_alpn_selected(handshake->ssl, &alpn, &alpn_count);
        if (alpn_count > 0 && alpn_count < sizeof result->alpn)
            memcpy(result->alpn, alpn, alpn_count);
        result->version = SSL_get_version(handshake->ssl);
        const char *cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(handshake->ssl));
        result->cipher = cipher ? cipher : "";
        failure = certificate_failure(handshake);
    }
    result->failure = failure;
    event_add(handshake, "tls_handshake_done", failure, result->end_us);
    ERR_clear_error();
    handshake->callback(handshake, handshake->arg);
}

static const char *library_failure(void)
{
    unsigned long error = ERR_peek_error();
    switch (ERR_GET_REASON(error)) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return FAILURE_EOF;
    case SSL_R_TLSV1_UNRECOGNIZED_NAME: /* alert 112 */
        return FAILURE_TLS_HOSTNAME;
    default:
        return FAILURE_TLS_HANDSHAKE;
    }
}

/* The callback may free the handshake: the last call of its callers. */
static void handshake_advance(struct tls_handshake *handshake)
{
    ERR_clear_error();
    handshake->last_errno = 0;
    int done = SSL_connect(handshake->ssl);
    if (done == 1) {
        handshake_end(handshake, NULL);
        return;
    }
    int error = SSL_get_error(handshake->ssl, done);
    bool wants_write = error == SSL_ERROR_WANT_WRITE;
    if (wants_write || error == SSL_ERROR_WANT_READ) {
        if (loop_watch_change(handshake->watch, true, wants_write) != STATUS_OK)
            handshake_end(handshake, "unknown_failure: event loop");
        return;
    }
    if (error == SSL_ERROR_SYSCALL)
        handshake_end(handshake,
                      handshake->last_errno ? failure_of_errno(handshake->last_errno) : FAILURE_EOF);
    else
        handshake_end(handshake, library_failure());
}

static void handshake_ready(int fd, bool readable, bool writable, void *arg)
{
    (void)fd;
    (void)readable;
    (void)writable;
    handshake_advance(arg);
}

static void handshake_late(void *arg)
{
    struct tls_handshake *handshake = arg;
    handshake->timer = NULL;
    handshake_end(handshake, FAILURE_TIMEOUT);
}

/* Sees every read and write of the socket. errno is kept here because later calls may overwrite it. */
static long socket_seen(BIO *bio, int operation, const char *bytes, size_t count, int number,
                        long number_long, int result, size_t *processed)
{
    (void)bytes;
    (void)count;
    (void)number;
    (void)number_long;
    int error = errno;
    struct tls_handshake *handshake = (struct tls_handshake *)(void *)BIO_get_callback_arg(bio);
    bool is_read = operation == (BIO_CB_READ | BIO_CB_RETURN),
         is_write = operation == (BIO_CB_WRITE | BIO_CB_RETURN);
    if (!is_read && !is_write)
        return result;
    bool is_good = result > 0;
    if (!is_good && BIO_should_retry(bio))
        return result;
    if (!is_good && result < 0)
        handshake->last_errno = error;
    if (is_good && is_read)
        handshake->result.received_bytes += (int64_t)*processed;
    int64_t now_us = step_now_us(handshake->trace);
    struct step_event event = {.operation = is_read ? "read" : "write",
                               .address = handshake->result.address,
                               .proto = "tcp",
                               .failure = is_good       ? NULL
                                          : result == 0 ? FAILURE_EOF
                                                        : failure_of_errno(error),
                               .byte_count = is_good ? (int64_t)*processed : 0,
                               .start_us = now_us,
                               .end_us = now_us};
    step_event(handshake->trace, &handshake->result.label, &event);
    errno = error;
    return result;
}

static enum status session_make(struct tls_handshake *handshake, const struct tls_request *request)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    struct sockaddr_storage ignored;
    handshake->is_address = dns_host_is_address(request->server_name, &ignored);
    handshake->ssl = SSL_new(request->trust->settings);
    BIO *bio = BIO_new_socket(request->fd, BIO_NOCLOSE);
    if (!handshake->ssl || !bio) {
        BIO_free(bio);
        return STATUS_NO_MEMORY;
    }
    BIO_set_callback_ex(bio, socket_seen);
    BIO_set_callback_arg(bio, (char *)handshake);
    SSL_set_bio(handshake->ssl, bio, bio);
    size_t skip = request->no_http2 ? 3 : 0;
    static const unsigned char dot[] = {3, 'd', 'o', 't'};
    if (request->is_dns ? SSL_set_alpn_protos(handshake->ssl, dot, sizeof dot) != 0
                        : SSL_set_alpn_protos(handshake->ssl, both + skip, (unsigned)(sizeof both - 1 - skip)) != 0)
        return STATUS_NO_MEMORY;
    if (!handshake->is_address && SSL_set_tlsext_host_name(handshake->ssl, request->server_name) != 1)
        return STATUS_USAGE;
    SSL_set_connect_state(handshake->ssl);
    return STATUS_OK;
}

enum status tls_start(const struct step_trace *trace, const struct tls_request *request,
                      tls_callback callback, void *arg, struct tls_handshake **out)
{
    const struct nettest_context *context = trace->context;
    struct tls_handshake *handshake = calloc(1, sizeof *handshake);
    if (!handshake)
        return STATUS_NO_MEMORY;
    *handshake = (struct tls_handshake){.trace = trace, .callback = callback, .arg = arg};
    handshake->result = (struct tls_result){
        .label = request->label, .start_us = step_now_us(trace), .version = "", .cipher = ""};
    snprintf(handshake->result.server_name, sizeof handshake->result.server_name, "%s", request->server_name);
    endpoint_format(&request->remote, handshake->result.address);
    enum status status = session_make(handshake, request);
    /* Writable at once: the first step of the handshake runs from the loop. */
    if (status == STATUS_OK)
        status =
            loop_watch(context->loop, request->fd, true, true, handshake_ready, handshake, &handshake->watch);
    if (status == STATUS_OK)
        status = loop_after(context->loop,
                            request->timeout_us > 0 ? request->timeout_us : context->limits.tls_timeout_us,
                            handshake_late, handshake, &handshake->timer);
    if (status != STATUS_OK) {
        tls_free(handshake);
        return status;
    }
    event_add(handshake, "tls_handshake_start", NULL, handshake->result.start_us);
    *out = handshake;
    return STATUS_OK;
}

const struct tls_result *tls_result(const struct tls_handshake *handshake)
{
    return &handshake->result;
}

SSL *tls_take_session(struct tls_handshake *handshake)
{
    if (!handshake->is_over || handshake->result.failure || !handshake->ssl)
        return NULL;
    SSL *ssl = handshake->ssl;
    handshake->ssl = NULL;
    BIO_set_callback_ex(SSL_get_rbio(ssl), NULL);
    BIO_set_callback_arg(SSL_get_rbio(ssl), NULL);
    return ssl;
}

void tls_free(struct tls_handshake *handshake)
{
    if (!handshake)
        return;
    loop_timer_cancel(handshake->timer);
    loop_watch_free(handshake->watch);
    SSL_free(handshake->ssl);
    for (size_t i = 0; i < handshake->result.certificate_count; i++)
        free(handshake->result.certificates[i].der);
    free(handshake);
}

static json_t *certificates_encode(const struct tls_result *result)
{
    json_t *array = json_array();
    for (size_t i = 0; i < result->certificate_count; i++) {
        struct buffer text = {0};
        base64_append(&text, result->certificates[i].der, result->certificates[i].count);
        json_array_append_new(
            array, json_pack("{s:s#, s:s}", "data", text.bytes, (int)text.count, "format", "base64"));
        buffer_free(&text);
    }
    return array;
}

json_t *tls_encode(const struct step_trace *trace, const struct tls_result *result)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:b, s:o, s:s, s:s}", "network", "tcp", "address",
                               result->address, "cipher_suite", result->cipher, "failure", result->failure,
                               "negotiated_protocol", result->alpn, "no_tls_verify", 0, "peer_certificates",
                               certificates_encode(result), "server_name", result->server_name, "tls_version",
                               result->version);
    if (object)
        step_stamp(trace, object, &result->label, result->start_us, result->end_us);
    return object;
}
