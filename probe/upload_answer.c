/* A collector's answer as it travels from a worker to the daemon.
 * Owner: decoded bytes lie in the caller's buffer.
 * Why: apart from the sending, which the daemon does not link. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "probe/upload.h"

json_t *upload_answer_encode(const struct upload_answer *answer)
{
    struct buffer body = {0};
    base64_append(&body, answer->body, answer->body_bytes);
    char *text = buffer_take_text(&body);
    json_t *object =
        json_pack("{s:i, s:I, s:s*, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "status", (int)answer->status, "code",
                  (json_int_t)answer->code, "body", text, "is_truncated", answer->is_truncated, "retry_after_us",
                  (json_int_t)answer->retry_after_us, "sent", (json_int_t)answer->sent_bytes, "received",
                  (json_int_t)answer->received_bytes, "server_us", (json_int_t)answer->seen.server_us, "sent_boot_us",
                  (json_int_t)answer->seen.sent_boot_us, "received_boot_us",
                  (json_int_t)answer->seen.received_boot_us);
    free(text);
    return object;
}

enum status upload_answer_decode(const json_t *object, struct buffer *body, struct upload_answer *out)
{
    const char *text = json_member_text(object, "body");
    int64_t status_number = json_member_int(object, "status", -1);
    if (status_number < STATUS_OK || status_number > STATUS_OFFLINE)
        return STATUS_MALFORMED;
    enum status status = text ? base64_decode(text, strlen(text), body) : STATUS_OK;
    if (status != STATUS_OK || body->count > UPLOAD_ANSWER_BYTES_MAX)
        return STATUS_MALFORMED;
    *out = (struct upload_answer){
        .status = (enum status)status_number,
        .code = (long)json_member_int(object, "code", 0),
        .body = body->bytes,
        .body_bytes = body->count,
        .is_truncated = json_member_bool(object, "is_truncated", false),
        .retry_after_us = json_member_int(object, "retry_after_us", 0),
        .sent_bytes = json_member_int(object, "sent", 0),
        .received_bytes = json_member_int(object, "received", 0),
        .seen = {.server_us = json_member_int(object, "server_us", 0),
                 .sent_boot_us = json_member_int(object, "sent_boot_us", 0),
                 .received_boot_us = json_member_int(object, "received_boot_us", 0)},
    };
    return STATUS_OK;
}
