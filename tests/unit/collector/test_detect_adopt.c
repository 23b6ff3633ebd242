/* Ids over re-judgement: a revision keeps its id, a new event gets its own.
 * Owner: the test's own stack.
 * Why: alerts go out once per event and revision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "collector/detect/adopt.h"
#include "measurement/base/clock.h"

#define BIN_S 600

static struct event event_of(const char *id, enum event_kind kind, const char *subject, int64_t from_bin,
                             int64_t until_bin)
{
    struct event event = {.kind = kind,
                          .onset_earliest_us = from_bin * BIN_S * US_PER_S,
                          .onset_latest_us = (from_bin + 1) * BIN_S * US_PER_S,
                          .end_earliest_us = until_bin * BIN_S * US_PER_S,
                          .end_latest_us = until_bin * BIN_S * US_PER_S};
    strcpy(event.id, id);
    strcpy(event.region, "XD-N");
    strcpy(event.subject, subject);
    return event;
}

static void test_table(void **state)
{
    (void)state;
    const struct {
        struct event before, now;
        const char *id;
    } cases[] = {
        /* suspected and open, then confirmed a bin earlier */
        {event_of("a", EVENT_FULL_SHUTDOWN, "", 101, 0), event_of("b", EVENT_FULL_SHUTDOWN, "", 100, 130), "a"},
        /* suspected, then found to be a power cut */
        {event_of("a", EVENT_FULL_SHUTDOWN, "", 101, 110), event_of("b", EVENT_POWER_CUT, "", 100, 111), "a"},
        /* another day */
        {event_of("a", EVENT_FULL_SHUTDOWN, "", 101, 110), event_of("b", EVENT_FULL_SHUTDOWN, "", 200, 211), "b"},
        /* another sort */
        {event_of("a", EVENT_FULL_SHUTDOWN, "", 101, 110), event_of("b", EVENT_DNS_FAILURE, "", 100, 111), "b"},
        {event_of("a", EVENT_SERVICE_BLOCKING, "x.org", 101, 110), event_of("b", EVENT_SERVICE_BLOCKING, "y.org", 100, 111),
         "b"},
        {event_of("a", EVENT_SERVICE_BLOCKING, "x.org", 101, 0), event_of("b", EVENT_SERVICE_BLOCKING, "x.org", 100, 0),
         "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event now = cases[i].now;
        events_adopt(&now, 1, &cases[i].before, 1, BIN_S);
        assert_string_equal(now.id, cases[i].id);
    }
}

static void test_no_id_is_given_twice(void **state)
{
    (void)state;
    struct event before = event_of("a", EVENT_FULL_SHUTDOWN, "", 100, 200);
    struct event now[] = {event_of("b", EVENT_FULL_SHUTDOWN, "", 101, 140), event_of("c", EVENT_FULL_SHUTDOWN, "", 150, 199)};
    events_adopt(now, 2, &before, 1, BIN_S);
    assert_string_equal(now[0].id, "a");
    assert_string_equal(now[1].id, "c");
    struct event kept[] = {event_of("b", EVENT_FULL_SHUTDOWN, "", 99, 140), event_of("a", EVENT_FULL_SHUTDOWN, "", 150, 199)};
    events_adopt(kept, 2, &before, 1, BIN_S);
    assert_string_equal(kept[0].id, "b");
    assert_string_equal(kept[1].id, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_no_id_is_given_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
