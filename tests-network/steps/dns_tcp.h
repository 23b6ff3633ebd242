/* The repetition of a DNS question over TCP after a truncated answer (RFC 7766). Inside of dns.c only. */
#ifndef TESTS_NETWORK_STEPS_DNS_TCP_H
#define TESTS_NETWORK_STEPS_DNS_TCP_H

#include "tests-network/steps/step.h"

struct dns_tcp;
/* `answer` is NULL where none came. Borrowed. */
typedef void (*dns_tcp_callback)(const uint8_t *answer, size_t count, void *arg);

/* `question` is the DNS message, copied. */
enum status dns_tcp_start(const struct step_trace *trace, const struct sockaddr_storage *resolver,
                          const void *question, size_t count, int64_t timeout_us, dns_tcp_callback callback,
                          void *arg, struct dns_tcp **out);
void dns_tcp_free(struct dns_tcp *exchange);

#endif
