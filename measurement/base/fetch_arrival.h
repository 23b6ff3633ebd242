/* What has arrived of a response, filled by curl's callbacks. Part of fetch.c. */
#ifndef MEASUREMENT_BASE_FETCH_ARRIVAL_H
#define MEASUREMENT_BASE_FETCH_ARRIVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "measurement/base/bytes.h"
#include "measurement/base/fetch.h"

struct fetch_arrival {
    struct buffer body;
    size_t body_limit_bytes;
    bool is_truncated;
    struct fetch_header *headers;
    size_t header_count;
    size_t header_bytes;
    bool is_header_done;
    enum status status; /* not OK: why a callback stopped curl */
};

/* CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION; `arg` is the arrival. */
size_t fetch_arrival_body(char *bytes, size_t unit, size_t count, void *arg);
size_t fetch_arrival_header(char *bytes, size_t unit, size_t count, void *arg);
void fetch_arrival_clear(struct fetch_arrival *arrival);

#endif
