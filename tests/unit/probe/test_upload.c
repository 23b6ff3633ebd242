/* Uploading against a real HTTP server that plays every kind of collector.
 * Owner: each test has a state folder, a loop and a server of its own.
 * Why: a bundle deleted without a receipt is lost, and one kept for ever fills a volunteer's disk. */
#include "tests/unit/probe/upload_rig.h"

static void receipted_bundles_go(void **state)
{
    struct fixture *fixture = *state;
    struct public_key pinned;
    struct buffer receipts = {0};
    for (int i = 0; i < 3; i++)
        bundle_add(fixture, i);
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(fixture->request_count, 3);
    assert_false(fixture->has_bad_request);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 0);
    assert_int_equal(upload_count(fixture->upload).accepted_count, 3);
    assert_int_equal(state_collector_read(fixture->folder, &pinned, NULL), STATUS_OK);
    assert_memory_equal(pinned.key, fixture->collector_key.public_key.key, PUBLIC_KEY_BYTES);
    char *path = path_join(fixture->folder, STATE_RECEIPTS);
    assert_int_equal(file_read(path, 65536, &receipts, NULL), STATUS_OK);
    int line_count = 0;
    for (size_t i = 0; i < receipts.count; i++)
        line_count += receipts.bytes[i] == '\n';
    assert_int_equal(line_count, 3);
    assert_int_equal(fixture->signed_count, 3);
    /* A repeated receipt holds, but tells no time. */
    fixture->play = PLAY_AGAIN;
    bundle_add(fixture, 4);
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(fixture->signed_count, 3);
    assert_int_equal(fixture->signed_us, INT64_C(1767323045) * US_PER_S);
    buffer_free(&receipts);
    free(path);
}

static void nothing_is_deleted_without_a_receipt(void **state)
{
    struct fixture *fixture = *state;
    static const enum play plays[] = {PLAY_PORTAL, PLAY_OTHER_BUNDLE,  PLAY_FORGED, PLAY_REFUSE_PORTAL,
                                      PLAY_BUSY,   PLAY_BROKEN,       PLAY_HUGE};
    struct public_key pinned;
    bundle_add(fixture, 1);
    for (size_t i = 0; i < sizeof plays / sizeof plays[0]; i++) {
        fixture->play = plays[i];
        upload_all(fixture);
        assert_int_equal(fixture->outcome, UPLOAD_LATER);
        assert_int_equal(fixture->retry_after_us, plays[i] == PLAY_BUSY ? 90 * US_PER_S : 0);
        assert_int_equal(spool_count(fixture->spool).bundle_count, 1);
        assert_int_equal(state_collector_read(fixture->folder, &pinned, NULL), STATUS_NOT_FOUND);
        assert_int_equal(fixture->signed_count, 0);
    }
    fixture->play = PLAY_HONEST;
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 0);
}

static void another_collectors_receipt_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 77);
    bundle_add(fixture, 1);
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(key_make(&random, &fixture->collector_key), STATUS_OK);
    bundle_add(fixture, 2);
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_LATER);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 1);
}

static void refused_bundles_do_not_hold_up_the_rest(void **state)
{
    struct fixture *fixture = *state;
    bundle_add(fixture, 1);
    bundle_add(fixture, 2);
    fixture->play = PLAY_REFUSE;
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(spool_count(fixture->spool).rejected_count, 2);
    assert_int_equal(upload_count(fixture->upload).rejected_count, 2);
}

static void an_unreachable_collector_is_tried_later(void **state)
{
    struct fixture *fixture = *state;
    bundle_add(fixture, 1);
    evhttp_free(fixture->http);
    fixture->http = NULL;
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_LATER);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 1);
    assert_int_equal(upload_count(fixture->upload).failed_count, 1);
}

static void an_empty_spool_asks_nobody(void **state)
{
    struct fixture *fixture = *state;
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(fixture->request_count, 0);
}

/* Whom to seal to is asked before anything is sent, and what waited is sealed too. */
static void the_recipient_is_learnt_first(void **state)
{
    struct fixture *fixture = *state;
    struct age_recipient kept;
    bundle_add(fixture, 1);
    bundle_add(fixture, 2);
    fixture->names_recipient = true;
    assert_int_equal(spool_count(fixture->spool).unsealed_count, 2);
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_false(fixture->has_bad_request);
    assert_int_equal(fixture->sealed_count, 2);
    assert_null(upload_unsealed_reason(fixture->upload));
    assert_int_equal(state_recipient_read(fixture->folder, &kept, NULL), STATUS_OK);
    assert_memory_equal(&kept, &fixture->identity.recipient, sizeof kept);
    bundle_add(fixture, 3);
    assert_int_equal(spool_count(fixture->spool).unsealed_count, 0);
    upload_all(fixture);
    assert_int_equal(fixture->sealed_count, 3);
    assert_int_equal(fixture->keys_count, 1);
}

static void a_forged_recipient_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct age_recipient kept;
    bundle_add(fixture, 1);
    fixture->names_recipient = true;
    fixture->is_keys_forged = true;
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(fixture->sealed_count, 0);
    assert_non_null(strstr(upload_unsealed_reason(fixture->upload), "signature"));
    assert_int_equal(state_recipient_read(fixture->folder, &kept, NULL), STATUS_NOT_FOUND);
}

static const char *route_state(const struct fixture *fixture, size_t route, const char *member)
{
    static char text[64];
    json_t *routes = upload_routes_encode(fixture->upload);
    const char *word = json_string_value(json_object_get(json_array_get(routes, route), member));
    snprintf(text, sizeof text, "%s", word ? word : "");
    json_decref(routes);
    return text;
}

/* The first leads nowhere, the second to something that is no collector, the third to it. */
static void the_next_route_is_taken_and_remembered(void **state)
{
    struct fixture *fixture = *state;
    char label[ROUTE_LABEL_BYTES];
    bundle_add(fixture, 1);
    assert_int_equal(route_list_add(&fixture->routes, "http://127.0.0.1:1", "direct", NULL), STATUS_OK);
    assert_int_equal(route_list_add(&fixture->routes, fixture->url, "name=portal.example@127.0.0.1", NULL), STATUS_OK);
    assert_int_equal(route_list_add(&fixture->routes, fixture->url, "name=localhost@127.0.0.1", NULL), STATUS_OK);
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(fixture->request_count, 1);
    assert_string_equal(route_state(fixture, 0, "state"), "fails");
    assert_string_equal(route_state(fixture, 0, "failure"), "offline");
    assert_string_equal(route_state(fixture, 1, "state"), "fails");
    assert_string_equal(route_state(fixture, 1, "failure"), "no_collector");
    assert_string_equal(route_state(fixture, 2, "state"), "works");
    assert_int_equal(state_route_read(fixture->folder, label), STATUS_OK);
    assert_string_equal(label, "name=localhost@127.0.0.1");
    /* The next time it begins there. */
    int64_t sent_bytes = upload_count(fixture->upload).sent_bytes;
    bundle_add(fixture, 2);
    upload_all(fixture);
    assert_int_equal(fixture->request_count, 2);
    assert_true(upload_count(fixture->upload).sent_bytes > sent_bytes);
}

/* Another collector signs with its own key, and nothing of it is pinned. */
static void a_routes_own_key_signs_its_receipts(void **state)
{
    struct fixture *fixture = *state;
    char text[200], key[PUBLIC_KEY_TEXT_BYTES];
    struct public_key pinned;
    bundle_add(fixture, 1);
    public_key_format(&fixture->key.public_key, key); /* not the collector's */
    snprintf(text, sizeof text, "collector=%s,%s", fixture->url, key);
    assert_int_equal(route_list_add(&fixture->routes, "http://127.0.0.1:1", text, NULL), STATUS_OK);
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_LATER);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 1);
    fixture->routes.routes[0].key = fixture->collector_key.public_key;
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(state_collector_read(fixture->folder, &pinned, NULL), STATUS_NOT_FOUND);
}

static void damaged_receipts_are_malformed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "{}", "[]", "null", "{\"receipt\":1}", "{\"receipt\":{},\"key\":\"\",\"signature\":\"\"}",
        "{\"receipt\":{\"bundle\":\"00\",\"log_index\":-1,\"received\":\"\"}}",
    };
    uint8_t hash[SHA256_BYTES] = {0};
    struct public_key key;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(receipt_check(texts[i], strlen(texts[i]), hash, NULL, NULL, &key, NULL), STATUS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UPLOAD_TEST(receipted_bundles_go),
        UPLOAD_TEST(nothing_is_deleted_without_a_receipt),
        UPLOAD_TEST(another_collectors_receipt_is_refused),
        UPLOAD_TEST(refused_bundles_do_not_hold_up_the_rest),
        UPLOAD_TEST(an_unreachable_collector_is_tried_later),
        UPLOAD_TEST(an_empty_spool_asks_nobody),
        UPLOAD_TEST(the_recipient_is_learnt_first),
        UPLOAD_TEST(a_forged_recipient_is_not_taken),
        UPLOAD_TEST(the_next_route_is_taken_and_remembered),
        UPLOAD_TEST(a_routes_own_key_signs_its_receipts),
        cmocka_unit_test(damaged_receipts_are_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
