/* The channel list and how a channel's verdict is made of its pages'.
 * Owner: lists made here.
 * Why: a channel lost from the list would read as "nothing wrong". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "measurement/base/bytes.h"
#include "tests-network/channel/list.h"

static enum status read_text(const char *text, struct channel_list *out, struct why *why)
{
    return channel_list_read(text, strlen(text), out, why);
}

static void rows_of_one_channel_are_gathered(void **state)
{
    (void)state;
    struct channel_list list = {0};
    assert_int_equal(read_text("kind,url,channel\nradio,http://a.example/,\"Radio, One\"\n"
                               "video,https://b.example/,B\nradio,http://c.example/,\"Radio, One\"\n",
                               &list, NULL),
                     STATUS_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.endpoint_count, 3);
    assert_string_equal(list.channels[0].name, "Radio, One");
    assert_string_equal(list.channels[1].kind, "video");
    assert_int_equal(list.endpoints[2].channel, 0);
    assert_string_equal(list.endpoints[2].text, "http://c.example/");
    channel_list_free(&list);
}

static void broken_lists_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "header"},
        {"channel,url\nA,http://a.example/\n", "header"},
        {"channel,kind,url\n", "no channel"},
        {"channel,kind,url\nA,radio\n", "line 2"},
        {"channel,kind,url\nA,radio,http://a.example/\n,radio,http://a.example/\n", "line 3"},
        {"channel,kind,url\nA,radio,ftp://a.example/\n", "line 2"},
        {"channel,kind,endpoint\nA,radio,tcp://a.example\n", "line 2"},
        {"channel,kind,endpoint\nA,radio,tls://a.example/path\n", "line 2"},
        {"channel,kind,endpoint\nA,radio,dns://a.example:53\n", "line 2"},
        {"channel,kind,endpoint\nA,radio,tcp://a.example:99999\n", "line 2"},
        {"channel,kind,endpoint\nA,radio,test:web_connectivity\n", "test:"},
        {"channel,kind,endpoint\nA,radio,test:channel\n", "test:"},
        {"channel,kind,endpoint,role\nA,radio,http://a.example/,this role is far too long to be one\n", "line 2"},
        {"channel,kind,url\nA,radio,javascript:alert(1)\n", "line 2"},
        {"channel,kind,url\nA,radio,\"http://a.example/\n", "line 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_list list = {0};
        struct why why = {0};
        assert_int_equal(read_text(cases[i].text, &list, &why), STATUS_MALFORMED);
        assert_non_null(strstr(why.text, cases[i].word));
        assert_null(list.channels);
    }
}

static void too_long_a_list_is_refused(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct channel_list list = {0};
    buffer_text(&text, "channel,kind,url\n");
    for (int i = 0; i < CHANNELS_MAX + 1; i++)
        buffer_printf(&text, "c%d,radio,http://a.example/%d\n", i, i);
    assert_int_equal(channel_list_read((const char *)text.bytes, text.count, &list, NULL), STATUS_TOO_LARGE);
    buffer_free(&text);
}

static void the_default_list_holds_what_it_must(void **state)
{
    (void)state;
    static const char *const names[] = {"WhatsApp", "Signal",      "Telegram",     "Messenger", "Facebook",
                                        "Instagram", "X",          "TikTok",       "YouTube",   "Discord",
                                        "Slack",     "Zoom",       "Radio Okapi",  "Ushahidi",  "KoboToolbox",
                                        "ReliefWeb", "UNHCR Help", "Radio Miraya", "Guira FM",  "Tor Project",
                                        "Proton VPN"};
    struct channel_list list = {0};
    assert_int_equal(channel_list_default(&list, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t found = 0;
        for (size_t j = 0; j < list.count; j++)
            found += strcmp(list.channels[j].name, names[i]) == 0;
        assert_int_equal(found, 1);
    }
    channel_list_free(&list);
}

static void every_form_of_endpoint_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum channel_reach reach;
        const char *host;
        int port;
    } cases[] = {
        {"https://a.example/x?y", CHANNEL_WEB, NULL, 0},
        {"tls://A.example", CHANNEL_TLS, "a.example", 443},
        {"tls://a.example:5223", CHANNEL_TLS, "a.example", 5223},
        {"tcp://a.example:5222", CHANNEL_TCP, "a.example", 5222},
        {"tcp://[2001:db8::1]:80", CHANNEL_TCP, "2001:db8::1", 80},
        {"dns://a.example", CHANNEL_DNS, "a.example", 0},
        {"test:telegram", CHANNEL_TEST, "telegram", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_list list = {0};
        struct buffer text = {0};
        buffer_printf(&text, "channel,kind,endpoint,role\nRadio Okapi,radio,%s,way\n", cases[i].text);
        assert_int_equal(channel_list_read((const char *)text.bytes, text.count, &list, NULL), STATUS_OK);
        assert_int_equal(list.endpoints[0].reach, cases[i].reach);
        assert_int_equal(list.endpoints[0].port, cases[i].port);
        assert_string_equal(list.endpoints[0].role, "way");
        if (cases[i].host)
            assert_string_equal(list.endpoints[0].host, cases[i].host);
        assert_string_equal(list.channels[0].id, "radio-okapi");
        assert_ptr_equal(channel_find(&list, "RADIO OKAPI"), &list.channels[0]);
        assert_ptr_equal(channel_find(&list, "radio-okapi"), &list.channels[0]);
        assert_null(channel_find(&list, "radio"));
        channel_list_free(&list);
        buffer_free(&text);
    }
}

static void one_of_a_role_is_enough(void **state)
{
    (void)state;
    static const struct {
        const char *roles[3];
        enum verdict_outcome outcomes[3];
        enum verdict_outcome folded;
    } cases[] = {
        {{"", "", ""}, {OUTCOME_OK, OUTCOME_OK, OUTCOME_OK}, OUTCOME_OK},
        {{"", "", ""}, {OUTCOME_OK, OUTCOME_BLOCKED, OUTCOME_OK}, OUTCOME_BLOCKED},
        {{"a", "a", ""}, {OUTCOME_OK, OUTCOME_BLOCKED, OUTCOME_OK}, OUTCOME_OK},
        {{"a", "a", ""}, {OUTCOME_BLOCKED, OUTCOME_OK, OUTCOME_OK}, OUTCOME_OK},
        {{"a", "", "a"}, {OUTCOME_BLOCKED, OUTCOME_OK, OUTCOME_OK}, OUTCOME_OK},
        {{"a", "a", ""}, {OUTCOME_DOWN, OUTCOME_BLOCKED, OUTCOME_OK}, OUTCOME_BLOCKED},
        {{"a", "b", ""}, {OUTCOME_DOWN, OUTCOME_OK, OUTCOME_OK}, OUTCOME_DOWN},
        {{"a", "a", ""}, {OUTCOME_OK, OUTCOME_OK, OUTCOME_UNKNOWN}, OUTCOME_UNKNOWN},
        {{"a", "a", "a"}, {OUTCOME_OFFLINE, OUTCOME_OFFLINE, OUTCOME_UNKNOWN}, OUTCOME_OFFLINE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_part parts[3];
        for (size_t j = 0; j < 3; j++)
            parts[j] = (struct channel_part){cases[i].roles[j], {.outcome = cases[i].outcomes[j]}};
        assert_int_equal(channel_verdict(parts, 3).outcome, cases[i].folded);
    }
    assert_int_equal(channel_verdict(NULL, 0).outcome, OUTCOME_UNKNOWN);
}

static void targets_leave_circumvention_out(void **state)
{
    (void)state;
    struct channel_list list = {0};
    struct target_list targets = {0};
    assert_int_equal(read_text("channel,kind,url\nA,radio,http://a.example/\nT,circumvention,http://t.example/\n",
                               &list, NULL),
                     STATUS_OK);
    assert_int_equal(channel_list_targets(&list, &targets), STATUS_OK);
    assert_int_equal(targets.count, 1);
    assert_string_equal(targets.targets[0].url, "http://a.example/");
    target_list_free(&targets);
    channel_list_free(&list);
}

static void verdicts_fold(void **state)
{
    (void)state;
    static const struct {
        enum verdict_outcome first, second, folded;
    } cases[] = {
        {OUTCOME_OK, OUTCOME_OK, OUTCOME_OK},           {OUTCOME_OK, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN},
        {OUTCOME_UNKNOWN, OUTCOME_OK, OUTCOME_UNKNOWN}, {OUTCOME_DOWN, OUTCOME_UNKNOWN, OUTCOME_DOWN},
        {OUTCOME_OK, OUTCOME_BLOCKED, OUTCOME_BLOCKED}, {OUTCOME_BLOCKED, OUTCOME_OFFLINE, OUTCOME_BLOCKED},
        {OUTCOME_OFFLINE, OUTCOME_OK, OUTCOME_OFFLINE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict channel = channel_verdict_start();
        channel_verdict_fold(&channel, &(struct verdict){.outcome = cases[i].first});
        channel_verdict_fold(&channel, &(struct verdict){.outcome = cases[i].second});
        assert_int_equal(channel.outcome, cases[i].folded);
    }
    struct verdict channel = channel_verdict_start();
    channel_verdict_fold(&channel, &(struct verdict){.outcome = OUTCOME_BLOCKED, .confidence = CONFIDENCE_WEAK});
    channel_verdict_fold(&channel, &(struct verdict){.outcome = OUTCOME_BLOCKED, .confidence = CONFIDENCE_CERTAIN});
    assert_int_equal(channel.confidence, CONFIDENCE_CERTAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_channel_are_gathered), cmocka_unit_test(broken_lists_are_refused),
        cmocka_unit_test(too_long_a_list_is_refused),       cmocka_unit_test(the_default_list_holds_what_it_must),
        cmocka_unit_test(every_form_of_endpoint_is_read),
        cmocka_unit_test(one_of_a_role_is_enough),
        cmocka_unit_test(targets_leave_circumvention_out),  cmocka_unit_test(verdicts_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
