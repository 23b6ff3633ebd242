/* What sets a rule off.
 * Owner: a trigger owns its memory of flows.
 * Why: resetting, closing, dropping and throttling differ in what they do, not in when. */
#include "tests/lab/trigger.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/lab/client_hello.h"
#include "tests/lab/quic_hello.h"

struct trigger {
    enum trigger_kind kind;
    char word[RULE_WORD_BYTES];
    struct ip_address server; /* version 0: any */
    uint16_t port;            /* 0: any */
    uint8_t protocol;         /* 0: any */
    bool is_by_segment;       /* segments are not put together */
    struct flow_table *flows;
};

static enum status word_need(struct trigger *trigger, const struct rule_text *text, struct why *why)
{
    const char *field = trigger->kind == TRIGGER_ON_STRING ? "String" : "SNI";
    const char *value = rule_text_value(text, field);
    if (!value || value[0] == '\0') {
        why_set(why, "rule %s needs %s=\"...\"", text->name, field);
        return STATUS_USAGE;
    }
    memcpy(trigger->word, value, strlen(value) + 1);
    return STATUS_OK;
}

/* "tcp", "udp", or Go's layers.IPProtocolUDP. */
static enum status protocol_read(struct trigger *trigger, const struct rule_text *text, struct why *why)
{
    static const char go_prefix[] = "layers.IPProtocol";
    const char *protocol = rule_text_value(text, "ServerProtocol");
    if (protocol && strncmp(protocol, go_prefix, strlen(go_prefix)) == 0)
        protocol += strlen(go_prefix);
    trigger->protocol = protocol && strcasecmp(protocol, "udp") == 0 ? PROTOCOL_UDP : PROTOCOL_TCP;
    if (!protocol || strcasecmp(protocol, "tcp") == 0 || strcasecmp(protocol, "udp") == 0)
        return STATUS_OK;
    why_set(why, "rule %s: ServerProtocol is tcp or udp, not '%s'", text->name, protocol);
    return STATUS_USAGE;
}

static enum status reassembly_read(struct trigger *trigger, const struct rule_text *text, struct why *why)
{
    const char *value = rule_text_value(text, "Reassemble");
    trigger->is_by_segment = value && strcmp(value, "no") == 0;
    if (!rule_text_field(text, "Reassemble") ||
        (trigger->kind == TRIGGER_ON_SNI && value && (trigger->is_by_segment || strcmp(value, "yes") == 0)))
        return STATUS_OK;
    why_set(why, "rule %s: Reassemble is yes or no, and only of rules with the name in TLS", text->name);
    return STATUS_USAGE;
}

static enum status fields_read(struct trigger *trigger, const struct rule_text *text, struct why *why)
{
    int64_t port = 0;
    enum status status = rule_text_address(text, "ServerIPAddress", &trigger->server, why);
    if (status == STATUS_OK)
        status = rule_text_number(text, "ServerPort", 1, 65535, &port, why);
    if (status != STATUS_OK)
        return status;
    trigger->port = (uint16_t)port;
    status = protocol_read(trigger, text, why);
    if (status != STATUS_OK)
        return status;
    status = reassembly_read(trigger, text, why);
    if (status != STATUS_OK)
        return status;
    if (trigger->kind == TRIGGER_ON_QUIC_SNI)
        trigger->protocol = PROTOCOL_UDP;
    if (trigger->kind != TRIGGER_ON_ENDPOINT)
        return word_need(trigger, text, why);
    if (trigger->server.version == 0) {
        why_set(why, "rule %s needs ServerIPAddress", text->name);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

enum status trigger_open(enum trigger_kind kind, const struct rule_text *text, struct trigger **out,
                         struct why *why)
{
    struct trigger *trigger = calloc(1, sizeof *trigger);
    if (!trigger)
        return STATUS_NO_MEMORY;
    trigger->kind = kind;
    enum status status = fields_read(trigger, text, why);
    if (status == STATUS_OK)
        status = flow_table_open(&trigger->flows);
    if (status != STATUS_OK) {
        trigger_free(trigger);
        return status;
    }
    *out = trigger;
    return STATUS_OK;
}

void trigger_free(struct trigger *trigger)
{
    if (!trigger)
        return;
    flow_table_free(trigger->flows);
    free(trigger);
}

static bool endpoint_fits(const struct trigger *trigger, const struct packet *packet, bool is_from_client)
{
    const struct ip_address *server = is_from_client ? &packet->destination : &packet->source;
    uint16_t port = is_from_client ? packet->destination_port : packet->source_port;
    if (trigger->protocol != 0 && packet->protocol != trigger->protocol)
        return false;
    if (trigger->server.version != 0 && !ip_equal(server, &trigger->server))
        return false;
    return trigger->port == 0 || port == trigger->port;
}

static bool segment_names(const struct packet *packet, const char *word)
{
    char name[SERVER_NAME_BYTES];
    return client_hello_server_name(packet->payload, packet->payload_bytes, name) == STATUS_OK &&
           strcasecmp(name, word) == 0;
}

static bool initial_names(const struct packet *packet, const char *word)
{
    char name[SERVER_NAME_BYTES];
    return quic_hello_server_name(packet->payload, packet->payload_bytes, name) == STATUS_OK &&
           strcasecmp(name, word) == 0;
}

static bool hello_names(struct flow *flow, const struct packet *packet, const char *word)
{
    if (flow->is_start_read)
        return false;
    flow_gather(flow, packet);
    char name[SERVER_NAME_BYTES];
    enum status status =
        flow->start_bytes > 0 ? client_hello_server_name(flow->start, flow->start_bytes, name) : STATUS_BUSY;
    bool is_full = flow->start_bytes == CLIENT_HELLO_BYTES_MAX;
    if (status == STATUS_BUSY && !is_full)
        return false;
    flow->is_start_read = true;
    free(flow->start);
    flow->start = NULL;
    return status == STATUS_OK && strcasecmp(name, word) == 0;
}

static bool packet_fires(const struct trigger *trigger, struct flow *flow, const struct packet *packet)
{
    switch (trigger->kind) {
    case TRIGGER_ON_SNI:
        return trigger->is_by_segment ? segment_names(packet, trigger->word)
                                      : hello_names(flow, packet, trigger->word);
    case TRIGGER_ON_QUIC_SNI:
        return initial_names(packet, trigger->word);
    case TRIGGER_ON_STRING:
        return packet->payload_bytes > 0 &&
               memmem(packet->payload, packet->payload_bytes, trigger->word, strlen(trigger->word)) != NULL;
    case TRIGGER_ON_ENDPOINT:
        return true;
    }
    return false;
}

enum trigger_answer trigger_ask(struct trigger *trigger, const struct packet *packet,
                                const struct rule_moment *moment, struct flow **out_flow)
{
    if (!endpoint_fits(trigger, packet, moment->is_from_client))
        return TRIGGER_NO;
    struct flow *flow = flow_table_get(trigger->flows, packet, moment->is_from_client, moment->now_us);
    if (!flow)
        return TRIGGER_NO;
    if (out_flow)
        *out_flow = flow;
    bool may_fire = moment->is_from_client || trigger->kind == TRIGGER_ON_ENDPOINT;
    if (may_fire && packet_fires(trigger, flow, packet)) {
        flow->is_triggered = true;
        return TRIGGER_NOW;
    }
    return flow->is_triggered ? TRIGGER_LATER : TRIGGER_NO;
}
