/* What is said about a probe's key, as the store keeps it: one JSON object each, never changed, in the order of time. */
#ifndef COLLECTOR_TRUST_STATEMENT_H
#define COLLECTOR_TRUST_STATEMENT_H

#include "measurement/base/bytes.h"
#include "measurement/key.h"

#define STATEMENT_LABEL_BYTES 64
#define STATEMENT_ID_BYTES    65

enum statement_kind {
    STATEMENT_ENROL,   /* the key may send */
    STATEMENT_REVOKE,  /* it may no more, and what it measured from `from_us` on counts for nothing */
    STATEMENT_RESTORE, /* it was revoked by mistake */
    STATEMENT_ROTATE,  /* the key names `successor`, which takes its place */
    STATEMENT_INVITE,  /* whoever has the code may enrol */
    STATEMENT_WEIGH,   /* how far the word of the key goes, or of the network `asn` */
};

struct trust_statement {
    enum statement_kind kind;
    int64_t time_us;
    char probe[KEY_NAME_BYTES];            /* the key's name; "" of an invitation, or of a network */
    char key[PUBLIC_KEY_TEXT_BYTES];       /* "" where only the name is known */
    char successor[KEY_NAME_BYTES];
    char successor_key[PUBLIC_KEY_TEXT_BYTES];
    char invitation[2 * SHA256_BYTES + 1]; /* SHA-256 of the code; the code itself is kept nowhere */
    char label[STATEMENT_LABEL_BYTES];     /* an invitation's name, or the reason of a revocation or a weight */
    int64_t from_us;
    int64_t until_us;                      /* of an invitation; 0: without end */
    int64_t use_count;                     /* of an invitation: how many may use it */
    uint32_t asn;                          /* of a network's weight; 0: it is the key's */
    int weight_percent;                    /* 0 to 100 */
};

/* Appends the text. `out_id` is the SHA-256 of it: the same statement has the same. */
enum status statement_write(const struct trust_statement *statement, struct buffer *out,
                            char out_id[STATEMENT_ID_BYTES]);
/* MALFORMED for what a newer program may have written. */
enum status statement_read(const char *text, size_t count, struct trust_statement *out);

#endif
