/* Answers in the server's place: connection refused, or a block page.
 * Owner: the rule is its trigger, which it frees.
 * Why: both look like a server that spoke, until the answers are compared with a control's. */
#include "tests/lab/internet.h"
#include "tests/lab/rules/rules.h"
#include "tests/lab/trigger.h"

/* No length and nothing else that the true server might say too: the end of the connection is the end of the
 * page. */
static const char page[] = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" INTERNET_BLOCK_PAGE;

static enum status answer_open(const struct rule_kind *kind, const struct rule_text *text, void **out,
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

static void refuse_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                         struct rule_output *output)
{
    if (trigger_ask(state, packet, moment, NULL) == TRIGGER_NO)
        return;
    output->is_dropped = true;
    if (moment->is_from_client && packet->protocol == PROTOCOL_TCP && (packet->flags & TCP_RST) == 0)
        rule_inject_segment(output, packet, TCP_RST | TCP_ACK, NULL, 0);
}

static void page_judge(void *state, const struct packet *packet, const struct rule_moment *moment,
                       struct rule_output *output)
{
    if (trigger_ask(state, packet, moment, NULL) != TRIGGER_NOW)
        return;
    rule_inject_segment(output, packet, TCP_FIN | TCP_PSH | TCP_ACK, page, sizeof page - 1);
}

static void answer_close(void *state)
{
    trigger_free(state);
}

const struct rule_kind rule_close_for_endpoint = {
    .name = "CloseConnectionForServerEndpoint",
    .summary = "CloseConnectionForServerEndpoint(ServerIPAddress= [ServerPort=]): connection refused",
    .open = answer_open,
    .judge = refuse_judge,
    .close = answer_close,
    .flavour = TRIGGER_ON_ENDPOINT,
};

const struct rule_kind rule_spoof_blockpage = {
    .name = "SpoofBlockpageForString",
    .summary =
        "SpoofBlockpageForString(String=\"...\" [ServerIPAddress= ServerPort=]): a block page in one segment",
    .open = answer_open,
    .judge = page_judge,
    .close = answer_close,
    .flavour = TRIGGER_ON_STRING,
};
