/* The evidence log: proofs against checkpoints, growth across block borders, kills while a checkpoint is written, and every
 * alteration named.
 * Owner: each test has a data folder of its own.
 * Why: evidence that could be exchanged unseen is none. */
#include "tests/unit/collector/fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/ingest/ingest.h"
#include "collector/ingest/observe.h"
#include "collector/log/audit.h"
#include "collector/log/checkpoints.h"
#include "collector/log/evidence_log.h"
#include "collector/maintain/maintain.h"

struct rig {
    char *path;
    struct collector_folder folder;
    struct query *query;
    struct secret_key key;
    struct evidence_log *log;
    int64_t sequence;
};

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct why why = {""};
    rig->path = fixture_folder();
    assert_int_equal(collector_folder_open(rig->path, 60, &rig->folder, &why), STATUS_OK);
    assert_int_equal(collector_folder_key(&rig->folder, &rig->key, &why), STATUS_OK);
    assert_int_equal(query_open(rig->path, &rig->query, &why), STATUS_OK);
    assert_int_equal(evidence_log_open(rig->query, &rig->key.public_key, &rig->log), STATUS_OK);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    evidence_log_free(rig->log);
    query_close(rig->query);
    collector_folder_close(&rig->folder);
    fixture_folder_free(rig->path);
    free(rig);
    return 0;
}

/* Rows alone: for trees that need many leaves. */
static void rows_add(struct rig *rig, int count)
{
    struct why why = {""};
    for (int i = 0; i < count; i++) {
        struct store_bundle row = {.is_signed = true, .label = {.sequence = ++rig->sequence}, .received_us = 1};
        struct store_put_result result;
        memcpy(row.log, rig->folder.log, sizeof row.log);
        snprintf(row.probe, sizeof row.probe, "0123456789abcdef");
        sha256(&rig->sequence, sizeof rig->sequence, row.hash);
        assert_int_equal(store_put_one(rig->folder.store, rig->folder.handle, &row, NULL, 0, &result, &why), STATUS_OK);
    }
}

/* A whole signed bundle with its files; its hash. */
static void bundle_add(struct rig *rig, uint8_t out_hash[SHA256_BYTES])
{
    struct secret_key probe = fixture_key(7);
    struct buffer lines = {0};
    struct store_put_result result;
    struct why why = {""};
    fixture_lines_add((int)rig->sequence * 3, 3, &lines);
    struct fixture_bundle made = fixture_bundle(&probe, ++rig->sequence, &lines);
    struct ingest_bundle bundle = {made.packed.bytes, made.packed.count, (const char *)made.minisig.bytes,
                                   made.minisig.count, &probe.public_key};
    assert_int_equal(ingest_bundle(&rig->folder, &bundle, FIXTURE_TIME_US + US_PER_S, out_hash, &result, &why),
                     STATUS_OK);
    fixture_bundle_free(&made);
    buffer_free(&lines);
}

static enum status checkpoint(struct rig *rig, struct note_checkpoint *out, struct why *why)
{
    struct buffer note = {0};
    enum status status = evidence_log_checkpoint(rig->log, &rig->key, &note, why);
    if (status == STATUS_OK) {
        assert_int_equal(note_checkpoint_open(&rig->key.public_key, (const char *)note.bytes, note.count, out),
                         STATUS_OK);
    }
    buffer_free(&note);
    return status;
}

struct seen {
    struct note_checkpoint rows[64];
    size_t count;
};

static enum status see(const struct note_checkpoint *row, void *arg)
{
    struct seen *seen = arg;
    assert_in_range(seen->count, 0, 63);
    seen->rows[seen->count++] = *row;
    return STATUS_OK;
}

static struct seen checkpoints_seen(struct rig *rig)
{
    struct seen seen = {.count = 0};
    struct why why = {""};
    assert_int_equal(evidence_log_each_checkpoint(rig->path, &rig->key.public_key, see, &seen, &why), STATUS_OK);
    return seen;
}

static void test_proofs_follow_checkpoints(void **state)
{
    struct rig *rig = *state;
    static const int steps[] = {0, 1, 1, 5, 248, 1, 1, 255, 256, 300};
    struct why why = {""};
    struct note_checkpoint now;
    struct merkle_proof proof;
    struct merkle_hash leaf;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        rows_add(rig, steps[i]);
        assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
        assert_int_equal(now.size, rig->sequence);
        struct seen seen = checkpoints_seen(rig);
        for (size_t k = 0; k < seen.count; k++) {
            assert_int_equal(evidence_log_consistency(rig->log, seen.rows[k].size, now.size, &proof, &why), STATUS_OK);
            assert_int_equal(
                merkle_verify_consistency(seen.rows[k].size, &seen.rows[k].root, now.size, &now.root, &proof),
                STATUS_OK);
        }
    }
    for (int64_t number = 1; number <= rig->sequence; number += 37) {
        uint8_t hash[SHA256_BYTES];
        uint64_t size = 0;
        uint64_t index = 0;
        sha256(&number, sizeof number, hash);
        assert_int_equal(evidence_log_inclusion(rig->log, hash, &size, &index, &proof, &why), STATUS_OK);
        assert_int_equal(size, now.size);
        assert_int_equal(index, number - 1);
        merkle_leaf(hash, sizeof hash, &leaf);
        assert_int_equal(merkle_verify_inclusion(&leaf, index, size, &proof, &now.root), STATUS_OK);
    }
}

static void test_same_size_same_checkpoint(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    struct note_checkpoint first;
    rows_add(rig, 3);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(checkpoint(rig, &first, &why), STATUS_OK);
    }
    assert_int_equal(checkpoints_seen(rig).count, 1);
}

static void test_what_is_not_there(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    struct merkle_proof proof;
    uint8_t hash[SHA256_BYTES] = {9};
    uint64_t size = 0;
    uint64_t index = 0;
    int64_t third = 3;
    rows_add(rig, 4);
    assert_int_equal(evidence_log_update(rig->log, &why), STATUS_OK);
    assert_int_equal(evidence_log_inclusion(rig->log, hash, &size, &index, &proof, &why), STATUS_NOT_FOUND);
    size = 5;
    assert_int_equal(evidence_log_inclusion(rig->log, hash, &size, &index, &proof, &why), STATUS_USAGE);
    sha256(&third, sizeof third, hash);
    size = 2;
    assert_int_equal(evidence_log_inclusion(rig->log, hash, &size, &index, &proof, &why), STATUS_NOT_FOUND);
    size = 3;
    assert_int_equal(evidence_log_inclusion(rig->log, hash, &size, &index, &proof, &why), STATUS_OK);
    assert_int_equal(evidence_log_consistency(rig->log, 1, 5, &proof, &why), STATUS_USAGE);
    assert_int_equal(evidence_log_consistency(rig->log, 3, 2, &proof, &why), STATUS_USAGE);
}

static enum status see_one(const struct note_checkpoint *row, void *arg)
{
    (void)row;
    (*(size_t *)arg)++;
    return STATUS_OK;
}

static size_t checkpoints_seen_count(struct rig *rig)
{
    size_t count = 0;
    struct why why = {""};
    assert_int_equal(evidence_log_each_checkpoint(rig->path, &rig->key.public_key, see_one, &count, &why), STATUS_OK);
    return count;
}

static char *checkpoints_path(struct rig *rig)
{
    return path_join(rig->path, "log/checkpoints");
}

/* Killed at any byte of writing a checkpoint: what was told before holds, and the next one is whole. */
static void test_torn_checkpoint(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    struct note_checkpoint now;
    struct buffer whole = {0};
    struct stat facts;
    char *path = checkpoints_path(rig);
    rows_add(rig, 2);
    assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
    assert_int_equal(stat(path, &facts), 0);
    rows_add(rig, 2);
    assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, &whole, &why), STATUS_OK);
    for (size_t cut = (size_t)facts.st_size; cut < whole.count; cut++) {
        assert_int_equal(truncate(path, (off_t)cut), 0);
        assert_int_equal(checkpoints_seen(rig).count, 1);
        assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
        struct seen seen = checkpoints_seen(rig);
        assert_int_equal(seen.count, 2);
        assert_int_equal(seen.rows[1].size, 4);
    }
    assert_int_equal(truncate(path, 5), 0); /* the very first one */
    assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
    assert_int_equal(checkpoints_seen(rig).count, 1);
    buffer_free(&whole);
    free(path);
}

/* A byte altered on disk is told, wherever it is, and nothing that was kept is cut away for it. */
static void test_altered_checkpoints(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    struct note_checkpoint now;
    struct buffer whole = {0};
    struct stat facts;
    char *path = checkpoints_path(rig);
    for (int i = 0; i < 2; i++) {
        rows_add(rig, 2);
        assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
    }
    assert_int_equal(file_read(path, 1 << 20, &whole, &why), STATUS_OK);
    for (size_t i = 0; i + 1 < whole.count; i++) {
        struct seen seen = {.count = 0};
        whole.bytes[i] ^= 1;
        fixture_write(rig->path, "log/checkpoints", whole.bytes, whole.count);
        enum status status = evidence_log_each_checkpoint(rig->path, &rig->key.public_key, see, &seen, &why);
        if (status != STATUS_BAD_SIGNATURE && status != STATUS_MALFORMED) {
            fail_msg("byte %zu: status %s", i, status_name(status));
        }
        checkpoint(rig, &now, &why);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_size, whole.count);
        whole.bytes[i] ^= 1;
    }
    buffer_free(&whole);
    free(path);
}

static void sql_run(struct rig *rig, const char *sql)
{
    sqlite3 *db = NULL;
    char *path = path_join(rig->path, "store.sqlite");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    free(path);
}

static void log_again(struct rig *rig)
{
    evidence_log_free(rig->log);
    assert_int_equal(evidence_log_open(rig->query, &rig->key.public_key, &rig->log), STATUS_OK);
}

/* A collector whose store was altered or set back signs nothing. */
static void test_no_signature_over_another_past(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    struct note_checkpoint now;
    rows_add(rig, 6);
    assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
    rows_add(rig, 3);
    sql_run(rig, "UPDATE bundles SET hash = randomblob(32) WHERE log_index = 2");
    log_again(rig);
    assert_int_equal(checkpoint(rig, &now, &why), STATUS_CONFLICT);
    assert_non_null(strstr(why.text, "altered"));
    sql_run(rig, "DELETE FROM bundles WHERE log_index > 3");
    log_again(rig);
    assert_int_equal(checkpoint(rig, &now, &why), STATUS_CONFLICT);
    assert_non_null(strstr(why.text, "lost"));
    sql_run(rig, "DELETE FROM bundles WHERE log_index = 1");
    log_again(rig);
    assert_int_equal(checkpoint(rig, &now, &why), STATUS_CONFLICT);
    assert_non_null(strstr(why.text, "no entry 1"));
}

struct faults {
    char text[8][WHY_BYTES];
    size_t count;
};

static void fault_keep(void *arg, const char *text)
{
    struct faults *faults = arg;
    assert_in_range(faults->count, 0, 7);
    snprintf(faults->text[faults->count++], WHY_BYTES, "%s", text);
}

static struct faults audited(struct rig *rig, struct audit_counts *counts)
{
    struct faults faults = {.count = 0};
    struct why why = {""};
    struct audit_request request = {
        .query = rig->query, .key = &rig->key.public_key, .fault = fault_keep, .arg = &faults};
    assert_int_equal(audit_run(&request, counts, &why), STATUS_OK);
    assert_int_equal(counts->fault_count, faults.count);
    return faults;
}

static void file_spoil(struct rig *rig, const char *name, long at)
{
    char *path = path_join(rig->path, name);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    fputc(byte ^ 1, file);
    fclose(file);
    free(path);
}

static void test_audit_names_what_was_altered(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    struct note_checkpoint now;
    struct audit_counts counts;
    uint8_t hashes[3][SHA256_BYTES];
    char path[96];
    char minisig[110];
    for (int i = 0; i < 3; i++) {
        bundle_add(rig, hashes[i]);
        assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
    }
    struct faults faults = audited(rig, &counts);
    assert_int_equal(faults.count, 0);
    assert_int_equal(counts.entry_count, 3);
    assert_int_equal(counts.bundle_count, 3);
    assert_int_equal(counts.checkpoint_count, 3);
    assert_memory_equal(&counts.root, &now.root, sizeof now.root);

    query_bundle_path(hashes[1], path);
    snprintf(minisig, sizeof minisig, "%s.minisig", path);
    file_spoil(rig, path, 40);
    faults = audited(rig, &counts);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.text[0], "entry 1"));
    assert_non_null(strstr(faults.text[0], path));
    file_spoil(rig, path, 40);

    file_spoil(rig, minisig, -10);
    faults = audited(rig, &counts);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.text[0], "signature"));
    file_spoil(rig, minisig, -10);

    sql_run(rig, "UPDATE bundles SET sequence = 77 WHERE log_index = 2");
    faults = audited(rig, &counts);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.text[0], "entry 2"));
    sql_run(rig, "UPDATE bundles SET sequence = 3 WHERE log_index = 2");

    file_spoil(rig, "log/checkpoints", -20);
    faults = audited(rig, &counts);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.text[0], "checkpoint 3"));
    file_spoil(rig, "log/checkpoints", -20);
    assert_int_equal(audited(rig, &counts).count, 0);

    sql_run(rig, "UPDATE bundles SET hash = randomblob(32) WHERE log_index = 0");
    faults = audited(rig, &counts);
    assert_int_equal(faults.count, 4); /* its bundle is not there, and no checkpoint holds */
    assert_non_null(strstr(faults.text[0], "entry 0"));
}

static void test_audit_of_a_log_set_back(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    struct note_checkpoint now;
    struct audit_counts counts;
    uint8_t hash[SHA256_BYTES];
    bundle_add(rig, hash);
    bundle_add(rig, hash);
    assert_int_equal(checkpoint(rig, &now, &why), STATUS_OK);
    sql_run(rig, "DELETE FROM bundles WHERE log_index = 1");
    struct faults faults = audited(rig, &counts);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.text[0], "entries are lost"));
    bundle_add(rig, hash); /* another one in its place: the root tells */
    faults = audited(rig, &counts);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.text[0], "were altered"));
}

/* Unsigned lines of other clients are in the log too. */
static void test_unsigned_lines_are_audited(void **state)
{
    struct rig *rig = *state;
    struct why why = {""};
    struct buffer lines = {0};
    struct observation *observations = calloc(4, sizeof *observations);
    struct store_put_result result;
    struct audit_counts counts;
    struct reader line;
    char name[96];
    uint8_t hash[SHA256_BYTES];
    fixture_lines_add(500, 4, &lines);
    struct reader reader = reader_of(lines.bytes, lines.count);
    for (size_t i = 0; reader_line(&reader, &line); i++) {
        assert_int_equal(
            observe_by_tree((const char *)line.bytes, line.left_bytes, NULL, &observations[i], &why), STATUS_OK);
    }
    assert_int_equal(ingest_lines(&rig->folder, lines.bytes, lines.count, observations, 4, FIXTURE_TIME_US, &result,
                                  &why),
                     STATUS_OK);
    assert_int_equal(audited(rig, &counts).count, 0);
    assert_int_equal(counts.bundle_count, 1);
    sha256(lines.bytes, lines.count, hash);
    query_bundle_path(hash, name);
    file_spoil(rig, name, 30);
    assert_int_equal(audited(rig, &counts).count, 1);
    free(observations);
    buffer_free(&lines);
}

/* In a process of its own: bundles and checkpoints, until it is told to stop. */
static void writer_run(const char *path)
{
    struct rig rig = {.path = (char *)path};
    struct why why = {""};
    struct note_checkpoint now;
    uint8_t hash[SHA256_BYTES];
    if (collector_folder_open(path, 60, &rig.folder, &why) != STATUS_OK ||
        collector_folder_key(&rig.folder, &rig.key, &why) != STATUS_OK || query_open(path, &rig.query, &why) != STATUS_OK ||
        evidence_log_open(rig.query, &rig.key.public_key, &rig.log) != STATUS_OK) {
        _exit(1);
    }
    for (;;) {
        bundle_add(&rig, hash);
        checkpoint(&rig, &now, &why);
    }
}

/* A copy made while the log grows is a whole folder: it has every entry that its checkpoints speak of. */
static void test_copies_hold(void **state)
{
    struct rig *rig = *state;
    struct note_checkpoint now;
    struct why why = {""};
    pid_t writer = fork();
    if (writer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        writer_run(rig->path);
    }
    while (checkpoints_seen_count(rig) < 3) {
        assert_int_equal(waitpid(writer, NULL, WNOHANG), 0);
        usleep(20000);
    }
    for (int i = 0; i < 8; i++) {
        struct maintain_copied copied;
        struct rig copy = {.key = rig->key};
        assert_true(asprintf(&copy.path, "%s-copy%d", rig->path, i) > 0);
        assert_int_equal(maintain_copy(rig->path, copy.path, &copied, &why), STATUS_OK);
        assert_int_equal(query_open(copy.path, &copy.query, &why), STATUS_OK);
        assert_int_equal(evidence_log_open(copy.query, &copy.key.public_key, &copy.log), STATUS_OK);
        struct audit_counts counts;
        struct faults faults = audited(&copy, &counts);
        if (faults.count > 0) {
            fail_msg("%s", faults.text[0]);
        }
        assert_int_equal(checkpoint(&copy, &now, &why), STATUS_OK);
        evidence_log_free(copy.log);
        query_close(copy.query);
        fixture_folder_free(copy.path);
    }
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_proofs_follow_checkpoints),
        TEST(test_same_size_same_checkpoint),
        TEST(test_what_is_not_there),
        TEST(test_torn_checkpoint),
        TEST(test_altered_checkpoints),
        TEST(test_no_signature_over_another_past),
        TEST(test_audit_names_what_was_altered),
        TEST(test_audit_of_a_log_set_back),
        TEST(test_unsigned_lines_are_audited),
        TEST(test_copies_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
