/* A connected socket, in TLS or not, as a plain byte stream for libcurl: pumps between it and one end of a
 * socketpair, counts, and remembers precisely how the connection ended. */
#ifndef TESTS_NETWORK_STEPS_STREAM_H
#define TESTS_NETWORK_STEPS_STREAM_H

#include <openssl/types.h>

#include "tests-network/steps/step.h"

struct stream;

struct stream_config {
    int fd;   /* the stream's from now on */
    SSL *ssl; /* the stream's from now on; NULL: cleartext */
    struct sockaddr_storage remote;
    struct step_label label;
};

/* On failure `fd` and `ssl` stay the caller's. */
enum status stream_open(const struct step_trace *trace, const struct stream_config *config,
                        struct stream **out);
/* The end of the socketpair that speaks plain bytes, non-blocking, now the caller's (or libcurl's); -1 when
 * taken. */
int stream_take_plain_fd(struct stream *stream);
/* connection_reset, eof_error (the peer closed), or another word; NULL while the connection stands. */
const char *stream_failure(const struct stream *stream);
int64_t stream_received_bytes(const struct stream *stream); /* plain bytes */
/* When the last of them came; 0 none has. */
int64_t stream_last_received_us(const struct stream *stream);
int64_t stream_sent_bytes(const struct stream *stream);
void stream_free(struct stream *stream);

#endif
