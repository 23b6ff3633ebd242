/* What sets a rule off: a name in a ClientHello, a string in what the client sends, an endpoint. */
#ifndef TESTS_LAB_TRIGGER_H
#define TESTS_LAB_TRIGGER_H

#include "tests/lab/flow_table.h"
#include "tests/lab/rule.h"

/* Fields of every trigger; the endpoint, where given, narrows the others. */
#define TRIGGER_FIELDS "SNI", "String", "ServerIPAddress", "ServerPort", "ServerProtocol", "Reassemble"

enum trigger_kind {
    TRIGGER_ON_SNI, /* of TLS; with Reassemble=no only where the whole ClientHello comes in one segment */
    TRIGGER_ON_STRING,
    TRIGGER_ON_ENDPOINT,
    TRIGGER_ON_QUIC_SNI, /* of a client's first Initial packet */
};
enum trigger_answer {
    TRIGGER_NO,
    TRIGGER_NOW,   /* this packet set it off */
    TRIGGER_LATER, /* an earlier packet of this flow did */
};

struct trigger;

/* USAGE where the field that the kind needs is missing. */
enum status trigger_open(enum trigger_kind kind, const struct rule_text *text, struct trigger **out,
                         struct why *why);
void trigger_free(struct trigger *trigger);

/* *out_flow (may be NULL) is the packet's flow where the answer is not NO; borrowed until the next call. */
enum trigger_answer trigger_ask(struct trigger *trigger, const struct packet *packet,
                                const struct rule_moment *moment, struct flow **out_flow);

#endif
