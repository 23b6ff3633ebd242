/* The queue with tests that answer at once, late, never, or do not start.
 * Owner: each test has a loop of its own.
 * Why: too many at once exhausts sockets; one forgotten hangs the round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "probe/measuring/measure_queue.h"

struct nettest_run {
    const struct nettest_context *context;
    nettest_callback callback;
    void *arg;
    struct loop_timer *timer;
};

/* What the fake tests saw; reached from the context that stands in it. */
struct fixture {
    struct loop *loop;
    struct nettest_context context;
    int running_count, most_running_count, started_count, cancelled_count;
    int result_count, failed_count, done_count, early_count;
    int per_job[64];
    struct measure_queue *queue;
};

static struct fixture *fixture_of(const struct nettest_context *context)
{
    return (struct fixture *)((char *)(uintptr_t)context - offsetof(struct fixture, context));
}

static void on_timer(void *arg)
{
    struct nettest_run *run = arg;
    struct nettest_result result = {.verdict = {.outcome = OUTCOME_OK}};
    fixture_of(run->context)->running_count--;
    run->callback(&result, run->arg);
    free(run);
}

static enum status fake_start(const struct nettest_context *context, const char *input, nettest_callback callback,
                              void *arg, struct nettest_run **out)
{
    struct fixture *fixture = fixture_of(context);
    if (strcmp(input, "unstartable") == 0)
        return STATUS_BUSY;
    struct nettest_run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    *run = (struct nettest_run){.context = context, .callback = callback, .arg = arg};
    int64_t delay_us = strcmp(input, "slow") == 0 ? 60000 : 0;
    if (strcmp(input, "hangs") != 0)
        assert_int_equal(loop_after(context->loop, delay_us, on_timer, run, &run->timer), STATUS_OK);
    fixture->started_count++;
    if (++fixture->running_count > fixture->most_running_count)
        fixture->most_running_count = fixture->running_count;
    *out = run;
    return STATUS_OK;
}

static void fake_cancel(struct nettest_run *run)
{
    fixture_of(run->context)->cancelled_count++;
    loop_timer_cancel(run->timer);
    free(run);
}

static const struct nettest fake = {.name = "fake", .needs_input = true, .start = fake_start, .cancel = fake_cancel};

static void on_result(const struct measure_job *job, enum status status, struct nettest_result *result, void *arg)
{
    struct fixture *fixture = arg;
    assert_true((status == STATUS_OK) == (result != NULL));
    fixture->result_count += result != NULL;
    fixture->failed_count += result == NULL;
    fixture->per_job[job->index]++;
}

static void on_done(void *arg)
{
    struct fixture *fixture = arg;
    fixture->done_count++;
    measure_queue_free(fixture->queue); /* allowed from here */
    fixture->queue = NULL;
    loop_stop(fixture->loop);
}

static int setup_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_int_equal(loop_open(&fixture->loop), STATUS_OK);
    fixture->context.clock = clock_system();
    fixture->context.loop = fixture->loop;
    *state = fixture;
    return 0;
}

static int teardown_fixture(void **state)
{
    struct fixture *fixture = *state;
    measure_queue_free(fixture->queue);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void queue_run(struct fixture *fixture, const char *const *inputs, size_t count, size_t parallel_count)
{
    struct measure_job jobs[64] = {{0}};
    for (size_t i = 0; i < count; i++)
        jobs[i] = (struct measure_job){.test = &fake, .input = inputs[i], .index = i};
    assert_int_equal(measure_queue_start(&fixture->context, jobs, count, parallel_count, on_result, on_done, fixture,
                                         &fixture->queue),
                     STATUS_OK);
    assert_int_equal(fixture->result_count + fixture->failed_count + fixture->done_count, 0);
    assert_int_equal(loop_run(fixture->loop), STATUS_OK);
}

static void all_run_and_never_too_many(void **state)
{
    struct fixture *fixture = *state;
    const char *inputs[40];
    for (size_t i = 0; i < 40; i++)
        inputs[i] = i % 3 == 0 ? "slow" : "fast";
    queue_run(fixture, inputs, 40, 4);
    assert_int_equal(fixture->done_count, 1);
    assert_int_equal(fixture->result_count, 40);
    assert_int_equal(fixture->most_running_count, 4);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(fixture->per_job[i], 1);
}

static void what_does_not_start_is_told(void **state)
{
    struct fixture *fixture = *state;
    static const char *const inputs[] = {"unstartable", "fast", "unstartable", "unstartable"};
    queue_run(fixture, inputs, 4, 2);
    assert_int_equal(fixture->done_count, 1);
    assert_int_equal(fixture->failed_count, 3);
    assert_int_equal(fixture->result_count, 1);
}

static void nothing_to_do_is_done(void **state)
{
    struct fixture *fixture = *state;
    queue_run(fixture, NULL, 0, 4);
    assert_int_equal(fixture->done_count, 1);
}

static void freeing_cancels_what_runs(void **state)
{
    struct fixture *fixture = *state;
    struct measure_job jobs[8];
    for (size_t i = 0; i < 8; i++)
        jobs[i] = (struct measure_job){.test = &fake, .input = i < 3 ? "hangs" : "fast", .index = i};
    assert_int_equal(
        measure_queue_start(&fixture->context, jobs, 8, 4, on_result, on_done, fixture, &fixture->queue), STATUS_OK);
    assert_int_equal(loop_run(fixture->loop), STATUS_OK); /* until only the hanging ones are left */
    assert_int_equal(fixture->result_count, 5);
    assert_int_equal(fixture->done_count, 0);
    measure_queue_free(fixture->queue);
    fixture->queue = NULL;
    assert_int_equal(fixture->cancelled_count, 3);
    measure_queue_free(NULL);
}

static void on_network_known(void *arg)
{
    struct fixture *fixture = arg;
    fixture->early_count = fixture->started_count;
    gate_open(fixture->context.readiness);
}

static void few_start_before_the_network_is_known(void **state)
{
    struct fixture *fixture = *state;
    struct gate gate = {0};
    const char *inputs[60];
    for (size_t i = 0; i < 60; i++)
        inputs[i] = "hangs";
    gate_close(&gate);
    fixture->context.readiness = &gate;
    assert_int_equal(loop_after(fixture->loop, 400 * US_PER_MS, on_network_known, fixture, NULL), STATUS_OK);
    queue_run(fixture, inputs, 60, 50); /* until nothing happens any more */
    assert_in_range(fixture->early_count, 8, 40);
    assert_int_equal(fixture->started_count, 50);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_fixture, teardown_fixture)
    const struct CMUnitTest tests[] = {
        TEST(all_run_and_never_too_many),
        TEST(what_does_not_start_is_told),
        TEST(nothing_to_do_is_done),
        TEST(freeing_cancels_what_runs),
        TEST(few_start_before_the_network_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
