/* Rules: each kind against packets that it must act on and packets that it must leave alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lab/dns_forge.h"
#include "tests/lab/rule.h"
#include "tests/unit/lab/packets.h"

struct bench {
    struct rule *rule;
    struct random_seeded seeded;
    struct random_source random;
    struct rule_output output;
};

static void bench_open(struct bench *bench, const char *text)
{
    struct why why = {0};
    bench->random = random_of_seed(&bench->seeded, 7);
    if (rule_open(text, &bench->rule, &why) != STATUS_OK)
        fail_msg("%s: %s", text, why.text);
}

static void ask(struct bench *bench, const struct packet *packet, bool is_from_client, int64_t now_us)
{
    struct rule_moment moment = {
        .is_from_client = is_from_client, .now_us = now_us, .random = &bench->random};
    bench->output = (struct rule_output){0};
    rule_judge(bench->rule, packet, &moment, &bench->output);
}

/* The packet that the rule injected; it must be whole. */
static struct packet injected(const struct bench *bench)
{
    struct packet packet;
    assert_int_equal(bench->output.injection_count, 1);
    const struct injection *injection = &bench->output.injections[0];
    assert_true(injection->is_to_client);
    assert_true(packet_checksums_right(injection->bytes, injection->count));
    assert_int_equal(packet_read(injection->bytes, injection->count, &packet), STATUS_OK);
    return packet;
}

static void assert_untouched(const struct bench *bench)
{
    assert_false(bench->output.is_dropped);
    assert_int_equal(bench->output.injection_count, 0);
    assert_int_equal(bench->output.delay_us, 0);
}

/* Texts as Go, JSON and spreadsheets write them. */
static void test_reads_texts(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *value; /* NULL: refused */
    } rows[] = {
        {"R(String=plain.word)", "plain.word"},
        {"R(String=\"two words; (and) more\")", "two words; (and) more"},
        {"R(String=\"Host: a\\r\\n\")", "Host: a\r\n"},
        {"R(String=\"\\x47E\\u0054 \\\"\\/\\\\\\t\")", "GET \"/\\\t"},
        {"R(String=\"\\xe2\\x82\\xac\")", "\xe2\x82\xac"},
        {"R(String=`no \\n escape`)", "no \\n escape"},
        {"R(String=[]string{\"one\"})", "one"},
        {"R(String=[\"one\",])", "one"},
        {"R(String=\"open)", NULL},
        {"R(String=\"\\q\")", NULL},
        {"R(String=\"\\x4\")", NULL},
        {"R(String=\"\\x00\")", NULL},
        {"R(String=\"\\u20ac\")", NULL},
        {"R(String=\"\\", NULL},
        {"R(String={\"one\"])", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rule_text text;
        struct why why = {0};
        bool is_read = rule_text_parse(rows[i].rule, &text, NULL, &why) == STATUS_OK;
        if (is_read != (rows[i].value != NULL))
            fail_msg("%s: %s", rows[i].rule, why.text);
        if (is_read)
            assert_string_equal(rule_text_value(&text, "String"), rows[i].value);
    }
}

static void test_flow_ends_for_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        uint8_t flags;
    } cases[] = {
        {"ResetTrafficForTLSSNI(SNI=\"www.example.com\")", TCP_RST | TCP_ACK},
        {"DPICloseConnectionForTLSSNI(SNI=\"www.example.com\")", TCP_FIN | TCP_ACK},
    };
    uint8_t hello[600], other[600];
    size_t hello_bytes = packets_hello("www.example.com", hello);
    size_t other_bytes = packets_hello("www.example.org", other);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        bench_open(&bench, cases[i].rule);
        struct packet packet = packets_segment(CLIENT, SERVER, 443, TCP_PSH | TCP_ACK, other, other_bytes);
        ask(&bench, &packet, true, 1);
        assert_untouched(&bench);
        packet.source_port++;
        packet.payload = hello;
        packet.payload_bytes = hello_bytes;
        ask(&bench, &packet, true, 2);
        assert_false(bench.output.is_dropped);
        struct packet end = injected(&bench);
        assert_int_equal(end.flags, cases[i].flags);
        assert_int_equal(end.sequence, 5000);
        assert_int_equal(end.acknowledgement, 1000 + hello_bytes);
        assert_true(ip_equal(&end.source, &packet.destination));
        assert_int_equal(end.destination_port, packet.source_port);
        rule_free(bench.rule);
    }
}

/* The name is split over two segments, the second of which also comes twice. */
static void test_a_name_over_two_segments(void **state)
{
    (void)state;
    uint8_t hello[600];
    size_t hello_bytes = packets_hello("www.example.com", hello);
    for (size_t cut = 1; cut < hello_bytes; cut += 11) {
        struct bench bench;
        bench_open(&bench, "DropTrafficForTLSSNI(SNI=\"www.example.com\")");
        struct packet syn = packets_segment(CLIENT, SERVER, 443, TCP_SYN, NULL, 0);
        syn.sequence = 999;
        ask(&bench, &syn, true, 1);
        assert_untouched(&bench);
        struct packet packet = packets_segment(CLIENT, SERVER, 443, TCP_ACK, hello, cut);
        ask(&bench, &packet, true, 2);
        assert_untouched(&bench);
        ask(&bench, &packet, true, 3);
        assert_untouched(&bench);
        packet.sequence += (uint32_t)cut;
        packet.payload = hello + cut;
        packet.payload_bytes = hello_bytes - cut;
        ask(&bench, &packet, true, 4);
        assert_true(bench.output.is_dropped);
        ask(&bench, &packet, true, 5);
        assert_true(bench.output.is_dropped);
        struct packet answer = packet_reply_to(&packet);
        answer.flags = TCP_ACK;
        ask(&bench, &answer, false, 6);
        assert_true(bench.output.is_dropped);
        ask(&bench, &syn, true, 7); /* a new connection on the same ports is innocent again */
        assert_untouched(&bench);
        rule_free(bench.rule);
    }
}

/* A box that reads each segment by itself sees a name only where the whole hello comes in one. */
static void test_a_box_that_reads_segments_by_themselves(void **state)
{
    (void)state;
    uint8_t hello[600];
    size_t hello_bytes = packets_hello("www.example.com", hello);
    struct bench bench;
    bench_open(&bench, "ResetTrafficForTLSSNI(SNI=\"www.example.com\" Reassemble=no)");
    struct packet packet = packets_segment(CLIENT, SERVER, 443, TCP_ACK, hello, 60);
    ask(&bench, &packet, true, 1);
    assert_untouched(&bench);
    packet.sequence += 60;
    packet.payload = hello + 60;
    packet.payload_bytes = hello_bytes - 60;
    ask(&bench, &packet, true, 2);
    assert_untouched(&bench);
    packet.payload = hello;
    packet.payload_bytes = hello_bytes;
    ask(&bench, &packet, true, 3);
    assert_int_equal(bench.output.injection_count, 1);
    rule_free(bench.rule);
}

static void test_a_forged_answer_may_come_late(void **state)
{
    (void)state;
    struct bench bench;
    uint8_t query[128];
    bench_open(&bench, "SpoofDNSResponse(Domain=\"www.news.lab\" Addresses={83.224.65.42} Delay=60ms)");
    struct packet packet =
        packets_segment(CLIENT, SERVER, 53, 0, query, packets_query("www.news.lab", query));
    packet.protocol = PROTOCOL_UDP;
    ask(&bench, &packet, true, 1);
    assert_int_equal(bench.output.injection_count, 1);
    assert_int_equal(bench.output.injections[0].delay_us, 60000);
    rule_free(bench.rule);
}

static void test_strings_at_an_endpoint(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
    struct bench bench;
    bench_open(
        &bench,
        "ResetTrafficForString(ServerIPAddress=93.184.216.34 ServerPort=80 String=\"www.example.com\")");
    struct packet packet =
        packets_segment(CLIENT, SERVER, 80, TCP_ACK, (const uint8_t *)request, sizeof request - 1);
    ask(&bench, &packet, true, 1);
    assert_int_equal(injected(&bench).flags, TCP_RST | TCP_ACK);
    packet.destination_port = 8080;
    ask(&bench, &packet, true, 2);
    assert_untouched(&bench);
    packet.destination_port = 80;
    packet.destination = packets_address("93.184.216.35");
    ask(&bench, &packet, true, 3);
    assert_untouched(&bench);
    rule_free(bench.rule);
}

static void test_a_block_page_is_one_whole_segment(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
    struct bench bench;
    bench_open(&bench, "SpoofBlockpageForString(String=\"www.example.com\")");
    struct packet packet =
        packets_segment(CLIENT, SERVER, 80, TCP_ACK, (const uint8_t *)request, sizeof request - 1);
    ask(&bench, &packet, true, 1);
    struct packet page = injected(&bench);
    assert_int_equal(page.flags, TCP_FIN | TCP_PSH | TCP_ACK);
    char text[1024] = "";
    assert_true(page.payload_bytes < sizeof text);
    memcpy(text, page.payload, page.payload_bytes);
    assert_non_null(strstr(text, "HTTP/1.0 200 OK\r\n"));
    assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), 188);
    rule_free(bench.rule);
}

static void test_endpoints(void **state)
{
    (void)state;
    struct bench bench;
    struct packet syn = packets_segment(CLIENT, SERVER, 443, TCP_SYN, NULL, 0);
    bench_open(&bench, "CloseConnectionForServerEndpoint(ServerIPAddress=93.184.216.34 ServerPort=443)");
    ask(&bench, &syn, true, 1);
    assert_true(bench.output.is_dropped);
    assert_int_equal(injected(&bench).flags, TCP_RST | TCP_ACK);
    assert_int_equal(injected(&bench).acknowledgement, 1001);
    rule_free(bench.rule);
    bench_open(&bench, "DropTrafficForServerEndpoint(ServerIPAddress=93.184.216.34 ServerPort=443)");
    ask(&bench, &syn, true, 1);
    assert_true(bench.output.is_dropped);
    assert_int_equal(bench.output.injection_count, 0);
    syn.destination_port = 80;
    ask(&bench, &syn, true, 2);
    assert_untouched(&bench);
    rule_free(bench.rule);
}

static void test_dns_answers(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *name;
        int code; /* -1: no answer is forged */
        int answers;
        bool is_dropped;
    } cases[] = {
        {"SpoofDNSResponse(Addresses={83.224.65.42, 10.0.0.1} Domain=\"www.news.lab\")", "www.news.lab", 0, 2,
         false},
        {"SpoofDNSResponse(Addresses={\"2001:db8::1\"} Domain=\"www.news.lab\")", "www.news.lab", 0, 0,
         false},
        {"SpoofDNSResponse(Domain=\"www.news.lab\")", "WWW.news.lab", 3, 0, false},
        {"SpoofDNSResponse(Domain=\"www.news.lab\")", "news.lab", -1, 0, false},
        {"DropDNSQuery(Domain=\"www.news.lab\")", "www.news.lab", -1, 0, true},
        {"DropDNSQuery()", "anything.example", -1, 0, true},
        {"RefuseDNSQuery(Domain=\"www.news.lab\")", "www.news.lab", 5, 0, true},
        {"RefuseDNSQuery(Domain=\"www.news.lab\" Code=2)", "www.news.lab", 2, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        uint8_t query[300];
        bench_open(&bench, cases[i].rule);
        size_t query_bytes = packets_query(cases[i].name, query);
        struct packet packet = packets_segment(CLIENT, "8.8.8.8", 53, 0, query, query_bytes);
        packet.protocol = PROTOCOL_UDP;
        ask(&bench, &packet, true, 1);
        assert_int_equal(bench.output.is_dropped, cases[i].is_dropped);
        assert_int_equal(bench.output.injection_count, cases[i].code >= 0);
        if (cases[i].code >= 0) {
            struct packet answer = injected(&bench);
            assert_int_equal(answer.source_port, 53);
            assert_int_equal(answer.destination_port, 40000);
            assert_memory_equal(answer.payload, query, 2);
            assert_int_equal(answer.payload[2] >> 7, 1);
            assert_int_equal(answer.payload[3] & 15, cases[i].code);
            assert_int_equal(answer.payload[7], cases[i].answers);
            assert_memory_equal(answer.payload + 12, query + 12, query_bytes - 12);
            assert_int_equal(answer.payload_bytes, query_bytes + (size_t)cases[i].answers * 16);
        }
        rule_free(bench.rule);
    }
}

static void test_cuts(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *server;
        uint8_t protocol;
        bool is_dropped;
    } cases[] = {
        {"CutEverything()", SERVER, PROTOCOL_TCP, true},
        {"CutForeign(Domestic={130.192.0.0/16})", SERVER, PROTOCOL_TCP, true},
        {"CutForeign(Domestic={130.192.0.0/16, 93.184.216.34})", SERVER, PROTOCOL_TCP, false},
        {"CutForeign(Domestic={130.192.0.0/16})", "130.192.20.1", PROTOCOL_TCP, false},
        {"DropUDPPort(Port=443)", SERVER, PROTOCOL_TCP, false},
        {"DropUDPPort(Port=443)", SERVER, PROTOCOL_UDP, true},
        {"DropUDPPort(Port=444)", SERVER, PROTOCOL_UDP, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        bench_open(&bench, cases[i].rule);
        struct packet packet =
            packets_segment(CLIENT, cases[i].server, 443, 0, (const uint8_t *)"12345678", 8);
        packet.protocol = cases[i].protocol;
        ask(&bench, &packet, true, 1);
        assert_int_equal(bench.output.is_dropped, cases[i].is_dropped);
        struct packet answer = packet_reply_to(&packet);
        ask(&bench, &answer, false, 2);
        assert_int_equal(bench.output.is_dropped, cases[i].is_dropped);
        rule_free(bench.rule);
    }
}

static void test_throttling_delays_and_loses(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, "DPIThrottleTrafficForTCPEndpoint(Delay=300 * time.Millisecond PLR=0.1 "
                       "ServerIPAddress=93.184.216.34 ServerPort=443)");
    struct packet packet = packets_segment(CLIENT, SERVER, 443, TCP_ACK, (const uint8_t *)"x", 1);
    int lost_count = 0;
    for (int i = 0; i < 10000; i++) {
        ask(&bench, &packet, true, i);
        lost_count += bench.output.is_dropped;
        assert_int_equal(bench.output.delay_us, 300000);
    }
    assert_in_range(lost_count, 850, 1150);
    rule_free(bench.rule);
}

static void test_policing_passes_its_rate(void **state)
{
    (void)state;
    struct bench bench;
    static const uint8_t payload[1000];
    bench_open(&bench,
               "PoliceTrafficForTCPEndpoint(ServerIPAddress=93.184.216.34 RateKbps=80 BurstBytes=5000)");
    struct packet packet = packets_segment(SERVER, CLIENT, 40000, TCP_ACK, payload, sizeof payload);
    int64_t passed_bytes = 0;
    for (int64_t now_us = 0; now_us < 10000000; now_us += 10000) { /* 100 kB/s are offered for 10 s */
        ask(&bench, &packet, false, now_us + 1);
        passed_bytes += bench.output.is_dropped ? 0 : 1000;
    }
    assert_in_range(passed_bytes, 100000, 106000); /* 10 kB/s and one burst */
    rule_free(bench.rule);
}

static void test_freezing_counts_bytes(void **state)
{
    (void)state;
    struct bench bench;
    static const uint8_t payload[1000];
    uint8_t hello[600];
    size_t hello_bytes = packets_hello("www.example.com", hello);
    bench_open(&bench, "FreezeTrafficForTLSSNI(SNI=\"www.example.com\" AfterBytes=4000)");
    struct packet request = packets_segment(CLIENT, SERVER, 443, TCP_PSH | TCP_ACK, hello, hello_bytes);
    struct packet answer = packet_reply_to(&request);
    answer.payload = payload;
    answer.payload_bytes = sizeof payload;
    struct packet opening = packets_segment(CLIENT, SERVER, 443, TCP_SYN, NULL, 0);
    opening.sequence = request.sequence - 1;
    ask(&bench, &opening, true, 1);
    ask(&bench, &answer, false, 1);
    assert_untouched(&bench); /* before the name it is any flow */
    ask(&bench, &request, true, 2);
    assert_untouched(&bench);
    for (int i = 0; i < 4; i++) {
        ask(&bench, &answer, false, 3 + i);
        assert_untouched(&bench);
    }
    ask(&bench, &answer, false, 8);
    assert_true(bench.output.is_dropped);
    ask(&bench, &request, true, 9);
    assert_true(bench.output.is_dropped);
    rule_free(bench.rule);
}

static void test_residual_blocking_lasts_its_time(void **state)
{
    (void)state;
    struct bench bench;
    uint8_t hello[600], other[600];
    size_t hello_bytes = packets_hello("www.example.com", hello);
    size_t other_bytes = packets_hello("www.example.org", other);
    bench_open(&bench, "BlockResiduallyForTLSSNI(SNI=\"www.example.com\" For=10s)");
    struct packet packet = packets_segment(CLIENT, SERVER, 443, TCP_PSH | TCP_ACK, other, other_bytes);
    ask(&bench, &packet, true, 1);
    assert_untouched(&bench);
    packet.source_port++;
    packet.payload = hello;
    packet.payload_bytes = hello_bytes;
    ask(&bench, &packet, true, 1000000);
    assert_int_equal(injected(&bench).flags, TCP_RST | TCP_ACK);
    struct packet opening = packets_segment(CLIENT, SERVER, 443, TCP_SYN, NULL, 0);
    opening.source_port = 41000;
    ask(&bench, &opening, true, 10999999);
    assert_true(bench.output.is_dropped);
    ask(&bench, &opening, true, 11000000);
    assert_untouched(&bench);
    opening.destination_port = 80;
    ask(&bench, &opening, true, 2000000);
    assert_untouched(&bench);
    opening.destination_port = 443;
    opening.source = packets_address("130.192.92.211");
    ask(&bench, &opening, true, 2000000);
    assert_untouched(&bench);
    rule_free(bench.rule);
}

static void test_a_portal_answers_for_pages(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, "CaptivePortal()");
    struct packet packet = packets_segment(CLIENT, SERVER, 80, TCP_SYN, NULL, 0);
    ask(&bench, &packet, true, 1);
    assert_untouched(&bench);
    packet.flags = TCP_PSH | TCP_ACK;
    packet.payload = (const uint8_t *)"GET / HTTP/1.1\r\n\r\n";
    packet.payload_bytes = 18;
    ask(&bench, &packet, true, 2);
    assert_true(bench.output.is_dropped);
    struct packet answer = injected(&bench);
    assert_true(answer.payload_bytes > 40);
    assert_memory_equal(answer.payload, "HTTP/1.1 302 Found\r\nLocation: http://portal.isp.lab/\r\n", 54);
    packet.destination = packets_address("130.192.3.80");
    ask(&bench, &packet, true, 3);
    assert_untouched(&bench);
    packet = packets_segment(CLIENT, SERVER, 443, TCP_SYN, NULL, 0);
    ask(&bench, &packet, true, 4);
    assert_true(bench.output.is_dropped);
    assert_int_equal(injected(&bench).flags, TCP_RST | TCP_ACK);
    rule_free(bench.rule);
}

static void test_wrong_rules_say_why(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "Nonsense()",
        "ResetTrafficForTLSSNI",
        "ResetTrafficForTLSSNI()",
        "ResetTrafficForTLSSNI(SNI=\"x\"",
        "ResetTrafficForTLSSNI(SNI=\"x)",
        "ResetTrafficForTLSSNI(SIN=\"x\")",
        "ResetTrafficForTLSSNI(SNI=\"x\") more",
        "DropTrafficForServerEndpoint(ServerPort=443)",
        "DropTrafficForServerEndpoint(ServerIPAddress=1.2.3)",
        "DropTrafficForServerEndpoint(ServerIPAddress=1.2.3.4 ServerPort=0)",
        "DropTrafficForServerEndpoint(ServerIPAddress=1.2.3.4 ServerPort=65536)",
        "ThrottleTrafficForTLSSNI(SNI=\"x\" PLR=1.5)",
        "ThrottleTrafficForTLSSNI(SNI=\"x\" Delay=soon)",
        "SpoofDNSResponse(Addresses={1.2.3.4})",
        "SpoofDNSResponse(Domain=\"x\" Addresses={nowhere})",
        "CutForeign(Domestic={1.2.3.4/33})",
        "CutForeign(Domestic={1.2.3.4/x})",
        "CutEverything(Now=1)",
        "PoliceTrafficForTLSSNI(SNI=\"x\" RateKbps=0)",
        "FreezeTrafficForTLSSNI(SNI=\"x\" AfterBytes=0)",
        "BlockResiduallyForTLSSNI(SNI=\"x\" For=ever)",
        "CaptivePortal(To=\"x\")",
        "ResetTrafficForTLSSNI(SNI=\"x\" Reassemble=maybe)",
        "ResetTrafficForString(String=\"x\" Reassemble=no)",
        "SpoofDNSResponse(Domain=\"x\" Delay=late)",
        "ThrottleTrafficForTLSSNI(SNI=\"x\" Delay=3 * time.Fortnight)",
        "DropTrafficForServerEndpoint(ServerIPAddress=1.2.3.4 ServerProtocol=icmp)",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule *rule = NULL;
        struct why why = {0};
        enum status status = rule_open(cases[i], &rule, &why);
        if (status != STATUS_MALFORMED && status != STATUS_USAGE)
            fail_msg("%s: was accepted", cases[i]);
        assert_null(rule);
        assert_true(why.text[0] != '\0');
    }
}

/* The same rule in the ways in which people and programs write it. */
static void test_rules_are_written_in_many_ways(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "ThrottleTrafficForTLSSNI(Delay=300ms PLR=0.1 SNI=\"largefile.com\")",
        "DPIThrottleTrafficForTLSSNI(Delay=300 * time.Millisecond PLR=0.1 SNI=\"largefile.com\")",
        "DPIThrottleTrafficForTLSSNI(SNI=largefile.com,PLR=10%,Delay=300*time.Millisecond)",
        " DPIThrottleTrafficForTLSSNI ( SNI = \"largefile.com\" , PLR = 0.10 , Delay = 0.3s ) ",
        "ThrottleTrafficForTLSSNI(\n\tSNI=\"largefile.com\" /* the page */\n\tDelay=300ms PLR=.1\n)",
    };
    uint8_t hello[600];
    size_t hello_bytes = packets_hello("largefile.com", hello);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        int lost_count = 0;
        bench_open(&bench, cases[i]);
        struct packet packet = packets_segment(CLIENT, SERVER, 443, TCP_ACK, hello, hello_bytes);
        for (int turn = 0; turn < 1000; turn++) {
            ask(&bench, &packet, true, turn);
            assert_int_equal(bench.output.delay_us, 300000);
            lost_count += bench.output.is_dropped;
        }
        assert_in_range(lost_count, 60, 140);
        rule_free(bench.rule);
    }
}

static void test_a_unit_alone_is_one_of_it(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, "ThrottleTrafficForTCPEndpoint(ServerIPAddress=93.184.216.34 Delay=time.Second "
                       "ServerProtocol=layers.IPProtocolTCP)");
    struct packet packet = packets_segment(CLIENT, "93.184.216.34", 80, TCP_ACK, "x", 1);
    ask(&bench, &packet, true, 1);
    assert_int_equal(bench.output.delay_us, 1000000);
    rule_free(bench.rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_texts),
        cmocka_unit_test(test_flow_ends_for_a_name),
        cmocka_unit_test(test_a_name_over_two_segments),
        cmocka_unit_test(test_a_box_that_reads_segments_by_themselves),
        cmocka_unit_test(test_a_forged_answer_may_come_late),
        cmocka_unit_test(test_strings_at_an_endpoint),
        cmocka_unit_test(test_a_block_page_is_one_whole_segment),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_dns_answers),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_throttling_delays_and_loses),
        cmocka_unit_test(test_policing_passes_its_rate),
        cmocka_unit_test(test_freezing_counts_bytes),
        cmocka_unit_test(test_residual_blocking_lasts_its_time),
        cmocka_unit_test(test_a_portal_answers_for_pages),
        cmocka_unit_test(test_wrong_rules_say_why),
        cmocka_unit_test(test_rules_are_written_in_many_ways),
        cmocka_unit_test(test_a_unit_alone_is_one_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
