/* Signed receipts.
 * Owner: the caller's buffer.
 * Why: the probe deletes nothing before it can prove that the collector took it. */
#include "collector/ingest/receipt.h"
#include "measurement/base/clock.h"

#include <inttypes.h>

/* Signs the text and wraps it. */
static enum status receipt_wrap(const struct secret_key *key, const struct buffer *receipt, struct buffer *out)
{
    char key_text[PUBLIC_KEY_TEXT_BYTES];
    struct buffer minisig = {0};
    public_key_format(&key->public_key, key_text);
    enum status status = receipt->failed
                             ? STATUS_NO_MEMORY
                             : minisig_sign(key, receipt->bytes, receipt->count, "dialtone receipt", &minisig);
    if (status == STATUS_OK) {
        buffer_text(out, "{\"receipt\":");
        buffer_append(out, receipt->bytes, receipt->count);
        buffer_printf(out, ",\"key\":\"%s\",\"signature\":\"", key_text);
        base64url_append(out, minisig.bytes, minisig.count);
        buffer_text(out, "\"}");
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    buffer_free(&minisig);
    return status;
}

enum status receipt_write(const struct secret_key *key, const uint8_t hash[SHA256_BYTES],
                          const struct store_put_result *result, struct buffer *out)
{
    char digits[2 * SHA256_BYTES + 1];
    char received[TIME_TEXT_BYTES];
    struct buffer receipt = {0};
    hex_encode(hash, SHA256_BYTES, digits);
    time_format_utc(result->received_us, received);
    buffer_printf(&receipt, "{\"bundle\":\"%s\",\"log_index\":%" PRId64 ",\"received\":\"%s\"}", digits,
                  result->log_index, received);
    enum status status = receipt_wrap(key, &receipt, out);
    buffer_free(&receipt);
    return status;
}

enum status receipt_write_sealed(const struct secret_key *key, const uint8_t hash[SHA256_BYTES], int64_t received_us,
                                 struct buffer *out)
{
    char digits[2 * SHA256_BYTES + 1];
    char received[TIME_TEXT_BYTES];
    struct buffer receipt = {0};
    hex_encode(hash, SHA256_BYTES, digits);
    time_format_utc(received_us, received);
    buffer_printf(&receipt, "{\"sealed\":\"%s\",\"received\":\"%s\"}", digits, received);
    enum status status = receipt_wrap(key, &receipt, out);
    buffer_free(&receipt);
    return status;
}
