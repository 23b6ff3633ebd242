/* The probe says to a collector that it holds a key and would send, or that its key follows an older one.
 * (docs/trust.md; POST /v1/probes) */
#ifndef PROBE_UPLOAD_ENROL_H
#define PROBE_UPLOAD_ENROL_H

#include "measurement/key.h"

struct enrol_request {
    const char *collector;  /* its address */
    const char *invitation; /* the code, or NULL */
    const char *proxy;      /* libcurl's form, or NULL: directly */
    const char *ca_file;    /* NULL: the system's */
};

/* Enrols the key. OK: it is enrolled, or needs not be. REFUSED with the collector's reason; OFFLINE: not reached. */
enum status enrol_key(const struct enrol_request *request, const struct secret_key *key, int64_t now_us, struct why *why);
/* Hands on a statement of STATE/rotations, with its .minisig, both as they are; `old` is whose signature it is. */
enum status enrol_rotation(const struct enrol_request *request, const struct public_key *old, const void *statement,
                           size_t count, const void *minisig, size_t minisig_count, struct why *why);

#endif
