/* Child processes played by the shell: what they say, how they end, and what they cannot do to the daemon.
 * Owner: each test has a loop; workers are freed in it.
 * Why: a worker reads hostile bytes and may do anything at all. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/clock.h"
#include "probe/worker/worker.h"
#include "probe/worker/worker_line.h"
#include "probe/worker/worker_task.h"

struct fixture {
    struct loop *loop;
    struct worker *worker;
    char heard[4096];
    int line_count;
    size_t byte_count;
    int end_count;
    struct worker_end end;
};

static void on_line(char *line, size_t count, void *arg)
{
    struct fixture *fixture = arg;
    assert_int_equal(strlen(line), count);
    fixture->line_count++;
    fixture->byte_count += count;
    if (strlen(fixture->heard) + count + 2 < sizeof fixture->heard) {
        strcat(fixture->heard, line);
        strcat(fixture->heard, "|");
    }
}

static void on_end(const struct worker_end *end, void *arg)
{
    struct fixture *fixture = arg;
    fixture->end_count++;
    fixture->end = *end;
    worker_free(fixture->worker); /* allowed from here */
    fixture->worker = NULL;
    loop_stop(fixture->loop);
}

static enum status shell_start(struct fixture *fixture, const char *script, int64_t deadline_us, size_t line_bytes_max)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const struct worker_plan plan = {.loop = fixture->loop,
                                     .program = "/bin/sh",
                                     .argv = argv,
                                     .deadline_us = deadline_us,
                                     .line_bytes_max = line_bytes_max,
                                     .on_line = on_line,
                                     .on_end = on_end,
                                     .arg = fixture};
    return worker_start(&plan, &fixture->worker, NULL);
}

static int setup_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    assert_int_equal(loop_open(&fixture->loop), STATUS_OK);
    *state = fixture;
    return 0;
}

static int teardown_fixture(void **state)
{
    struct fixture *fixture = *state;
    worker_free(fixture->worker);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void run(struct fixture *fixture)
{
    while (fixture->end_count == 0)
        assert_int_equal(loop_run(fixture->loop), STATUS_OK);
    assert_int_equal(fixture->end_count, 1);
}

static void lines_go_both_ways(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(shell_start(fixture, "while read -r line; do echo \"got $line\"; done; printf tail", 10 * US_PER_S, 1000),
                     STATUS_OK);
    assert_int_equal(worker_say(fixture->worker, "one", 3), STATUS_OK);
    assert_int_equal(worker_say(fixture->worker, "two words", 9), STATUS_OK);
    worker_say_no_more(fixture->worker);
    assert_int_equal(worker_say(fixture->worker, "three", 5), STATUS_IO);
    run(fixture);
    assert_string_equal(fixture->heard, "got one|got two words|"); /* a line without its end is none */
    assert_int_equal(fixture->end.exit_code, 0);
}

static void a_long_task_passes_whole(void **state)
{
    struct fixture *fixture = *state;
    size_t count = 3u << 20;
    char *line = malloc(count);
    assert_non_null(line);
    memset(line, 'x', count);
    assert_int_equal(shell_start(fixture, "wc -c; head -c 1000000 /dev/zero | tr '\\0' y; echo", 20 * US_PER_S, 2u << 20),
                     STATUS_OK);
    assert_int_equal(worker_say(fixture->worker, line, count), STATUS_OK);
    worker_say_no_more(fixture->worker);
    run(fixture);
    assert_int_equal(fixture->line_count, 2);
    assert_int_equal(atol(fixture->heard), (long)count + 1);
    assert_true(fixture->byte_count > 1000000);
    free(line);
}

static void ends_are_told_apart(void **state)
{
    static const struct {
        const char *script;
        int exit_code;
        int signal;
        bool is_late;
        bool is_unruly;
    } cases[] = {
        {"exit 3", 3, 0, false, false},
        {"kill -SEGV $$", -1, SIGSEGV, false, false},
        {"sleep 30", -1, SIGKILL, true, false},
        {"exec >&-; sleep 30", -1, SIGKILL, true, false},      /* closes its output and stays */
        {"trap '' TERM INT HUP; while :; do read -r x || sleep 30; done", -1, SIGKILL, true, false},
        {"head -c 100000 /dev/zero | tr '\\0' x; sleep 30", -1, SIGKILL, false, true}, /* a line without end */
        {"echo fine; exec /nonexistent", 127, 0, false, false},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture->end_count = 0;
        assert_int_equal(shell_start(fixture, cases[i].script, 700 * US_PER_MS, 50000), STATUS_OK);
        worker_say_no_more(fixture->worker);
        run(fixture);
        assert_int_equal(fixture->end.exit_code, cases[i].exit_code);
        assert_int_equal(fixture->end.signal, cases[i].signal);
        assert_int_equal(fixture->end.is_late, cases[i].is_late);
        assert_int_equal(fixture->end.is_unruly, cases[i].is_unruly);
    }
}

static void freed_means_gone(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(shell_start(fixture, "sleep 30", 60 * US_PER_S, 1000), STATUS_OK);
    pid_t pid = worker_pid(fixture->worker);
    assert_int_equal(kill(pid, 0), 0);
    worker_free(fixture->worker);
    fixture->worker = NULL;
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(fixture->end_count, 0);
}

/* It gets no descriptor of ours, no core file, and does not stop at our terminal's ^C. */
static void little_is_passed_on(void **state)
{
    struct fixture *fixture = *state;
    int secret = dup(STDERR_FILENO); /* without close-on-exec */
    assert_true(secret > 2);
    assert_int_equal(shell_start(fixture, "for f in /proc/$$/fd/*; do [ -e $f ] && printf '%s ' ${f##*/}; done; echo; ulimit -c; "
                                          "[ $(ps -o pgid= -p $$ 2>/dev/null || echo $$) = $$ ] && echo own", 10 * US_PER_S, 1000),
                     STATUS_OK);
    worker_say_no_more(fixture->worker);
    run(fixture);
    assert_string_equal(fixture->heard, "0 1 2 |0|own|");
    close(secret);
}

static void lines_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum status status;
        enum worker_line_kind kind;
    } cases[] = {
        {"clean {\"a\":1}", STATUS_OK, WORKER_CLEAN},       {"anomaly {}", STATUS_OK, WORKER_ANOMALY},
        {"journal {}", STATUS_OK, WORKER_JOURNAL},          {"outage {}", STATUS_OK, WORKER_OUTAGE},
        {"note {\"usage\":{}}", STATUS_OK, WORKER_NOTE},    {"clean [1]", STATUS_MALFORMED, WORKER_CLEAN},
        {"clean {\"a\":1", STATUS_MALFORMED, WORKER_CLEAN}, {"clean {} {}", STATUS_MALFORMED, WORKER_CLEAN},
        {"cleaner {}", STATUS_MALFORMED, WORKER_CLEAN},     {"clean", STATUS_MALFORMED, WORKER_CLEAN},
        {"", STATUS_MALFORMED, WORKER_CLEAN},               {"clean {\"\xff\":1}", STATUS_MALFORMED, WORKER_CLEAN},
        {"{}", STATUS_MALFORMED, WORKER_CLEAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct worker_line line;
        enum status status = worker_line_read(cases[i].line, strlen(cases[i].line), &line, NULL);
        assert_int_equal(status, cases[i].status);
        if (status == STATUS_OK) {
            assert_int_equal(line.kind, cases[i].kind);
            assert_int_equal(line.text[0], '{');
            assert_int_equal(line.count, strlen(strchr(cases[i].line, '{')));
        }
    }
    struct buffer note = {0};
    struct worker_line line;
    buffer_text(&note, "note {\"a\":\"");
    for (size_t i = 0; i < WORKER_NOTE_BYTES_MAX; i++)
        buffer_append(&note, "x", 1);
    buffer_text(&note, "\"}");
    assert_int_equal(worker_line_read((const char *)note.bytes, note.count, &line, NULL), STATUS_TOO_LARGE);
    buffer_free(&note);
}

static void tasks_come_back_the_same(void **state)
{
    (void)state;
    struct worker_job jobs[] = {{"ladder", NULL}, {"web_connectivity", "https://example.org/\"quoted\""}};
    struct worker_task task = {.jobs = jobs,
                               .job_count = 2,
                               .parallel_count = 7,
                               .start_us = 123456789,
                               .wall_offset_us = -5,
                               .own = {"192.0.2.7", "2001:db8::7"},
                               .own_count = 2,
                               .has_vantage = true,
                               .vantage = {.country = "CD", .subdivision = "CD-KN", .asn = 4294967295u,
                                           .network_name = "Réseau", .access = ACCESS_MOBILE},
                               .has_connectivity = true,
                               .connectivity = {.state = CONNECTIVITY_DNS_FAILURE, .controls_ok_count = 2,
                                                .boot_id = "boot", .monotonic_s = 1.5},
                               .url = "https://collector.example.org"};
    struct buffer line = {0}, again = {0};
    struct worker_task read = {0};
    assert_int_equal(worker_task_encode(&task, &line), STATUS_OK);
    assert_null(memchr(line.bytes, '\n', line.count));
    assert_int_equal(worker_task_decode(line.bytes, line.count, &read), STATUS_OK);
    assert_int_equal(read.job_count, 2);
    assert_null(read.jobs[0].input);
    assert_string_equal(read.jobs[1].input, jobs[1].input);
    assert_string_equal(read.own[1], "2001:db8::7");
    assert_memory_equal(&read.vantage, &task.vantage, sizeof task.vantage);
    assert_int_equal(read.connectivity.state, CONNECTIVITY_DNS_FAILURE);
    assert_int_equal(worker_task_encode(&read, &again), STATUS_OK);
    assert_int_equal(again.count, line.count);
    assert_memory_equal(again.bytes, line.bytes, line.count);
    for (size_t i = 0; i < line.count; i++) {
        struct worker_task cut;
        assert_int_not_equal(worker_task_decode(line.bytes, i, &cut), STATUS_OK);
    }
    worker_task_free(&read);
    buffer_free(&line);
    buffer_free(&again);
}

/* An answer's own addresses come first; where nobody answered, what was known is not pushed out by the machine's. */
static void own_addresses_are_kept(void **state)
{
    (void)state;
    char own[WORKER_OWN_MAX][WORKER_OWN_BYTES] = {"192.0.2.7"};
    json_t *answer = json_pack("[s, s]", "198.51.100.9", "192.0.2.7"), *local = json_array();
    size_t count = worker_own_merge(answer, true, own, 1);
    assert_int_equal(count, 2);
    assert_string_equal(own[0], "198.51.100.9");
    assert_string_equal(own[1], "192.0.2.7");
    for (int i = 0; i < 2 * WORKER_OWN_MAX; i++) {
        char text[WORKER_OWN_BYTES];
        snprintf(text, sizeof text, "10.0.0.%d", i);
        json_array_append_new(local, json_string(text));
    }
    count = worker_own_merge(local, false, own, count);
    assert_int_equal(count, WORKER_OWN_MAX);
    assert_string_equal(own[0], "198.51.100.9");
    assert_string_equal(own[1], "192.0.2.7");
    assert_string_equal(own[2], "10.0.0.0");
    assert_int_equal(worker_own_merge(json_array_get(local, 0), true, own, count), count); /* no array: nothing told */
    count = worker_own_merge(answer, true, own, 0);
    assert_int_equal(count, 2);
    json_decref(answer);
    json_decref(local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_go_both_ways, setup_fixture, teardown_fixture),
        cmocka_unit_test_setup_teardown(a_long_task_passes_whole, setup_fixture, teardown_fixture),
        cmocka_unit_test_setup_teardown(ends_are_told_apart, setup_fixture, teardown_fixture),
        cmocka_unit_test_setup_teardown(freed_means_gone, setup_fixture, teardown_fixture),
        cmocka_unit_test_setup_teardown(little_is_passed_on, setup_fixture, teardown_fixture),
        cmocka_unit_test(lines_are_checked),
        cmocka_unit_test(tasks_come_back_the_same),
        cmocka_unit_test(own_addresses_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
