/* Files into the store: every wrapping, every way a file may be broken, in bounded memory.
 * Owner: each test has a data folder and a folder of files of its own.
 * Why: an import that is repeated, cut or hostile must neither count twice nor claim what it did not take. */
#include "tests/unit/collector/fixture.h"

#include <sys/wait.h>
#include <zlib.h>
#include <zstd.h>

#include "collector/ingest/import.h"
#include "collector/ingest/import_key.h"
#include "collector/ingest/line_source.h"
#include "tests/unit/skipped.h"

struct scene {
    char *data;
    char *files;
    struct collector_folder folder;
    struct secret_key key;
    struct why why; /* of the last import */
};

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    scene->data = fixture_folder();
    scene->files = fixture_folder();
    scene->key = fixture_key(1);
    assert_int_equal(collector_folder_open(scene->data, 0, &scene->folder, &scene->why), STATUS_OK);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    collector_folder_close(&scene->folder);
    fixture_folder_free(scene->data);
    fixture_folder_free(scene->files);
    free(scene);
    return 0;
}

static enum status import_named(struct scene *scene, const char *name, const struct public_key *key,
                                struct import_counts *counts)
{
    char *path = path_join(scene->files, name);
    *counts = (struct import_counts){0};
    enum status status =
        import_file(&scene->folder, path, key, FIXTURE_TIME_US + 1000 * US_PER_S, NULL, NULL, counts,
                    &scene->why);
    free(path);
    return status;
}

static void expect(struct scene *scene, const char *name, size_t accepted, size_t duplicate, size_t rejected)
{
    struct import_counts counts;
    print_message("%s\n", name);
    assert_int_equal(import_named(scene, name, NULL, &counts), STATUS_OK);
    assert_int_equal(counts.accepted_count, accepted);
    assert_int_equal(counts.duplicate_count, duplicate);
    assert_int_equal(counts.rejected_count, rejected);
    assert_int_equal(scene->why.text[0] != 0, rejected > 0);
}

static void gzip_append(struct buffer *out, const void *bytes, size_t count)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&stream, (uLong)count);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)count;
    stream.next_out = buffer_reserve(out, room);
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->count += room - stream.avail_out;
    deflateEnd(&stream);
}

static void zstd_append(struct buffer *out, const void *bytes, size_t count)
{
    size_t room = ZSTD_compressBound(count);
    size_t packed = ZSTD_compress(buffer_reserve(out, room), room, bytes, count, 3);
    assert_false(ZSTD_isError(packed));
    out->count += packed;
}

static void write_buffer(struct scene *scene, const char *name, struct buffer *bytes)
{
    fixture_write(scene->files, name, bytes->bytes ? bytes->bytes : (const uint8_t *)"", bytes->count);
    buffer_free(bytes);
}

static void test_wrappings(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    struct buffer gzip = {0};
    struct buffer zstd = {0};
    struct buffer crlf = {0};
    fixture_lines_add(0, 30, &lines);
    /* Two members, two frames: archives are concatenated. */
    gzip_append(&gzip, lines.bytes, lines.count / 2);
    gzip_append(&gzip, lines.bytes + lines.count / 2, lines.count - lines.count / 2);
    zstd_append(&zstd, lines.bytes, lines.count / 3);
    zstd_append(&zstd, lines.bytes + lines.count / 3, lines.count - lines.count / 3);
    struct reader reader = reader_of(lines.bytes, lines.count);
    struct reader line;
    buffer_text(&crlf, "\r\n \n");
    while (reader_line(&reader, &line)) {
        buffer_append(&crlf, line.bytes, line.left_bytes);
        buffer_text(&crlf, "\r\n\r\n");
    }
    write_buffer(scene, "a.jsonl.gz", &gzip);
    write_buffer(scene, "a.jsonl.zst", &zstd);
    write_buffer(scene, "crlf.jsonl", &crlf);
    fixture_write(scene->files, "a.jsonl", lines.bytes, lines.count);
    fixture_write(scene->files, "unended.jsonl", lines.bytes, lines.count - 1);
    buffer_free(&lines);
    expect(scene, "a.jsonl", 30, 0, 0);
    expect(scene, "a.jsonl", 0, 30, 0);
    expect(scene, "a.jsonl.gz", 0, 30, 0);
    expect(scene, "a.jsonl.zst", 0, 30, 0);
    expect(scene, "crlf.jsonl", 0, 30, 0);
    expect(scene, "unended.jsonl", 0, 30, 0);
}

/* A pipe whose other end writes a byte, and only later the rest. */
static void test_a_slow_pipe(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 3; i++) {
        struct buffer lines = {0};
        struct buffer packed = {0};
        struct import_counts counts = {0};
        int ends[2];
        fixture_lines_add(i * 10, 5, &lines);
        if (i == 0) {
            buffer_append(&packed, lines.bytes, lines.count);
        } else {
            (i == 1 ? gzip_append : zstd_append)(&packed, lines.bytes, lines.count);
        }
        assert_int_equal(pipe(ends), 0);
        pid_t writer = fork();
        if (writer == 0) {
            close(ends[0]);
            bool is_written = write(ends[1], packed.bytes, 1) == 1 && usleep(20000) == 0 &&
                              write(ends[1], packed.bytes + 1, packed.count - 1) == (ssize_t)packed.count - 1;
            _exit(is_written ? 0 : 9);
        }
        char name[32];
        close(ends[1]);
        snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
        assert_int_equal(import_file(&scene->folder, name, NULL, FIXTURE_TIME_US + 1000 * US_PER_S, NULL, NULL, &counts,
                                     &scene->why),
                         STATUS_OK);
        assert_int_equal(counts.accepted_count, 5);
        assert_int_equal(counts.rejected_count, 0);
        close(ends[0]);
        int status = -1;
        assert_int_equal(waitpid(writer, &status, 0), writer);
        assert_int_equal(status, 0);
        buffer_free(&lines);
        buffer_free(&packed);
    }
}

static void test_one_record_over_several_lines(void **state)
{
    struct scene *scene = *state;
    static const char record[] =
        "\n{\n  \"test_name\": \"web_connectivity\",\n  \"input\": \"http://a.example/\",\n"
        "  \"probe_cc\": \"XD\",\n  \"probe_asn\": \"AS1\",\n"
        "  \"measurement_start_time\": \"2025-12-31 10:00:00\",\n"
        "  \"test_keys\": {\n  }\n}\n";
    struct buffer compact = {0};
    fixture_write(scene->files, "pretty.json", record, sizeof record - 1);
    expect(scene, "pretty.json", 1, 0, 0);
    expect(scene, "pretty.json", 0, 1, 0);
    /* Printed otherwise it is the same record. */
    for (const char *at = record; *at; at++) {
        if (*at != '\n' && *at != ' ') {
            buffer_append(&compact, at, 1);
        }
    }
    char *text = buffer_take_text(&compact);
    char *time = strstr(text, "2025-12-3110");
    assert_non_null(time);
    struct buffer again = {0};
    buffer_append(&again, text, (size_t)(time - text) + 10);
    buffer_text(&again, " ");
    buffer_text(&again, time + 10);
    free(text);
    write_buffer(scene, "compact.json", &again);
    expect(scene, "compact.json", 0, 1, 0);
    /* Half of it is none. */
    fixture_write(scene->files, "half.json", record, sizeof record / 2);
    struct import_counts counts;
    assert_int_equal(import_named(scene, "half.json", NULL, &counts), STATUS_OK);
    assert_int_equal(counts.accepted_count, 0);
    assert_true(counts.rejected_count > 0);
}

static void test_bad_lines_among_good_ones(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    buffer_text(&lines, "{\"broken\":\n");
    fixture_lines_add(0, 3, &lines);
    buffer_text(&lines, "[]\nnonsense\n");
    fixture_lines_add(3, 3, &lines);
    write_buffer(scene, "mixed.jsonl", &lines);
    expect(scene, "mixed.jsonl", 6, 0, 3);
    assert_non_null(strstr(scene->why.text, "3 records rejected, the first is line 1"));
    fixture_lines_add(0, 3, &lines);
    buffer_text(&lines, "{}\n");
    write_buffer(scene, "late.jsonl", &lines);
    expect(scene, "late.jsonl", 0, 3, 1);
    assert_non_null(strstr(scene->why.text, "line 4"));
}

static void test_more_than_a_bundle(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    fixture_lines_add(0, 2 * BUNDLE_MEASUREMENTS_MAX + 5, &lines);
    write_buffer(scene, "many.jsonl", &lines);
    expect(scene, "many.jsonl", 2 * BUNDLE_MEASUREMENTS_MAX + 5, 0, 0);
    expect(scene, "many.jsonl", 0, 2 * BUNDLE_MEASUREMENTS_MAX + 5, 0);
}

static void test_what_is_no_list(void **state)
{
    struct scene *scene = *state;
    struct import_counts counts;
    struct buffer zeros = {0};
    struct buffer bomb = {0};
    struct buffer lines = {0};
    struct buffer gzip = {0};
    struct buffer zstd = {0};
    fixture_write(scene->files, "empty.jsonl", "", 0);
    fixture_write(scene->files, "blank.jsonl", "\n\n \n", 4);
    fixture_write(scene->files, "noise.bin", "\x00\xff\xfe\x01\x02", 5);
    expect(scene, "empty.jsonl", 0, 0, 1);
    expect(scene, "blank.jsonl", 0, 0, 1);
    expect(scene, "noise.bin", 0, 0, 1);
    /* Ten megabytes of zeros in a few hundred bytes: one line that is too long. */
    memset(buffer_reserve(&zeros, RECORD_BYTES_MAX + 100), 0, RECORD_BYTES_MAX + 100);
    zstd_append(&bomb, zeros.bytes, RECORD_BYTES_MAX + 100);
    buffer_free(&zeros);
    write_buffer(scene, "bomb.zst", &bomb);
    expect(scene, "bomb.zst", 0, 0, 1);
    /* Cut archives: what was whole is taken, the cut is told. */
    fixture_lines_add(0, 400, &lines);
    gzip_append(&gzip, lines.bytes, lines.count);
    zstd_append(&zstd, lines.bytes, lines.count);
    buffer_free(&lines);
    gzip.count -= 10;
    zstd.count -= 10;
    write_buffer(scene, "cut.gz", &gzip);
    write_buffer(scene, "cut.zst", &zstd);
    assert_int_equal(import_named(scene, "cut.gz", NULL, &counts), STATUS_OK);
    assert_int_equal(counts.rejected_count, 1);
    assert_true(counts.accepted_count < 400);
    assert_int_equal(import_named(scene, "cut.zst", NULL, &counts), STATUS_OK);
    assert_int_equal(counts.rejected_count, 1);
    assert_int_equal(import_named(scene, "missing.jsonl", NULL, &counts), STATUS_NOT_FOUND);
    assert_true(scene->why.text[0] != 0);
    assert_int_equal(import_named(scene, ".", NULL, &counts), STATUS_USAGE);
    fixture_write(scene->files, "head.gz", "\x1f\x8b", 2);
    fixture_write(scene->files, "head.zst", "\x28\xb5\x2f\xfd", 4);
    expect(scene, "head.gz", 0, 0, 1);
    expect(scene, "head.zst", 0, 0, 1);
}

static void test_a_large_first_record_that_is_broken(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    /* The importer must give up hope of one record over several lines, and take the lines. */
    buffer_text(&lines, "{\"open\":\n");
    for (int i = 0; i < 1200; i++) {
        buffer_text(&lines, "  ");
        memset(buffer_reserve(&lines, 8000), ' ', 8000);
        lines.count += 8000;
        buffer_text(&lines, "\n");
    }
    fixture_lines_add(0, 3, &lines);
    write_buffer(scene, "wide.jsonl", &lines);
    struct import_counts counts;
    assert_int_equal(import_named(scene, "wide.jsonl", NULL, &counts), STATUS_OK);
    assert_int_equal(counts.accepted_count, 3);
    assert_true(counts.rejected_count >= 1);
}

static void test_bundles(void **state)
{
    struct scene *scene = *state;
    struct import_counts counts;
    struct buffer lines = {0};
    char key_text[PUBLIC_KEY_TEXT_BYTES];
    char pub[256];
    fixture_lines_add(0, 4, &lines);
    struct fixture_bundle bundle = fixture_bundle(&scene->key, 1, &lines);
    buffer_free(&lines);
    fixture_write(scene->files, "b.jsonl.zst", bundle.packed.bytes, bundle.packed.count);
    fixture_write(scene->files, "b.jsonl.zst.minisig", bundle.minisig.bytes, bundle.minisig.count);
    /* Whose it is is not known yet. */
    expect(scene, "b.jsonl.zst", 0, 0, 1);
    assert_non_null(strstr(scene->why.text, "--key"));
    assert_int_equal(import_named(scene, "b.jsonl.zst", &scene->key.public_key, &counts), STATUS_OK);
    assert_int_equal(counts.accepted_count, 4);
    /* Now it is. */
    expect(scene, "b.jsonl.zst", 0, 4, 0);
    expect(scene, "b.jsonl.zst.minisig", 0, 0, 0);
    bundle.packed.bytes[bundle.packed.count / 2] ^= 1;
    fixture_write(scene->files, "b.jsonl.zst", bundle.packed.bytes, bundle.packed.count);
    expect(scene, "b.jsonl.zst", 0, 0, 1);
    fixture_write(scene->files, "b.jsonl.zst", bundle.packed.bytes, 20);
    expect(scene, "b.jsonl.zst", 0, 0, 1);
    fixture_write(scene->files, "b.jsonl.zst.minisig", "", 0);
    expect(scene, "b.jsonl.zst", 0, 0, 1);
    /* minisign's own habit: the key lies beside. */
    struct secret_key other = fixture_key(5);
    fixture_lines_add(50, 4, &lines);
    struct fixture_bundle foreign = fixture_bundle(&other, 1, &lines);
    public_key_format(&other.public_key, key_text);
    snprintf(pub, sizeof pub, "untrusted comment: a key\n%s\n", key_text);
    fixture_write(scene->files, "c.jsonl.zst", foreign.packed.bytes, foreign.packed.count);
    fixture_write(scene->files, "c.jsonl.zst.minisig", foreign.minisig.bytes, foreign.minisig.count);
    fixture_write(scene->files, "minisign.pub", pub, strlen(pub));
    expect(scene, "c.jsonl.zst", 4, 0, 0);
    char *path = path_join(scene->files, "minisign.pub");
    struct public_key given;
    assert_int_equal(import_key_given(path, &given, &scene->why), STATUS_OK);
    assert_memory_equal(&given, &other.public_key, sizeof given);
    assert_int_equal(import_key_given("/nonexistent", &given, &scene->why), STATUS_USAGE);
    free(path);
    fixture_bundle_free(&bundle);
    fixture_bundle_free(&foreign);
    buffer_free(&lines);
}

static void test_lines_at_every_split(void **state)
{
    struct scene *scene = *state;
    /* Lines around the size of the reader's chunk, so that ends fall everywhere. */
    struct buffer text = {0};
    for (int i = 0; i < 40; i++) {
        size_t count = 65536 - 20 + (size_t)i;
        memset(buffer_reserve(&text, count), 'a' + i % 26, count);
        text.count += count;
        buffer_text(&text, "\n");
    }
    write_buffer(scene, "long.txt", &text);
    char *path = path_join(scene->files, "long.txt");
    struct line_source *source = NULL;
    struct reader line;
    struct why why;
    assert_int_equal(line_source_open(path, &source, &why), STATUS_OK);
    for (int i = 0; i < 40; i++) {
        enum status expected = i < 30 ? STATUS_OK : STATUS_TOO_LARGE;
        assert_int_equal(line_source_next(source, 65536 - 20 + 29, &line, &why), expected);
        if (expected == STATUS_OK) {
            assert_int_equal(line.left_bytes, 65536 - 20 + i);
            assert_int_equal(line.bytes[0], 'a' + i % 26);
            assert_int_equal(line.bytes[line.left_bytes - 1], 'a' + i % 26);
        }
    }
    assert_int_equal(line_source_next(source, 100, &line, &why), STATUS_NOT_FOUND);
    assert_int_equal(line_source_next(source, 100, &line, &why), STATUS_NOT_FOUND);
    line_source_free(source);
    free(path);
}

static void test_real_measurements(void **state)
{
    struct scene *scene = *state;
    if (access(SHARED_DATA "/ooni-measurements", R_OK) != 0) {
        skip_because(SKIPPED_WITHOUT_DATA);
    }
    char *path =
        path_join(SHARED_DATA "/ooni-measurements", "web_connectivity_US_20221110100916_f01a3667.json");
    struct import_counts counts = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(import_file(&scene->folder, path, NULL, FIXTURE_TIME_US, NULL, NULL, &counts, &scene->why),
                         STATUS_OK);
        assert_int_equal(counts.accepted_count, 1);
        assert_int_equal(counts.duplicate_count, i);
        assert_int_equal(counts.rejected_count, 0);
    }
    free(path);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_wrappings),
        CASE(test_a_slow_pipe),
        CASE(test_one_record_over_several_lines),
        CASE(test_bad_lines_among_good_ones),
        CASE(test_more_than_a_bundle),
        CASE(test_what_is_no_list),
        CASE(test_a_large_first_record_that_is_broken),
        CASE(test_bundles),
        CASE(test_lines_at_every_split),
        CASE(test_real_measurements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
