/* What a client sends, byte by byte, judged before the HTTP library reads it: which bytes are a head, which a body, and
 * whether the head can be understood in one way only. (RFC 9112 sections 2.2, 3, 5 and 6; RFC 9110 section 5.6.2) */
#ifndef COLLECTOR_SERVE_HEAD_CHECK_H
#define COLLECTOR_SERVE_HEAD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_BYTES_MAX 16384

enum head_phase {
    HEAD_PHASE_IDLE,    /* between two requests */
    HEAD_PHASE_HEAD,    /* in a head */
    HEAD_PHASE_BODY,    /* in a body */
    HEAD_PHASE_REFUSED, /* nothing more is read */
};

struct head_refusal {
    int code;           /* 400, 411, 413, 431, 501 or 505 */
    const char *error;  /* one word */
    const char *detail; /* a sentence */
};

/* Zero-initialise to start; head_check_end frees what it holds. */
struct head_check {
    enum head_phase phase;
    char *head; /* gathered so far */
    size_t head_count;
    size_t head_room;
    uint64_t body_left_bytes;
    uint64_t body_bytes_max; /* more is refused; the caller's to set */
    uint64_t request_count;  /* requests that are whole */
    struct head_refusal refusal;
};

/* Takes the bytes that came. False: the connection is refused, see `refusal`. */
bool head_check_feed(struct head_check *check, const void *bytes, size_t count);
void head_check_end(struct head_check *check);

#endif
