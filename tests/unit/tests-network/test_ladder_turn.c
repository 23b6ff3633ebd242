/* Routine climbs: every anchor comes round, and each turn has an address and a control.
 * Owner: nothing.
 * Why: a control that is never asked proves nothing, and one asked too often costs the volunteer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests-network/ladder/ladder.h"
#include "tests-network/ladder/turn.h"

#define ANCHORS_MAX 16

static void all_come_round(void **state)
{
    (void)state;
    struct anchor_list anchors = {0};
    int seen[ANCHORS_MAX] = {0}, tls_count = 0;
    assert_int_equal(ladder_anchors_default(&anchors), STATUS_OK);
    assert_in_range(anchors.count, 5, ANCHORS_MAX);
    for (int64_t turn = 1; turn <= 120; turn++) {
        bool chosen[ANCHORS_MAX];
        int address_count = 0, control_count = 0;
        assert_true(ladder_turn_choose(&anchors, turn, chosen));
        for (size_t i = 0; i < anchors.count; i++) {
            const struct anchor *anchor = &anchors.anchors[i];
            seen[i] += chosen[i];
            address_count += chosen[i] && anchor->kind == ANCHOR_FOREIGN;
            control_count += chosen[i] && anchor->kind == ANCHOR_CONTROL;
            tls_count += chosen[i] && anchor->kind == ANCHOR_CONTROL && anchor->port != 80;
        }
        assert_int_equal(address_count, 1);
        assert_int_equal(control_count, 1);
    }
    for (size_t i = 0; i < anchors.count; i++)
        assert_true(seen[i] >= 4 || anchors.anchors[i].kind == ANCHOR_DOMESTIC);
    assert_int_equal(tls_count, 120 / LADDER_TLS_EVERY);
    anchor_list_free(&anchors);
}

static void poor_lists_are_climbed_whole(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "kind,operator,host,port\ncontrol,a,a.example,443\n",                              /* no address */
        "kind,operator,host,port\nforeign,a,192.0.2.1,443\n",                              /* no control */
        "kind,operator,host,port\nforeign,a,192.0.2.1,443\ncontrol,b,b.example,80\n",      /* no TLS */
    };
    bool chosen[ANCHORS_MAX];
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct anchor_list anchors = {0};
        assert_int_equal(anchor_list_read(lists[i], strlen(lists[i]), &anchors, NULL), STATUS_OK);
        assert_false(ladder_turn_choose(&anchors, 1, chosen));
        anchor_list_free(&anchors);
    }
    /* Without plain HTTP each turn speaks TLS. */
    static const char tls_only[] = "kind,operator,host,port\nforeign,a,192.0.2.1,443\ncontrol,b,b.example,443\n";
    struct anchor_list anchors = {0};
    assert_int_equal(anchor_list_read(tls_only, strlen(tls_only), &anchors, NULL), STATUS_OK);
    for (int64_t turn = 1; turn < 10; turn++)
        assert_true(ladder_turn_choose(&anchors, turn, chosen) && chosen[0] && chosen[1]);
    assert_false(ladder_turn_choose(&anchors, 0, chosen));
    anchor_list_free(&anchors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_come_round), cmocka_unit_test(poor_lists_are_climbed_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
