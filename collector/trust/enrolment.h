/* What a probe says of itself: that it holds a key and would send, or that a new key follows an old one. Both are short JSON
 * texts, signed in minisign's form by the key that speaks.
 *
 *   {"dialtone_enrolment":1,"key":KEY,"time":UTC,"collector":KEY of the collector, "invitation":CODE}
 *   {"dialtone_rotation":1,"old_key":KEY,"new_key":KEY,"time":UTC}         (as `dialtone-probe keys rotate` writes it)
 *
 * `collector` and `invitation` may be missing. */
#ifndef COLLECTOR_TRUST_ENROLMENT_H
#define COLLECTOR_TRUST_ENROLMENT_H

#include "collector/trust/trust.h"

#define ENROLMENT_BYTES_MAX 2048

struct enrolment {
    bool is_rotation;
    struct public_key key; /* which speaks: the old one of a rotation */
    struct public_key successor;
    char invitation[TRUST_CODE_BYTES]; /* "" none */
};

/* `signer` says who signed. MALFORMED: no such text; BAD_SIGNATURE; REFUSED: meant for another collector, or said more than a
 * day ago or ahead. A rotation may be old: it travels on sticks too. */
enum status enrolment_read(const char *text, size_t count, const struct public_key *signer, const char *minisig,
                           size_t minisig_count, const struct public_key *collector, int64_t now_us,
                           struct enrolment *out, struct why *why);
/* Does what it says. OK, DUPLICATE where it was so before, or what trust_enrol and trust_rotate say. */
enum status enrolment_apply(struct trust *trust, const struct enrolment *enrolment, bool by_operator,
                            struct why *why);

#endif
