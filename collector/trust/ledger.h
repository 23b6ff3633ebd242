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
    size_t statement_count;
    int64_t newest_us; /* of all statements */
    size_t unknown_count; /* statements of a newer program, which were skipped */
};

void ledger_free(struct ledger *ledger);
/* Statements in the order of their times. */
enum status ledger_add(struct ledger *ledger, const struct trust_statement *statement);
struct trust_probe *ledger_find(const struct ledger *ledger, const char *probe); /* NULL: nothing was said */
struct trust_invitation *ledger_invitation(const struct ledger *ledger, const char *code_hash);

#endif
