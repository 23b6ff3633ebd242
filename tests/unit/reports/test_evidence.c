/* Copies of evidence: what a reader fetches verifies with minisign alone, and nothing is promised that is not
 * there. */
#include "tests/unit/reports/fake_query.h"

#include <sys/stat.h>

#include "measurement/base/file.h"
#include "measurement/bundle.h"
#include "reports/evidence.h"
#include "reports/html/pages.h"

struct folders {
    char data[40];
    char out[40];
    char bundle[2 * SHA256_BYTES + 1];
};

static char *path_of(char out[192], const char *folder, const char *below, const char *name,
                     const char *ending)
{
    snprintf(out, 192, "%s/%s/%s%s", folder, below, name, ending);
    return out;
}

/* A collector's folder with one bundle of one line, which shows the cut. */
static void folders_make(struct folders *folders)
{
    struct random_source random = random_system();
    struct secret_key key;
    struct buffer packed = {0}, signature = {0};
    struct bundle_label label = {.sequence = 1,
                                 .start_us = FAKE_NOW_S * US_PER_S,
                                 .end_us = FAKE_NOW_S * US_PER_S,
                                 .boot_id = "0123456789abcdef"};
    uint8_t hash[SHA256_BYTES], identity[SHA256_BYTES];
    char path[192];
    memcpy(folders->data, "/tmp/dialtone-data-XXXXXX", sizeof "/tmp/dialtone-data-XXXXXX");
    memcpy(folders->out, "/tmp/dialtone-out-XXXXXX", sizeof "/tmp/dialtone-out-XXXXXX");
    assert_non_null(mkdtemp(folders->data));
    assert_non_null(mkdtemp(folders->out));
    assert_int_equal(key_make(&random, &key), STATUS_OK);
    assert_int_equal(
        bundle_pack(&key, &label, FAKE_LINE_TEXT "\n", sizeof FAKE_LINE_TEXT, &packed, &signature),
        STATUS_OK);
    sha256(packed.bytes, packed.count, hash);
    hex_encode(hash, sizeof hash, folders->bundle);
    snprintf(path, sizeof path, "%s/bundles", folders->data);
    assert_int_equal(folder_make(path, 0755, NULL), STATUS_OK);
    assert_int_equal(file_publish(path_of(path, folders->data, "bundles", folders->bundle, ".jsonl.zst"),
                                  packed.bytes, packed.count, 0644, NULL),
                     STATUS_OK);
    assert_int_equal(
        file_publish(path_of(path, folders->data, "bundles", folders->bundle, ".jsonl.zst.minisig"),
                     signature.bytes, signature.count, 0644, NULL),
        STATUS_OK);
    fake_country();
    public_key_format(&key.public_key, fake.public_key);
    measurement_identity(FAKE_LINE_TEXT, strlen(FAKE_LINE_TEXT), identity);
    memcpy(fake.events[1].example, identity, sizeof identity);
    memcpy(fake.measurements[0].observation.identity, identity, sizeof identity);
    memcpy(fake.measurements[0].bundle_hash, hash, sizeof hash);
    fake.measurements[0].line = 0;
    secret_key_wipe(&key);
    buffer_free(&packed);
    buffer_free(&signature);
}

static void folders_remove(const struct folders *folders)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s %s", folders->data, folders->out);
    assert_int_equal(system(command), 0);
}

static const struct report_evidence *cut_evidence(const struct report_model *model)
{
    for (size_t i = 0; i < model->event_count; i++)
        if (strcmp(model->events[i].id, "e-cut") == 0)
            return &model->evidence[model->events[i].example];
    return NULL;
}

static void a_reader_can_verify_what_is_copied(void **state)
{
    (void)state;
    struct folders folders;
    struct why why = {0};
    char path[192], command[640];
    struct stat entry;
    folders_make(&folders);
    struct report_model *model = fake_model();
    assert_int_equal(evidence_publish(NULL, folders.data, model, folders.out, &why), STATUS_OK);
    const struct report_evidence *evidence = cut_evidence(model);
    assert_int_equal(evidence->state, EVIDENCE_PUBLISHED);
    assert_int_equal(evidence->line, 1);
    assert_int_equal(stat(path_of(path, folders.out, "evidence", evidence->identity, ".json"), &entry), 0);
    assert_int_equal(entry.st_size, strlen(FAKE_LINE_TEXT));
    snprintf(command, sizeof command,
             "command -v minisign >/dev/null && command -v zstd >/dev/null || exit 7; cd %s/evidence && "
             "minisign -QVm %s.jsonl.zst -p %s.jsonl.zst.pub >/dev/null && "
             "zstd -dcq %s.jsonl.zst | sed -n 1p | tr -d '\\n' | sha256sum | grep -q %s",
             folders.out, folders.bundle, folders.bundle, folders.bundle, evidence->identity);
    int result = system(command);
    if (result != 7 << 8)
        assert_int_equal(result, 0);
    /* Again: nothing changes, and it is still told as published. */
    for (size_t i = 0; i < model->evidence_count; i++)
        model->evidence[i].state = EVIDENCE_WANTED;
    assert_int_equal(evidence_publish(NULL, folders.data, model, folders.out, &why), STATUS_OK);
    assert_int_equal(cut_evidence(model)->state, EVIDENCE_PUBLISHED);
    report_model_free(model);
    folders_remove(&folders);
}

/* The page names the proof where it stands, and nothing of it where there is none. */
static void a_proof_is_brought_where_there_is_a_log(void **state)
{
    (void)state;
    for (int has_log = 0; has_log < 2; has_log++) {
        struct folders folders;
        struct why why = {0};
        struct buffer page = {0};
        struct stat entry;
        char path[192];
        folders_make(&folders);
        fake.has_log = has_log;
        struct report_model *model = fake_model();
        assert_int_equal(evidence_publish(NULL, folders.data, model, folders.out, &why), STATUS_OK);
        assert_int_equal(stat(path_of(path, folders.out, "evidence", folders.bundle, ".jsonl.zst.tlog-proof"), &entry) == 0,
                         has_log);
        for (size_t i = 0; i < model->event_count; i++)
            if (strcmp(model->events[i].id, "e-cut") == 0)
                page_event(model, &model->events[i], &page);
        char *text = buffer_take_text(&page);
        assert_int_equal(strstr(text, ".jsonl.zst.tlog-proof\">") != NULL, has_log);
        assert_int_equal(strstr(text, "verify --log --key " FAKE_KEY_TEXT) != NULL, has_log);
        free(text);
        report_model_free(model);
        folders_remove(&folders);
    }
}

static void a_bundle_that_is_gone_is_not_promised(void **state)
{
    (void)state;
    struct folders folders;
    struct why why = {0};
    struct buffer page = {0};
    char path[192];
    folders_make(&folders);
    assert_int_equal(remove(path_of(path, folders.data, "bundles", folders.bundle, ".jsonl.zst.minisig")), 0);
    struct report_model *model = fake_model();
    assert_int_equal(evidence_publish(NULL, folders.data, model, folders.out, &why), STATUS_OK);
    assert_int_equal(cut_evidence(model)->state, EVIDENCE_LINE_ONLY);
    for (size_t i = 0; i < model->event_count; i++)
        page_event(model, &model->events[i], &page);
    char *text = buffer_take_text(&page);
    assert_null(strstr(text, "minisign"));
    free(text);
    report_model_free(model);
    folders_remove(&folders);
}

static void withheld_evidence_is_not_copied(void **state)
{
    (void)state;
    struct folders folders;
    struct why why = {0};
    struct stat entry;
    char path[192];
    folders_make(&folders);
    fake.regions[0].probe_count = 2;
    struct report_model *model = fake_model();
    assert_int_equal(evidence_publish(NULL, folders.data, model, folders.out, &why), STATUS_OK);
    assert_int_equal(cut_evidence(model)->state, EVIDENCE_WITHHELD);
    assert_int_not_equal(
        stat(path_of(path, folders.out, "evidence", cut_evidence(model)->identity, ".json"), &entry), 0);
    assert_int_not_equal(stat(path_of(path, folders.out, "evidence", folders.bundle, ".jsonl.zst"), &entry),
                         0);
    report_model_free(model);
    folders_remove(&folders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_can_verify_what_is_copied),
        cmocka_unit_test(a_proof_is_brought_where_there_is_a_log),
        cmocka_unit_test(a_bundle_that_is_gone_is_not_promised),
        cmocka_unit_test(withheld_evidence_is_not_copied),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(fake.states);
    free(fake.sightings);
    return failed;
}
