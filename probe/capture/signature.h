/* The signatures of connection tampering, as "Global, Passive Detection of Connection Tampering" (SIGCOMM 2023) names them,
 * seen from the client: how far it came, and how the connection ended. Pure. */
#ifndef PROBE_CAPTURE_SIGNATURE_H
#define PROBE_CAPTURE_SIGNATURE_H

#include <jansson.h>
#include <stdbool.h>

#include "measurement/verdict.h"

#define SIGNATURE_SILENCE_S 3.0 /* without an answer, and without an end */
#define SIGNATURES          19

/* Why resets are held to be somebody else's. */
struct signature_evidence {
    bool is_followed;     /* what the server itself sent came after a reset, and went on */
    bool has_other_ttl;   /* than the server's own packets */
    bool has_zero_ip_id;  /* where the server's own count */
};

struct signature {
    int number; /* 1 to 19 in the paper's order; 0: none */
    enum verdict_confidence confidence;
    struct signature_evidence evidence;
    size_t reset_count;
};

/* "SYN→∅", ...; "" for 0. */
const char *signature_name(int number);

/* `packets` as flow_table_end gives them, of one TCP flow begun at its SYN; `silence_s` passed after the last of them
 * before the capture ended. What ended by FIN, or was answered, has none. */
struct signature signature_of(const json_t *packets, double silence_s);
/* {"signature", "confidence", "injected": [indices of the resets], "evidence": ["..."]}; NULL where there is none. */
json_t *signature_encode(const struct signature *signature, const json_t *packets);

#endif
