/* DNS results in OONI's form (df-002): one element of `queries` an answer.
 * Everything goes into the caller's array.
 * Apart from dns.c because the ladder and the control ask without writing records. */
#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"

static const char *type_name(uint16_t type)
{
    return type == DNS_TYPE_AAAA ? "AAAA" : type == DNS_TYPE_A ? "A" : "CNAME";
}

static json_t *answers_encode(const struct dns_message *message)
{
    json_t *answers = json_array();
    for (size_t i = 0; i < message->record_count; i++) {
        const struct dns_record *record = &message->records[i];
        char address[ADDRESS_TEXT_BYTES];
        bool is_cname = record->type == DNS_TYPE_CNAME;
        if (!is_cname && record->address.ss_family == AF_UNSPEC)
            continue;
        if (!is_cname)
            address_format(&record->address, address);
        const char *key = is_cname ? "hostname" : record->type == DNS_TYPE_AAAA ? "ipv6" : "ipv4";
        json_array_append_new(answers, json_pack("{s:s, s:s, s:I}", "answer_type", type_name(record->type),
                                                 key, is_cname ? record->target : address, "ttl",
                                                 (json_int_t)record->ttl_s));
    }
    return answers;
}

static json_t *raw_encode(const struct dns_reply *reply)
{
    struct buffer text = {0};
    base64_append(&text, reply->raw, reply->raw_bytes);
    json_t *value = json_stringn(text.bytes ? (const char *)text.bytes : "", text.count);
    buffer_free(&text);
    return value;
}

/* `reply` is NULL where no answer came. */
static json_t *query_encode(const struct step_trace *trace, const struct dns_result *result,
                            const struct dns_reply *reply, const char *failure,
                            const struct step_label *label)
{
    char resolver[ENDPOINT_TEXT_BYTES];
    endpoint_format(&result->resolver, resolver);
    json_t *object = json_pack("{s:o, s:s, s:s?, s:s, s:s, s:n, s:n, s:s}", "answers",
                               reply ? answers_encode(&reply->message) : json_array(), "engine",
                               reply && reply->is_tcp ? "tcp" : "udp", "failure", failure, "hostname",
                               result->host, "query_type", type_name(result->type), "resolver_hostname",
                               "resolver_port", "resolver_address", resolver);
    if (!object)
        return NULL;
    if (reply) {
        json_object_set_new(object, "raw_response", raw_encode(reply));
        if (!reply->is_malformed)
            json_object_set_new(object, "rcode", json_integer(reply->message.rcode));
        if (reply->ip_ttl >= 0)
            json_object_set_new(object, "x_ip_ttl", json_integer(reply->ip_ttl));
    }
    step_stamp(trace, object, label, result->start_us, reply ? reply->at_us : result->end_us);
    return object;
}

static enum status reply_append(const struct step_trace *trace, const struct dns_result *result, size_t index,
                                json_t *queries)
{
    const struct dns_reply *reply = &result->replies[index];
    struct step_label label = result->label;
    if ((int)index != result->chosen) {
        step_label_tag(&label, "%s",
                       reply->is_malformed ? "malformed"
                       : reply->is_foreign ? "foreign"
                                           : "late");
    }
    const char *failure =
        reply->is_malformed ? FAILURE_MISBEHAVING : dns_message_failure(&reply->message, result->type);
    json_t *object = query_encode(trace, result, reply, failure, &label);
    return object && json_array_append_new(queries, object) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status dns_encode(const struct step_trace *trace, const struct dns_result *result, json_t *queries)
{
    if (result->chosen < 0) {
        json_t *object = query_encode(trace, result, NULL, result->failure, &result->label);
        if (!object || json_array_append_new(queries, object) < 0)
            return STATUS_NO_MEMORY;
    } else if (reply_append(trace, result, (size_t)result->chosen, queries) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < result->reply_count; i++) {
        if ((int)i != result->chosen && reply_append(trace, result, i, queries) != STATUS_OK)
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}
