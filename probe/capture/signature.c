/* From the packets of a flow to a tampering signature.
 * Owner: nothing is kept.
 * Why: one reading of resets and silence for what was captured live and for a file that somebody sends. */
#include "probe/capture/signature.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"

static const char *const names[SIGNATURES + 1] = {
    "",
    "SYN→∅",
    "SYN→RST",
    "SYN→RST+ACK",
    "SYN→RST;RST+ACK",
    "SYN;ACK→∅",
    "SYN;ACK→RST",
    "SYN;ACK→RST;RST",
    "SYN;ACK→RST+ACK",
    "SYN;ACK→RST+ACK;RST+ACK",
    "PSH+ACK→∅",
    "PSH+ACK→RST",
    "PSH+ACK→RST+ACK",
    "PSH+ACK→RST;RST+ACK",
    "PSH+ACK→RST+ACK;RST+ACK",
    "PSH+ACK→RST=RST",
    "PSH+ACK→RST≠RST",
    "PSH+ACK→RST;RST0",
    "PSH+ACK;Data→RST",
    "PSH+ACK;Data→RST+ACK",
};

/* One packet of the array; absent members are -1. */
struct seen {
    bool is_in;
    bool is_syn, is_ack, is_fin, is_reset;
    int64_t sequence, acknowledgement, length, ttl, ip_id;
};

/* What the flow came to. Resets count until something of the server's own follows them. */
struct course {
    bool has_syn, has_syn_ack, has_fin, has_server_data;
    size_t data_count;     /* of the client's, by their sequence numbers, before the first reset */
    int64_t data_end;      /* the next sequence number that the client has not sent yet */
    bool is_data_answered; /* acknowledged */
    size_t reset_count, reset_ack_count; /* bare, and with ACK */
    bool has_zero_ack, has_other_ack;    /* among the bare ones */
    int64_t first_ack;
    int64_t server_ttl, server_ip_id;
    struct signature_evidence evidence;
};

const char *signature_name(int number)
{
    return number >= 1 && number <= SIGNATURES ? names[number] : "";
}

static struct seen seen_of(const json_t *packet)
{
    const char *direction = json_member_text(packet, "dir"), *flags = json_member_text(packet, "flags");
    flags = flags ? flags : "";
    return (struct seen){.is_in = direction && strcmp(direction, "in") == 0,
                         .is_syn = strchr(flags, 'S') != NULL,
                         .is_ack = strchr(flags, 'A') != NULL,
                         .is_fin = strchr(flags, 'F') != NULL,
                         .is_reset = strchr(flags, 'R') != NULL,
                         .sequence = json_member_int(packet, "seq", -1),
                         .acknowledgement = json_member_int(packet, "ack", -1),
                         .length = json_member_int(packet, "len", 0),
                         .ttl = json_member_int(packet, "ttl", -1),
                         .ip_id = json_member_int(packet, "ip_id", -1)};
}

static bool has_reset(const struct course *course)
{
    return course->reset_count + course->reset_ack_count > 0;
}

static void reset_see(struct course *course, const struct seen *seen)
{
    if (seen->is_ack) {
        course->reset_ack_count++;
    } else {
        course->has_zero_ack = course->has_zero_ack || seen->acknowledgement == 0;
        course->has_other_ack =
            course->has_other_ack || (course->reset_count > 0 && seen->acknowledgement != course->first_ack);
        course->first_ack = course->reset_count == 0 ? seen->acknowledgement : course->first_ack;
        course->reset_count++;
    }
    course->evidence.has_other_ttl =
        course->evidence.has_other_ttl || (course->server_ttl >= 0 && seen->ttl >= 0 && seen->ttl != course->server_ttl);
    course->evidence.has_zero_ip_id =
        course->evidence.has_zero_ip_id || (course->server_ip_id > 0 && seen->ip_id == 0);
}

static void server_see(struct course *course, const struct seen *seen)
{
    if (seen->is_reset) {
        if (!course->has_fin)
            reset_see(course, seen);
        return;
    }
    /* A server that had reset the connection would not go on with it. */
    course->evidence.is_followed = course->evidence.is_followed || (has_reset(course) && (seen->length > 0 || seen->is_syn));
    course->has_syn_ack = course->has_syn_ack || (!has_reset(course) && seen->is_syn && seen->is_ack);
    course->has_server_data = course->has_server_data || seen->length > 0;
    course->is_data_answered =
        course->is_data_answered || (course->data_count > 0 && seen->is_ack && seen->acknowledgement > 1);
    course->has_fin = course->has_fin || seen->is_fin;
    course->server_ttl = seen->ttl;
    course->server_ip_id = seen->ip_id;
}

static void client_see(struct course *course, const struct seen *seen)
{
    course->has_syn = course->has_syn || (seen->is_syn && !seen->is_ack);
    course->has_fin = course->has_fin || seen->is_fin || seen->is_reset;
    if (seen->length > 0 && !has_reset(course) && seen->sequence >= course->data_end) {
        course->data_count++;
        course->data_end = seen->sequence + seen->length;
    }
}

static int number_of_silence(const struct course *course)
{
    if (!course->has_syn_ack)
        return course->has_syn ? 1 : 0;
    if (course->data_count == 0 || !course->is_data_answered)
        return 5;
    return course->data_count == 1 ? 10 : 0;
}

static int number_of_bare_resets(const struct course *course)
{
    if (course->reset_count == 1)
        return 11;
    if (course->has_zero_ack && course->has_other_ack)
        return 17;
    return course->has_other_ack ? 16 : 15;
}

static int number_of_resets(const struct course *course)
{
    bool has_bare = course->reset_count > 0, has_ack = course->reset_ack_count > 0;
    if (!course->has_syn_ack)
        return has_bare && has_ack ? 4 : (has_bare ? 2 : 3);
    if (course->data_count == 0 && has_bare)
        return course->reset_count + course->reset_ack_count > 1 ? 7 : 6;
    if (course->data_count == 0)
        return course->reset_ack_count > 1 ? 9 : 8;
    if (course->data_count > 1)
        return has_bare ? 18 : 19;
    if (has_bare && has_ack)
        return 13;
    if (has_bare)
        return number_of_bare_resets(course);
    return course->reset_ack_count > 1 ? 14 : 12;
}

/* A refusal, or silence, has innocent causes; a server that goes on behind its own reset has none. */
static enum verdict_confidence confidence_of(const struct course *course, int number)
{
    if (!has_reset(course))
        return CONFIDENCE_WEAK;
    if (course->evidence.is_followed)
        return CONFIDENCE_CERTAIN;
    if (course->evidence.has_other_ttl)
        return CONFIDENCE_STRONG;
    return number <= 4 ? CONFIDENCE_WEAK : CONFIDENCE_MEDIUM;
}

struct signature signature_of(const json_t *packets, double silence_s)
{
    struct course course = {.server_ttl = -1, .server_ip_id = -1};
    struct signature signature = {0};
    for (size_t i = 0; i < json_array_size(packets); i++) {
        const struct seen seen = seen_of(json_array_get(packets, i));
        if (seen.is_in)
            server_see(&course, &seen);
        else
            client_see(&course, &seen);
    }
    if (!course.has_syn)
        return signature;
    /* A first answer and then a reset is how many servers end: no signature tells that apart, unless the server goes on. */
    bool is_usual_end = course.has_server_data && course.data_count < 2 && !course.evidence.is_followed;
    if (has_reset(&course) && !is_usual_end)
        signature.number = number_of_resets(&course);
    else if (!has_reset(&course) && !course.has_fin && !course.has_server_data && silence_s >= SIGNATURE_SILENCE_S)
        signature.number = number_of_silence(&course);
    if (signature.number == 0)
        return signature;
    signature.confidence = confidence_of(&course, signature.number);
    signature.evidence = course.evidence;
    signature.reset_count = course.reset_count + course.reset_ack_count;
    return signature;
}

json_t *signature_encode(const struct signature *signature, const json_t *packets)
{
    if (signature->number == 0)
        return NULL;
    json_t *injected = json_array(), *evidence = json_array();
    for (size_t i = 0; i < json_array_size(packets) && signature->reset_count > 0; i++) {
        const struct seen seen = seen_of(json_array_get(packets, i));
        if (seen.is_in && seen.is_reset)
            (void)json_array_append_new(injected, json_integer((json_int_t)i));
    }
    if (signature->evidence.is_followed)
        (void)json_array_append_new(evidence, json_string("server_went_on"));
    if (signature->evidence.has_other_ttl)
        (void)json_array_append_new(evidence, json_string("other_ttl"));
    if (signature->evidence.has_zero_ip_id)
        (void)json_array_append_new(evidence, json_string("zero_ip_id"));
    return json_pack("{s:s, s:s, s:o, s:o}", "signature", signature_name(signature->number), "confidence",
                     confidence_name(signature->confidence), "injected", injected, "evidence", evidence);
}
