/* The event loop: when it ends, in what order it calls, and what may be freed inside a callback.
 * Each test owns its loop and its descriptors.
 * Waits are milliseconds; order is asserted, length only from below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/loop.h"

struct journal {
    struct loop *loop;
    char calls[32];
    struct loop_timer *victim;
    struct loop_watch *watch;
};

static void note(struct journal *journal, char call)
{
    size_t used = strlen(journal->calls);
    if (used + 1 < sizeof journal->calls)
        journal->calls[used] = call;
}

static void note_a(void *arg)
{
    note(arg, 'a');
}

static void note_b(void *arg)
{
    note(arg, 'b');
}

static void note_and_stop(void *arg)
{
    struct journal *journal = arg;
    note(journal, 's');
    loop_stop(journal->loop);
}

static void note_and_cancel(void *arg)
{
    struct journal *journal = arg;
    note(journal, 'c');
    loop_timer_cancel(journal->victim);
}

static void note_and_set(void *arg)
{
    struct journal *journal = arg;
    note(journal, 'n');
    assert_int_equal(loop_after(journal->loop, 0, note_a, journal, NULL), STATUS_OK);
}

static struct journal journal_open(void)
{
    struct journal journal = {0};
    assert_int_equal(loop_open(&journal.loop), STATUS_OK);
    return journal;
}

static void runs_until_nothing_is_left(void **state)
{
    (void)state;
    struct journal journal = journal_open();
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_int_equal(loop_after(journal.loop, 20 * US_PER_MS, note_b, &journal, NULL), STATUS_OK);
    assert_int_equal(loop_after(journal.loop, -5, note_a, &journal, NULL), STATUS_OK);
    assert_int_equal(loop_after(journal.loop, 10 * US_PER_MS, note_and_set, &journal, NULL), STATUS_OK);
    struct clock clock = clock_system();
    int64_t start_us = clock_monotonic_us(&clock);
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    /* Where the machine was held up, both are due at once, and the one that was set last comes last. */
    assert_true(strcmp(journal.calls, "anab") == 0 || strcmp(journal.calls, "anba") == 0);
    assert_true(clock_monotonic_us(&clock) - start_us >= 20 * US_PER_MS);
    loop_free(journal.loop);
}

static void stops_when_told_and_runs_again(void **state)
{
    (void)state;
    struct journal journal = journal_open();
    assert_int_equal(loop_after(journal.loop, 0, note_and_stop, &journal, NULL), STATUS_OK);
    assert_int_equal(loop_after(journal.loop, 5 * US_PER_MS, note_a, &journal, NULL), STATUS_OK);
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_string_equal(journal.calls, "s");
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_string_equal(journal.calls, "sa");
    loop_stop(journal.loop);
    assert_int_equal(loop_after(journal.loop, 0, note_b, &journal, NULL), STATUS_OK);
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_string_equal(journal.calls, "sa");
    loop_free(journal.loop); /* with a timer pending: freed with the loop */
    loop_free(NULL);
}

static void timers_are_cancelled_before_they_fire(void **state)
{
    (void)state;
    struct journal journal = journal_open();
    assert_int_equal(loop_after(journal.loop, 10 * US_PER_MS, note_a, &journal, &journal.victim), STATUS_OK);
    assert_int_equal(loop_after(journal.loop, 0, note_and_cancel, &journal, NULL), STATUS_OK);
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_string_equal(journal.calls, "c");
    loop_timer_cancel(NULL);
    loop_free(journal.loop);
}

static void slow_then_set(void *arg)
{
    struct journal *journal = arg;
    usleep(30000);
    assert_int_equal(loop_after(journal->loop, 20 * US_PER_MS, note_a, journal, NULL), STATUS_OK);
}

static void timers_count_from_when_they_are_set(void **state)
{
    (void)state;
    struct journal journal = journal_open();
    struct clock clock = clock_system();
    int64_t start_us = clock_monotonic_us(&clock);
    assert_int_equal(loop_after(journal.loop, 0, slow_then_set, &journal, NULL), STATUS_OK);
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_true(clock_monotonic_us(&clock) - start_us >= 50 * US_PER_MS);
    loop_free(journal.loop);
}

static void read_then_write_then_free(int fd, bool readable, bool writable, void *arg)
{
    struct journal *journal = arg;
    char byte;
    if (readable) {
        note(journal, 'r');
        assert_int_equal(read(fd, &byte, 1), 1);
        assert_int_equal(loop_watch_change(journal->watch, false, true), STATUS_OK);
    } else if (writable) {
        note(journal, 'w');
        loop_watch_free(journal->watch);
    }
}

static void poke(void *arg)
{
    assert_int_equal(write(*(int *)arg, "x", 1), 1);
}

static void watches_change_and_end_inside_their_callback(void **state)
{
    (void)state;
    struct journal journal = journal_open();
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(
        loop_watch(journal.loop, ends[0], true, false, read_then_write_then_free, &journal, &journal.watch),
        STATUS_OK);
    assert_int_equal(loop_after(journal.loop, 5 * US_PER_MS, poke, &ends[1], NULL), STATUS_OK);
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_string_equal(journal.calls, "rw");
    struct loop_watch *idle;
    assert_int_equal(
        loop_watch(journal.loop, ends[0], false, false, read_then_write_then_free, &journal, &idle),
        STATUS_OK);
    assert_int_equal(loop_run(journal.loop), STATUS_OK); /* waits for nothing */
    loop_watch_free(idle);
    loop_watch_free(NULL);
    close(ends[0]);
    close(ends[1]);
    loop_free(journal.loop);
}

static void raise_interrupt(void *arg)
{
    (void)arg;
    raise(SIGTERM);
}

static void signals_stop_but_do_not_keep_it_running(void **state)
{
    (void)state;
    struct journal journal = journal_open();
    assert_int_equal(loop_stop_on_signals(journal.loop), STATUS_OK);
    assert_int_equal(loop_stop_on_signals(journal.loop), STATUS_OK);
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_int_equal(loop_after(journal.loop, 0, raise_interrupt, NULL, NULL), STATUS_OK);
    assert_int_equal(loop_after(journal.loop, 30 * US_PER_S, note_a, &journal, NULL), STATUS_OK);
    assert_int_equal(loop_run(journal.loop), STATUS_OK);
    assert_string_equal(journal.calls, "");
    loop_free(journal.loop);
}

static void a_vanished_peer_does_not_end_the_program(void **state)
{
    (void)state;
    struct journal journal = journal_open();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
    loop_free(journal.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_until_nothing_is_left),
        cmocka_unit_test(stops_when_told_and_runs_again),
        cmocka_unit_test(timers_are_cancelled_before_they_fire),
        cmocka_unit_test(timers_count_from_when_they_are_set),
        cmocka_unit_test(watches_change_and_end_inside_their_callback),
        cmocka_unit_test(signals_stop_but_do_not_keep_it_running),
        cmocka_unit_test(a_vanished_peer_does_not_end_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
