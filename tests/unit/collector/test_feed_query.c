/* Feeds over a real store: what they list, in which order, with which history, and what an older store gives.
 * Owner: each test has a data folder of its own.
 * Why: encoders are pure; whether they are handed the right events shows only here. */
#include "tests/unit/collector/fixture.h"

#include <sqlite3.h>

#include "collector/query.h"

#define BIN_S 600

struct scene {
    char *path;
    struct collector_folder folder;
    struct query *query;
    struct event events[40];
    size_t event_count;
};

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct why why = {""};
    scene->path = fixture_folder();
    assert_int_equal(collector_folder_open(scene->path, BIN_S, &scene->folder, &why), STATUS_OK);
    assert_int_equal(query_open(scene->path, &scene->query, &why), STATUS_OK);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    query_close(scene->query);
    collector_folder_close(&scene->folder);
    fixture_folder_free(scene->path);
    free(scene);
    return 0;
}

static struct event *event_begin(struct scene *scene, const char *id, enum region_state state,
                                 int64_t onset_s)
{
    struct event *event = &scene->events[scene->event_count++];
    *event = (struct event){.kind = EVENT_FULL_SHUTDOWN,
                            .state = state,
                            .confidence = 0.9,
                            .onset_earliest_us = FIXTURE_TIME_US + onset_s * US_PER_S,
                            .onset_latest_us = FIXTURE_TIME_US + (onset_s + 5) * US_PER_S,
                            .probe_count = 5,
                            .network_count = 2};
    snprintf(event->id, sizeof event->id, "%s", id);
    snprintf(event->region, sizeof event->region, "XD");
    return event;
}

static void judge(struct scene *scene, int64_t judged_s)
{
    struct bin_state bin = {.bin_s = FIXTURE_TIME_US / US_PER_S};
    struct detection detection = {.states = &bin,
                                  .state_count = 1,
                                  .events = scene->events,
                                  .event_count = scene->event_count,
                                  .judged_us = FIXTURE_TIME_US + judged_s * US_PER_S};
    assert_int_equal(scene->folder.store->put_detection(scene->folder.handle, "XD", &detection, NULL),
                     STATUS_OK);
}

static struct feed_list gather(struct scene *scene, struct feed_request request)
{
    struct feed_list list = {0};
    request.limit = request.limit ? request.limit : 100;
    assert_int_equal(query_feed(scene->query, &request, &list), STATUS_OK);
    return list;
}

static void test_feeds_tell_the_newest_word_first(void **state)
{
    struct scene *scene = *state;
    struct event *first = event_begin(scene, "a", REGION_SUSPECTED, 0);
    event_begin(scene, "b", REGION_CONFIRMED, 7200);
    judge(scene, 9000);
    first->state = REGION_CONFIRMED;
    judge(scene, 12600);
    first->probe_count = 50;
    judge(scene, 16200);
    struct feed_list list = gather(scene, (struct feed_request){.format = FEED_ATOM});
    assert_int_equal(list.count, 2);
    assert_string_equal(list.entries[0].event.id, "a"); /* began first, but was news last */
    assert_int_equal(list.entries[0].event.revision, 3);
    assert_int_equal(list.entries[0].message_count, 2);
    assert_int_equal(list.entries[0].messages[1].revision, 2);
    assert_int_equal(feed_event_sent_s(&list.entries[0].messages[1]), FIXTURE_TIME_US / US_PER_S + 12600);
    feed_list_free(&list);
    list = gather(scene, (struct feed_request){.format = FEED_JSON});
    assert_string_equal(list.entries[0].event.id, "a"); /* by onset */
    feed_list_free(&list);
    list = gather(scene, (struct feed_request){.format = FEED_JSON, .filter = {.id = "a"}});
    assert_int_equal(list.count, 3); /* every revision */
    feed_list_free(&list);
    list = gather(scene, (struct feed_request){.format = FEED_CAP, .filter = {.id = "a"}});
    assert_int_equal(list.count, 1);
    assert_int_equal(list.entries[0].message_count, 2);
    feed_list_free(&list);
}

static void test_withdrawals_are_told_to_who_was_told(void **state)
{
    struct scene *scene = *state;
    event_begin(scene, "a", REGION_SUSPECTED, 0);
    event_begin(scene, "b", REGION_CONFIRMED, 7200);
    judge(scene, 9000);
    scene->event_count = 0;
    judge(scene, 9600);
    struct feed_list list = gather(scene, (struct feed_request){.format = FEED_JSON});
    assert_int_equal(list.count, 0);
    feed_list_free(&list);
    list = gather(scene, (struct feed_request){.format = FEED_CAP});
    assert_int_equal(list.count, 2);
    assert_int_equal(list.entries[0].event.state, REGION_OK);
    feed_list_free(&list);
    list =
        gather(scene, (struct feed_request){.format = FEED_CAP, .filter = {.least_state = REGION_CONFIRMED}});
    assert_int_equal(list.count, 1);
    assert_string_equal(list.entries[0].event.id, "b");
    feed_list_free(&list);
}

static void test_the_limit_keeps_the_newest(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 40; i++) {
        char id[8];
        snprintf(id, sizeof id, "e%02d", i);
        event_begin(scene, id, REGION_CONFIRMED, i * 7200);
    }
    judge(scene, 1000000);
    for (size_t limit = 1; limit <= 41; limit++) {
        struct feed_list list = gather(scene, (struct feed_request){.format = FEED_JSON, .limit = limit});
        assert_int_equal(list.count, limit < 40 ? limit : 40);
        assert_int_equal(list.is_cut, limit < 40);
        assert_string_equal(list.entries[list.count - 1].event.id, "e39");
        for (size_t i = 1; i < list.count; i++) {
            assert_true(list.entries[i - 1].event.onset_earliest_s < list.entries[i].event.onset_earliest_s);
        }
        feed_list_free(&list);
    }
}

static void test_long_histories_are_bounded(void **state)
{
    struct scene *scene = *state;
    struct event *event = event_begin(scene, "a", REGION_SUSPECTED, 0);
    for (int i = 0; i < 300; i++) {
        event->state = i % 2 ? REGION_SUSPECTED : REGION_CONFIRMED;
        judge(scene, 600 * (i + 1));
    }
    struct feed_list list = gather(scene, (struct feed_request){.format = FEED_CAP});
    assert_int_equal(list.entries[0].event.revision, 300);
    assert_int_equal(list.entries[0].message_count, 256);
    struct feed_settings settings = {.bin_length_s = BIN_S};
    struct buffer text = {0};
    assert_int_equal(feed_encode(FEED_CAP, true, &list, &settings, &text), STATUS_OK);
    assert_true(text.count < 16384); /* references are bounded too */
    buffer_free(&text);
    feed_list_free(&list);
}

static void sql_run(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *file = path_join(path, "store.sqlite");
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    free(file);
}

/* Without the time of a revision, a message is dated by the last moment that it speaks of. */
static void test_revisions_without_a_time_have_one(void **state)
{
    struct scene *scene = *state;
    event_begin(scene, "a", REGION_CONFIRMED, 0);
    judge(scene, 9000);
    sql_run(scene->path, "UPDATE events SET revised_us = 0");
    struct feed_list list = gather(scene, (struct feed_request){.format = FEED_RSS});
    assert_int_equal(feed_event_sent_s(&list.entries[0].messages[0]), FIXTURE_TIME_US / US_PER_S + BIN_S);
    feed_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_feeds_tell_the_newest_word_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_withdrawals_are_told_to_who_was_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_limit_keeps_the_newest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_histories_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_revisions_without_a_time_have_one, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
