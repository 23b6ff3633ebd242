/* What hostile clients send to ingest, and what each is answered: docs/hostile-clients.md is this table in words.
 * Owner: one collector for all cases, which must be left as it was.
 * Why: every one of these has brought down some server. */
#include "tests/unit/collector/serve_fixture.h"

#include <dirent.h>
#include <sys/resource.h>
#include <zstd.h>

#include "collector/query.h"
#include "measurement/base/json.h"

struct scene {
    struct serve_fixture server;
    struct secret_key key;
    struct secret_key other;
    int64_t now_us;
    struct buffer answer;
};

#define LINE_HEAD                                                                                                \
    "{\"test_name\":\"web_connectivity\",\"measurement_start_time\":\"2026-01-01 00:00:00\",\"probe_cc\":\"XD\"," \
    "\"test_keys\":"

static int64_t sequence_next = 100;

static struct bundle_label label_of(const struct scene *scene, int64_t count)
{
    return (struct bundle_label){.sequence = sequence_next++,
                                 .start_us = scene->now_us - 60 * US_PER_S,
                                 .end_us = scene->now_us,
                                 .boot_id = "boot",
                                 .measurement_count = count};
}

/* Signs bytes that are no good bundle, as a probe that turned hostile would. */
static struct fixture_bundle signed_bytes(const struct scene *scene, const void *bytes, size_t count, int64_t line_count)
{
    struct fixture_bundle bundle = {0};
    char comment[MINISIG_COMMENT_BYTES_MAX];
    struct bundle_label label = label_of(scene, line_count);
    buffer_append(&bundle.packed, bytes, count);
    bundle_label_format(&label, comment);
    assert_int_equal(minisig_sign(&scene->key, bundle.packed.bytes, bundle.packed.count, comment, &bundle.minisig),
                     STATUS_OK);
    return bundle;
}

static struct fixture_bundle signed_lines(const struct scene *scene, const struct buffer *lines)
{
    struct fixture_bundle bundle = {0};
    struct bundle_label label = label_of(scene, 0);
    assert_int_equal(bundle_pack(&scene->key, &label, lines->bytes, lines->count, &bundle.packed, &bundle.minisig),
                     STATUS_OK);
    return bundle;
}

static struct fixture_bundle signed_line(const struct scene *scene, const char *line, size_t count)
{
    struct buffer lines = {0};
    buffer_append(&lines, line, count);
    buffer_text(&lines, "\n");
    struct fixture_bundle bundle = signed_lines(scene, &lines);
    buffer_free(&lines);
    return bundle;
}

static int upload(struct scene *scene, const struct public_key *key, const struct fixture_bundle *bundle)
{
    struct buffer request = {0};
    http_client_upload(key, &bundle->minisig, &bundle->packed, &request);
    int fd = serve_fixture_dial(&scene->server);
    int code = http_client_ask(fd, request.bytes, request.count, &scene->answer);
    close(fd);
    buffer_free(&request);
    return code;
}

static enum status row_count(const struct store_measurement *row, void *arg)
{
    (void)row;
    ++*(size_t *)arg;
    return STATUS_OK;
}

/* Measurements in the store, and files beside it. */
static size_t stored_count(const struct scene *scene)
{
    struct query *query = NULL;
    struct why why = {""};
    size_t count = 0;
    struct store_measurement_filter filter = {.limit = 1000};
    assert_int_equal(query_open(scene->server.path, &query, &why), STATUS_OK);
    assert_int_equal(query_measurements(query, &filter, row_count, &count), STATUS_OK);
    query_close(query);
    char *path = path_join(scene->server.path, "bundles");
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    closedir(folder);
    free(path);
    return count;
}

/* Refused with the code, and nothing of it is there. */
static void refuse(struct scene *scene, const char *what, const struct public_key *key, struct fixture_bundle bundle,
                   int expected)
{
    size_t before = stored_count(scene);
    int code = upload(scene, key, &bundle);
    print_message("%-48s %d %s\n", what, code, strrchr((const char *)scene->answer.bytes, '{'));
    assert_int_equal(code, expected);
    assert_non_null(strstr((const char *)scene->answer.bytes, "\"error\":"));
    assert_int_equal(stored_count(scene), before);
    fixture_bundle_free(&bundle);
}

static struct buffer frame_of(const void *bytes, size_t count, bool has_size, const char *dictionary)
{
    struct buffer out = {0};
    size_t room = ZSTD_compressBound(count);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, has_size);
    if (dictionary) {
        ZSTD_CCtx_loadDictionary(context, dictionary, strlen(dictionary));
    }
    uint8_t *target = buffer_reserve(&out, room);
    size_t packed = ZSTD_compress2(context, target, room, bytes, count);
    assert_false(ZSTD_isError(packed));
    out.count = packed;
    ZSTD_freeCCtx(context);
    return out;
}

static void test_frames(void **state)
{
    struct scene *scene = *state;
    const struct public_key *key = &scene->key.public_key;
    static const char line[] = LINE_HEAD "{}}\n";
    size_t bomb_count = BUNDLE_UNPACKED_BYTES_MAX + 1;
    uint8_t *zeros = calloc(1, bomb_count);
    struct buffer good = frame_of(line, sizeof line - 1, true, NULL);
    struct buffer bomb = frame_of(zeros, bomb_count, true, NULL);
    struct buffer unknown = frame_of(line, sizeof line - 1, false, NULL);
    struct buffer twice = {0};
    struct buffer lying = {0};
    buffer_append(&twice, good.bytes, good.count);
    buffer_append(&twice, bomb.bytes, bomb.count);
    buffer_append(&lying, bomb.bytes, bomb.count);
    lying.bytes[6] = lying.bytes[7] = 0; /* of the declared size */
    static const char skippable[] = "\x50\x2a\x4d\x18\x04\x00\x00\x00skip";
    static const char dictionary_frame[] = "\x28\xb5\x2f\xfd\x23\x12\x34\x56\x78\x04\x21\x00\x00" "abcd"; /* names a dictionary */
    refuse(scene, "zstd: a bomb of 64 MiB", key, signed_bytes(scene, bomb.bytes, bomb.count, 1), 413);
    refuse(scene, "zstd: a bomb behind a good frame", key, signed_bytes(scene, twice.bytes, twice.count, 1), 400);
    refuse(scene, "zstd: a bomb that declares less", key, signed_bytes(scene, lying.bytes, lying.count, 1), 400);
    refuse(scene, "zstd: a frame of unknown size", key, signed_bytes(scene, unknown.bytes, unknown.count, 1), 400);
    refuse(scene, "zstd: a frame with a dictionary", key,
           signed_bytes(scene, dictionary_frame, sizeof dictionary_frame - 1, 1), 400);
    refuse(scene, "zstd: a skippable frame", key, signed_bytes(scene, skippable, sizeof skippable - 1, 1), 415);
    refuse(scene, "zstd: a frame cut short", key, signed_bytes(scene, good.bytes, good.count - 3, 1), 400);
    refuse(scene, "zstd: no frame", key, signed_bytes(scene, line, sizeof line - 1, 1), 415);
    refuse(scene, "a count that is not the label's", key, signed_bytes(scene, good.bytes, good.count, 2), 400);
    free(zeros);
    buffer_free(&good);
    buffer_free(&bomb);
    buffer_free(&unknown);
    buffer_free(&twice);
    buffer_free(&lying);
}

static void repeat(struct buffer *out, const char *text, int count)
{
    for (int i = 0; i < count; i++) {
        buffer_text(out, text);
    }
}

static void test_generated_records(void **state)
{
    struct scene *scene = *state;
    const struct public_key *key = &scene->key.public_key;
    struct buffer line = {0};
    buffer_text(&line, LINE_HEAD "{\"d\":");
    repeat(&line, "[", 100000);
    repeat(&line, "]", 100000);
    buffer_text(&line, "}}");
    refuse(scene, "JSON nested 100,000 deep", key, signed_line(scene, (const char *)line.bytes, line.count), 400);
    line.count = 0;
    buffer_text(&line, LINE_HEAD "{\"d\":");
    repeat(&line, "{\"a\":", 100000);
    refuse(scene, "JSON nested 100,000 deep, never closed", key,
           signed_line(scene, (const char *)line.bytes, line.count), 400);
    line.count = 0;
    buffer_text(&line, LINE_HEAD "{\"k\":0");
    for (int i = 0; i < 600000; i++) {
        buffer_printf(&line, ",\"%x\":0", i);
    }
    buffer_text(&line, "}}");
    assert_true(line.count < RECORD_BYTES_MAX);
    refuse(scene, "JSON with 600,000 keys", key, signed_line(scene, (const char *)line.bytes, line.count), 400);
    for (int i = 600000; i < 1000000; i++) {
        buffer_printf(&line, ",\"%x\":0", i);
    }
    refuse(scene, "JSON with 1,000,000 keys, past 8 MiB", key,
           signed_line(scene, (const char *)line.bytes, line.count), 400);
    buffer_free(&line);
}

static void test_records(void **state)
{
    static const struct {
        const char *what;
        const char *line;
        size_t count;
    } cases[] = {
#define LINE(what, text) {what, text, sizeof(text) - 1}
        LINE("a duplicate key", LINE_HEAD "{\"a\":1,\"a\":2}}"),
        LINE("a duplicate key, one escaped", LINE_HEAD "{\"a\":1,\"\\u0061\":2}}"),
        LINE("a duplicate key of the record", LINE_HEAD "{},\"probe_cc\":\"XE\"}"),
        LINE("a number past 64 bits", LINE_HEAD "{\"n\":18446744073709551616}}"),
        LINE("a number past a double", LINE_HEAD "{\"n\":1e999999}}"),
        LINE("a number of 400 digits",
             LINE_HEAD "{\"n\":1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
                       "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
                       "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
                       "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111}}"),
        LINE("invalid UTF-8: an overlong form", LINE_HEAD "{\"s\":\"\xc0\xaf\"}}"),
        LINE("invalid UTF-8: a surrogate", LINE_HEAD "{\"s\":\"\xed\xa0\x80\"}}"),
        LINE("invalid UTF-8: cut", LINE_HEAD "{\"s\":\"\xf0\x9f\x92\"}}"),
        LINE("half a surrogate pair", LINE_HEAD "{\"s\":\"\\ud800\"}}"),
        LINE("a raw zero byte", LINE_HEAD "{\"s\":\"a\0b\"}}"),
        LINE("a zero byte in a key", LINE_HEAD "{\"a\\u0000\":1}}"),
        LINE("a control character", LINE_HEAD "{\"s\":\"a\x01\"}}"),
        LINE("something behind the record", LINE_HEAD "{}} {}"),
        LINE("no object", "[1,2,3]"),
        LINE("no record", "{\"a\":1}"),
        LINE("no time", "{\"test_name\":\"ladder\",\"measurement_start_time\":\"soon\",\"test_keys\":{}}"),
        LINE("a time that is a number", "{\"test_name\":\"ladder\",\"measurement_start_time\":5,\"test_keys\":{}}"),
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refuse(scene, cases[i].what, &scene->key.public_key, signed_line(scene, cases[i].line, cases[i].count), 400);
    }
}

static void test_signatures(void **state)
{
    struct scene *scene = *state;
    static const char line[] = LINE_HEAD "{}}";
    struct fixture_bundle bundle = signed_line(scene, line, sizeof line - 1);
    struct fixture_bundle altered = {0};
    struct buffer request = {0};
    buffer_append(&altered.packed, bundle.packed.bytes, bundle.packed.count);
    buffer_append(&altered.minisig, bundle.minisig.bytes, bundle.minisig.count);
    altered.packed.bytes[altered.packed.count - 1] ^= 1;
    refuse(scene, "an altered bundle", &scene->key.public_key, altered, 401);
    altered = (struct fixture_bundle){0};
    buffer_append(&altered.packed, bundle.packed.bytes, bundle.packed.count);
    buffer_append(&altered.minisig, bundle.minisig.bytes, bundle.minisig.count);
    altered.minisig.bytes[80] = altered.minisig.bytes[80] == 'A' ? 'B' : 'A';
    refuse(scene, "an altered signature", &scene->key.public_key, altered, 401);
    altered = (struct fixture_bundle){0};
    buffer_append(&altered.packed, bundle.packed.bytes, bundle.packed.count);
    buffer_append(&altered.minisig, bundle.minisig.bytes, bundle.minisig.count);
    refuse(scene, "someone else's bundle", &scene->other.public_key, altered, 401);
    const struct {
        const char *what;
        const struct public_key *key;
        const struct buffer *minisig;
    } lacking[] = {{"without a signature", &scene->key.public_key, NULL},
                   {"without a key", NULL, &bundle.minisig},
                   {"without either", NULL, NULL}};
    size_t before = stored_count(scene);
    for (size_t i = 0; i < 3; i++) {
        request.count = 0;
        http_client_upload(lacking[i].key, lacking[i].minisig, &bundle.packed, &request);
        int fd = serve_fixture_dial(&scene->server);
        print_message("%s\n", lacking[i].what);
        assert_int_equal(http_client_ask(fd, request.bytes, request.count, &scene->answer), 401);
        close(fd);
    }
    assert_int_equal(stored_count(scene), before);
    buffer_free(&request);
    fixture_bundle_free(&bundle);
}

static void test_clocks(void **state)
{
    struct scene *scene = *state;
    static const int64_t away_days[] = {-3650, 3650, 3};
    struct buffer lines = {0};
    fixture_lines_add(0, 1, &lines);
    for (size_t i = 0; i < sizeof away_days / sizeof away_days[0]; i++) {
        struct fixture_bundle bundle = {0};
        struct bundle_label label = label_of(scene, 0);
        label.start_us += away_days[i] * 86400 * US_PER_S;
        label.end_us += away_days[i] * 86400 * US_PER_S;
        assert_int_equal(
            bundle_pack(&scene->key, &label, lines.bytes, lines.count, &bundle.packed, &bundle.minisig), STATUS_OK);
        refuse(scene, "a clock that is years or days off", &scene->key.public_key, bundle, 400);
    }
    buffer_free(&lines);
}

/* Signed by the probe itself, the same bytes are the same bundle for ever; a sequence number stands for one. */
static void test_replay(void **state)
{
    struct scene *scene = *state;
    static const char line[] = LINE_HEAD "{\"n\":\"replay\"}}";
    static const char second_line[] = LINE_HEAD "{\"n\":\"replay again\"}}";
    struct buffer receipt = {0};
    struct fixture_bundle bundle = signed_line(scene, line, sizeof line - 1);
    assert_int_equal(upload(scene, &scene->key.public_key, &bundle), 201);
    const char *body = http_client_body(&scene->answer);
    buffer_text(&receipt, body);
    size_t before = stored_count(scene);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(upload(scene, &scene->key.public_key, &bundle), 200);
        body = http_client_body(&scene->answer);
        assert_int_equal(strlen(body), receipt.count);
        assert_memory_equal(body, receipt.bytes, receipt.count);
    }
    assert_int_equal(stored_count(scene), before);
    sequence_next--;
    refuse(scene, "a sequence number used twice", &scene->key.public_key,
           signed_line(scene, second_line, sizeof second_line - 1), 409);
    fixture_bundle_free(&bundle);
    buffer_free(&receipt);
}

/* Taken as what they are, words; what shows them escapes them. */
static void test_names(void **state)
{
    static const char *const inputs[] = {"../../../../etc/passwd", "'; DROP TABLE measurements; --",
                                         "<script>alert(1)</script>", "%s%n%x", "javascript:alert(1)//"};
    struct scene *scene = *state;
    struct buffer lines = {0};
    struct buffer seen = {0};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        buffer_printf(&lines, LINE_HEAD "{\"n\":%zu},\"input\":\"%s\",\"probe_asn\":\"AS1' OR 1=1\"}\n", i, inputs[i]);
    }
    struct fixture_bundle bundle = signed_lines(scene, &lines);
    assert_int_equal(upload(scene, &scene->key.public_key, &bundle), 201);
    static const char question[] = "GET /api/v1/measurements?region=XD&limit=100 HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = serve_fixture_dial(&scene->server);
    assert_int_equal(http_client_ask(fd, question, sizeof question - 1, &seen), 200);
    close(fd);
    const char *text = (const char *)seen.bytes;
    assert_non_null(strstr(text, "Content-Type: application/json"));
    assert_non_null(strstr(text, "X-Content-Type-Options: nosniff"));
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        assert_non_null(strstr(text, inputs[i]));
    }
    fixture_bundle_free(&bundle);
    buffer_free(&lines);
    buffer_free(&seen);
}

/* Heads are judged in test_head_check.c; here the answers are heard over a socket. */
static void test_heads(void **state)
{
    static const struct {
        const char *what;
        const char *text;
        int code;
    } cases[] = {
        {"CR alone in a header", "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nDialtone-Key: a\rX: b\r\n\r\n", 400},
        {"LF alone in a header", "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nDialtone-Key: a\nX: b\r\n\r\n", 400},
        {"a folded header", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
        {"a space before a colon", "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello", 400},
        {"two lengths", "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
        {"a length and chunks",
         "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"chunks", "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411},
        {"a chunk of 2^64", "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
         411},
        {"a negative length", "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
        {"a length of 1 GB", "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n", 413},
        {"a body on GET", "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\nGET /v1/whoami HTTP/1.1\r\n", 400},
        {"two hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"HTTP/3.0", "GET /healthz HTTP/3.0\r\nHost: a\r\n\r\n", 505},
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = serve_fixture_dial(&scene->server);
        int code = http_client_ask(fd, cases[i].text, strlen(cases[i].text), &scene->answer);
        print_message("%-48s %d\n", cases[i].what, code);
        assert_int_equal(code, cases[i].code);
        assert_non_null(strstr((const char *)scene->answer.bytes, "\"error\":"));
        assert_non_null(strstr((const char *)scene->answer.bytes, "Connection: close"));
        close(fd);
    }
}

/* Uploads one behind the other without waiting: as many answers, in their order. */
static void test_pipelined_uploads(void **state)
{
    enum { COUNT = 12 };
    struct scene *scene = *state;
    struct buffer requests = {0};
    struct buffer heard = {0};
    for (int i = 0; i < COUNT; i++) {
        char line[300];
        int count = snprintf(line, sizeof line, LINE_HEAD "{\"n\":\"pipelined %d\"}}", i);
        struct fixture_bundle bundle = signed_line(scene, line, (size_t)count);
        if (i % 3 == 2) {
            bundle.packed.bytes[bundle.packed.count - 1] ^= 1; /* every third one is refused */
        }
        http_client_upload(&scene->key.public_key, &bundle.minisig, &bundle.packed, &requests);
        fixture_bundle_free(&bundle);
    }
    int fd = serve_fixture_dial(&scene->server);
    assert_int_equal(send(fd, requests.bytes, requests.count, MSG_NOSIGNAL), requests.count);
    int seen = 0;
    const char *at = "";
    while (seen < COUNT) {
        char part[4096];
        ssize_t got = recv(fd, part, sizeof part, 0);
        assert_true(got > 0);
        buffer_append(&heard, part, (size_t)got);
        buffer_append(&heard, "", 1);
        heard.count--;
        seen = 0;
        for (at = (const char *)heard.bytes; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++) {
            assert_int_equal(strtol(at + 9, NULL, 10), seen % 3 == 2 ? 401 : 201);
            seen++;
        }
    }
    close(fd);
    buffer_free(&requests);
    buffer_free(&heard);
}

static void test_crowd(void **state)
{
    enum { CROWD = 3000 };
    struct scene *scene = *state;
    int *fds = calloc(CROWD, sizeof *fds);
    static const char question[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    int opened = 0;
    for (; opened < CROWD; opened++) {
        fds[opened] = http_client_dial(scene->server.port);
        if (fds[opened] < 0) {
            break;
        }
        if (opened % 2) {
            send(fds[opened], "POST /v1/bundles HTTP/1.1\r\n", 27, MSG_NOSIGNAL);
        }
    }
    print_message("%d connections that say nothing or half a head\n", opened);
    for (int i = 0; i < 20; i++) {
        int fd = serve_fixture_dial(&scene->server);
        assert_int_equal(http_client_ask(fd, question, sizeof question - 1, &scene->answer), 200);
        close(fd);
    }
    for (int i = 0; i < opened; i++) {
        close(fds[i]);
    }
    free(fds);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct clock clock = clock_system();
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    scene->key = fixture_key(1);
    scene->other = fixture_key(2);
    scene->now_us = clock_wall_us(&clock);
    serve_fixture_start(&scene->server);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    int status = serve_fixture_stop(&scene->server);
    fixture_folder_free(scene->server.path);
    buffer_free(&scene->answer);
    free(scene);
    if (status != 0) {
        print_error("the collector ended with %d\n", status);
    }
    return status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),     cmocka_unit_test(test_generated_records),
        cmocka_unit_test(test_records),    cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_clocks),     cmocka_unit_test(test_replay),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_heads),
        cmocka_unit_test(test_pipelined_uploads), cmocka_unit_test(test_crowd),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, setup, teardown);
}
