/* Freezing: a flow passes so many bytes from the server, then nothing more in either direction.
 * Owner: a rule owns its trigger.
 * Why: small pages load and large ones never end, which looks like a bad line until bytes are counted. */
#include <stdlib.h>

#include "tests/lab/rules/rules.h"
#include "tests/lab/trigger.h"

#define AFTER_BYTES_DEFAULT 16384

struct freeze_rule {
    struct trigger *trigger;
    int64_t after_bytes;
};

static void freeze_close(void *state)
{
    struct freeze_rule *rule = state;
    if (!rule)
        return;
    trigger_free(rule->trigger);
    free(rule);
}

static enum status freeze_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
                               struct why *why)
{
    static const char *const known[] = {TRIGGER_FIELDS, "AfterBytes", NULL};
    enum status status = rule_text_only(text, known, why);
    if (status != STATUS_OK)
        return status;
    struct freeze_rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return STATUS_NO_MEMORY;
    rule->after_bytes = AFTER_BYTES_DEFAULT;
    status = rule_text_number(text, "AfterBytes", 1, 1 << 30, &rule->after_bytes, why);
    if (status == STATUS_OK)
        status = trigger_open((enum trigger_kind)kind->flavour, text, &rule->trigger, why);
    if (status != STATUS_OK) {
        freeze_close(rule);
        return status;
    }
    *out = rule;
    return STATUS_OK;
}

static void freeze_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                         struct rule_output *output)
{
    struct freeze_rule *rule = state;
    struct flow *flow = NULL;
    if (trigger_ask(rule->trigger, packet, moment, &flow) == TRIGGER_NO)
        return;
    if (!moment->is_from_client)
        flow->passed_bytes += (int64_t)packet->payload_bytes;
    if (flow->passed_bytes > rule->after_bytes)
        output->is_dropped = true;
}

const struct rule_kind rule_freeze_for_sni = {
    .name = "FreezeTrafficForTLSSNI",
    .summary = "FreezeTrafficForTLSSNI(SNI=\"...\" AfterBytes=16384): the flow stops after so many bytes",
    .open = freeze_open,
    .judge = freeze_judge,
    .close = freeze_close,
    .flavour = TRIGGER_ON_SNI,
};

const struct rule_kind rule_freeze_for_string = {
    .name = "FreezeTrafficForString",
    .summary = "FreezeTrafficForString(String=\"...\" [ServerIPAddress= ServerPort=] AfterBytes=16384)",
    .open = freeze_open,
    .judge = freeze_judge,
    .close = freeze_close,
    .flavour = TRIGGER_ON_STRING,
};

const struct rule_kind rule_freeze_for_endpoint = {
    .name = "FreezeTrafficForTCPEndpoint",
    .summary = "FreezeTrafficForTCPEndpoint(ServerIPAddress= [ServerPort=] AfterBytes=16384)",
    .open = freeze_open,
    .judge = freeze_judge,
    .close = freeze_close,
    .flavour = TRIGGER_ON_ENDPOINT,
};
