/* Signs alerts and names them.
 * Owner: nothing outlives a call.
 * Why: a receiver on the open Internet must know who speaks, when, and whether it heard this before. */
#include "collector/alert/sign.h"

#include <inttypes.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

enum status alert_sign(const char *secret, int64_t timestamp_s, const void *body, size_t count,
                       char out[ALERT_SIGNATURE_BYTES])
{
    struct buffer text = {0};
    uint8_t code[EVP_MAX_MD_SIZE];
    char digits[2 * SHA256_BYTES + 1];
    unsigned int code_bytes = 0;
    buffer_printf(&text, "%" PRId64 ".", timestamp_s);
    buffer_append(&text, body, count);
    bool is_made = !text.failed && HMAC(EVP_sha256(), secret, (int)strlen(secret), text.bytes, text.count,
                                        code, &code_bytes) != NULL;
    buffer_free(&text);
    if (!is_made || code_bytes != SHA256_BYTES) {
        return STATUS_NO_MEMORY;
    }
    hex_encode(code, SHA256_BYTES, digits);
    snprintf(out, ALERT_SIGNATURE_BYTES, "sha256=%s", digits);
    return STATUS_OK;
}

void alert_delivery_id(const char *collector, const char *hook, const char *event, int revision,
                       char out[ALERT_DELIVERY_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    struct buffer text = {0};
    buffer_printf(&text, "dialtone alert\n%s\n%s\n%s\n%d\n", collector, hook, event, revision);
    sha256(text.bytes, text.count, hash);
    buffer_free(&text);
    hex_encode(hash, (ALERT_DELIVERY_BYTES - 1) / 2, out);
}
