/* Feeds and alerts as text: well-formed whatever stands in an event, exact about what CAP prescribes, and
 * silent about what privacy forbids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/collector/xml_check.h"

#include "collector/feed/feed.h"
#include "collector/feed/xml.h"
#include "measurement/base/clock.h"
#include "measurement/base/json.h"

#define BIN_S   INT64_C(600)
#define ONSET_S INT64_C(1767571200) /* 2026-01-05T00:00:00Z, a Monday */
#define HOSTILE "<script>alert(1)</script>\"'&]]>\x01.example"

static struct event event_of(const char *id, const char *region)
{
    struct event event = {.revision = 1,
                          .kind = EVENT_FULL_SHUTDOWN,
                          .state = REGION_CONFIRMED,
                          .confidence = 0.987,
                          .onset_earliest_us = (ONSET_S + 61) * US_PER_S + 5,
                          .onset_latest_us = (ONSET_S + 200) * US_PER_S,
                          .probe_count = 2,
                          .network_count = 2,
                          .evidence_count = {0, 0, 7, 14, 0},
                          .revised_us = (ONSET_S + 3600 + 17) * US_PER_S};
    snprintf(event.id, sizeof event.id, "%s", id);
    snprintf(event.region, sizeof event.region, "%s", region);
    snprintf(event.explanation, sizeof event.explanation,
             "2 of 2 probes (deadbeefcafef00d) failed at 12:34:56");
    return event;
}

static struct event hostile_event(void)
{
    struct event event = event_of("b-<&>", "XD");
    event.kind = EVENT_SERVICE_BLOCKING;
    event.verdict = (struct verdict){OUTCOME_BLOCKED, LAYER_TLS, "reset \"<&\xFF", CONFIDENCE_STRONG};
    snprintf(event.subject, sizeof event.subject, "%s\xEF\xBF\xBF\xC3", HOSTILE);
    memset(event.example, 7, sizeof event.example);
    return event;
}

static const struct feed_settings settings = {.bin_length_s = BIN_S,
                                              .generated_s = ONSET_S,
                                              .public_url = "https://collector.example.org/",
                                              .sender_url = "https://collector.example.org:8443/x",
                                              .self_url = "https://collector.example.org/?a=1&b=\"<",
                                              .event_prefix =
                                                  "https://collector.example.org/api/v1/events?x&id=",
                                              .event_suffix = ""};

static void list_add(struct feed_list *list, const struct event *revisions, size_t count)
{
    struct feed_event told[8];
    for (size_t i = 0; i < count; i++) {
        feed_event_of(&revisions[i], BIN_S, &told[i]);
    }
    assert_int_equal(feed_list_add(list, told, count), STATUS_OK);
}

static char *encode(enum feed_format format, bool is_single, const struct feed_list *list)
{
    struct buffer out = {0};
    assert_int_equal(feed_encode(format, is_single, list, &settings, &out), STATUS_OK);
    char *text = buffer_take_text(&out);
    assert_non_null(text);
    return text;
}

static void inner_is(const char *text, const char *name, const char *wanted)
{
    char *inner = xml_inner(&text, name);
    assert_non_null(inner);
    assert_string_equal(inner, wanted);
    free(inner);
}

static void test_the_reader_finds_faults(void **state)
{
    (void)state;
    static const char *const faulty[] = {"<a>",
                                         "<a></b>",
                                         "<a/>",
                                         "<a>&</a>",
                                         "<a>&nbsp;</a>",
                                         "<a>\x01</a>",
                                         "<a b></a>",
                                         "<a b=\"<\"></a>",
                                         "<a b=\"1\" b=\"2\"></a>",
                                         "<a></a><a></a>",
                                         "<a></a>x",
                                         "<a><</a>",
                                         "<a>\xFF</a>",
                                         "<a>\xEF\xBF\xBF</a>",
                                         "<a b='1'></a>"};
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n%s", faulty[i]);
        print_message("%s\n", faulty[i]);
        assert_non_null(xml_fault(text, "a"));
    }
    assert_null(xml_fault("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b=\"&amp;\"><c/>x</a>\n", "a"));
    assert_non_null(xml_fault("<a></a>", "a"));
}

static void test_hostile_text_stays_well_formed(void **state)
{
    (void)state;
    static const struct {
        enum feed_format format;
        bool is_single;
        const char *root;
    } cases[] = {{FEED_RSS, false, "rss"},
                 {FEED_ATOM, false, "feed"},
                 {FEED_CAP, false, "feed"},
                 {FEED_CAP, true, "alert"},
                 {FEED_CAP, false, "feed"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct feed_list list = {0};
        struct event event = hostile_event();
        if (i < 4) {
            list_add(&list, &event, 1);
        }
        char *text = encode(cases[i].format, cases[i].is_single, &list);
        const char *fault = xml_fault(text, cases[i].root);
        if (fault) {
            fail_msg("%s in:\n%s", fault, text);
        }
        assert_null(strstr(text, "<script"));
        assert_null(strstr(text, "deadbeef"));
        free(text);
        feed_list_free(&list);
    }
}

static void test_json_survives_hostile_text(void **state)
{
    (void)state;
    struct feed_list list = {0};
    struct event event = hostile_event();
    json_t *document = NULL;
    list_add(&list, &event, 1);
    char *text = encode(FEED_JSON, false, &list);
    assert_int_equal(json_read(text, strlen(text), &document, NULL), STATUS_OK);
    const json_t *row = json_array_get(json_member_array(document, "events"), 0);
    assert_string_equal(json_member_text(row, "subject"), "(not UTF-8)");
    assert_non_null(strstr(json_member_text(row, "explanation"), "In XD"));
    assert_int_equal(strlen(json_member_text(row, "example")), 2 * SHA256_BYTES);
    json_decref(document);
    free(text);
    feed_list_free(&list);
}

/* Below country level no count under 3, and no time finer than a bin, in any format. */
static void test_privacy_holds_in_every_format(void **state)
{
    (void)state;
    static const enum feed_format formats[] = {FEED_JSON, FEED_RSS, FEED_ATOM, FEED_CAP};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct feed_list list = {0};
        struct event event = event_of("e1", "UA-46");
        list_add(&list, &event, 1);
        char *text = encode(formats[i], true, &list);
        assert_null(strstr(text, ":01:01"));
        assert_null(strstr(text, ":03:20"));
        assert_null(strstr(text, ":00:17"));
        assert_null(strstr(text, "deadbeef"));
        assert_null(strstr(text, "2 probes"));
        assert_null(strstr(text, "14 strong"));
        assert_non_null(strstr(text, "fewer than 3 probes in fewer than 3 networks"));
        free(text);
        feed_list_free(&list);
    }
    struct feed_event told;
    struct event whole = event_of("e1", "UA");
    feed_event_of(&whole, BIN_S, &told);
    assert_int_equal(told.probes.value, 2);
    assert_int_equal(told.probes.precision, COUNT_EXACT);
    whole.asn = 64500; /* a network of the country is finer than the country */
    feed_event_of(&whole, BIN_S, &told);
    assert_int_equal(told.probes.precision, COUNT_BELOW);
}

static void test_json_tells_what_may_be_told(void **state)
{
    (void)state;
    struct event event = event_of("e1", "UA-46");
    struct feed_event told;
    feed_event_of(&event, BIN_S, &told);
    json_t *row = feed_event_json(&told, BIN_S);
    assert_non_null(row);
    assert_string_equal(json_member_text(row, "probes"), "<3");
    assert_string_equal(json_member_text(row, "state"), "confirmed");
    assert_string_equal(json_member_text(row, "kind"), "full_shutdown");
    assert_false(json_member_bool(row, "is_emulated", true));
    const json_t *onset = json_member_array(row, "onset");
    assert_string_equal(json_string_value(json_array_get(onset, 0)), "2026-01-05T00:00:00Z");
    assert_string_equal(json_string_value(json_array_get(onset, 1)), "2026-01-05T00:10:00Z");
    assert_true(json_is_null(json_array_get(json_member_array(row, "end"), 0)));
    assert_string_equal(json_member_text(row, "revised"), "2026-01-05T01:00:00Z");
    json_decref(row);
}

static void test_cap_says_what_it_must(void **state)
{
    (void)state;
    static const struct {
        const char *region;
        enum region_state state;
        const char *status, *certainty, *geocode;
    } cases[] = {
        {"UA-46", REGION_SUSPECTED, "Actual", "Possible", "ISO 3166-2"},
        {"UA", REGION_PROBABLE, "Actual", "Likely", "ISO 3166-1"},
        {"UA", REGION_CONFIRMED, "Actual", "Observed", "ISO 3166-1"},
        {"XD-N", REGION_CONFIRMED, "Exercise", "Observed", "ISO 3166-2"},
        {"AA", REGION_CONFIRMED, "Exercise", "Observed", "ISO 3166-1"},
        {"QM", REGION_CONFIRMED, "Exercise", "Observed", "ISO 3166-1"},
        {"QZ", REGION_CONFIRMED, "Exercise", "Observed", "ISO 3166-1"},
        {"QA", REGION_CONFIRMED, "Actual", "Observed", "ISO 3166-1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct feed_list list = {0};
        struct event event = event_of("e1", cases[i].region);
        event.state = cases[i].state;
        list_add(&list, &event, 1);
        char *text = encode(FEED_CAP, true, &list);
        assert_null(xml_fault(text, "alert"));
        assert_non_null(strstr(text, "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">"));
        inner_is(text, "identifier", "dialtone-e1-1");
        inner_is(text, "sender", "dialtone@collector.example.org");
        inner_is(text, "sent", "2026-01-05T01:00:00-00:00");
        inner_is(text, "status", cases[i].status);
        inner_is(text, "msgType", "Alert");
        inner_is(text, "scope", "Public");
        inner_is(text, "category", "Infra");
        inner_is(text, "event", "Full shutdown");
        inner_is(text, "urgency", "Immediate");
        inner_is(text, "severity", "Extreme");
        inner_is(text, "certainty", cases[i].certainty);
        inner_is(text, "onset", "2026-01-05T00:00:00-00:00");
        inner_is(strstr(text, "<geocode>"), "valueName", cases[i].geocode);
        inner_is(strstr(text, "<geocode>"), "value", cases[i].region);
        assert_null(strstr(text, "<references>"));
        free(text);
        feed_list_free(&list);
    }
}

/* CAP 1.2 section 3.2: the schema is a sequence. */
static void test_cap_elements_stand_in_order(void **state)
{
    (void)state;
    static const char *const order[] = {
        "<identifier>", "<sender>",    "<sent>",       "<status>",    "<msgType>",
        "<scope>",      "<note>",      "<references>", "<incidents>", "<info>",
        "<language>",   "<category>",  "<event>",      "<urgency>",   "<severity>",
        "<certainty>",  "<onset>",     "<senderName>", "<headline>",  "<description>",
        "<web>",        "<parameter>", "<area>",       "<areaDesc>",  "<geocode>"};
    struct feed_list list = {0};
    struct event revisions[2] = {event_of("e1", "XD-N"), event_of("e1", "XD-N")};
    revisions[1].revision = 2;
    revisions[1].end_earliest_us = revisions[1].onset_latest_us + BIN_S * US_PER_S;
    revisions[1].end_latest_us = revisions[1].end_earliest_us + 1;
    list_add(&list, revisions, 2);
    char *text = encode(FEED_CAP, true, &list);
    const char *at = text;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const char *found = strstr(at, order[i]);
        if (!found) {
            fail_msg("%s is missing or out of place in:\n%s", order[i], text);
        }
        at = found + 1;
    }
    inner_is(text, "urgency", "Past");
    free(text);
    feed_list_free(&list);
}

/* Suspected, the same with other counters, confirmed, withdrawn: three messages, each referring to those
 * before. */
static void test_only_news_makes_a_message(void **state)
{
    (void)state;
    struct feed_list list = {0};
    struct event revisions[4];
    for (int i = 0; i < 4; i++) {
        revisions[i] = event_of("e1", "UA-46");
        revisions[i].revision = i + 1;
        revisions[i].revised_us = (ONSET_S + 3600 * (i + 1)) * US_PER_S;
    }
    revisions[0].state = REGION_SUSPECTED;
    revisions[1].state = REGION_SUSPECTED;
    revisions[1].probe_count = 9;
    revisions[1].evidence_count[CONFIDENCE_STRONG] = 90;
    revisions[1].onset_earliest_us += 1; /* within the same bin */
    revisions[3].state = REGION_OK;
    list_add(&list, revisions, 2);
    assert_int_equal(list.entries[0].message_count, 1);
    char *text = encode(FEED_RSS, false, &list);
    inner_is(text, "guid", "dialtone:e1:1");
    inner_is(text, "pubDate", "Mon, 05 Jan 2026 01:00:00 +0000");
    free(text);
    feed_list_free(&list);

    list_add(&list, revisions, 3);
    assert_int_equal(list.entries[0].message_count, 2);
    text = encode(FEED_CAP, true, &list);
    inner_is(text, "msgType", "Update");
    inner_is(text, "identifier", "dialtone-e1-3");
    inner_is(text, "references", "dialtone@collector.example.org,dialtone-e1-1,2026-01-05T01:00:00-00:00");
    free(text);
    feed_list_free(&list);

    list_add(&list, revisions, 4);
    text = encode(FEED_CAP, true, &list);
    inner_is(text, "msgType", "Cancel");
    inner_is(text, "references",
             "dialtone@collector.example.org,dialtone-e1-1,2026-01-05T01:00:00-00:00 "
             "dialtone@collector.example.org,dialtone-e1-3,2026-01-05T03:00:00-00:00");
    free(text);
    text = encode(FEED_ATOM, false, &list);
    inner_is(strstr(text, "<entry>"), "published", "2026-01-05T01:00:00Z");
    inner_is(strstr(text, "<entry>"), "updated", "2026-01-05T04:00:00Z");
    assert_non_null(strstr(text, "withdrawn"));
    free(text);
    feed_list_free(&list);
}

static void test_ids_last_and_differ(void **state)
{
    (void)state;
    struct feed_list list = {0};
    struct event events[2] = {event_of("e1", "UA"), event_of("e2", "UA")};
    list_add(&list, &events[0], 1);
    list_add(&list, &events[1], 1);
    events[0].revision = 7;
    events[0].state = REGION_PROBABLE;
    char first[XML_URN_BYTES];
    char second[XML_URN_BYTES];
    xml_urn("event", "e1", first);
    xml_urn("event", "e2", second);
    assert_string_not_equal(first, second);
    assert_int_equal(strlen(first), strlen("urn:uuid:01234567-89ab-8def-8123-456789abcdef"));
    assert_int_equal(first[strlen("urn:uuid:01234567-89ab-")], '8');
    char *text = encode(FEED_ATOM, false, &list);
    assert_non_null(strstr(text, first));
    assert_non_null(strstr(text, second));
    free(text);
    feed_list_free(&list);
}

static void test_explanations_are_whole(void **state)
{
    (void)state;
    static const char *const hints[] = {"", "power", "operator", "network_cut", "exam_like"};
    for (int kind = EVENT_FULL_SHUTDOWN; kind <= EVENT_COLLECTOR_FAULT; kind++) {
        for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
            struct event event = event_of("e1", "XD-N");
            struct feed_event told;
            char text[FEED_TEXT_BYTES];
            event.kind = (enum event_kind)kind;
            event.asn = UINT32_MAX;
            event.end_earliest_us = event.onset_latest_us + 1;
            event.end_latest_us = event.onset_latest_us + 3600 * US_PER_S;
            event.probe_count = 100000;
            event.network_count = 10000;
            for (int j = 0; j < CONFIDENCE_COUNT; j++) {
                event.evidence_count[j] = 1000000;
            }
            event.state = i % 2 ? REGION_SUSPECTED : REGION_CONFIRMED;
            snprintf(event.cause_hint, sizeof event.cause_hint, "%s", hints[i]);
            if (kind == EVENT_SERVICE_BLOCKING || kind == EVENT_THROTTLING) {
                memset(event.subject, 'x', sizeof event.subject - 1);
                event.verdict = (struct verdict){OUTCOME_BLOCKED, LAYER_THROTTLING, "", CONFIDENCE_STRONG};
                memset(event.verdict.method, 'm', sizeof event.verdict.method - 1);
            }
            feed_event_of(&event, 7, &told);
            feed_event_explain(&told, 7, text);
            print_message("%zu: %s\n", strlen(text), text);
            const char *end = "who ordered it, if anyone.";
            assert_true(strlen(text) > strlen(end));
            assert_string_equal(text + strlen(text) - strlen(end), end);
        }
    }
}

static void test_filters(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *region;
        uint32_t asn;
        enum event_kind kind;
        bool is_covered;
    } cases[] = {
        {"region", "UA", "UA", 0, EVENT_FULL_SHUTDOWN, true},
        {"region", "UA", "UA-46", 0, EVENT_FULL_SHUTDOWN, true},
        {"region", "UA-46", "UA", 0, EVENT_FULL_SHUTDOWN, false},
        {"region", "UA-46", "UA-46", 0, EVENT_FULL_SHUTDOWN, true},
        {"region", "UA", "US", 0, EVENT_FULL_SHUTDOWN, false},
        {"region", "CD , UA-46", "UA-46", 0, EVENT_FULL_SHUTDOWN, true},
        {"asn", "64500", "UA", 64500, EVENT_FULL_SHUTDOWN, true},
        {"asn", "AS64500,0", "UA", 0, EVENT_FULL_SHUTDOWN, true},
        {"asn", "64500", "UA", 0, EVENT_FULL_SHUTDOWN, false},
        {"kind", "dns_failure,full_shutdown", "UA", 0, EVENT_FULL_SHUTDOWN, true},
        {"kind", "dns_failure", "UA", 0, EVENT_FULL_SHUTDOWN, false},
        {"state", "confirmed", "UA", 0, EVENT_FULL_SHUTDOWN, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct feed_filter filter = {0};
        struct event event = event_of("e1", cases[i].region);
        event.asn = cases[i].asn;
        event.kind = cases[i].kind;
        assert_int_equal(feed_filter_set(&filter, cases[i].key, cases[i].value, NULL), STATUS_OK);
        assert_int_equal(feed_filter_covers(&filter, &event), cases[i].is_covered);
    }
}

static void test_filters_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        enum status status;
    } cases[] = {
        {"region", "Ukraine", STATUS_MALFORMED},  {"region", "", STATUS_MALFORMED},
        {"region", "UA,", STATUS_MALFORMED},      {"region", "ua", STATUS_MALFORMED},
        {"region", "' OR 1=1", STATUS_MALFORMED}, {"asn", "-1", STATUS_MALFORMED},
        {"asn", "4294967296", STATUS_MALFORMED},  {"asn", "AS", STATUS_MALFORMED},
        {"asn", "1 2", STATUS_MALFORMED},         {"kind", "shutdown", STATUS_MALFORMED},
        {"state", "ok", STATUS_MALFORMED},        {"state", "sure", STATUS_MALFORMED},
        {"from", "yesterday", STATUS_MALFORMED},  {"id", "0123456789012345678901234", STATUS_MALFORMED},
        {"region", "\xFF\xFE", STATUS_MALFORMED}, {"region", "XD\r\nX: 1", STATUS_MALFORMED},
        {"kind", "a\\\"b", STATUS_MALFORMED},     {"asn", "\n", STATUS_MALFORMED},
        {"colour", "red", STATUS_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct feed_filter filter = {0};
        struct why why = {""};
        print_message("%s=%s\n", cases[i].key, cases[i].value);
        assert_int_equal(feed_filter_set(&filter, cases[i].key, cases[i].value, &why), cases[i].status);
        assert_true(why.text[0] != '\0');
        assert_true(utf8_is_valid(why.text, strlen(why.text)) && !strpbrk(why.text, "\r\n"));
    }
    struct feed_filter filter = {0};
    struct buffer many = {0};
    for (int i = 0; i < FEED_FILTER_ITEMS + 1; i++) {
        buffer_text(&many, i ? ",UA" : "UA");
    }
    char *text = buffer_take_text(&many);
    assert_int_equal(feed_filter_set(&filter, "region", text, NULL), STATUS_MALFORMED);
    assert_int_equal(filter.region_count, FEED_FILTER_ITEMS);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_reader_finds_faults),
        cmocka_unit_test(test_hostile_text_stays_well_formed),
        cmocka_unit_test(test_json_survives_hostile_text),
        cmocka_unit_test(test_privacy_holds_in_every_format),
        cmocka_unit_test(test_json_tells_what_may_be_told),
        cmocka_unit_test(test_cap_says_what_it_must),
        cmocka_unit_test(test_cap_elements_stand_in_order),
        cmocka_unit_test(test_only_news_makes_a_message),
        cmocka_unit_test(test_ids_last_and_differ),
        cmocka_unit_test(test_explanations_are_whole),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filters_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
