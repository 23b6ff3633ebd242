/* Archives of measurements: made by tar itself, cut, damaged, and read in pieces of every size.
 * Owner: each test has a folder of its own.
 * Why: archives are how other clients' history comes, larger than memory and from strangers. */
#include "tests/unit/collector/fixture.h"

#include <sys/wait.h>

#include "collector/ingest/import.h"
#include "collector/ingest/line_source.h"
#include "collector/ingest/tar.h"

struct scene {
    char *path; /* of what is archived */
    char *data;
};

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    scene->path = fixture_folder();
    scene->data = fixture_folder();
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    fixture_folder_free(scene->path);
    fixture_folder_free(scene->data);
    free(scene);
    return 0;
}

static void run_in(const struct scene *scene, const char *command)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "cd %s && %s", scene->path, command);
    assert_int_equal(system(whole), 0);
}

static void write_lines(const struct scene *scene, const char *name, int n, int count, bool has_last_end)
{
    struct buffer lines = {0};
    fixture_lines_add(n, count, &lines);
    fixture_write(scene->path, name, lines.bytes, lines.count - (has_last_end ? 0 : 1));
    buffer_free(&lines);
}

static struct import_counts import(const struct scene *scene, const char *name, struct why *why)
{
    struct collector_folder folder = {0};
    struct import_counts counts = {0};
    char *path = path_join(scene->path, name);
    assert_int_equal(collector_folder_open(scene->data, 0, &folder, why), STATUS_OK);
    assert_int_equal(
        import_file(&folder, path, NULL, FIXTURE_TIME_US + 9000 * US_PER_S, NULL, NULL, &counts, why), STATUS_OK);
    collector_folder_close(&folder);
    free(path);
    return counts;
}

static void test_archives(void **state)
{
    static const struct {
        const char *name;
        const char *command;
    } cases[] = {
        {"a.tar", "tar --format=posix -cf a.tar in"},
        {"b.tar", "tar --format=gnu -cf b.tar in"},
        {"c.tar.gz", "tar --format=pax -czf c.tar.gz in"},
        {"d.tar.zst", "tar --format=pax -cf - in | zstd -q -o d.tar.zst"},
        {"e.tgz", "tar --format=gnu -cf - in | gzip -9 > e.tgz"},
    };
    struct scene *scene = *state;
    run_in(scene, "mkdir -p in/a_folder_with_a_name_that_is_longer_than_what_a_header_of_tar_has_room_for_so_that_gnu_and_"
                  "pax_both_write_one_of_their_own_before_it");
    write_lines(scene, "in/1.jsonl", 0, 30, true);
    write_lines(scene, "in/2.jsonl", 30, 20, false); /* its last line has no end: the next file begins a line */
    write_lines(scene, "in/3.json", 50, 1, false);
    write_lines(scene,
                "in/a_folder_with_a_name_that_is_longer_than_what_a_header_of_tar_has_room_for_so_that_gnu_and_pax_both_"
                "write_one_of_their_own_before_it/"
                "and_so_is_this_one_whose_length_is_beyond_a_hundred_characters_as_some_of_the_names_that_archives_have.jsonl",
                51, 9, true);
    run_in(scene, "ln -s 1.jsonl in/link && : > in/empty");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct why why = {""};
        run_in(scene, cases[i].command);
        struct import_counts counts = import(scene, cases[i].name, &why);
        print_message("%s: %zu %zu %zu %s\n", cases[i].name, counts.accepted_count, counts.duplicate_count,
                      counts.rejected_count, why.text);
        assert_int_equal(counts.accepted_count, i == 0 ? 60 : 0);
        assert_int_equal(counts.duplicate_count, i == 0 ? 0 : 60);
        assert_int_equal(counts.rejected_count, 0);
        assert_string_equal(why.text, "");
    }
}

/* One record a file, printed over several lines, as some archives hold them. */
static void test_records_over_lines(void **state)
{
    struct scene *scene = *state;
    struct why why = {""};
    run_in(scene, "mkdir in");
    for (int i = 0; i < 5; i++) {
        char name[32];
        char text[512];
        int count = snprintf(text, sizeof text,
                             "{\n  \"test_name\": \"web_connectivity\",\n  \"measurement_start_time\": \"2026-01-01 00:00:0%d\",\n"
                             "  \"test_keys\": {\n  }\n}\n",
                             i);
        snprintf(name, sizeof name, "in/%d.json", i);
        fixture_write(scene->path, name, text, (size_t)count);
    }
    fixture_write(scene->path, "in/5.json", "no record\n", 10);
    write_lines(scene, "in/6.jsonl", 0, 4, true);
    run_in(scene, "tar --sort=name -czf all.tar.gz in");
    struct import_counts counts = import(scene, "all.tar.gz", &why);
    assert_int_equal(counts.accepted_count, 9);
    assert_int_equal(counts.rejected_count, 1);
    assert_true(why.text[0] != 0);
}

static void test_cut_and_damaged(void **state)
{
    struct scene *scene = *state;
    struct buffer archive = {0};
    struct why why = {""};
    run_in(scene, "mkdir in");
    write_lines(scene, "in/1.jsonl", 0, 20, true);
    write_lines(scene, "in/2.jsonl", 20, 20, true);
    run_in(scene, "tar --sort=name --format=ustar -cf all.tar in");
    char *path = path_join(scene->path, "all.tar");
    assert_int_equal(file_read(path, 1u << 24, &archive, NULL), STATUS_OK);
    fixture_write(scene->path, "cut.tar", archive.bytes, 3000);
    struct import_counts counts = import(scene, "cut.tar", &why);
    assert_true(counts.accepted_count > 0 && counts.accepted_count < 20);
    assert_true(counts.rejected_count >= 1);
    /* The second file's header: behind that of the folder, the first file and its content. */
    for (size_t at = 1024; at + 512 < archive.count; at += 512) {
        if (tar_is_header(archive.bytes + at)) {
            archive.bytes[at + 10] ^= 1;
            break;
        }
    }
    fixture_write(scene->path, "bad.tar", archive.bytes, archive.count);
    counts = import(scene, "bad.tar", &why);
    assert_int_equal(counts.accepted_count + counts.duplicate_count, 20);
    assert_int_equal(counts.rejected_count, 1);
    assert_non_null(strstr(why.text, "archive is damaged"));
    buffer_free(&archive);
    free(path);
}

/* The same content however the archive comes in. */
static void test_every_split(void **state)
{
    struct scene *scene = *state;
    struct buffer archive = {0};
    run_in(scene, "mkdir in && printf 'one\\ntwo' > in/1 && printf 'three\\n' > in/2 && : > in/3 && printf x > in/4 && "
                  "tar --sort=name --format=gnu -cf all.tar in");
    char *path = path_join(scene->path, "all.tar");
    assert_int_equal(file_read(path, 1u << 24, &archive, NULL), STATUS_OK);
    for (size_t step = 1; step < 1100; step += step < 20 ? 1 : 97) {
        struct tar tar = {0};
        struct buffer content = {0};
        int end_count = 0;
        for (size_t at = 0; at < archive.count; at += step) {
            struct reader in = reader_of(archive.bytes + at, archive.count - at < step ? archive.count - at : step);
            struct reader piece;
            bool is_end;
            while (in.left_bytes > 0) {
                assert_int_equal(tar_take(&tar, &in, &piece, &is_end), STATUS_OK);
                buffer_append(&content, piece.bytes, piece.left_bytes);
                end_count += is_end;
            }
        }
        assert_true(tar_is_whole(&tar));
        assert_int_equal(tar.file_count, 4);
        assert_int_equal(end_count, 3);
        assert_int_equal(content.count, 14);
        assert_memory_equal(content.bytes, "one\ntwothree\nx", 14);
        buffer_free(&content);
    }
    buffer_free(&archive);
    free(path);
}

/* A bundle that looks like an archive is read as the lines that it is. */
static void test_no_archive_unasked(void **state)
{
    struct scene *scene = *state;
    struct line_source *source = NULL;
    struct reader line;
    struct why why = {""};
    run_in(scene, "printf 'one\\n' > 1 && tar --format=ustar -cf all.tar 1");
    char *path = path_join(scene->path, "all.tar");
    assert_int_equal(line_source_open(path, &source, &why), STATUS_OK);
    assert_int_equal(line_source_next(source, 100000, &line, &why), STATUS_OK);
    assert_true(line.left_bytes > 512);
    line_source_free(source);
    assert_int_equal(line_source_open_archive(path, &source, &why), STATUS_OK);
    assert_int_equal(line_source_next(source, 100000, &line, &why), STATUS_OK);
    assert_int_equal(line.left_bytes, 3);
    line_source_hold(source);
    assert_int_equal(line_source_next(source, 100000, &line, &why), STATUS_OK);
    assert_int_equal(line.left_bytes, 3);
    assert_int_equal(line_source_next(source, 100000, &line, &why), STATUS_NOT_FOUND);
    line_source_free(source);
    free(path);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_archives), CASE(test_records_over_lines), CASE(test_cut_and_damaged),
                                       CASE(test_every_split), CASE(test_no_archive_unasked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
