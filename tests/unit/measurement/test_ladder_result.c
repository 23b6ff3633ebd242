/* The ladder's object in a record: there and back, and what is evidence.
 * Each test owns its trees.
 * What counts as failure evidence decides whether a shutdown is ever told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "measurement/ladder_result.h"

static const struct ladder_result shutdown = {.state = CONNECTIVITY_FULL_SHUTDOWN,
                                              .controls_failed_count = 3,
                                              .operators_failed_count = 2,
                                              .boot_id = "b-1",
                                              .monotonic_s = 12.5};

static void results_are_read_back(void **state)
{
    (void)state;
    json_t *rungs = json_pack("[{s:s}]", "rung", "link");
    json_t *object = ladder_result_encode(&shutdown, rungs);
    struct buffer text = {0};
    struct ladder_result back;
    assert_int_equal(json_write(object, &text), STATUS_OK);
    char *written = buffer_take_text(&text);
    assert_string_equal(written, "{\"state\":\"full_shutdown\",\"controls_ok\":0,\"controls_failed\":3,"
                                 "\"operators_failed\":2,\"rungs\":[{\"rung\":\"link\"}],\"boot\":\"b-1\","
                                 "\"monotonic_s\":12.5}");
    free(written);
    assert_int_equal(ladder_result_decode(object, &back), STATUS_OK);
    assert_int_equal(back.state, shutdown.state);
    assert_int_equal(back.controls_ok_count, 0);
    assert_int_equal(back.controls_failed_count, 3);
    assert_int_equal(back.operators_failed_count, 2);
    assert_string_equal(back.boot_id, "b-1");
    assert_true(back.monotonic_s == 12.5);
    json_decref(object);
    object = ladder_result_encode(&shutdown, NULL);
    assert_int_equal(json_array_size(json_member_array(object, "rungs")), 0);
    json_decref(object);
}

static void broken_results_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"state", "\"fine\""},
        {"state", "null"},
        {"controls_ok", "-1"},
        {"controls_ok", "1.5"},
        {"controls_failed", "4294967296"},
        {"operators_failed", "\"2\""},
        {"boot", "7"},
        {"monotonic_s", "-1"},
        {"monotonic_s", "\"x\""},
        {"boot", "\"0123456789012345678901234567890123456\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *object = ladder_result_encode(&shutdown, NULL), *value = NULL;
        struct ladder_result back;
        assert_int_equal(json_read(cases[i].value, strlen(cases[i].value), &value, NULL), STATUS_OK);
        json_object_set_new(object, cases[i].key, value);
        if (ladder_result_decode(object, &back) != STATUS_MALFORMED)
            fail_msg("%s: %s", cases[i].key, cases[i].value);
        json_object_del(object, cases[i].key);
        assert_int_equal(ladder_result_decode(object, &back), STATUS_MALFORMED);
        json_decref(object);
    }
    assert_int_equal(ladder_result_decode(NULL, &(struct ladder_result){0}), STATUS_MALFORMED);
}

static void only_the_networks_failure_is_evidence(void **state)
{
    (void)state;
    static const struct {
        enum connectivity_state state;
        int ok, failed, operators;
        bool expected;
    } cases[] = {
        {CONNECTIVITY_FULL_SHUTDOWN, 0, 3, 2, true},   {CONNECTIVITY_FULL_SHUTDOWN, 0, 4, 3, true},
        {CONNECTIVITY_DOMESTIC_ONLY, 0, 3, 2, true},   {CONNECTIVITY_TLS_BLOCKED, 0, 3, 2, true},
        {CONNECTIVITY_FULL_SHUTDOWN, 0, 2, 2, false},  {CONNECTIVITY_FULL_SHUTDOWN, 0, 3, 1, false},
        {CONNECTIVITY_FULL_SHUTDOWN, 1, 3, 2, false},  {CONNECTIVITY_RESOLVER_DEAD, 3, 0, 0, false},
        {CONNECTIVITY_NO_LINK, 0, 3, 2, false},        {CONNECTIVITY_NO_GATEWAY, 0, 3, 2, false},
        {CONNECTIVITY_CAPTIVE_PORTAL, 0, 3, 2, false}, {CONNECTIVITY_UNKNOWN, 0, 3, 2, false},
        {CONNECTIVITY_WORKING, 0, 3, 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ladder_result result = {.state = cases[i].state,
                                       .controls_ok_count = cases[i].ok,
                                       .controls_failed_count = cases[i].failed,
                                       .operators_failed_count = cases[i].operators};
        if (ladder_result_is_failure(&result) != cases[i].expected)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_read_back),
        cmocka_unit_test(broken_results_are_refused),
        cmocka_unit_test(only_the_networks_failure_is_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
