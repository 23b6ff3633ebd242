/* DNS messages from outside, through the bounded reader (RFC 1035 section 4). A pure function of its bytes.
 */
#ifndef TESTS_NETWORK_STEPS_DNS_MESSAGE_H
#define TESTS_NETWORK_STEPS_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "measurement/base/status.h"

#define DNS_NAME_BYTES     256 /* presentation form; a name that would be longer is MALFORMED */
#define DNS_RECORDS_MAX    64  /* answer records kept; more are counted, not kept */
#define DNS_MESSAGE_MAX    65535
#define DNS_TYPE_A         1
#define DNS_TYPE_CNAME     5
#define DNS_TYPE_AAAA      28
#define DNS_RCODE_OK       0
#define DNS_RCODE_SERVFAIL 2
#define DNS_RCODE_NXDOMAIN 3
#define DNS_RCODE_REFUSED  5

struct dns_record {
    uint16_t type;
    uint32_t ttl_s;
    char target[DNS_NAME_BYTES];     /* CNAME only; else "" */
    struct sockaddr_storage address; /* A and AAAA only, port 0 */
};

struct dns_message {
    uint16_t id;
    bool is_response;
    bool is_truncated; /* TC */
    bool is_authoritative;
    uint8_t rcode;
    char question[DNS_NAME_BYTES]; /* lower case, without the final dot; "" where there is none */
    uint16_t question_type;
    struct dns_record *records; /* of the answer section, class IN, in order; owned */
    size_t record_count;
    size_t answer_count; /* as the header claims */
};

/* MALFORMED where header, question or answer section break the format or run past the end. A truncated
 * message (TC) whose answer section is cut is read as far as it goes. Names are followed through at most 127
 * labels and pointers that only point backwards. On failure nothing is to be freed. */
enum status dns_message_read(const void *bytes, size_t count, struct dns_message *out);
void dns_message_free(struct dns_message *message);

/* The failure word of the answer to a query for `type`; NULL where it holds at least one such address. */
const char *dns_message_failure(const struct dns_message *message, uint16_t type);
/* Whether two answers to one query cannot both be genuine: other rcode, addresses where the other has none,
 * or no address in common. */
bool dns_message_conflict(const struct dns_message *a, const struct dns_message *b);

#endif
