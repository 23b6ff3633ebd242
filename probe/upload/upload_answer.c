/* A collector's answer as it travels from a worker to the daemon.
 * Owner: decoded bytes lie in the caller's buffer.
 * Why: apart from the sending, which the daemon does not link. A worker may be taken over: its answers are foreign. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "probe/upload/upload.h"

#define BYTES_MOST (INT64_C(1) << 40) /* of one exchange */

static json_t *attempts_encode(const struct upload_answer *answer)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < ROUTES_MAX; i++) {
        const struct upload_attempt *attempt = &answer->attempts[i];
        if (!attempt->is_tried)
            continue;
        json_t *object = json_pack("{s:I, s:i, s:I}", "route", (json_int_t)i, "status", (int)attempt->status, "code",
                                   (json_int_t)attempt->code);
        if (!object || json_array_append_new(array, object) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static bool status_read(int64_t number, enum status *out)
{
    *out = (enum status)number;
    return number >= STATUS_OK && number <= STATUS_OFFLINE;
}

static bool attempts_read(const json_t *array, struct upload_attempt out[ROUTES_MAX])
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i);
        int64_t route = json_member_int(object, "route", -1);
        struct upload_attempt attempt = {.is_tried = true, .code = (long)json_member_int(object, "code", 0)};
        if (route < 0 || route >= ROUTES_MAX || !status_read(json_member_int(object, "status", -1), &attempt.status))
            return false;
        out[route] = attempt;
    }
    return true;
}

json_t *upload_answer_encode(const struct upload_answer *answer)
{
    struct buffer body = {0};
    base64_append(&body, answer->body, answer->body_bytes);
    char *text = buffer_take_text(&body);
    json_t *object =
        json_pack("{s:i, s:I, s:o, s:s*, s:I, s:s*, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "status", (int)answer->status,
                  "route", (json_int_t)answer->route, "attempts", attempts_encode(answer), "signature",
                  answer->signature, "code", (json_int_t)answer->code, "body", text, "is_truncated", answer->is_truncated, "retry_after_us",
                  (json_int_t)answer->retry_after_us, "sent", (json_int_t)answer->sent_bytes, "received",
                  (json_int_t)answer->received_bytes, "server_us", (json_int_t)answer->seen.server_us, "sent_boot_us",
                  (json_int_t)answer->seen.sent_boot_us, "received_boot_us",
                  (json_int_t)answer->seen.received_boot_us);
    free(text);
    return object;
}

/* A number that a worker may have made up, within what it can be. */
static int64_t bounded(const json_t *object, const char *key, int64_t most)
{
    int64_t number = json_member_int(object, key, 0);
    return number < 0 ? 0 : number > most ? most : number;
}

enum status upload_answer_decode(const json_t *object, struct buffer *body, struct upload_answer *out)
{
    const char *text = json_member_text(object, "body");
    int64_t route = json_member_int(object, "route", -1);
    struct upload_attempt attempts[ROUTES_MAX] = {0};
    enum status told;
    if (!status_read(json_member_int(object, "status", -1), &told) || route < 0 || route >= ROUTES_MAX ||
        !attempts_read(json_member_array(object, "attempts"), attempts))
        return STATUS_MALFORMED;
    enum status status = text ? base64_decode(text, strlen(text), body) : STATUS_OK;
    if (status != STATUS_OK || body->count > UPLOAD_LIST_BYTES_MAX)
        return STATUS_MALFORMED;
    *out = (struct upload_answer){
        .status = told,
        .route = (size_t)route,
        .signature = json_member_text(object, "signature"),
        .code = (long)json_member_int(object, "code", 0),
        .body = body->bytes,
        .body_bytes = body->count,
        .is_truncated = json_member_bool(object, "is_truncated", false),
        .retry_after_us = bounded(object, "retry_after_us", UPLOAD_RETRY_MAX_US),
        .sent_bytes = bounded(object, "sent", BYTES_MOST),
        .received_bytes = bounded(object, "received", BYTES_MOST),
        .seen = {.server_us = bounded(object, "server_us", CLOCK_SIGHT_MOST_US),
                 .sent_boot_us = bounded(object, "sent_boot_us", CLOCK_SIGHT_MOST_US),
                 .received_boot_us = bounded(object, "received_boot_us", CLOCK_SIGHT_MOST_US)},
    };
    memcpy(out->attempts, attempts, sizeof attempts);
    return STATUS_OK;
}
