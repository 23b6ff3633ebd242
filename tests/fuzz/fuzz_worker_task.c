/* Fuzzes the task that a worker reads. Round trip: what was read is written and read the same.
 * Owner: nothing outlives a run. Why: the worker parses foreign bytes later; it begins with these. */
#include <string.h>

#include "measurement/base/json.h"
#include "probe/worker/worker_task.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct worker_task first, second;
    struct buffer line = {0}, again = {0};
    if (worker_task_decode(bytes, count, &first) != STATUS_OK)
        return 0;
    FUZZ_REQUIRE(first.own_count <= WORKER_OWN_MAX);
    for (size_t i = 0; i < first.job_count; i++)
        FUZZ_REQUIRE(first.jobs[i].test != NULL);
    if (worker_task_encode(&first, &line) == STATUS_OK) {
        FUZZ_REQUIRE(memchr(line.bytes, '\n', line.count) == NULL);
        FUZZ_REQUIRE(worker_task_decode(line.bytes, line.count, &second) == STATUS_OK);
        FUZZ_REQUIRE(first.job_count == second.job_count && first.own_count == second.own_count);
        FUZZ_REQUIRE(worker_task_encode(&second, &again) == STATUS_OK);
        FUZZ_REQUIRE(line.count == again.count && memcmp(line.bytes, again.bytes, line.count) == 0);
        worker_task_free(&second);
    }
    worker_task_free(&first);
    buffer_free(&line);
    buffer_free(&again);
    return 0;
}
