/* The signature of an alert: HMAC-SHA256 (RFC 2104) over TIMESTAMP "." BODY. */
#ifndef COLLECTOR_ALERT_SIGN_H
#define COLLECTOR_ALERT_SIGN_H

#include <stdint.h>

#include "measurement/base/bytes.h"

#define ALERT_SIGNATURE_BYTES (sizeof "sha256=" + 2 * SHA256_BYTES)
/* "sha256=" and 64 hexadecimal digits. */
enum status alert_sign(const char *secret, int64_t timestamp_s, const void *body, size_t count,
                       char out[ALERT_SIGNATURE_BYTES]);

/* The same for the same collector, hook, event and revision, so that a receiver tells a repetition from news.
 */
#define ALERT_DELIVERY_BYTES 33
void alert_delivery_id(const char *collector, const char *hook, const char *event, int revision,
                       char out[ALERT_DELIVERY_BYTES]);

#endif
