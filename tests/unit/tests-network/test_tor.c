/* Tor's verdict and keys by a table. */
#include "tests/unit/tests-network/service_rows.h"

#include "tests-network/tor/tor.h"

#define AUTHORITY "or_port_dirauth"
#define KEYS(dirauth, dir)                                                                                   \
    "{'or_port_dirauth_total':9,'or_port_dirauth_accessible':" dirauth                                       \
    ",'dir_port_total':9,'dir_port_accessible':" dir                                                         \
    ",'obfs4_total':0,'obfs4_accessible':0,'or_port_total':0,'or_port_accessible':0}"

static const struct row rows[] = {
    {"all works", {{0}}, ROW_WORKING, ROW_OK, .keys = KEYS("9", "9")},
    {"three authorities are away",
     {AT(AUTHORITY, 3, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_OK,
     .keys = KEYS("6", "9")},
    {"five of nine are blocked",
     {AT(AUTHORITY, 5, TCP, FAILURE_TIMEOUT, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_timeout", MEDIUM),
     .keys = KEYS("4", "9")},
    {"five of nine fail, no control",
     {AT(AUTHORITY, 5, TCP, FAILURE_REFUSED)},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = KEYS("4", "9")},
    {"five of nine fail, the control cannot tell",
     {AT(AUTHORITY, 5, TCP, FAILURE_REFUSED)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_refused", WEAK),
     .keys = KEYS("4", "9")},
    {"handshakes are reset",
     {AT(AUTHORITY, 0, TLS, FAILURE_RESET, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TLS, "tls_reset", STRONG),
     .keys = KEYS("0", "9")},
    {"only directory ports fail: clients do not use them",
     {AT("dir_port", 0, HTTP, FAILURE_RESET)},
     ROW_WORKING,
     ROW_OK,
     .keys = KEYS("9", "0")},
    {"everything fails while the ladder works, no control",
     {AT("*", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = KEYS("0", "0")},
    {"everything fails while the ladder works, the control cannot tell",
     {AT("*", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_timeout", MEDIUM),
     .keys = KEYS("0", "0")},
    {"everything fails in an international cut",
     {AT("*", 0, TCP, FAILURE_TIMEOUT)},
     .connectivity = CONNECTIVITY_DOMESTIC_ONLY,
     ROW_OFFLINE},
    {"everything fails, nobody climbed", {AT("*", 0, TCP, FAILURE_TIMEOUT)}, ROW_UNKNOWN},
    {"everything fails at the control too",
     {AT("*", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_FAILS)},
     ROW_WORKING,
     .has_control = true,
     ROW_DOWN},
    {"nothing could be measured",
     {{.role = "*", .is_untried = true}},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = "{'or_port_dirauth_total':0,'or_port_dirauth_accessible':0}"},
};

static void test_rows(void **state)
{
    (void)state;
    ROWS_CHECK(&service_tor, rows);
}

static void test_targets(void **state)
{
    (void)state;
    const struct row row = {
        "one fails", {AT(AUTHORITY, 1, TLS, FAILURE_EOF)}, ROW_WORKING, ROW_OK, .keys = NULL};
    struct row_case made;
    json_t *keys = json_object();
    const char *id;
    json_t *target;
    size_t failed_count = 0;
    row_case_open(&service_tor, &row, &made);
    service_tor.keys(&made.evidence, keys);
    const json_t *targets = json_member_object(keys, "targets");
    assert_int_equal(json_object_size(targets), 18);
    json_object_foreach((json_t *)(uintptr_t)targets, id, target)
    {
        assert_int_equal(strlen(id), 64);
        assert_non_null(json_member_text(target, "target_address"));
        assert_non_null(json_member_array(target, "tcp_connect"));
        const json_t *summary = json_member_object(target, "summary");
        assert_non_null(json_member_object(summary, "connect"));
        if (!json_member_text(target, "failure"))
            continue;
        failed_count++;
        assert_string_equal(json_member_text(target, "target_name"), "moria1");
        assert_string_equal(json_member_text(target, "target_protocol"), AUTHORITY);
        assert_string_equal(json_member_text(json_member_object(summary, "handshake"), "failure"),
                            "eof_error");
        assert_null(json_member_text(json_member_object(summary, "connect"), "failure"));
    }
    assert_int_equal(failed_count, 1);
    json_decref(keys);
    row_case_close(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_targets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
