/* Signed receipts.
 * Owner: the caller's buffer.
 * Why: the probe deletes nothing before it can prove that the collector took it. */
#include "collector/ingest/receipt.h"
#include "measurement/base/clock.h"

#include <inttypes.h>

enum status receipt_write(const struct secret_key *key, const uint8_t hash[SHA256_BYTES],
                          const struct store_put_result *result, struct buffer *out)
{
    char digits[2 * SHA256_BYTES + 1];
    char received[TIME_TEXT_BYTES];
    char key_text[PUBLIC_KEY_TEXT_BYTES];
    struct buffer receipt = {0};
    struct buffer minisig = {0};
    hex_encode(hash, SHA256_BYTES, digits);
    time_format_utc(result->received_us, received);
    public_key_format(&key->public_key, key_text);
    buffer_printf(&receipt, "{\"bundle\":\"%s\",\"log_index\":%" PRId64 ",\"received\":\"%s\"}", digits,
                  result->log_index, received);
    enum status status = receipt.failed
                             ? STATUS_NO_MEMORY
                             : minisig_sign(key, receipt.bytes, receipt.count, "dialtone receipt", &minisig);
    if (status == STATUS_OK) {
        buffer_text(out, "{\"receipt\":");
        buffer_append(out, receipt.bytes, receipt.count);
        buffer_printf(out, ",\"key\":\"%s\",\"signature\":\"", key_text);
        base64url_append(out, minisig.bytes, minisig.count);
        buffer_text(out, "\"}");
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    buffer_free(&receipt);
    buffer_free(&minisig);
    return status;
}
