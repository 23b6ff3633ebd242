/* A plain client of a collector on this machine: bytes in, one answer out. For tests and benches, whose requests libcurl
 * would be too polite to send. */
#ifndef TESTS_HTTP_CLIENT_H
#define TESTS_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "measurement/key.h"

/* A connection to 127.0.0.1 that waits at most two minutes for a byte; -1 where there is none. */
static inline int http_client_dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = 120};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Appends an upload to `out`. `key` and `minisig` may be NULL: without that header. */
static inline void http_client_upload(const struct public_key *key, const struct buffer *minisig,
                                      const struct buffer *packed, struct buffer *out)
{
    char text[PUBLIC_KEY_TEXT_BYTES];
    buffer_printf(out, "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n", packed->count);
    if (key) {
        public_key_format(key, text);
        buffer_printf(out, "Dialtone-Key: %s\r\n", text);
    }
    if (minisig) {
        buffer_text(out, "Dialtone-Signature: ");
        base64url_append(out, minisig->bytes, minisig->count);
        buffer_text(out, "\r\n");
    }
    buffer_text(out, "\r\n");
    buffer_append(out, packed->bytes, packed->count);
}

/* Where the answer's body begins, once all of it is there; else NULL. The text ends in a zero. */
static inline const char *http_client_body(const struct buffer *answer)
{
    const char *text = (const char *)answer->bytes;
    const char *end = text ? strstr(text, "\r\n\r\n") : NULL;
    const char *length = text ? strcasestr(text, "Content-Length: ") : NULL;
    bool is_whole = end && length && length < end &&
                    answer->count >= (size_t)(end + 4 - text) + (size_t)strtoul(length + 16, NULL, 10);
    return is_whole ? end + 4 : NULL;
}

/* Sends all of it, reads one whole answer into `out`, which is emptied before and zero-terminated after; its code, or 0
 * where there was none. */
static inline int http_client_ask(int fd, const void *bytes, size_t count, struct buffer *out)
{
    char part[4096];
    size_t sent = 0;
    ssize_t got = 1;
    while (sent < count && got > 0) { /* it may answer before it has heard all */
        got = send(fd, (const char *)bytes + sent, count - sent, MSG_NOSIGNAL);
        sent += got > 0 ? (size_t)got : 0;
    }
    out->count = 0;
    do {
        got = recv(fd, part, sizeof part, 0);
        buffer_append(out, part, got > 0 ? (size_t)got : 0);
        buffer_append(out, "", 1);
        out->count -= out->failed ? 0 : 1;
    } while (got > 0 && !out->failed && !http_client_body(out));
    return http_client_body(out) ? (int)strtol((const char *)out->bytes + 9, NULL, 10) : 0;
}

#endif
