/* Forged ends of a connection: RST or FIN towards the client after a name or a string.
 * Owner: the rule is its trigger.
 * Why: the client's segment is still forwarded, so the forged end races the server's answer, as on real
 * paths. */
#include <stdlib.h>

#include "tests/lab/rules/rules.h"
#include "tests/lab/trigger.h"

enum { FLAVOUR_SNI = 1, FLAVOUR_STRING = 2, FLAVOUR_FIN = 4 };

/* The flavour must be known when judging, so it stands beside the trigger. */
struct end_rule {
    struct trigger *trigger;
    uint8_t flags;
};

static void end_close(void *state)
{
    struct end_rule *rule = state;
    if (!rule)
        return;
    trigger_free(rule->trigger);
    free(rule);
}

static enum status end_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
                            struct why *why)
{
    static const char *const known[] = {TRIGGER_FIELDS, NULL};
    enum status status = rule_text_only(text, known, why);
    if (status != STATUS_OK)
        return status;
    struct end_rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return STATUS_NO_MEMORY;
    rule->flags = kind->flavour & FLAVOUR_FIN ? TCP_FIN | TCP_ACK : TCP_RST | TCP_ACK;
    status = trigger_open(kind->flavour & FLAVOUR_SNI ? TRIGGER_ON_SNI : TRIGGER_ON_STRING, text,
                          &rule->trigger, why);
    if (status != STATUS_OK) {
        end_close(rule);
        return status;
    }
    *out = rule;
    return STATUS_OK;
}

static void end_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                      struct rule_output *output)
{
    struct end_rule *rule = state;
    enum trigger_answer answer = trigger_ask(rule->trigger, packet, moment, NULL);
    bool is_more_data = answer == TRIGGER_LATER && moment->is_from_client && packet->payload_bytes > 0;
    if (answer == TRIGGER_NOW || is_more_data)
        rule_inject_segment(output, packet, rule->flags, NULL, 0);
}

const struct rule_kind rule_reset_for_sni = {
    .name = "ResetTrafficForTLSSNI",
    .summary = "ResetTrafficForTLSSNI(SNI=\"...\"): RST to the client after the ClientHello",
    .open = end_open,
    .judge = end_judge,
    .close = end_close,
    .flavour = FLAVOUR_SNI,
};

const struct rule_kind rule_reset_for_string = {
    .name = "ResetTrafficForString",
    .summary = "ResetTrafficForString(String=\"...\" [ServerIPAddress= ServerPort=]): RST after the string",
    .open = end_open,
    .judge = end_judge,
    .close = end_close,
    .flavour = FLAVOUR_STRING,
};

const struct rule_kind rule_close_for_sni = {
    .name = "CloseConnectionForTLSSNI",
    .summary = "CloseConnectionForTLSSNI(SNI=\"...\"): FIN to the client after the ClientHello",
    .open = end_open,
    .judge = end_judge,
    .close = end_close,
    .flavour = FLAVOUR_SNI | FLAVOUR_FIN,
};

const struct rule_kind rule_close_for_string = {
    .name = "CloseConnectionForString",
    .summary =
        "CloseConnectionForString(String=\"...\" [ServerIPAddress= ServerPort=]): FIN after the string",
    .open = end_open,
    .judge = end_judge,
    .close = end_close,
    .flavour = FLAVOUR_STRING | FLAVOUR_FIN,
};
