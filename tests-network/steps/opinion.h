/* A control's opinion of an endpoint that failed here: OONI's test helper protocol, asked for one name. */
#ifndef TESTS_NETWORK_STEPS_OPINION_H
#define TESTS_NETWORK_STEPS_OPINION_H

#include "tests-network/steps/service.h"
#include "tests-network/steps/step.h"

#define OPINION_ENDPOINTS_MAX 16

struct opinion_question {
    const struct service_target *target; /* its name, and whether it speaks HTTP in cleartext */
    struct sockaddr_storage endpoints[OPINION_ENDPOINTS_MAX];
    size_t endpoint_count;
};

/* What the control saw. "Ours" are the endpoints of the question, the others those that it resolved itself.
 */
struct opinion_answer {
    bool is_resolved;
    bool is_unresolved;                    /* the name has no address there */
    bool shares_address;                   /* or was told by address, and not by name */
    size_t tcp_ok_count, tcp_failed_count; /* at our endpoints, and at others of the same port */
    size_t our_tcp_ok_count, our_tcp_failed_count;
    size_t tls_ok_count, tls_cut_count,
        tls_bad_count; /* of the port that was asked for: good; broken off; complete but for the certificate */
    size_t our_tls_ok_count;
    bool http_tried;
    const char *http_failure; /* borrowed from the JSON */
    bool is_line_slow;              /* to reach it took so long that a silence here proves nothing (step_is_slow_line) */
    bool is_busy;             /* its machine had no time: where something took it too long, that says nothing */
};

struct opinion;
/* `answer` is NULL where no control answered; valid until the callback returns. */
typedef void (*opinion_callback)(const struct opinion_answer *answer, void *arg);

/* Asks the context's controls in order, within one deadline. The callback comes from the loop; the opinion is
 * freed by opinion_free, inside the callback too. */
enum status opinion_start(const struct step_trace *trace, const struct opinion_question *question,
                          opinion_callback callback, void *arg, struct opinion **out);
void opinion_free(struct opinion *opinion);

/* MALFORMED where it is no helper's answer. Pure. */
enum status opinion_read(const json_t *answer, const struct opinion_question *question,
                         struct opinion_answer *out);
/* What the answer says of a failure here. `has_own_authorities`: the service's certificates are good, but not
 * for the control, which trusts others. Pure. */
enum service_opinion opinion_of(const struct opinion_answer *answer, enum verdict_layer failed_at,
                                const char *failure, bool has_own_authorities);
bool opinion_doubts_addresses(const struct opinion_answer *answer);

#endif
