/* An HTTP exchange in OONI's form. Inside of http.c only. */
#ifndef TESTS_NETWORK_STEPS_HTTP_RECORD_H
#define TESTS_NETWORK_STEPS_HTTP_RECORD_H

#include "tests-network/steps/http.h"

/* One element of `requests` (df-001). New reference, NULL without memory. */
json_t *http_record(const struct step_trace *trace, const struct http_request *request,
                    const struct fetch_header *headers, size_t header_count, const struct http_result *result,
                    const struct fetch_response *response);

#endif
