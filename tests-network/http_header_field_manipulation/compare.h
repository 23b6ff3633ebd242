/* Headers as they were sent against headers as they arrived. Pure. */
#ifndef TESTS_NETWORK_HTTP_HEADER_FIELD_MANIPULATION_COMPARE_H
#define TESTS_NETWORK_HTTP_HEADER_FIELD_MANIPULATION_COMPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "measurement/connectivity.h"
#include "measurement/verdict.h"

#define FIELDS_COUNT          6
#define FIELD_NAME_BYTES      32
#define FIELD_VALUE_BYTES     256
#define FIELD_DIFFERENCES_MAX 32

struct header_field {
    char name[FIELD_NAME_BYTES];
    char value[FIELD_VALUE_BYTES];
};

struct header_tampering {
    bool is_total; /* no answer that the backend would give */
    bool has_request_line;
    bool has_name; /* a name is missing or new, whatever its case */
    bool has_number;
    bool has_value;
    bool has_capitalization; /* a name arrived in other case */
    size_t difference_count;
    char differences[FIELD_DIFFERENCES_MAX]
                    [FIELD_NAME_BYTES]; /* names that stand on one side only, case kept */
};

/* `answer` is the backend's JSON: {"request_line", "request_headers": [[name, value]...]} (OONI's
 * http-return-json-headers); NULL or another shape: is_total. */
struct header_tampering header_compare(const char *request_line,
                                       const struct header_field fields[FIELDS_COUNT], const json_t *answer);

struct header_evidence {
    bool has_backend;
    bool is_connected;
    bool is_answered; /* any bytes came */
    bool is_reset;
    bool is_local_failure;
    struct header_tampering tampering;
    enum connectivity_state connectivity;
};

/* Changed fields: somebody rewrote the request: strong. Another answer than the backend's: medium. No answer:
 * unknown, for the backend may be down. */
struct verdict header_verdict(const struct header_evidence *evidence);

#endif
