/* Real servers on 127.0.0.0/8 for the tests of the steps: each in a thread of its own, with one way to
 * behave. */
#ifndef TESTS_UNIT_TESTS_NETWORK_STEP_SERVERS_H
#define TESTS_UNIT_TESTS_NETWORK_STEP_SERVERS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests-network/nettest.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/tls.h"

#define UNUSED __attribute__((unused))

/* assert(3) that stays in a release build: what it checks is also what is done. */
#define must(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* ---- a context ---- */

#define SILENCE_US (400 * US_PER_MS) /* the limit to set for a peer that never answers */
#define LATE_US    US_PER_S          /* the window to leave to an answer that loses its race */

/* Long: they are reached where a machine stands still, and where a test makes one of them short. */
static UNUSED struct nettest_limits limits_patient(void)
{
    return (struct nettest_limits){.dns_timeout_us = 20 * US_PER_S,
                                   .dns_late_us = 100 * US_PER_MS,
                                   .tcp_timeout_us = 20 * US_PER_S,
                                   .tls_timeout_us = 20 * US_PER_S,
                                   .http_timeout_us = 20 * US_PER_S,
                                   .control_timeout_us = 60 * US_PER_S,
                                   .body_bytes = 64u << 10,
                                   .redirect_count = 10,
                                   .linger_us = 50 * US_PER_MS};
}

static UNUSED void context_open(struct nettest_context *context)
{
    *context = (struct nettest_context){
        .clock = clock_system(), .random = random_system(), .limits = limits_patient()};
    context->allow_private_targets = true;
    must(loop_open(&context->loop) == STATUS_OK);
    must(fetcher_open(context->loop, &context->fetcher) == STATUS_OK);
}

static UNUSED void context_close(struct nettest_context *context)
{
    fetcher_free(context->fetcher);
    tls_trust_free(context->trust);
    loop_free(context->loop);
}

static UNUSED struct sockaddr_storage endpoint(const char *address, uint16_t port)
{
    struct sockaddr_storage made;
    must(address_parse(address, port, &made) == STATUS_OK);
    return made;
}

/* ---- certificates ---- */

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char path[64]; /* PEM of the certificate, for tls_trust_open */
};

static X509 *certificate_make(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
                              long lasts_s)
{
    X509 *made = X509_new();
    char value[128];
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(made), lasts_s < 0 ? 2 * lasts_s : -60);
    X509_gmtime_adj(X509_getm_notAfter(made), lasts_s);
    X509_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, (const unsigned char *)name,
                               -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(issuer ? issuer : made));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : made, made, NULL, NULL, 0);
    snprintf(value, sizeof value, "DNS:%s", name);
    X509_EXTENSION *extension =
        issuer ? X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, value)
               : X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(made, extension, -1);
    X509_EXTENSION_free(extension);
    must(X509_sign(made, issuer_key ? issuer_key : key, EVP_sha256()) > 0);
    return made;
}

static UNUSED void authority_make(struct authority *authority)
{
    authority->key = EVP_EC_gen("P-256");
    authority->certificate = certificate_make(authority->key, "test authority", NULL, NULL, 3600);
    snprintf(authority->path, sizeof authority->path, "/tmp/dialtone-test-ca-XXXXXX");
    int fd = mkstemp(authority->path);
    FILE *file = fdopen(fd, "w");
    PEM_write_X509(file, authority->certificate);
    fclose(file);
}

static UNUSED void authority_free(struct authority *authority)
{
    unlink(authority->path);
    EVP_PKEY_free(authority->key);
    X509_free(authority->certificate);
}

/* `authority` NULL: the certificate signs itself. `lasts_s` below 0: it has expired. */
static UNUSED SSL_CTX *server_settings(const struct authority *authority, const char *name, long lasts_s)
{
    SSL_CTX *settings = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = certificate_make(key, name, authority ? authority->certificate : NULL,
                                         authority ? authority->key : NULL, lasts_s);
    SSL_CTX_use_PrivateKey(settings, key);
    SSL_CTX_use_certificate(settings, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return settings;
}

/* ---- TCP, TLS and HTTP ---- */

enum behaviour {
    SERVE,            /* read a request, write `response`, close */
    RESET_ON_DATA,    /* read what comes first, then reset */
    CLOSE_ON_DATA,    /* read what comes first, then close */
    ANSWER_ON_DATA,   /* read what comes first, be it no request, write `response`, close */
    STAY_SILENT,      /* accept, never answer */
    RESET_AFTER_BODY, /* write `response`, then reset */
};

struct server {
    enum behaviour behaviour;
    SSL_CTX *settings; /* NULL: no TLS. Freed with the server */
    const char *response;
    const char *address;
    uint16_t port; /* 0: any; then the one that was got */
    int fd;
    int held[256];
    int held_count;
    pthread_t thread;
    atomic_bool stop;
    atomic_int served_count;
    char request[4096]; /* the last one */
};

static void connection_reset(int fd)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
}

static size_t bytes_read(SSL *ssl, int fd, char *room, size_t count)
{
    ssize_t got = ssl ? SSL_read(ssl, room, (int)count) : read(fd, room, count);
    return got > 0 ? (size_t)got : 0;
}

static void response_write(struct server *server, SSL *ssl, int fd)
{
    size_t length = 0;
    server->request[0] = '\0';
    while (!strstr(server->request, "\r\n\r\n") && length + 1 < sizeof server->request) {
        size_t got = bytes_read(ssl, fd, server->request + length, sizeof server->request - 1 - length);
        if (got == 0)
            break;
        length += got;
        server->request[length] = '\0';
    }
    /* A body that the request announces is read too: closing over unread bytes would reset. */
    const char *announced = strcasestr(server->request, "Content-Length:");
    size_t left = announced ? strtoul(announced + 15, NULL, 10) : 0;
    const char *end = strstr(server->request, "\r\n\r\n");
    size_t have = end ? length - (size_t)(end + 4 - server->request) : 0;
    for (char skipped[1024]; have < left;) {
        size_t got = bytes_read(ssl, fd, skipped, sizeof skipped);
        if (got == 0)
            break;
        have += got;
    }
    size_t total = server->response ? strlen(server->response) : 0;
    if (ssl)
        SSL_write(ssl, server->response, (int)total);
    else
        (void)!write(fd, server->response, total); /* the peer may be gone */
}

static void connection_serve(struct server *server, int fd)
{
    char first[4096];
    struct timeval patience = {.tv_sec = 20}, farewell = {.tv_usec = 300000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL *ssl = NULL;
    switch (server->behaviour) {
    case STAY_SILENT:
        server->held[server->held_count++] = fd;
        return;
    case RESET_ON_DATA:
        bytes_read(NULL, fd, first, sizeof first);
        connection_reset(fd);
        return;
    case CLOSE_ON_DATA:
        bytes_read(NULL, fd, first, sizeof first);
        close(fd);
        return;
    case ANSWER_ON_DATA:
        bytes_read(NULL, fd, first, sizeof first);
        (void)!write(fd, server->response, strlen(server->response));
        close(fd);
        return;
    case SERVE:
    case RESET_AFTER_BODY:
        break;
    }
    if (server->settings) {
        ssl = SSL_new(server->settings);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) != 1) {
            SSL_free(ssl);
            close(fd);
            return;
        }
    }
    response_write(server, ssl, fd);
    atomic_fetch_add(&server->served_count, 1);
    if (ssl)
        SSL_shutdown(ssl);
    SSL_free(ssl);
    if (server->behaviour == RESET_AFTER_BODY) {
        sleep(1); /* the bytes shall be read before the reset takes them away */
        connection_reset(fd);
        return;
    }
    shutdown(fd, SHUT_WR);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &farewell, sizeof farewell);
    bytes_read(NULL, fd, first, sizeof first);
    close(fd);
}

static void *server_run(void *arg)
{
    struct server *server = arg;
    while (!atomic_load(&server->stop)) {
        struct pollfd ready = {.fd = server->fd, .events = POLLIN};
        if (poll(&ready, 1, 20) <= 0)
            continue;
        int fd = accept(server->fd, NULL, NULL);
        if (fd >= 0)
            connection_serve(server, fd);
    }
    for (int i = 0; i < server->held_count; i++)
        close(server->held[i]);
    return NULL;
}

static UNUSED void server_start(struct server *server)
{
    struct sockaddr_storage address = endpoint(server->address ? server->address : "127.0.0.1", server->port);
    socklen_t length = sizeof address;
    int yes = 1;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    must(bind(server->fd, (struct sockaddr *)&address, address_length(&address)) == 0);
    must(listen(server->fd, 128) == 0);
    getsockname(server->fd, (struct sockaddr *)&address, &length);
    server->port = address_port(&address);
    must(pthread_create(&server->thread, NULL, server_run, server) == 0);
}

static UNUSED void server_stop(struct server *server)
{
    atomic_store(&server->stop, true);
    pthread_join(server->thread, NULL);
    close(server->fd);
    SSL_CTX_free(server->settings);
}

/* A port of 127.0.0.1 on which nobody listens: its socket stays bound until the program ends, so that nobody else gets
 * it. */
static UNUSED uint16_t port_unused(void)
{
    struct sockaddr_storage address = endpoint("127.0.0.1", 0);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(fd, (struct sockaddr *)&address, address_length(&address)) == 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    return address_port(&address);
}

/* ---- DNS ---- */

enum dns_behaviour {
    DNS_ANSWER, /* the addresses; NOERROR without answers where there is none of the family */
    DNS_NXDOMAIN,
    DNS_SERVFAIL,
    DNS_REFUSED,
    DNS_SILENT,
    DNS_FORGED_RACE, /* `forged` at once, the addresses 30 ms later */
    DNS_TWICE,       /* the same answer twice */
    DNS_FOREIGN,     /* from another port */
    DNS_WRONG_ID,
    DNS_GARBAGE,    /* right id, broken message */
    DNS_TRUNCATED,  /* TC over UDP, whole over TCP */
    DNS_SECOND_TRY, /* only the second datagram is answered */
};

struct dns_entry {
    const char *name;
    enum dns_behaviour behaviour;
    const char *addresses[4];
    const char *forged;
};

struct dns_server {
    const struct dns_entry *entries; /* ends with a NULL name: then NXDOMAIN */
    const char *address;
    uint16_t port;
    int fd;
    int other_fd;
    int tcp_fd;
    int seen_count;
    pthread_t thread;
    atomic_bool stop;
};

static size_t question_name(const uint8_t *bytes, size_t count, char *out)
{
    size_t at = 12, length = 0;
    while (at < count && bytes[at] != 0) {
        size_t label = bytes[at++];
        if (length > 0)
            out[length++] = '.';
        for (size_t i = 0; i < label && at < count; i++)
            out[length++] = (char)bytes[at++];
    }
    out[length] = '\0';
    return at + 5;
}

static size_t answer_make(const uint8_t *query, size_t question_end, int rcode, bool truncated,
                          const char *const *addresses, uint8_t *out)
{
    uint16_t type = (uint16_t)(query[question_end - 4] << 8 | query[question_end - 3]);
    size_t count = question_end, answers = 0;
    memcpy(out, query, question_end);
    for (size_t i = 0; addresses && addresses[i] && rcode == 0 && !truncated; i++) {
        uint8_t bytes[16];
        size_t length = type == 28 ? 16 : 4;
        if (inet_pton(type == 28 ? AF_INET6 : AF_INET, addresses[i], bytes) != 1)
            continue;
        const uint8_t head[] = {0xc0, 12, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0, 0, 0,
                                60,   0,  (uint8_t)length};
        memcpy(out + count, head, sizeof head);
        memcpy(out + count + sizeof head, bytes, length);
        count += sizeof head + length;
        answers++;
    }
    const uint8_t flags[] = {(uint8_t)(0x81 | (truncated ? 2 : 0)),
                             (uint8_t)(0x80 | rcode),
                             0,
                             1,
                             0,
                             (uint8_t)answers,
                             0,
                             0,
                             0,
                             0};
    memcpy(out + 2, flags, sizeof flags);
    return count;
}

static const struct dns_entry *entry_find(const struct dns_server *server, const char *name)
{
    const struct dns_entry *entry = server->entries;
    while (entry->name && strcasecmp(entry->name, name) != 0)
        entry++;
    return entry;
}

static void dns_answer(struct dns_server *server, const uint8_t *query, size_t count,
                       const struct sockaddr_storage *to)
{
    char name[512];
    uint8_t out[1024];
    size_t end = question_name(query, count, name);
    const struct dns_entry *entry = entry_find(server, name);
    enum dns_behaviour behaviour = entry->name ? entry->behaviour : DNS_NXDOMAIN;
    const char *forged[2] = {entry->forged, NULL};
    int rcode = behaviour == DNS_NXDOMAIN   ? 3
                : behaviour == DNS_SERVFAIL ? 2
                : behaviour == DNS_REFUSED  ? 5
                                            : 0;
    size_t length = answer_make(query, end, rcode, behaviour == DNS_TRUNCATED, entry->addresses, out);
    const struct sockaddr *peer = (const struct sockaddr *)to;
    socklen_t peer_length = address_length(to);
    server->seen_count++;
    if (behaviour == DNS_SILENT || (behaviour == DNS_SECOND_TRY && server->seen_count % 2 == 1))
        return;
    if (behaviour == DNS_FORGED_RACE) {
        uint8_t first[1024];
        size_t first_length = answer_make(query, end, 0, false, forged, first);
        sendto(server->fd, first, first_length, 0, peer, peer_length);
        usleep(30000);
    }
    if (behaviour == DNS_WRONG_ID)
        out[0] ^= 0x55;
    if (behaviour == DNS_GARBAGE)
        length = 14;
    sendto(behaviour == DNS_FOREIGN ? server->other_fd : server->fd, out, length, 0, peer, peer_length);
    if (behaviour == DNS_TWICE)
        sendto(server->fd, out, length, 0, peer, peer_length);
}

static void dns_answer_tcp(struct dns_server *server)
{
    uint8_t query[1024], out[1024];
    char name[512];
    int fd = accept(server->tcp_fd, NULL, NULL);
    ssize_t count = fd >= 0 ? read(fd, query, sizeof query) : -1;
    if (count > 14) {
        size_t end = question_name(query + 2, (size_t)count - 2, name);
        const struct dns_entry *entry = entry_find(server, name);
        size_t length = answer_make(query + 2, end, 0, false, entry->addresses, out + 2);
        out[0] = (uint8_t)(length >> 8);
        out[1] = (uint8_t)length;
        /* In two pieces, as a stream may deliver them. */
        must(write(fd, out, 1) == 1);
        usleep(5000);
        must(write(fd, out + 1, length + 1) > 0);
    }
    if (fd >= 0)
        close(fd);
}

static void *dns_server_run(void *arg)
{
    struct dns_server *server = arg;
    while (!atomic_load(&server->stop)) {
        struct pollfd ready[2] = {{.fd = server->fd, .events = POLLIN},
                                  {.fd = server->tcp_fd, .events = POLLIN}};
        if (poll(ready, 2, 20) <= 0)
            continue;
        uint8_t query[1024];
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        if (ready[0].revents) {
            ssize_t count = recvfrom(server->fd, query, sizeof query, 0, (struct sockaddr *)&from, &length);
            if (count > 16)
                dns_answer(server, query, (size_t)count, &from);
        }
        if (ready[1].revents)
            dns_answer_tcp(server);
    }
    return NULL;
}

/* The same port in UDP and TCP; false where the one that UDP got is taken in TCP. */
static bool dns_ports_take(struct dns_server *server)
{
    struct sockaddr_storage address = endpoint(server->address ? server->address : "127.0.0.1", 0);
    socklen_t length = sizeof address;
    int yes = 1;
    server->fd = socket(AF_INET, SOCK_DGRAM, 0);
    server->tcp_fd = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(server->fd, (struct sockaddr *)&address, address_length(&address)) == 0);
    getsockname(server->fd, (struct sockaddr *)&address, &length);
    server->port = address_port(&address);
    setsockopt(server->tcp_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server->tcp_fd, (struct sockaddr *)&address, address_length(&address)) == 0)
        return true;
    close(server->fd);
    close(server->tcp_fd);
    return false;
}

static UNUSED void dns_server_start(struct dns_server *server)
{
    while (!dns_ports_take(server))
        continue;
    server->other_fd = socket(AF_INET, SOCK_DGRAM, 0);
    must(listen(server->tcp_fd, 8) == 0);
    must(pthread_create(&server->thread, NULL, dns_server_run, server) == 0);
}

static UNUSED void dns_server_stop(struct dns_server *server)
{
    atomic_store(&server->stop, true);
    pthread_join(server->thread, NULL);
    close(server->fd);
    close(server->other_fd);
    close(server->tcp_fd);
}

#endif
