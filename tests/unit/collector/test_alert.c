/* Webhooks over real HTTP in one loop: when an event is told, how often, and what a hook that fails gets in
 * the end. Owner: each test has a data folder, a loop and a receiver of its own. Why: an alarm that rings
 * twice is switched off; one that does not ring is worse. */
#include "tests/unit/collector/alert_scene.h"

static void receiver_open(struct scene *scene)
{
    scene->http = evhttp_new(loop_base(scene->loop));
    struct evhttp_bound_socket *socket = evhttp_bind_socket_with_handle(scene->http, "127.0.0.1", 0);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    assert_non_null(socket);
    getsockname(evhttp_bound_socket_get_fd(socket), (struct sockaddr *)&address, &length);
    scene->port = ntohs(address.sin_port);
    evhttp_set_gencb(scene->http, on_request, scene);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct why why = {""};
    scene->path = fixture_folder();
    scene->requests = calloc(REQUESTS_MOST, sizeof *scene->requests);
    assert_int_equal(collector_folder_open(scene->path, BIN_S, &scene->folder, &why), STATUS_OK);
    assert_int_equal(query_open(scene->path, &scene->query, &why), STATUS_OK);
    assert_int_equal(loop_open(&scene->loop), STATUS_OK);
    receiver_open(scene);
    scene->config_path = path_join(scene->path, "alerts.conf");
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    alerts_free(scene->alerts);
    evhttp_free(scene->http);
    loop_free(scene->loop);
    query_close(scene->query);
    collector_folder_close(&scene->folder);
    fixture_folder_free(scene->path);
    free(scene->config_path);
    free(scene->requests);
    free(scene);
    return 0;
}

/* Hooks are written "[a]" with what stands behind; their path is their name. */
static void alerts_start(struct scene *scene, const char *first, const char *second)
{
    struct alert_settings settings = alert_settings_default();
    struct buffer text = {0};
    struct why why = {""};
    buffer_printf(&text, "[a]\nurl = http://127.0.0.1:%d/a\nsecret = " SECRET "\n%s\n", scene->port, first);
    if (second) {
        buffer_printf(&text, "[b]\nurl = http://127.0.0.1:%d/b\nsecret = " SECRET "\n%s\n", scene->port,
                      second);
    }
    fixture_write(scene->path, "alerts.conf", text.bytes, text.count);
    buffer_free(&text);
    settings.config_path = scene->config_path;
    settings.data_folder = scene->path;
    settings.collector = "collector";
    settings.query = scene->query;
    settings.loop = scene->loop;
    settings.retry_first_us = 5 * US_PER_MS;
    settings.retry_most_us = 20 * US_PER_MS;
    settings.timeout_us = 5 * US_PER_S;
    if (alerts_open(&settings, &scene->alerts, &why) != STATUS_OK) {
        fail_msg("%s", why.text);
    }
}

static void alerts_stop(struct scene *scene)
{
    alerts_free(scene->alerts);
    scene->alerts = NULL;
}

static void on_enough(void *arg)
{
    loop_stop(arg);
}

static void run_for(struct scene *scene, int64_t us)
{
    assert_int_equal(loop_after(scene->loop, us, on_enough, scene->loop, NULL), STATUS_OK);
    assert_int_equal(loop_run(scene->loop), STATUS_OK);
}

/* Scans, and runs until as many requests came, and a little longer in case there are more. */
static void run_until(struct scene *scene, size_t count)
{
    alerts_scan(scene->alerts);
    for (int i = 0; i < 6000 && scene->request_count < count; i++) {
        run_for(scene, 10 * US_PER_MS);
    }
    run_for(scene, 60 * US_PER_MS);
    assert_int_equal(scene->request_count, count);
}

/* Until one more was taken, and a little longer. */
static void run_until_taken(struct scene *scene)
{
    size_t before = scene->taken_count;
    for (int i = 0; i < 6000 && scene->taken_count == before; i++) {
        run_for(scene, 10 * US_PER_MS);
    }
    run_for(scene, 60 * US_PER_MS);
    assert_int_equal(scene->taken_count, before + 1);
}

/* Until what is under way has come. */
static void run_until_quiet(struct scene *scene)
{
    size_t before;
    int turns = 0;
    do {
        before = scene->request_count;
        run_for(scene, 60 * US_PER_MS);
    } while (scene->request_count != before && ++turns < 100);
    assert_int_equal(scene->request_count, before);
}

static struct event *event_begin(struct scene *scene, const char *id, enum region_state state)
{
    struct event *event = &scene->events[scene->event_count++];
    *event = (struct event){.kind = EVENT_FULL_SHUTDOWN,
                            .state = state,
                            .confidence = 0.9,
                            .onset_earliest_us = FIXTURE_TIME_US,
                            .onset_latest_us = FIXTURE_TIME_US + 5 * US_PER_S,
                            .probe_count = 5,
                            .network_count = 2};
    snprintf(event->id, sizeof event->id, "%s", id);
    snprintf(event->region, sizeof event->region, "XD");
    return event;
}

static void events_put(struct scene *scene)
{
    struct bin_state bin = {.bin_s = FIXTURE_TIME_US / US_PER_S};
    struct detection detection = {.states = &bin,
                                  .state_count = 1,
                                  .events = scene->events,
                                  .event_count = scene->event_count,
                                  .judged_us = FIXTURE_TIME_US};
    struct why why = {""};
    assert_int_equal(scene->folder.store->put_detection(scene->folder.handle, "XD", &detection, &why),
                     STATUS_OK);
}

static void request_is(const struct request *request, const char *word, int revision, int previous,
                       const char *state)
{
    assert_string_equal(request->word, word);
    assert_int_equal(request->revision, revision);
    assert_int_equal(request->previous, previous);
    assert_string_equal(request->state, state);
}

static void test_only_news_is_told(void **state)
{
    struct scene *scene = *state;
    alerts_start(scene, "", NULL);
    struct event *event = event_begin(scene, "e1", REGION_PROBABLE);
    events_put(scene);
    run_until(scene, 1);
    request_is(&scene->requests[0], "alert", 1, 0, "probable");
    event->probe_count = 9; /* counters, and a moment within the same bin: a revision, and no news */
    event->evidence_count[CONFIDENCE_STRONG] = 70;
    event->onset_latest_us += US_PER_S;
    events_put(scene);
    run_until(scene, 1);
    event->state = REGION_CONFIRMED;
    events_put(scene);
    run_until(scene, 2);
    request_is(&scene->requests[1], "update", 3, 1, "confirmed");
    alerts_stop(scene);
    alerts_start(scene, "", NULL);
    event->end_earliest_us = FIXTURE_TIME_US + 3600 * US_PER_S;
    event->end_latest_us = event->end_earliest_us + 1;
    events_put(scene);
    run_until(scene, 3);
    request_is(&scene->requests[2], "update", 4, 3, "confirmed");
    scene->event_count = 0;
    events_put(scene);
    run_until(scene, 4);
    request_is(&scene->requests[3], "cancel", 5, 4, "withdrawn");
    alerts_stop(scene);
    alerts_start(scene, "", NULL);
    run_until(scene, 4);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(scene->requests[i].delivery, scene->requests[j].delivery);
        }
    }
}

static void test_the_least_state_counts_until_told(void **state)
{
    struct scene *scene = *state;
    alerts_start(scene, "state = confirmed", NULL);
    struct event *event = event_begin(scene, "e1", REGION_SUSPECTED);
    events_put(scene);
    run_until(scene, 0);
    event->state = REGION_CONFIRMED;
    events_put(scene);
    run_until(scene, 1);
    event->state = REGION_PROBABLE; /* who was told more must be told less, too */
    events_put(scene);
    run_until(scene, 2);
    request_is(&scene->requests[1], "update", 3, 2, "probable");
    scene->event_count = 0;
    event_begin(scene, "e2", REGION_SUSPECTED);
    events_put(scene); /* e1 is withdrawn */
    run_until(scene, 3);
    assert_string_equal(scene->requests[2].id, "e1");
    scene->event_count = 0;
    events_put(scene); /* and e2, of which nobody was told */
    run_until(scene, 3);
}

static void test_filters_choose_the_hook(void **state)
{
    struct scene *scene = *state;
    alerts_start(scene, "region = UA\n", "kind = dns_failure, full_shutdown\nasn = 0\nregion = XD");
    event_begin(scene, "e1", REGION_CONFIRMED);
    event_begin(scene, "e2", REGION_CONFIRMED)->asn = 64500;
    event_begin(scene, "e3", REGION_CONFIRMED)->kind = EVENT_POWER_CUT;
    events_put(scene);
    run_until(scene, 1);
    assert_string_equal(scene->requests[0].path, "/b");
    assert_string_equal(scene->requests[0].id, "e1");
}

static void test_failures_are_tried_again(void **state)
{
    struct scene *scene = *state;
    alerts_start(scene, "", NULL);
    scene->failing = 4;
    struct event *event = event_begin(scene, "e1", REGION_CONFIRMED);
    events_put(scene);
    run_until(scene, 5);
    for (size_t i = 1; i < 5; i++) {
        assert_string_equal(scene->requests[i].delivery, scene->requests[0].delivery);
    }
    /* What was overtaken before it was taken is not told any more. */
    scene->failing = 1000;
    event->state = REGION_PROBABLE;
    events_put(scene);
    alerts_scan(scene->alerts);
    run_for(scene, 50 * US_PER_MS);
    event->state = REGION_SUSPECTED;
    events_put(scene);
    alerts_scan(scene->alerts);
    run_for(scene, 50 * US_PER_MS);
    scene->failing = 0;
    run_until_taken(scene);
    size_t count = scene->request_count;
    request_is(&scene->requests[count - 1], "update", 3, 1, "suspected");
    run_until(scene, count);
    /* And what turned back to what was told is no news. */
    scene->failing = 1000;
    event->state = REGION_CONFIRMED;
    events_put(scene);
    alerts_scan(scene->alerts);
    run_for(scene, 50 * US_PER_MS);
    event->state = REGION_SUSPECTED;
    events_put(scene);
    alerts_scan(scene->alerts);
    run_until_quiet(scene);
    scene->failing = 0;
    run_until(scene, scene->request_count);
    for (size_t i = count; i < scene->request_count; i++) {
        assert_int_equal(scene->requests[i].revision, 4);
    }
}

static void test_a_dead_hook_holds_up_no_other(void **state)
{
    struct scene *scene = *state;
    size_t of_b = 0;
    alerts_start(scene, "", "");
    scene->is_down = true;
    for (int i = 0; i < 20; i++) {
        char id[8];
        snprintf(id, sizeof id, "e%d", i);
        event_begin(scene, id, REGION_CONFIRMED);
    }
    events_put(scene);
    alerts_scan(scene->alerts);
    for (int turn = 0; turn < 600 && of_b < 20; turn++) {
        run_for(scene, 100 * US_PER_MS);
        of_b = 0;
        for (size_t i = 0; i < scene->request_count; i++) {
            of_b += strcmp(scene->requests[i].path, "/b") == 0;
        }
    }
    assert_int_equal(of_b, 20);
    assert_true(scene->request_count > 20);
}

static void test_more_than_the_queue_holds(void **state)
{
    struct scene *scene = *state;
    bool is_told[600] = {false};
    alerts_start(scene, "", NULL);
    for (int i = 0; i < 600; i++) {
        char id[8];
        snprintf(id, sizeof id, "e%03d", i);
        event_begin(scene, id, REGION_CONFIRMED);
    }
    assert_true(600 > 2 * ALERT_PENDING_MOST);
    events_put(scene);
    run_until(scene, 600);
    for (size_t i = 0; i < scene->request_count; i++) {
        long number = strtol(scene->requests[i].id + 1, NULL, 10);
        assert_false(is_told[number]);
        is_told[number] = true;
    }
}

static void test_a_new_hook_hears_of_what_goes_on(void **state)
{
    struct scene *scene = *state;
    event_begin(scene, "open", REGION_CONFIRMED);
    struct event *over = event_begin(scene, "over", REGION_CONFIRMED);
    over->end_earliest_us = FIXTURE_TIME_US + 3600 * US_PER_S;
    over->end_latest_us = over->end_earliest_us + 1;
    events_put(scene);
    alerts_start(scene, "", NULL);
    run_until(scene, 1);
    assert_string_equal(scene->requests[0].id, "open");
    over->probe_count = 50;
    events_put(scene);
    run_until(scene, 1);
    over->end_earliest_us += 86400 * US_PER_S; /* it went on after all: news to who never heard of it */
    over->end_latest_us += 86400 * US_PER_S;
    events_put(scene);
    run_until(scene, 2);
    request_is(&scene->requests[1], "alert", 3, 0, "confirmed");
}

static struct journal *journal_again(const char *folder, bool *is_new, size_t *damaged_count)
{
    struct journal *journal = NULL;
    struct why why = {""};
    *damaged_count = 0;
    if (journal_open(folder, "j", &journal, is_new, damaged_count, &why) != STATUS_OK) {
        fail_msg("%s", why.text);
    }
    return journal;
}

static void test_journals_survive(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *text;
        const char *id;
        int revision;
        bool is_told;
        size_t damaged_count;
    } cases[] = {
        {"dialtone-alerts 1\ntold a 1\ntold a 2\n", "a", 2, true, 0},
        {"dialtone-alerts 1\nknown a 1\n", "a", 1, false, 0},
        {"dialtone-alerts 1\nknown a 1\ntold a 2\n", "a", 2, true, 0},
        {"dialtone-alerts 1\ntold a 1\ntold a 12", "a", 1, true, 0}, /* half a line is no line */
        {"dialtone-alerts 1\ntold a\ntold  1\nsung a 3\ntold a 0\ntold a 9999999999\ntold b 1 x\ntold a 4\n",
         "a", 4, true, 6},
        {"dialtone-alerts 1\ntold 0123456789012345678901234 1\ntold a 1\n", "a", 1, true, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool is_new = true;
        size_t damaged_count = 0;
        fixture_write(scene->path, "j.journal", cases[i].text, strlen(cases[i].text));
        char *from = path_join(scene->path, "j.journal");
        char *folder = path_join(scene->path, "alerts");
        char *to = path_join(folder, "j.journal");
        assert_int_equal(folder_make(folder, 0750, NULL), STATUS_OK);
        assert_int_equal(rename(from, to), 0);
        struct journal *journal = journal_again(scene->path, &is_new, &damaged_count);
        assert_false(is_new);
        assert_int_equal(damaged_count, cases[i].damaged_count);
        const struct journal_entry *entry = journal_find(journal, cases[i].id);
        assert_non_null(entry);
        assert_int_equal(entry->revision, cases[i].revision);
        assert_int_equal(entry->is_told, cases[i].is_told);
        assert_int_equal(journal_tell(journal, "z", 7, NULL), STATUS_OK);
        journal_free(journal);
        journal = journal_again(scene->path, &is_new, &damaged_count);
        assert_int_equal(journal_find(journal, "z")->revision, 7);
        assert_int_equal(journal_find(journal, cases[i].id)->revision, cases[i].revision);
        assert_null(journal_find(journal, "none"));
        journal_free(journal);
        free(to);
        free(folder);
        free(from);
    }
}

static void test_journals_stay_small_and_ordered(void **state)
{
    struct scene *scene = *state;
    bool is_new = false;
    size_t damaged_count = 0;
    struct journal *journal = journal_again(scene->path, &is_new, &damaged_count);
    assert_true(is_new);
    assert_int_equal(journal_begin(journal, NULL), STATUS_OK);
    for (int i = 0; i < 1500; i++) {
        char id[8];
        snprintf(id, sizeof id, "e%02d", (i * 37) % 100);
        assert_int_equal(journal_tell(journal, id, i + 1, NULL), STATUS_OK);
    }
    journal_free(journal);
    journal_free(journal_again(scene->path, &is_new, &damaged_count));
    struct buffer bytes = {0};
    char *folder = path_join(scene->path, "alerts");
    char *path = path_join(folder, "j.journal");
    assert_int_equal(file_read(path, 1u << 20, &bytes, NULL), STATUS_OK);
    assert_true(bytes.count < 110 * sizeof "told e00 1500");
    buffer_free(&bytes);
    assert_int_equal(file_publish(path, "something else\n", 15, 0640, NULL), STATUS_OK);
    struct why why = {""};
    assert_int_equal(journal_open(scene->path, "j", &journal, &is_new, &damaged_count, &why),
                     STATUS_CONFLICT);
    assert_true(why.text[0] != '\0');
    free(path);
    free(folder);
}

static void test_the_signature_is_openssl_s(void **state)
{
    (void)state;
    char signature[ALERT_SIGNATURE_BYTES];
    assert_int_equal(alert_sign(SECRET, 1767225600, "{\"a\":1}", 7, signature), STATUS_OK);
    /* printf '1767225600.{"a":1}' | openssl dgst -sha256 -hmac 'sixteen bytes or more' */
    assert_string_equal(signature, "sha256=c94a00e97a349473255798c2bb6f7b0ff273939d2a4207ce3b0157d7b6db8784");
    char one[ALERT_DELIVERY_BYTES];
    char other[ALERT_DELIVERY_BYTES];
    alert_delivery_id("c", "a", "e1", 1, one);
    alert_delivery_id("c", "a", "e1", 1, other);
    assert_string_equal(one, other);
    alert_delivery_id("c", "a", "e1", 2, other);
    assert_string_not_equal(one, other);
    alert_delivery_id("d", "a", "e1", 1, other);
    assert_string_not_equal(one, other);
}

static void test_pauses_grow_and_differ(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct alert_settings settings = alert_settings_default();
    settings.random = random_of_seed(&seeded, 1);
    int64_t whole_us = settings.retry_first_us;
    int64_t before_us = 0;
    for (int i = 1; i < 40; i++) {
        int64_t wait_us = alert_retry_us(&settings, i);
        assert_true(wait_us > whole_us / 2 - 1 && wait_us <= whole_us);
        assert_int_not_equal(wait_us, before_us);
        before_us = wait_us;
        whole_us = 2 * whole_us < settings.retry_most_us ? 2 * whole_us : settings.retry_most_us;
    }
    assert_int_equal(whole_us, 3600 * US_PER_S);
}

static void test_configurations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *words;
    } cases[] = {
        {"[a]\nurl=https://a.example/x?y=1\nsecret=0123456789abcdef\n", STATUS_OK, ""},
        {"\r\n# c\r\n; c\r\n [a]\r\n\turl =  https://a.example \r\nsecret = 0123456789abcdef\r\n", STATUS_OK,
         ""},
        {"[a]\nurl=http://127.9.9.9:1/\nsecret=0123456789abcdef", STATUS_OK, ""},
        {"[a]\nurl=http://[::1]:80/\nsecret=0123456789abcdef", STATUS_OK, ""},
        {"[a]\nurl=http://localhost/\nsecret=0123456789abcdef", STATUS_OK, ""},
        {"[a]\nurl=http://a.example/\nallow-plain-http=yes\nsecret=0123456789abcdef", STATUS_OK, ""},
        {"[a]\nurl=http://127.0.0.1.a.example/\nsecret=0123456789abcdef", STATUS_USAGE, "line 2: plain http"},
        {"[a]\nurl=http://localhost.a.example/\nsecret=0123456789abcdef", STATUS_USAGE, "line 2: plain http"},
        {"[a]\nurl=http://10.0.0.1/\nsecret=0123456789abcdef", STATUS_USAGE, "line 2: plain http"},
        {"[a]\nurl=https://user:pass@a.example/\nsecret=0123456789abcdef", STATUS_USAGE, "no user"},
        {"[a]\nurl=https:///x\nsecret=0123456789abcdef", STATUS_USAGE, "names a host"},
        {"[a]\nurl=file:///etc/passwd\nsecret=0123456789abcdef", STATUS_USAGE, "https://"},
        {"[a]\nurl=https://a.example\nurl=https://b.example\n", STATUS_USAGE, "line 3"},
        {"[a]\nsecret=0123456789abcdef\nsecret=0123456789abcdef\n", STATUS_USAGE, "twice"},
        {"[a]\nsecret=0123456789abcde\n", STATUS_USAGE, "16 to 1024"},
        {"[a\n", STATUS_USAGE, "[name]"},
        {"[]\n", STATUS_USAGE, "letters"},
        {"[../a]\n", STATUS_USAGE, "letters"},
        {"[0123456789012345678901234567890123]\n", STATUS_USAGE, "letters"},
        {"[a]\nurl\n", STATUS_USAGE, "key = value"},
        {"[a]\nallow-plain-http=maybe\n", STATUS_USAGE, "yes or no"},
        {"[a]\nid = x\n", STATUS_USAGE, "the keys are"},
        {"[a]\nstate = ok\n", STATUS_USAGE, "suspected"},
        {"# nothing\n", STATUS_USAGE, "no hook"},
        {"", STATUS_USAGE, "no hook"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct alert_config *config = calloc(1, sizeof *config);
        struct why why = {""};
        print_message("%s\n", cases[i].text);
        assert_int_equal(alert_config_parse("f", cases[i].text, strlen(cases[i].text), config, &why),
                         cases[i].status);
        assert_non_null(strstr(why.text, cases[i].words));
        alert_config_free(config);
        free(config);
    }
    struct buffer many = {0};
    for (int i = 0; i <= ALERT_HOOKS_MOST; i++) {
        buffer_printf(&many, "[a%d]\nurl=https://a.example\nsecret=0123456789abcdef\n", i);
    }
    struct alert_config *config = calloc(1, sizeof *config);
    struct why why = {""};
    assert_int_equal(alert_config_parse("f", (const char *)many.bytes, many.count, config, &why),
                     STATUS_USAGE);
    alert_config_free(config);
    free(config);
    buffer_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_news_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_least_state_counts_until_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters_choose_the_hook, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures_are_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_dead_hook_holds_up_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_than_the_queue_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_hook_hears_of_what_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journals_survive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journals_stay_small_and_ordered, setup, teardown),
        cmocka_unit_test(test_the_signature_is_openssl_s),
        cmocka_unit_test(test_pauses_grow_and_differ),
        cmocka_unit_test(test_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
