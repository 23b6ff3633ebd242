/* Where a probe is seen against where it should be.
 * Nothing is owned.
 * Why: a VPN must not make a shutdown in one country look like a good day in another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probe/measuring/location.h"

#define HOUR_US (INT64_C(3600) * 1000000)

static void a_declared_country_is_held_against_what_is_seen(void **state)
{
    (void)state;
    struct location location = {0};
    assert_int_equal(location_see(&location, "CD", "ZZ", 0), LOCATION_TRUSTED); /* nobody can say */
    assert_int_equal(location_see(&location, "CD", "CD", HOUR_US), LOCATION_TRUSTED);
    assert_int_equal(location_see(&location, "CD", "NL", 2 * HOUR_US), LOCATION_ELSEWHERE);
    assert_int_equal(location_see(&location, "CD", "", 3 * HOUR_US), LOCATION_ELSEWHERE); /* unanswered: as before */
    assert_int_equal(location_see(&location, "CD", "NL", 100 * HOUR_US), LOCATION_ELSEWHERE);
    assert_int_equal(location_see(&location, "CD", "CD", 101 * HOUR_US), LOCATION_TRUSTED);
}

static void a_jump_is_flagged_until_it_is_a_move(void **state)
{
    (void)state;
    struct location location = {0};
    assert_int_equal(location_see(&location, "ZZ", "KE", 0), LOCATION_TRUSTED);
    assert_int_equal(location_see(&location, "ZZ", "DE", HOUR_US), LOCATION_JUMPED);
    assert_int_equal(location_see(&location, "ZZ", "KE", 2 * HOUR_US), LOCATION_TRUSTED);
    assert_int_equal(location_see(&location, "ZZ", "UG", 3 * HOUR_US), LOCATION_JUMPED);
    assert_int_equal(location_see(&location, "ZZ", "UG", 26 * HOUR_US), LOCATION_JUMPED);
    assert_int_equal(location_see(&location, "ZZ", "UG", 27 * HOUR_US), LOCATION_TRUSTED);
    assert_int_equal(location_see(&location, "ZZ", "KE", 28 * HOUR_US), LOCATION_JUMPED);
    assert_null(location_word(LOCATION_TRUSTED));
    assert_string_equal(location_word(LOCATION_JUMPED), "jumped");
    assert_string_equal(location_word(LOCATION_ELSEWHERE), "elsewhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_declared_country_is_held_against_what_is_seen),
        cmocka_unit_test(a_jump_is_flagged_until_it_is_a_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
