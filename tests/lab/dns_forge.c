/* DNS as a forger needs it: the question of a query, and an answer to it.
 * Owner: nothing is allocated.
 * Why: an injected answer must carry the query's id, question and letter case to be believed. */
#include "tests/lab/dns_forge.h"

#include <string.h>

#include "measurement/base/bytes.h"

#define DNS_HEADER_BYTES 12
#define FORGED_TTL_S     60

static enum status name_read(struct reader *reader, char out[DNS_NAME_BYTES])
{
    size_t used = 0;
    for (;;) {
        size_t label_bytes = reader_u8(reader);
        if (reader->failed || label_bytes > 63)
            return STATUS_MALFORMED;
        if (label_bytes == 0)
            break;
        if (used + label_bytes + 2 > DNS_NAME_BYTES)
            return STATUS_MALFORMED;
        if (used > 0)
            out[used++] = '.';
        for (size_t i = 0; i < label_bytes; i++) {
            uint8_t letter = reader_u8(reader);
            out[used++] = (char)(letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter);
        }
    }
    out[used] = '\0';
    return reader->failed ? STATUS_MALFORMED : STATUS_OK;
}

enum status dns_question_read(const void *bytes, size_t count, struct dns_question *out)
{
    struct dns_question question = {0};
    struct reader reader = reader_of(bytes, count);
    question.id = reader_u16be(&reader);
    uint16_t flags = reader_u16be(&reader);
    uint16_t question_count = reader_u16be(&reader);
    reader_skip(&reader, 6);
    if (reader.failed || (flags & 0x8000) != 0 || question_count != 1)
        return STATUS_MALFORMED;
    size_t before_bytes = reader.left_bytes;
    if (name_read(&reader, question.name) != STATUS_OK)
        return STATUS_MALFORMED;
    question.type = reader_u16be(&reader);
    reader_skip(&reader, 2);
    if (reader.failed)
        return STATUS_MALFORMED;
    question.question_bytes = before_bytes - reader.left_bytes;
    *out = question;
    return STATUS_OK;
}

static bool address_fits(const struct ip_address *address, uint16_t type)
{
    return (type == DNS_TYPE_A && address->version == 4) || (type == DNS_TYPE_AAAA && address->version == 6);
}

static void put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* One record whose name points at the question. Returns its bytes, 0 where there is no room. */
static size_t record_put(const struct ip_address *address, uint16_t type, uint8_t *at, size_t room_bytes)
{
    size_t data_bytes = ip_bytes(address);
    if (12 + data_bytes > room_bytes)
        return 0;
    put_u16(at, 0xc000 | DNS_HEADER_BYTES);
    put_u16(at + 2, type);
    put_u16(at + 4, 1);
    put_u16(at + 6, 0);
    put_u16(at + 8, FORGED_TTL_S);
    put_u16(at + 10, (unsigned)data_bytes);
    memcpy(at + 12, address->bytes, data_bytes);
    return 12 + data_bytes;
}

enum status dns_answer_build(const void *query, const struct dns_question *question, int code,
                             const struct ip_address *addresses, size_t address_count, uint8_t *out,
                             size_t room_bytes, size_t *out_count)
{
    size_t used = DNS_HEADER_BYTES + question->question_bytes;
    if (used > room_bytes)
        return STATUS_TOO_LARGE;
    memcpy(out, query, used);
    unsigned answer_count = 0;
    for (size_t i = 0; i < address_count; i++) {
        if (!address_fits(&addresses[i], question->type))
            continue;
        size_t more = record_put(&addresses[i], question->type, out + used, room_bytes - used);
        if (more == 0)
            return STATUS_TOO_LARGE;
        used += more;
        answer_count++;
    }
    put_u16(out + 2, 0x8180u | ((unsigned)code & 0x0f)); /* response, recursion desired and available */
    put_u16(out + 4, 1);
    put_u16(out + 6, answer_count);
    put_u16(out + 8, 0);
    put_u16(out + 10, 0);
    *out_count = used;
    return STATUS_OK;
}
