/* Records with packets in them, as the tests write them, and the signatures that are added.
 * Owner: each case owns its record.
 * Why: an index that points to the wrong packet accuses the server of what the box did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "probe/capture/tampering.h"

#define OUT(t, flags, seq, len, id)                                                                                    \
    "{\"t\":" #t ",\"dir\":\"out\",\"flags\":\"" flags "\",\"seq\":" #seq ",\"ack\":1,\"len\":" #len                    \
    ",\"ttl\":64,\"ip_id\":5,\"transaction_id\":" #id "}"
#define IN(t, flags, ttl, ip_id, len, id)                                                                              \
    "{\"t\":" #t ",\"dir\":\"in\",\"flags\":\"" flags "\",\"seq\":1,\"ack\":1,\"len\":" #len ",\"ttl\":" #ttl           \
    ",\"ip_id\":" #ip_id ",\"transaction_id\":" #id "}"
#define SHAKE(id) OUT(0.0, "S", 0, 0, id) "," IN(0.1, "SA", 50, 9, 0, id) "," OUT(0.1, "A", 1, 0, id)

static const struct {
    const char *packets; /* of web_connectivity */
    const char *wanted;  /* the array, or NULL: nothing is added */
} cases[] = {
    {"", NULL},
    {SHAKE(1) "," OUT(0.2, "PA", 1, 500, 1) "," IN(0.3, "PA", 50, 10, 900, 1) "," OUT(0.4, "FA", 501, 0, 1), NULL},
    /* Two flows, one behind the other in time: the reset is the seventh packet of all. */
    {SHAKE(1) "," SHAKE(2) "," OUT(0.2, "PA", 1, 500, 2) "," IN(0.2, "R", 61, 0, 0, 2) "," OUT(0.3, "PA", 1, 500, 1)
     "," IN(0.4, "PA", 50, 10, 900, 1),
     "[{\"signature\":\"PSH+ACK→RST\",\"confidence\":\"strong\",\"injected\":[7],"
     "\"evidence\":[\"other_ttl\",\"zero_ip_id\"],\"transaction_id\":2}]"},
    /* Given up after ten seconds: our FIN ends no conversation. */
    {SHAKE(1) "," OUT(0.2, "PA", 1, 500, 1) "," IN(0.3, "A", 50, 10, 0, 1) "," OUT(10.2, "FA", 501, 0, 1),
     "[{\"signature\":\"SYN;ACK→∅\",\"confidence\":\"weak\",\"injected\":[],\"evidence\":[],\"transaction_id\":1}]"},
    {OUT(0.0, "S", 0, 0, 3) "," OUT(1.0, "S", 0, 0, 3) "," OUT(3.0, "S", 0, 0, 3) "," OUT(7.0, "S", 0, 0, 3),
     "[{\"signature\":\"SYN→∅\",\"confidence\":\"weak\",\"injected\":[],\"evidence\":[],\"transaction_id\":3}]"},
    {SHAKE(4) "," OUT(0.2, "PA", 1, 500, 4) "," OUT(0.8, "PA", 1, 500, 4) "," OUT(6.0, "PA", 1, 500, 4)
     "," OUT(10.2, "FA", 501, 0, 4),
     "[{\"signature\":\"SYN;ACK→∅\",\"confidence\":\"weak\",\"injected\":[],\"evidence\":[],\"transaction_id\":4}]"},
    /* Given up after a second: nobody can say that it would have stayed silent. */
    {OUT(0.0, "S", 0, 0, 3) "," OUT(1.0, "S", 0, 0, 3), NULL},
};

static json_t *keys_of(const char *packets)
{
    struct buffer text = {0};
    json_t *keys = NULL;
    buffer_printf(&text, "{\"x_dialtone\":{\"packets\":[%s]}}", packets);
    assert_int_equal(json_read((const char *)text.bytes, text.count, &keys, NULL), STATUS_OK);
    buffer_free(&text);
    return keys;
}

static void flows_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *keys = keys_of(cases[i].packets), *wanted = NULL;
        json_t *before = json_deep_copy(json_object_get(json_object_get(keys, "x_dialtone"), "packets"));
        assert_int_equal(tampering_add(keys), STATUS_OK);
        const json_t *dialtone = json_object_get(keys, "x_dialtone");
        const json_t *found = json_object_get(dialtone, "tampering");
        if (cases[i].wanted)
            assert_int_equal(json_read(cases[i].wanted, strlen(cases[i].wanted), &wanted, NULL), STATUS_OK);
        if (wanted ? !json_equal(found, wanted) : found != NULL)
            fail_msg("case %zu: %s", i, json_dumps(found, 0));
        assert_true(json_equal(json_object_get(dialtone, "packets"), before));
        json_decref(wanted);
        json_decref(before);
        json_decref(keys);
    }
}

/* A service's test has an object a flow; a channel has such keys in each of its endpoints. */
static void services_and_channels_too(void **state)
{
    (void)state;
    static const char text[] =
        "{\"endpoints\":[{\"test_keys\":{\"x_dialtone\":{\"packets\":[{\"address\":\"192.0.2.1:443\","
        "\"transaction_id\":7,\"packets\":[" SHAKE(1) "," IN(0.2, "R", 50, 9, 0, 1) "]}]}}},{\"test_keys\":null}],"
        "\"x_dialtone\":{\"verdict\":null}}";
    json_t *keys = NULL;
    assert_int_equal(json_read(text, strlen(text), &keys, NULL), STATUS_OK);
    assert_int_equal(tampering_add(keys), STATUS_OK);
    assert_null(json_object_get(json_object_get(keys, "x_dialtone"), "tampering"));
    const json_t *part = json_object_get(json_array_get(json_object_get(keys, "endpoints"), 0), "test_keys");
    const json_t *found = json_array_get(json_object_get(json_object_get(part, "x_dialtone"), "tampering"), 0);
    assert_string_equal(json_member_text(found, "signature"), "SYN;ACK→RST");
    assert_string_equal(json_member_text(found, "address"), "192.0.2.1:443");
    assert_int_equal(json_member_int(found, "transaction_id", 0), 7);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(found, "injected"), 0)), 3);
    json_decref(keys);
}

/* Nothing there is nothing wrong. */
static void what_has_no_packets_is_left_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{\"x_dialtone\":{}}", "{\"x_dialtone\":{\"packets\":[1,\"a\",{}]}}",
                                        "{\"x_dialtone\":{\"packets\":[{\"packets\":[]},{\"packets\":[]}]}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *keys = NULL;
        assert_int_equal(json_read(texts[i], strlen(texts[i]), &keys, NULL), STATUS_OK);
        json_t *before = json_deep_copy(keys);
        assert_int_equal(tampering_add(keys), STATUS_OK);
        assert_true(json_equal(keys, before));
        json_decref(before);
        json_decref(keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_are_told_apart),
        cmocka_unit_test(services_and_channels_too),
        cmocka_unit_test(what_has_no_packets_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
