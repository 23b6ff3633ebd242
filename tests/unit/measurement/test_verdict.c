/* Verdicts: every name there and back, and what is none.
 * Each test owns its trees.
 * Records of old probes are read by these words for years. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "measurement/base/json.h"
#include "measurement/verdict.h"

static void names_are_read_back(void **state)
{
    (void)state;
    static const char *const outcomes[] = {"unknown", "ok", "blocked", "down", "offline"};
    static const char *const layers[] = {"", "dns", "tcp", "tls", "http", "quic", "throttling", "path"};
    static const char *const confidences[] = {"", "weak", "medium", "strong", "certain"};
    for (size_t i = 0; i < 5; i++) {
        enum verdict_outcome outcome = OUTCOME_UNKNOWN;
        assert_string_equal(outcome_name((enum verdict_outcome)i), outcomes[i]);
        assert_int_equal(outcome_parse(outcomes[i], &outcome), STATUS_OK);
        assert_int_equal(outcome, i);
    }
    for (size_t i = 0; i < 8; i++) {
        enum verdict_layer layer = LAYER_NONE;
        assert_string_equal(layer_name((enum verdict_layer)i), layers[i]);
        assert_int_equal(layer_parse(layers[i], &layer), STATUS_OK);
        assert_int_equal(layer, i);
    }
    assert_int_equal(CONFIDENCE_COUNT, 5);
    for (size_t i = 0; i < CONFIDENCE_COUNT; i++) {
        enum verdict_confidence confidence = CONFIDENCE_NONE;
        assert_string_equal(confidence_name((enum verdict_confidence)i), confidences[i]);
        assert_int_equal(confidence_parse(confidences[i], &confidence), STATUS_OK);
        assert_int_equal(confidence, i);
    }
}

static void other_names_change_nothing(void **state)
{
    (void)state;
    enum verdict_outcome outcome = OUTCOME_DOWN;
    enum verdict_layer layer = LAYER_QUIC;
    enum verdict_confidence confidence = CONFIDENCE_WEAK;
    assert_int_equal(outcome_parse("accessible", &outcome), STATUS_MALFORMED);
    assert_int_equal(outcome_parse("", &outcome), STATUS_MALFORMED);
    assert_int_equal(layer_parse("DNS", &layer), STATUS_MALFORMED);
    assert_int_equal(confidence_parse("sure", &confidence), STATUS_MALFORMED);
    assert_int_equal(outcome, OUTCOME_DOWN);
    assert_int_equal(layer, LAYER_QUIC);
    assert_int_equal(confidence, CONFIDENCE_WEAK);
}

static void verdicts_are_read_back(void **state)
{
    (void)state;
    static const struct {
        struct verdict verdict;
        const char *json;
    } cases[] = {
        {{OUTCOME_BLOCKED, LAYER_DNS, "dns_forged_answer", CONFIDENCE_CERTAIN},
         "{\"blocking\":\"blocked\",\"layer\":\"dns\",\"method\":\"dns_forged_answer\",\"confidence\":"
         "\"certain\"}"},
        {{OUTCOME_OK, LAYER_NONE, "", CONFIDENCE_NONE},
         "{\"blocking\":\"ok\",\"layer\":null,\"method\":null,\"confidence\":null}"},
    };
    for (size_t i = 0; i < 2; i++) {
        json_t *encoded = verdict_encode(&cases[i].verdict), *expected = NULL;
        struct verdict back;
        assert_int_equal(json_read(cases[i].json, strlen(cases[i].json), &expected, NULL), STATUS_OK);
        assert_true(json_equal(encoded, expected));
        assert_int_equal(verdict_decode(encoded, &back), STATUS_OK);
        assert_int_equal(back.outcome, cases[i].verdict.outcome);
        assert_int_equal(back.layer, cases[i].verdict.layer);
        assert_int_equal(back.confidence, cases[i].verdict.confidence);
        assert_string_equal(back.method, cases[i].verdict.method);
        json_decref(encoded);
        json_decref(expected);
    }
}

static void other_objects_are_no_verdict(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{}",
        "[]",
        "null",
        "{\"blocking\":null}",
        "{\"blocking\":true}",
        "{\"blocking\":\"tcp_ip\"}",
        "{\"blocking\":\"blocked\",\"layer\":\"ether\"}",
        "{\"blocking\":\"blocked\",\"layer\":1}",
        "{\"blocking\":\"blocked\",\"layer\":\"dns\",\"confidence\":0.9}",
        "{\"blocking\":\"blocked\",\"method\":[]}",
        "{\"blocking\":\"blocked\",\"method\":\"a\\u0000b\"}",
        "{\"blocking\":\"blocked\",\"method\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *object = NULL;
        struct verdict verdict;
        assert_int_equal(json_read(cases[i], strlen(cases[i]), &object, NULL), STATUS_OK);
        if (verdict_decode(object, &verdict) != STATUS_MALFORMED)
            fail_msg("%s", cases[i]);
        json_decref(object);
    }
    assert_int_equal(verdict_decode(NULL, &(struct verdict){0}), STATUS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(other_names_change_nothing),
        cmocka_unit_test(verdicts_are_read_back),
        cmocka_unit_test(other_objects_are_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
