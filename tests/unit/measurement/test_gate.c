/* Tests of the gate: who waits is called once, may leave, and may free itself or others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "measurement/base/gate.h"

struct visitor {
    struct gate_waiter waiter;
    int call_count;
    struct gate_waiter *leaves; /* whom it takes along */
    struct gate *gate;
};

static void on_open(void *arg)
{
    struct visitor *visitor = arg;
    visitor->call_count++;
    assert_false(visitor->gate->is_closed);
    if (visitor->leaves)
        gate_leave(visitor->leaves);
}

static void test_open_keeps_nobody(void **state)
{
    (void)state;
    struct gate gate = {0};
    struct visitor visitor = {.gate = &gate};
    assert_false(gate_wait(NULL, &visitor.waiter, on_open, &visitor));
    assert_false(gate_wait(&gate, &visitor.waiter, on_open, &visitor));
    gate_open(&gate);
    assert_int_equal(visitor.call_count, 0);
    gate_leave(&visitor.waiter);
}

static void test_each_is_called_once(void **state)
{
    (void)state;
    struct gate gate = {0};
    struct visitor one = {.gate = &gate}, two = {.gate = &gate}, gone = {.gate = &gate};
    gate_close(&gate);
    assert_true(gate_wait(&gate, &one.waiter, on_open, &one));
    assert_true(gate_wait(&gate, &one.waiter, on_open, &one));
    assert_true(gate_wait(&gate, &two.waiter, on_open, &two));
    assert_true(gate_wait(&gate, &gone.waiter, on_open, &gone));
    gate_leave(&gone.waiter);
    gate_open(&gate);
    gate_open(&gate);
    assert_int_equal(one.call_count, 1);
    assert_int_equal(two.call_count, 1);
    assert_int_equal(gone.call_count, 0);
}

static void test_one_takes_the_other_along(void **state)
{
    (void)state;
    struct gate gate = {0};
    struct visitor one = {.gate = &gate}, two = {.gate = &gate};
    one.leaves = &two.waiter;
    two.leaves = &one.waiter;
    gate_close(&gate);
    assert_true(gate_wait(&gate, &one.waiter, on_open, &one));
    assert_true(gate_wait(&gate, &two.waiter, on_open, &two));
    gate_open(&gate);
    assert_int_equal(one.call_count + two.call_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_keeps_nobody),
        cmocka_unit_test(test_each_is_called_once),
        cmocka_unit_test(test_one_takes_the_other_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
