/* Who may send, how much, and whose word counts: enrolment, revocation, rotation, limits. Threads may share one.
 *
 *   open         any key may send; nothing has to be asked first
 *   invitation   keys that were enrolled: with a code that the operator gave out, or by the operator
 *   closed       keys that the operator enrolled
 *
 * A revoked key sends nothing more in any of them. What is said about keys stands in the store, so that all collectors in
 * front of one store know it; another process's statement is heard of within seconds. */
#ifndef COLLECTOR_TRUST_TRUST_H
#define COLLECTOR_TRUST_TRUST_H

#include <stdbool.h>

#include "collector/folder.h"
#include "collector/ingest/ingest.h"
#include "collector/trust/limiter.h"
#include "collector/trust/statement.h"
#include "measurement/base/clock.h"

#define TRUST_CODE_BYTES 33 /* an invitation's code and its end */

enum trust_enrolment { TRUST_OPEN, TRUST_INVITATION, TRUST_CLOSED };

struct trust_config {
    enum trust_enrolment enrolment;
    struct limiter_rate each; /* bundles of one key */
    struct limiter_rate reports; /* unsigned measurements, from all together */
    struct limiter_rate all;  /* requests that write, from all together */
    struct clock clock;       /* zeros: the system's */
};
struct trust_config trust_config_default(void);
/* "open", "invitation" or "closed". */
enum status trust_enrolment_parse(const char *text, enum trust_enrolment *out);
const char *trust_enrolment_name(enum trust_enrolment enrolment);

enum trust_standing {
    TRUST_UNKNOWN, /* nothing was said of it */
    TRUST_ENROLLED,
    TRUST_REVOKED,
};

/* What was said of one key. */
struct trust_probe {
    char name[KEY_NAME_BYTES];
    char key[PUBLIC_KEY_TEXT_BYTES]; /* "" not told */
    enum trust_standing standing;
    int64_t enrolled_us;  /* 0: never */
    int64_t revoked_us;   /* 0: it is not */
    int64_t void_from_us; /* measurements from then on count for nothing; 0: all count */
    char before[KEY_NAME_BYTES]; /* the key that named this one its successor; "" none */
    char after[KEY_NAME_BYTES];  /* its own successor */
    char label[STATEMENT_LABEL_BYTES]; /* of the invitation, or why it was revoked */
    char invitation[2 * SHA256_BYTES + 1]; /* SHA-256 of the code it enrolled with; "" none */
    bool is_weighed; /* the operator has said its weight; else it has that of the key before it, or 1 */
    double weight;   /* from 0 to 1: how far its word goes where outages are judged */
};

/* A network whose weight the operator has said. */
struct trust_network {
    uint32_t asn;
    double weight;
    char label[STATEMENT_LABEL_BYTES]; /* why */
};

struct trust_invitation {
    char code_hash[2 * SHA256_BYTES + 1];
    char label[STATEMENT_LABEL_BYTES];
    int64_t made_us;
    int64_t until_us; /* 0: without end */
    int64_t use_count;
    int64_t used_count;
};

struct trust;

/* Opens a view of the folder's store of its own. Borrows the folder. */
enum status trust_open(const struct collector_folder *folder, const struct trust_config *config, bool read_only,
                       struct trust **out, struct why *why);
void trust_free(struct trust *trust);
enum trust_enrolment trust_enrolment_of(const struct trust *trust);

/* Before anything of a request that writes is looked at. BUSY, with the seconds to wait. */
enum status trust_admit_request(struct trust *trust, int64_t *out_wait_s);
/* For a measurement that nobody signed: so many for each report, so many in all. BUSY, with the seconds to wait. */
enum status trust_admit_report(struct trust *trust, const char *report, int64_t *out_wait_s);
/* For bundles that come over the network (struct ingest_policy: `arg` is the trust). REFUSED: revoked, or not enrolled;
 * BUSY: too many of this key; MALFORMED: its times cannot be true. */
enum status trust_admit(void *arg, const struct public_key *key, const struct bundle_label *label, int64_t now_us,
                        struct why *why);
/* For files that the operator imports: only revoked keys are refused. */
enum status trust_admit_file(void *arg, const struct public_key *key, const struct bundle_label *label,
                             int64_t now_us, struct why *why);
/* Whether a label's times may be true at `now_us`: not more than a day ahead, not more than TRUST_AGE_MOST_DAYS ago, the end
 * not before the start. MALFORMED otherwise. */
#define TRUST_AGE_MOST_DAYS 1096
enum status trust_times_check(const struct bundle_label *label, int64_t now_us, struct why *why);

/* Enrols a key: with a code (NULL: none), or because the operator says so. OK where it is enrolled now; DUPLICATE where it
 * was, or where nothing has to be said because all are taken. REFUSED: revoked, or the mode wants a code, or the code is
 * wrong, used up or too old. BUSY: too much is said at once. */
enum status trust_enrol(struct trust *trust, const struct public_key *key, const char *code, bool by_operator,
                        struct why *why);
/* The old key names the new one. REFUSED where the old one is revoked, or neither enrolled nor ever heard of; CONFLICT where
 * it has named another, or the new one was named by another; DUPLICATE where it was said before. */
enum status trust_rotate(struct trust *trust, const struct public_key *old, const struct public_key *new,
                         bool by_operator, struct why *why);
enum status trust_revoke(struct trust *trust, const char *probe, int64_t from_us, const char *reason,
                         struct why *why);
/* NOT_FOUND where it is not revoked. */
enum status trust_restore(struct trust *trust, const char *probe, struct why *why);
/* How far the word of a key goes, or, where `probe` is NULL, of all probes in a network: 0 to 100 percent. */
enum status trust_weigh(struct trust *trust, const char *probe, uint32_t asn, int weight_percent, const char *reason,
                        struct why *why);
/* Makes a code that `use_count` keys may enrol with. It is told once, and kept nowhere. */
enum status trust_invite(struct trust *trust, const char *label, int64_t use_count, int64_t until_us,
                         const struct random_source *random, char out_code[TRUST_CODE_BYTES], struct why *why);

/* What is known of one key; standing UNKNOWN where nothing is. */
void trust_find(struct trust *trust, const char *probe, struct trust_probe *out);
/* By name; by time. The callback must not ask the trust. */
typedef void (*trust_probe_callback)(const struct trust_probe *probe, void *arg);
typedef void (*trust_invitation_callback)(const struct trust_invitation *invitation, void *arg);
enum status trust_each(struct trust *trust, trust_probe_callback callback, void *arg, struct why *why);
enum status trust_each_invitation(struct trust *trust, trust_invitation_callback callback, void *arg,
                                  struct why *why);
typedef void (*trust_network_callback)(const struct trust_network *network, void *arg);
enum status trust_each_network(struct trust *trust, trust_network_callback callback, void *arg, struct why *why);
/* Whether what the key measured at that time counts. */
bool trust_counts(struct trust *trust, const char *probe, int64_t time_us);

#endif
