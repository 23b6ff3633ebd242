/* What is taken out of records, and what must stay.
 * Owner: trees made here.
 * Why: a volunteer's address in a public record cannot be taken back. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "measurement/base/json.h"
#include "probe/measuring/scrub.h"

static struct scrub_addresses own(void)
{
    struct scrub_addresses addresses = {0};
    assert_int_equal(scrub_add_text(&addresses, "198.51.100.7"), STATUS_OK);
    assert_int_equal(scrub_add_text(&addresses, "2001:db8::a:1"), STATUS_OK);
    return addresses;
}

static void text_becomes(const char *before, const char *after)
{
    struct scrub_addresses addresses = own();
    json_t *tree = json_pack("{s:[{s:s}]}", "a", "b", before);
    assert_int_equal(scrub_json(&addresses, tree), STATUS_OK);
    const json_t *object = json_array_get(json_member_array(tree, "a"), 0);
    assert_string_equal(json_member_text(object, "b"), after);
    json_decref(tree);
}

static void forms_are_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"198.51.100.7", "[scrubbed]"},
        {"Your IP is 198.51.100.7.", "Your IP is [scrubbed]."},
        {"198.51.100.7:443,198.51.100.7", "[scrubbed]:443,[scrubbed]"},
        {"ip-198-51-100-7.isp.example", "ip-[scrubbed].isp.example"},
        {"7.100.51.198.in-addr.arpa", "[scrubbed].arpa"},
        {"::ffff:198.51.100.7", "::ffff:[scrubbed]"},
        {"[2001:DB8::A:1]:443", "[[scrubbed]]:443"},
        {"at 2001:db8::a:1: refused", "at [scrubbed]: refused"},
        {"ip:2001:db8::a:1", "ip:[scrubbed]"},
        {"2001:0db8:0000:0000:0000:0000:000a:0001", "[scrubbed]"},
        {"2001:db8:0:0:0:0:a:1", "[scrubbed]"},
        {"?ip=2001%3Adb8%3A%3Aa%3A1&x", "?ip=[scrubbed]&x"},
        {"7.100.51.198.zen.example.org", "[scrubbed].zen.example.org"},
        {"::ffff:c633:6407", "::[scrubbed]"},
        {"64:ff9b::c633:6407", "64:ff9b[scrubbed]"},
        {"2002:c633:6407::1", "[scrubbed]::1"},
        {"7-100-51-198.dsl.isp.example", "[scrubbed].dsl.isp.example"},
        {"host198_51_100_7.isp.example", "host[scrubbed].isp.example"},
        {"198-051-100-007.isp.example", "[scrubbed].isp.example"},
        {"p198051100007.isp.example", "p[scrubbed].isp.example"},
        {"?ip=198%2E51%2e100%2E7&x", "?ip=[scrubbed]&x"},
        {"198&#46;51&#46;100&#46;7", "[scrubbed]"},
        {"id=C6336407;", "id=[scrubbed];"},
        {"ip=3325256711", "ip=[scrubbed]"},
        {"2001-db8--a-1.isp.example", "[scrubbed].isp.example"},
        {"20010db80000000000000000000a0001", "[scrubbed]"},
        {"1.0.0.0.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "[scrubbed].ip6.arpa"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        text_becomes(cases[i].before, cases[i].after);
}

/* Short groups in an IPv6 address, and all that lies in the own /64. */
static void networks_are_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"::ffff:a00:2", "::[scrubbed]"},
        {"64:ff9b::a00:2", "64:ff9b[scrubbed]"},
        {"2a00:1450:4001:80b::1", "[scrubbed]"},
        {"2a00:1450:4001:80b:1a2b:3cff:fe4d:5e6f.", "[scrubbed]."},
        {"2A00:1450:4001:080B:1A2B:3CFF:FE4D:5E6F", "[scrubbed]"},
        {"[2a00:1450:4001:80b:9:9:9:9]:443 refused", "[[scrubbed]]:443 refused"},
        {"2a00:1450:4001:80b::/64", "[scrubbed]/64"},
        {"2a00:1450:4001::5", "2a00:1450:4001::5"},
        {"2a00:1450:4001:80c::1", "2a00:1450:4001:80c::1"},
        {"2a02:100:200::7", "[scrubbed]"},
        {"2a02:100:200:0:1:2:3:4", "[scrubbed]"},
        {"2a02:100:200:1::7", "2a02:100:200:1::7"},
        {"fd00:1:2:3::9", "fd00:1:2:3::9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scrub_addresses addresses = {0};
        assert_int_equal(scrub_add_text(&addresses, "10.0.0.2"), STATUS_OK);
        assert_int_equal(scrub_add_text(&addresses, "2a00:1450:4001:80b::9"), STATUS_OK);
        assert_int_equal(scrub_add_text(&addresses, "2a02:100:200::1"), STATUS_OK);
        assert_int_equal(scrub_add_text(&addresses, "fd00:1:2:3::1"), STATUS_OK);
        json_t *tree = json_pack("{s:s}", "a", cases[i].before);
        assert_int_equal(scrub_json(&addresses, tree), STATUS_OK);
        assert_string_equal(json_member_text(tree, "a"), cases[i].after);
        json_decref(tree);
    }
}

/* Nobody asked for it, and a page can be had in no other way. */
static void what_is_compressed_is_looked_into(void **state)
{
    (void)state;
    static const struct {
        const char *told;
        size_t before_bytes;
        enum status status;
    } cases[] = {{"198.51.100.7", 0, STATUS_REFUSED},     {"198.51.100.7", 16380, STATUS_REFUSED},
                 {"198.51.100.7", 100000, STATUS_REFUSED}, {"198.51.100.8", 100000, STATUS_OK},
                 {"198.51.100.8", 70000000, STATUS_REFUSED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scrub_addresses addresses = own();
        size_t count = cases[i].before_bytes + strlen(cases[i].told), room = count / 100 + 1000;
        char *plain = malloc(count);
        uint8_t *packed = malloc(room);
        memset(plain, 'a', count);
        memcpy(plain + cases[i].before_bytes, cases[i].told, strlen(cases[i].told));
        z_stream stream = {.next_in = (uint8_t *)plain, .avail_in = (uInt)count, .next_out = packed, .avail_out = (uInt)room};
        assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
        json_t *tree = json_pack("{s:o}", "body", json_maybe_binary(packed, room - stream.avail_out));
        assert_int_equal(scrub_json(&addresses, tree), cases[i].status);
        json_decref(tree);
        deflateEnd(&stream);
        free(packed);
        free(plain);
    }
}

static void others_stay(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",       "198.51.100.70", "198.51.100.71:80", "1198.51.100.7", "5.198.51.100.7", "198.51.100.",
        "c63364071", "ac6336407", "13325256711", "7.100.51.1980",
        "7",      "2001:db8::a:12", "2001:db8::a",     "127.0.0.1",     "::1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        text_becomes(texts[i], texts[i]);
}

/* A token holds {"ip":"198.51.100.7"} somewhere; wherever it begins, too little of it is left to tell. */
static void base64_hides_nothing(void **state)
{
    (void)state;
    static const char *const addresses_texts[] = {"198.51.100.7", "2001:db8::a:1"};
    for (size_t a = 0; a < 2; a++) {
        for (size_t before = 0; before < 12; before++) {
            struct scrub_addresses addresses = own();
            struct buffer plain = {0}, encoded = {0}, back = {0};
            buffer_append(&plain, "{\"aaaaaaaaaa", before);
            buffer_text(&plain, addresses_texts[a]);
            buffer_text(&plain, "\",\"b\":1}");
            base64url_append(&encoded, plain.bytes, plain.count);
            char *token = buffer_take_text(&encoded);
            assert_true(scrub_finds(&addresses, token, strlen(token)));
            json_t *tree = json_pack("{s:s}", "token", token);
            assert_int_equal(scrub_json(&addresses, tree), STATUS_OK);
            const char *after = json_member_text(tree, "token");
            const char *mark = strstr(after, "[scrubbed]");
            assert_non_null(mark);
            assert_false(scrub_finds(&addresses, after, strlen(after)));
            /* At most one character of the address at each end is left. */
            assert_in_range(strlen(token) + strlen("[scrubbed]") - strlen(after), strlen(addresses_texts[a]) * 4 / 3 - 2, 24);
            json_decref(tree);
            free(token);
            buffer_free(&plain);
            buffer_free(&back);
        }
    }
}

static void base64_bodies_are_scrubbed_inside(void **state)
{
    (void)state;
    static const char body[] = "\xff\xfe you are 198.51.100.7 \xff";
    struct scrub_addresses addresses = own();
    struct buffer plain = {0};
    json_t *tree = json_pack("{s:o}", "body", json_maybe_binary(body, sizeof body - 1));
    assert_int_equal(scrub_json(&addresses, tree), STATUS_OK);
    const char *data = json_member_text(json_member_object(tree, "body"), "data");
    assert_non_null(data);
    assert_int_equal(base64_decode(data, strlen(data), &plain), STATUS_OK);
    static const char expected[] = "\xff\xfe you are [scrubbed] \xff";
    assert_int_equal(plain.count, sizeof expected - 1);
    assert_memory_equal(plain.bytes, expected, plain.count);
    buffer_free(&plain);
    json_decref(tree);
}

static void raw_bytes_in_binary_are_replaced(void **state)
{
    (void)state;
    static const uint8_t body[] = {0xff, 0xfe, 198, 51, 100, 7, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa, 0, 1, 9};
    struct scrub_addresses addresses = own();
    struct buffer plain = {0};
    json_t *tree = json_pack("{s:o}", "body", json_maybe_binary(body, sizeof body));
    assert_int_equal(scrub_json(&addresses, tree), STATUS_OK);
    const char *data = json_member_text(json_member_object(tree, "body"), "data");
    assert_int_equal(base64_decode(data, strlen(data), &plain), STATUS_OK);
    assert_int_equal(plain.count, sizeof body);
    assert_memory_equal(plain.bytes, "\xff\xfexxxx\xffxxxxxxxxxxxxxxxx\x09", sizeof body);
    buffer_free(&plain);
    json_decref(tree);
}

static void loopback_and_doubles_are_left_out(void **state)
{
    (void)state;
    struct scrub_addresses addresses = {0};
    assert_int_equal(scrub_add_text(&addresses, "127.0.0.1"), STATUS_OK);
    assert_int_equal(scrub_add_text(&addresses, "0.0.0.0"), STATUS_OK);
    assert_int_equal(scrub_add_text(&addresses, "::1"), STATUS_OK);
    assert_int_equal(addresses.count, 0);
    assert_int_equal(scrub_add_text(&addresses, "192.0.2.1"), STATUS_OK);
    assert_int_equal(scrub_add_text(&addresses, "192.0.2.1"), STATUS_OK);
    assert_int_equal(addresses.count, 1);
    assert_int_equal(scrub_add_text(&addresses, "192.0.2.1x"), STATUS_MALFORMED);
}

static void too_many_addresses_are_told(void **state)
{
    (void)state;
    struct scrub_addresses addresses = {0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    for (uint32_t i = 0; i < SCRUB_ADDRESSES_MAX; i++) {
        address.sin_addr.s_addr = htonl(0x0a000001u + i);
        assert_int_equal(scrub_add(&addresses, (const struct sockaddr *)&address), STATUS_OK);
    }
    address.sin_addr.s_addr = htonl(0x0b000001u);
    assert_int_equal(scrub_add(&addresses, (const struct sockaddr *)&address), STATUS_FULL);
}

static struct sockaddr_storage resolver(const char *text)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    assert_int_not_equal(address.ss_family, 0);
    return address;
}

/* Own addresses are 130.192.91.211 and 2a00:1450:4001:80b::9; a query and an event name the resolver. */
static void resolvers_nearby_are_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *resolver;
        bool is_scrubbed;
    } cases[] = {
        {"8.8.8.8", false},           {"130.192.3.21", false},
        {"130.192.91.1", true},       {"192.168.1.1", true},
        {"10.0.0.138", true},         {"100.64.0.1", true},
        {"169.254.1.1", true},        {"127.0.0.53", false},
        {"fe80::1", true},            {"fd00::53", true},
        {"2a00:1450:4001:80b::1", true}, {"2a00:1450:4001:80c::1", false},
        {"2001:4860:4860::8888", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scrub_addresses addresses = {0};
        struct sockaddr_storage address = resolver(cases[i].resolver);
        assert_int_equal(scrub_add_text(&addresses, "130.192.91.211"), STATUS_OK);
        assert_int_equal(scrub_add_text(&addresses, "2a00:1450:4001:80b::9"), STATUS_OK);
        assert_int_equal(scrub_add_resolvers(&addresses, &address, 1), STATUS_OK);
        assert_int_equal(scrub_holds(&addresses, (const struct sockaddr *)&address), cases[i].is_scrubbed);
        json_t *tree = json_pack("{s:[{s:s}], s:[{s:o}]}", "queries", "resolver_address", cases[i].resolver,
                                 "network_events", "address", json_sprintf("[%s]:53", cases[i].resolver));
        assert_int_equal(scrub_json(&addresses, tree), STATUS_OK);
        char *text = json_dumps(tree, JSON_COMPACT);
        assert_int_equal(strstr(text, cases[i].resolver) == NULL, cases[i].is_scrubbed);
        free(text);
        json_decref(tree);
    }
}

static void a_resolver_makes_no_other_near(void **state)
{
    (void)state;
    struct scrub_addresses addresses = {0};
    struct sockaddr_storage resolvers[] = {resolver("130.192.91.1"), resolver("130.192.3.21")};
    assert_int_equal(scrub_add_text(&addresses, "130.192.91.211"), STATUS_OK);
    assert_int_equal(scrub_add_resolvers(&addresses, resolvers, 2), STATUS_OK);
    assert_int_equal(addresses.count, 2);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    struct scrub_addresses addresses = own();
    json_t *tree = json_string("198.51.100.7");
    for (int i = 0; i < JSON_DEPTH_LIMIT + 5; i++)
        tree = json_pack("[o]", tree);
    assert_int_equal(scrub_json(&addresses, tree), STATUS_TOO_LARGE);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_replaced),
        cmocka_unit_test(networks_are_replaced),
        cmocka_unit_test(what_is_compressed_is_looked_into),
        cmocka_unit_test(others_stay),
        cmocka_unit_test(base64_bodies_are_scrubbed_inside),
        cmocka_unit_test(base64_hides_nothing),
        cmocka_unit_test(raw_bytes_in_binary_are_replaced),
        cmocka_unit_test(loopback_and_doubles_are_left_out),
        cmocka_unit_test(too_many_addresses_are_told),
        cmocka_unit_test(resolvers_nearby_are_replaced),
        cmocka_unit_test(a_resolver_makes_no_other_near),
        cmocka_unit_test(depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
