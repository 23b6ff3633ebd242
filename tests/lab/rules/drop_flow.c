/* Silence: the flow after a name or a string, or all of an endpoint.
 * Owner: the rule is its trigger, which it frees.
 * Why: a black hole shows as a timeout, the hardest to tell from a dead server. */
#include "tests/lab/rules/rules.h"
#include "tests/lab/trigger.h"

static enum status drop_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
                             struct why *why)
{
    static const char *const known[] = {TRIGGER_FIELDS, NULL};
    struct trigger *trigger = NULL;
    enum status status = rule_text_only(text, known, why);
    if (status == STATUS_OK)
        status = trigger_open((enum trigger_kind)kind->flavour, text, &trigger, why);
    if (status == STATUS_OK)
        *out = trigger;
    return status;
}

static void drop_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                       struct rule_output *output)
{
    if (trigger_ask(state, packet, moment, NULL) != TRIGGER_NO)
        output->is_dropped = true;
}

static void drop_close(void *state)
{
    trigger_free(state);
}

const struct rule_kind rule_drop_for_sni = {
    .name = "DropTrafficForTLSSNI",
    .summary = "DropTrafficForTLSSNI(SNI=\"...\"): the flow vanishes from the ClientHello on",
    .open = drop_open,
    .judge = drop_judge,
    .close = drop_close,
    .flavour = TRIGGER_ON_SNI,
};

const struct rule_kind rule_drop_for_quic_sni = {
    .name = "DropTrafficForQUICSNI",
    .summary = "DropTrafficForQUICSNI(SNI=\"...\"): the flow vanishes from a QUIC client's first packet on",
    .open = drop_open,
    .judge = drop_judge,
    .close = drop_close,
    .flavour = TRIGGER_ON_QUIC_SNI,
};

const struct rule_kind rule_drop_for_string = {
    .name = "DropTrafficForString",
    .summary = "DropTrafficForString(String=\"...\" [ServerIPAddress= ServerPort=]): the flow vanishes from "
               "the string on",
    .open = drop_open,
    .judge = drop_judge,
    .close = drop_close,
    .flavour = TRIGGER_ON_STRING,
};

const struct rule_kind rule_drop_for_endpoint = {
    .name = "DropTrafficForServerEndpoint",
    .summary = "DropTrafficForServerEndpoint(ServerIPAddress= [ServerPort=] [ServerProtocol=]): a black hole",
    .open = drop_open,
    .judge = drop_judge,
    .close = drop_close,
    .flavour = TRIGGER_ON_ENDPOINT,
};
