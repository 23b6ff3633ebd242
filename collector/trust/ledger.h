/* The sum of all statements: one row a key, one an invitation. */
#ifndef COLLECTOR_TRUST_LEDGER_H
#define COLLECTOR_TRUST_LEDGER_H

#include "collector/trust/trust.h"

/* Zero-initialise to start. */
struct ledger {
    struct trust_probe *probes; /* by name */
    size_t probe_count;
    size_t probe_room;
    struct trust_invitation *invitations; /* by time */
    size_t invitation_count;
    size_t invitation_room;
    struct trust_network *networks; /* whose weight was said, in the order in which it first was */
    size_t network_count;
    size_t network_room;
    size_t statement_count;
    int64_t newest_us; /* of all statements */
    size_t unknown_count; /* statements of a newer program, which were skipped */
};

void ledger_free(struct ledger *ledger);
/* Statements in the order of their times, then of their ids. Of those who enrol with one invitation, so many are let in as it
 * is for, the first. */
enum status ledger_add(struct ledger *ledger, const struct trust_statement *statement);
struct trust_probe *ledger_find(const struct ledger *ledger, const char *probe); /* NULL: nothing was said */
/* From 0 to 1. A key of which nothing was said has the weight of the key that it follows; else 1. */
double ledger_weight(const struct ledger *ledger, const char *probe);
double ledger_network_weight(const struct ledger *ledger, uint32_t asn);
struct trust_invitation *ledger_invitation(const struct ledger *ledger, const char *code_hash);

#endif
