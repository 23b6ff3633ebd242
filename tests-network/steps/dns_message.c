/* DNS messages, read within bounds.
 * The caller owns the records of a message that was read.
 * Plan (RFC 1035 section 4.1): 1 header; 2 the question; 3 records of the answer section, each a name, type,
 * class, TTL and data. Names (4.1.4) may point back; every pointer must point before the one that led there,
 * so that a chain of them ends. */
#include "tests-network/steps/dns_message.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define LABELS_MAX 127
#define CLASS_IN   1

struct name_text {
    char *out;
    size_t count;
};

static bool name_put(struct name_text *name, char byte)
{
    if (name->count + 1 >= DNS_NAME_BYTES)
        return false;
    name->out[name->count++] = byte;
    return true;
}

/* A label in lower case; what is no plain character becomes \DDD, as in master files. */
static bool label_put(struct name_text *name, struct reader label)
{
    if (name->count > 0 && !name_put(name, '.'))
        return false;
    while (label.left_bytes > 0) {
        uint8_t byte = reader_u8(&label);
        if (byte >= 'A' && byte <= 'Z')
            byte = (uint8_t)(byte - 'A' + 'a');
        bool is_plain = byte > ' ' && byte < 0x7f && byte != '.' && byte != '\\';
        if (is_plain && !name_put(name, (char)byte))
            return false;
        if (!is_plain &&
            !(name_put(name, '\\') && name_put(name, (char)('0' + byte / 100)) &&
              name_put(name, (char)('0' + byte / 10 % 10)) && name_put(name, (char)('0' + byte % 10))))
            return false;
    }
    return true;
}

/* Reads a name at `reader`, which moves past its own bytes only; `whole` is the message from its first byte.
 */
static bool name_read(struct reader whole, struct reader *reader, char out[DNS_NAME_BYTES])
{
    struct name_text name = {.out = out};
    struct reader at = *reader;
    size_t before = whole.left_bytes - reader->left_bytes; /* pointers must lead to before this */
    bool has_jumped = false;
    for (int labels = 0; labels <= LABELS_MAX; labels++) {
        uint8_t length = reader_u8(&at);
        if (at.failed)
            return false;
        if ((length & 0xc0) == 0xc0) {
            size_t target = ((size_t)(length & 0x3f) << 8) | reader_u8(&at);
            if (at.failed || target >= before)
                return false;
            if (!has_jumped)
                *reader = at;
            has_jumped = true;
            before = target;
            at = whole;
            reader_skip(&at, target);
            continue;
        }
        if (length & 0xc0)
            return false;
        if (length == 0) {
            out[name.count] = '\0';
            if (!has_jumped)
                *reader = at;
            return true;
        }
        struct reader label = reader_take(&at, length);
        if (label.failed || at.failed || !label_put(&name, label))
            return false;
    }
    return false;
}

/* One record; *out_is_kept says whether it is of class IN and goes into `record`. */
static bool record_read(struct reader whole, struct reader *reader, struct dns_record *record,
                        bool *out_is_kept)
{
    char owner[DNS_NAME_BYTES];
    if (!name_read(whole, reader, owner))
        return false;
    *record = (struct dns_record){.type = reader_u16be(reader)};
    uint16_t class = reader_u16be(reader);
    record->ttl_s = reader_u32be(reader);
    uint16_t length = reader_u16be(reader);
    if (reader->failed || reader->left_bytes < length)
        return false;
    struct reader inside = *reader; /* a name in the data may point anywhere before it */
    struct reader data = reader_take(reader, length);
    *out_is_kept = class == CLASS_IN;
    if (!*out_is_kept)
        return true;
    if (record->type == DNS_TYPE_CNAME)
        return name_read(whole, &inside, record->target) && inside.left_bytes == reader->left_bytes;
    bool is_six = record->type == DNS_TYPE_AAAA;
    if (record->type != DNS_TYPE_A && !is_six)
        return true;
    uint8_t bytes[16];
    if (length != (is_six ? 16 : 4))
        return false;
    reader_copy(&data, bytes, length);
    address_of_bytes(is_six ? AF_INET6 : AF_INET, bytes, 0, &record->address);
    return true;
}

static bool answers_read(struct reader whole, struct reader *reader, struct dns_message *message)
{
    size_t wanted = message->answer_count < DNS_RECORDS_MAX ? message->answer_count : DNS_RECORDS_MAX;
    /* The smallest record is 11 bytes: a count that the bytes cannot hold allocates nothing. */
    if (wanted > reader->left_bytes / 11)
        wanted = reader->left_bytes / 11;
    if (wanted > 0 && !(message->records = calloc(wanted, sizeof *message->records)))
        return false;
    for (size_t i = 0; i < message->answer_count; i++) {
        struct dns_record record;
        bool is_kept;
        if (!record_read(whole, reader, &record, &is_kept))
            return message->is_truncated;
        if (is_kept && message->record_count < wanted)
            message->records[message->record_count++] = record;
    }
    return true;
}

enum status dns_message_read(const void *bytes, size_t count, struct dns_message *out)
{
    struct reader whole = reader_of(bytes, count), reader = whole;
    struct dns_message message = {.id = reader_u16be(&reader)};
    uint16_t flags = reader_u16be(&reader);
    uint16_t question_count = reader_u16be(&reader);
    message.answer_count = reader_u16be(&reader);
    reader_skip(&reader, 4);
    if (reader.failed || count > DNS_MESSAGE_MAX || question_count > 1)
        return STATUS_MALFORMED;
    message.is_response = flags & 0x8000;
    message.is_authoritative = flags & 0x0400;
    message.is_truncated = flags & 0x0200;
    message.rcode = flags & 0x000f;
    bool is_good = true;
    if (question_count == 1) {
        is_good = name_read(whole, &reader, message.question);
        message.question_type = reader_u16be(&reader);
        reader_skip(&reader, 2);
        is_good = is_good && !reader.failed;
    }
    if (!is_good || !answers_read(whole, &reader, &message)) {
        dns_message_free(&message);
        return STATUS_MALFORMED;
    }
    *out = message;
    return STATUS_OK;
}

void dns_message_free(struct dns_message *message)
{
    free(message->records);
    message->records = NULL;
    message->record_count = 0;
}

static size_t address_count(const struct dns_message *message)
{
    size_t count = 0;
    for (size_t i = 0; i < message->record_count; i++)
        count += message->records[i].address.ss_family != AF_UNSPEC;
    return count;
}

const char *dns_message_failure(const struct dns_message *message, uint16_t type)
{
    if (message->rcode == DNS_RCODE_NXDOMAIN)
        return FAILURE_NXDOMAIN;
    if (message->rcode == DNS_RCODE_SERVFAIL)
        return FAILURE_SERVFAIL;
    if (message->rcode == DNS_RCODE_REFUSED)
        return FAILURE_DNS_REFUSED;
    if (message->rcode != DNS_RCODE_OK)
        return FAILURE_MISBEHAVING;
    for (size_t i = 0; i < message->record_count; i++) {
        if (message->records[i].type == type)
            return NULL;
    }
    return FAILURE_NO_ANSWER;
}

static bool addresses_meet(const struct dns_message *a, const struct dns_message *b)
{
    for (size_t i = 0; i < a->record_count; i++) {
        for (size_t j = 0; j < b->record_count; j++) {
            const struct sockaddr_storage *left = &a->records[i].address, *right = &b->records[j].address;
            if (left->ss_family != AF_UNSPEC && address_same(left, right))
                return true;
        }
    }
    return false;
}

bool dns_message_conflict(const struct dns_message *a, const struct dns_message *b)
{
    if (a->rcode != b->rcode)
        return true;
    size_t a_count = address_count(a), b_count = address_count(b);
    if (a_count == 0 && b_count == 0)
        return false;
    return a_count == 0 || b_count == 0 || !addresses_meet(a, b);
}
