/* DNS as a forger needs it: the question of a query, and an answer to it. (RFC 1035 section 4) */
#ifndef TESTS_LAB_DNS_FORGE_H
#define TESTS_LAB_DNS_FORGE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/lab/packet.h"

#define DNS_NAME_BYTES          256
#define DNS_TYPE_A              1
#define DNS_TYPE_AAAA           28
#define DNS_CODE_OK             0
#define DNS_CODE_SERVER_FAILURE 2
#define DNS_CODE_NO_SUCH_NAME   3
#define DNS_CODE_REFUSED        5

struct dns_question {
    uint16_t id;
    char name[DNS_NAME_BYTES]; /* lower case, without the last dot */
    uint16_t type;
    size_t question_bytes; /* of name, type and class as they stand behind the header */
};

/* The one question of a query. MALFORMED for an answer, for several questions, for a compressed or broken
 * name. */
enum status dns_question_read(const void *bytes, size_t count, struct dns_question *out);

/* Writes an answer to `query` with the addresses that fit its type and the code given. */
enum status dns_answer_build(const void *query, const struct dns_question *question, int code,
                             const struct ip_address *addresses, size_t address_count, uint8_t *out,
                             size_t room_bytes, size_t *out_count);

#endif
