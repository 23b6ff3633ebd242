/* Fuzzes what the daemon reads from a worker that may have been taken over: lines, notes, a collector's answer, and what
 * is done with its clock. Round trip: an answer that was read is written and read the same.
 * Owner: nothing outlives a run. Why: the daemon holds the key, and this is all that it reads of others. */
#include <string.h>

#include "measurement/base/json.h"
#include "probe/state/clock_offset.h"
#include "probe/upload/upload.h"
#include "probe/worker/worker_line.h"
#include "probe/worker/worker_task.h"
#include "tests/fuzz/fuzz.h"

static void answer_try(const json_t *object)
{
    struct buffer body = {0}, body_again = {0};
    struct upload_answer answer, again;
    if (upload_answer_decode(object, &body, &answer) == STATUS_OK) {
        FUZZ_REQUIRE(answer.route < ROUTES_MAX && answer.retry_after_us >= 0 && answer.sent_bytes >= 0 &&
                     answer.received_bytes >= 0);
        json_t *written = upload_answer_encode(&answer);
        FUZZ_REQUIRE(written && upload_answer_decode(written, &body_again, &again) == STATUS_OK);
        FUZZ_REQUIRE(again.code == answer.code && again.body_bytes == answer.body_bytes &&
                     memcmp(again.attempts, answer.attempts, sizeof again.attempts) == 0);
        struct clock_offset offset = clock_offset_start(INT64_C(1767225600000000), 0);
        (void)clock_offset_note(&offset, &answer.seen, false);
        (void)clock_offset_note(&offset, &answer.seen, true);
        FUZZ_REQUIRE(offset.least_us <= offset.best_us && offset.best_us <= offset.most_us);
        json_decref(written);
    }
    buffer_free(&body);
    buffer_free(&body_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct worker_line line;
    json_t *object = NULL;
    char own[WORKER_OWN_MAX][WORKER_OWN_BYTES];
    struct vantage_point vantage;
    struct ladder_result ladder;
    char *copy = malloc(count + 1);
    FUZZ_REQUIRE(copy != NULL);
    memcpy(copy, bytes, count);
    copy[count] = '\0';
    if (worker_line_read(copy, count, &line, &object) == STATUS_OK) {
        FUZZ_REQUIRE(line.text >= copy && line.text + line.count <= copy + count);
        (void)worker_vantage_decode(json_member_object(object, "vantage"), &vantage);
        (void)ladder_result_decode(json_member_object(object, "connectivity"), &ladder);
        FUZZ_REQUIRE(worker_own_decode(json_member_array(object, "own"), own) <= WORKER_OWN_MAX);
        answer_try(json_member_object(object, "answer"));
    }
    json_decref(object);
    free(copy);
    return 0;
}
