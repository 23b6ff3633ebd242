/* Who may send: enrolment in three modes, invitations, revocation, rotation, limits, and what probes say of themselves.
 * Owner: each test has a data folder of its own.
 * Why: a key that was thrown out must stay out, in every process that shares the store, across restarts. */
#include "tests/unit/collector/fixture.h"

#include "collector/trust/enrolment.h"
#include "collector/trust/ledger.h"
#include "collector/trust/trust.h"
#include "measurement/base/json.h"

struct rig {
    char *path;
    struct collector_folder folder;
    struct clock_manual time;
    struct trust_config config;
    struct trust *trust;
    struct secret_key collector;
};

static void trust_again(struct rig *rig, enum trust_enrolment enrolment)
{
    struct why why = {""};
    trust_free(rig->trust);
    rig->trust = NULL;
    rig->config.enrolment = enrolment;
    assert_int_equal(trust_open(&rig->folder, &rig->config, false, &rig->trust, &why), STATUS_OK);
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct why why = {""};
    rig->path = fixture_folder();
    assert_int_equal(collector_folder_open(rig->path, 60, &rig->folder, &why), STATUS_OK);
    assert_int_equal(collector_folder_key(&rig->folder, &rig->collector, &why), STATUS_OK);
    rig->time = (struct clock_manual){FIXTURE_TIME_US, US_PER_S};
    rig->config = trust_config_default();
    rig->config.clock = clock_of_manual(&rig->time);
    trust_again(rig, TRUST_OPEN);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    trust_free(rig->trust);
    collector_folder_close(&rig->folder);
    fixture_folder_free(rig->path);
    free(rig);
    return 0;
}

static void time_pass(struct rig *rig, int64_t seconds)
{
    rig->time.now_wall_us += seconds * US_PER_S;
    rig->time.now_monotonic_us += seconds * US_PER_S;
}

static struct bundle_label label_now(void)
{
    return (struct bundle_label){.start_us = FIXTURE_TIME_US - US_PER_S, .end_us = FIXTURE_TIME_US};
}

static enum status admitted(struct rig *rig, const struct secret_key *key)
{
    struct bundle_label label = label_now();
    struct why why = {""};
    enum status status = trust_admit(rig->trust, &key->public_key, &label, FIXTURE_TIME_US, &why);
    assert_true(status == STATUS_OK || why.text[0]);
    return status;
}

static void name_of(const struct secret_key *key, char out[KEY_NAME_BYTES])
{
    public_key_name(&key->public_key, out);
}

static void test_open_takes_all_and_writes_nothing(void **state)
{
    struct rig *rig = *state;
    struct secret_key key = fixture_key(1);
    struct trust_probe row;
    struct why why = {""};
    char name[KEY_NAME_BYTES];
    name_of(&key, name);
    assert_int_equal(admitted(rig, &key), STATUS_OK);
    assert_int_equal(trust_enrol(rig->trust, &key.public_key, NULL, false, &why), STATUS_DUPLICATE);
    trust_find(rig->trust, name, &row);
    assert_int_equal(row.standing, TRUST_UNKNOWN);
    assert_int_equal(trust_enrol(rig->trust, &key.public_key, NULL, true, &why), STATUS_OK);
    trust_find(rig->trust, name, &row);
    assert_int_equal(row.standing, TRUST_ENROLLED);
    assert_int_equal(row.enrolled_us, FIXTURE_TIME_US);
}

static void test_invitation(void **state)
{
    struct rig *rig = *state;
    struct secret_key keys[3] = {fixture_key(1), fixture_key(2), fixture_key(3)};
    struct random_source random = random_system();
    struct trust_probe row;
    struct why why = {""};
    char code[TRUST_CODE_BYTES];
    char name[KEY_NAME_BYTES];
    trust_again(rig, TRUST_INVITATION);
    assert_int_equal(admitted(rig, &keys[0]), STATUS_REFUSED);
    assert_int_equal(trust_enrol(rig->trust, &keys[0].public_key, NULL, false, &why), STATUS_REFUSED);
    assert_int_equal(trust_enrol(rig->trust, &keys[0].public_key, "no such code", false, &why), STATUS_REFUSED);
    assert_int_equal(trust_invite(rig->trust, "Bukavu", 2, FIXTURE_TIME_US + 3600 * US_PER_S, &random, code, &why),
                     STATUS_OK);
    assert_int_equal(trust_enrol(rig->trust, &keys[0].public_key, code, false, &why), STATUS_OK);
    assert_int_equal(trust_enrol(rig->trust, &keys[0].public_key, code, false, &why), STATUS_DUPLICATE);
    assert_int_equal(admitted(rig, &keys[0]), STATUS_OK);
    assert_int_equal(admitted(rig, &keys[1]), STATUS_REFUSED);
    trust_again(rig, TRUST_INVITATION); /* as after a restart */
    assert_int_equal(admitted(rig, &keys[0]), STATUS_OK);
    assert_int_equal(trust_enrol(rig->trust, &keys[1].public_key, code, false, &why), STATUS_OK);
    assert_int_equal(trust_enrol(rig->trust, &keys[2].public_key, code, false, &why), STATUS_REFUSED);
    assert_non_null(strstr(why.text, "used up"));
    name_of(&keys[1], name);
    trust_find(rig->trust, name, &row);
    assert_string_equal(row.label, "Bukavu");
    assert_int_equal(trust_invite(rig->trust, "Goma", 2, FIXTURE_TIME_US + 3600 * US_PER_S, &random, code, &why), STATUS_OK);
    time_pass(rig, 3700);
    assert_int_equal(trust_enrol(rig->trust, &keys[2].public_key, code, false, &why), STATUS_REFUSED);
    assert_non_null(strstr(why.text, "run out"));
}

/* The code stands in no file: whoever reads the folder cannot enrol with it. */
static void test_code_is_kept_nowhere(void **state)
{
    struct rig *rig = *state;
    struct random_source random = random_system();
    struct why why = {""};
    struct buffer bytes = {0};
    char code[TRUST_CODE_BYTES];
    assert_int_equal(trust_invite(rig->trust, "x", 1, 0, &random, code, &why), STATUS_OK);
    static const char *const names[] = {"store.sqlite", "store.sqlite-wal"};
    for (size_t i = 0; i < 2; i++) {
        char *path = path_join(rig->path, names[i]);
        assert_int_equal(file_read(path, 1 << 24, &bytes, NULL), STATUS_OK);
        free(path);
    }
    assert_null(memmem(bytes.bytes, bytes.count, code, strlen(code)));
    buffer_free(&bytes);
}

static void test_closed(void **state)
{
    struct rig *rig = *state;
    struct secret_key key = fixture_key(1);
    struct random_source random = random_system();
    struct why why = {""};
    char code[TRUST_CODE_BYTES];
    assert_int_equal(trust_invite(rig->trust, "", 5, 0, &random, code, &why), STATUS_OK);
    trust_again(rig, TRUST_CLOSED);
    assert_int_equal(trust_enrol(rig->trust, &key.public_key, code, false, &why), STATUS_REFUSED);
    assert_int_equal(admitted(rig, &key), STATUS_REFUSED);
    assert_int_equal(trust_enrol(rig->trust, &key.public_key, NULL, true, &why), STATUS_OK);
    assert_int_equal(admitted(rig, &key), STATUS_OK);
}

static void test_revocation(void **state)
{
    struct rig *rig = *state;
    struct secret_key key = fixture_key(1);
    struct bundle_label label = label_now();
    struct trust *other = NULL; /* another process on the same store */
    struct why why = {""};
    char name[KEY_NAME_BYTES];
    name_of(&key, name);
    assert_int_equal(trust_open(&rig->folder, &rig->config, true, &other, &why), STATUS_OK);
    assert_int_equal(trust_admit(other, &key.public_key, &label, FIXTURE_TIME_US, &why), STATUS_OK);
    assert_true(trust_counts(other, name, FIXTURE_TIME_US));
    assert_int_equal(trust_restore(rig->trust, name, &why), STATUS_NOT_FOUND);
    assert_int_equal(trust_revoke(rig->trust, name, FIXTURE_TIME_US - 5, "key was stolen", &why), STATUS_OK);
    assert_int_equal(admitted(rig, &key), STATUS_REFUSED);
    assert_int_equal(trust_admit_file(rig->trust, &key.public_key, &label, FIXTURE_TIME_US, &why), STATUS_REFUSED);
    assert_int_equal(trust_enrol(rig->trust, &key.public_key, NULL, true, &why), STATUS_REFUSED);
    assert_true(trust_counts(rig->trust, name, FIXTURE_TIME_US - 6));
    assert_false(trust_counts(rig->trust, name, FIXTURE_TIME_US - 5));
    time_pass(rig, 10);
    assert_int_equal(trust_admit(other, &key.public_key, &label, FIXTURE_TIME_US, &why), STATUS_REFUSED);
    assert_false(trust_counts(other, name, FIXTURE_TIME_US));
    assert_int_equal(trust_restore(rig->trust, name, &why), STATUS_OK);
    assert_int_equal(admitted(rig, &key), STATUS_OK);
    assert_true(trust_counts(rig->trust, name, FIXTURE_TIME_US));
    trust_free(other);
}

static void test_rotation(void **state)
{
    struct rig *rig = *state;
    struct secret_key a = fixture_key(1), b = fixture_key(2), c = fixture_key(3), d = fixture_key(4);
    struct trust_probe row;
    struct why why = {""};
    char name[KEY_NAME_BYTES];
    trust_again(rig, TRUST_CLOSED);
    assert_int_equal(trust_rotate(rig->trust, &a.public_key, &b.public_key, false, &why), STATUS_REFUSED);
    assert_int_equal(trust_enrol(rig->trust, &a.public_key, NULL, true, &why), STATUS_OK);
    time_pass(rig, 100);
    assert_int_equal(trust_rotate(rig->trust, &a.public_key, &b.public_key, false, &why), STATUS_OK);
    assert_int_equal(trust_rotate(rig->trust, &a.public_key, &b.public_key, false, &why), STATUS_DUPLICATE);
    assert_int_equal(trust_rotate(rig->trust, &a.public_key, &c.public_key, false, &why), STATUS_CONFLICT);
    assert_int_equal(admitted(rig, &b), STATUS_OK);
    assert_int_equal(admitted(rig, &a), STATUS_OK); /* what it has not sent yet */
    name_of(&b, name);
    trust_find(rig->trust, name, &row);
    assert_int_equal(row.enrolled_us, FIXTURE_TIME_US); /* its age is its predecessor's */
    name_of(&a, name);
    assert_string_equal(row.before, name);
    assert_int_equal(trust_enrol(rig->trust, &c.public_key, NULL, true, &why), STATUS_OK);
    assert_int_equal(trust_rotate(rig->trust, &c.public_key, &b.public_key, false, &why), STATUS_CONFLICT);
    assert_int_equal(trust_rotate(rig->trust, &c.public_key, &c.public_key, false, &why), STATUS_MALFORMED);
    name_of(&c, name);
    assert_int_equal(trust_revoke(rig->trust, name, 1, "", &why), STATUS_OK);
    assert_int_equal(trust_rotate(rig->trust, &c.public_key, &d.public_key, false, &why), STATUS_REFUSED);
}

/* In the open, keys that nobody has heard of cannot fill the store with successors. */
static void test_unheard_keys_do_not_rotate(void **state)
{
    struct rig *rig = *state;
    struct secret_key a = fixture_key(1), b = fixture_key(2);
    struct why why = {""};
    assert_int_equal(trust_rotate(rig->trust, &a.public_key, &b.public_key, false, &why), STATUS_REFUSED);
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        int64_t start_s, end_s; /* from now */
        enum status status;
    } cases[] = {
        {-10, 0, STATUS_OK},
        {-10, 86400, STATUS_OK},
        {-10, 86402, STATUS_MALFORMED},
        {0, -1, STATUS_MALFORMED},
        {-90 * INT64_C(86400), -1, STATUS_OK},
        {-TRUST_AGE_MOST_DAYS * INT64_C(86400) + 60, 0, STATUS_OK},
        {-TRUST_AGE_MOST_DAYS * INT64_C(86400) - 60, 0, STATUS_MALFORMED},
        {-3653 * INT64_C(86400), -3653 * INT64_C(86400) + 60, STATUS_MALFORMED},
        {3653 * INT64_C(86400), 3653 * INT64_C(86400) + 60, STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bundle_label label = {.start_us = FIXTURE_TIME_US + cases[i].start_s * US_PER_S,
                                     .end_us = FIXTURE_TIME_US + cases[i].end_s * US_PER_S};
        struct why why = {""};
        assert_int_equal(trust_times_check(&label, FIXTURE_TIME_US, &why), cases[i].status);
    }
}

static void test_limits(void **state)
{
    struct rig *rig = *state;
    struct secret_key key = fixture_key(1), other = fixture_key(2);
    int64_t wait_s = 0;
    rig->config.each = (struct limiter_rate){5, 60};
    rig->config.all = (struct limiter_rate){8, 600};
    trust_again(rig, TRUST_OPEN);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(admitted(rig, &key), STATUS_OK);
    }
    assert_int_equal(admitted(rig, &key), STATUS_BUSY);
    assert_int_equal(admitted(rig, &other), STATUS_OK); /* nobody is held for another's haste */
    time_pass(rig, 2);
    assert_int_equal(admitted(rig, &key), STATUS_OK);
    assert_int_equal(admitted(rig, &key), STATUS_OK);
    assert_int_equal(admitted(rig, &key), STATUS_BUSY);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(trust_admit_request(rig->trust, &wait_s), STATUS_OK);
    }
    assert_int_equal(trust_admit_request(rig->trust, &wait_s), STATUS_BUSY);
    assert_int_equal(wait_s, 1);
    time_pass(rig, 1);
    assert_int_equal(trust_admit_request(rig->trust, &wait_s), STATUS_OK);
}

/* A million keys: the table keeps its size, and the one that sent much is not forgotten for those that sent one. */
static void test_limiter_is_bounded(void **state)
{
    (void)state;
    struct limiter *limiter = NULL;
    struct limiter_rate rate = {3, 1};
    const uint8_t busy[KEY_ID_BYTES] = {1, 2, 3};
    int64_t wait_s = 0;
    assert_int_equal(limiter_open(rate, rate, &limiter), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(limiter_take(limiter, busy, 0, &wait_s));
    }
    for (uint32_t i = 0; i < 1000000; i++) {
        uint8_t id[KEY_ID_BYTES] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 9};
        assert_true(limiter_take(limiter, id, 0, &wait_s));
    }
    assert_false(limiter_take(limiter, busy, 0, &wait_s));
    assert_in_range(wait_s, 60, 61);
    limiter_free(limiter);
}

struct said {
    struct buffer text;
    struct buffer minisig;
};

static struct said say(const struct secret_key *key, json_t *root)
{
    struct said said = {0};
    assert_int_equal(json_write(root, &said.text), STATUS_OK);
    assert_int_equal(minisig_sign(key, said.text.bytes, said.text.count, "dialtone enrolment", &said.minisig), STATUS_OK);
    json_decref(root);
    return said;
}

static enum status heard(struct rig *rig, const struct secret_key *signer, struct said said, struct enrolment *out)
{
    struct why why = {""};
    enum status status = enrolment_read((const char *)said.text.bytes, said.text.count, &signer->public_key,
                                        (const char *)said.minisig.bytes, said.minisig.count,
                                        &rig->collector.public_key, FIXTURE_TIME_US, out, &why);
    assert_true(status == STATUS_OK || why.text[0]);
    buffer_free(&said.text);
    buffer_free(&said.minisig);
    return status;
}

static void test_what_probes_say(void **state)
{
    struct rig *rig = *state;
    struct secret_key key = fixture_key(1), other = fixture_key(2);
    struct enrolment enrolment;
    char mine[PUBLIC_KEY_TEXT_BYTES], theirs[PUBLIC_KEY_TEXT_BYTES], here[PUBLIC_KEY_TEXT_BYTES];
    char now[TIME_TEXT_BYTES], late[TIME_TEXT_BYTES];
    public_key_format(&key.public_key, mine);
    public_key_format(&other.public_key, theirs);
    public_key_format(&rig->collector.public_key, here);
    time_format_utc(FIXTURE_TIME_US, now);
    time_format_utc(FIXTURE_TIME_US - 90000 * US_PER_S, late);
#define SAY(...) say(&key, json_pack(__VA_ARGS__))
    assert_int_equal(heard(rig, &key, SAY("{s:i, s:s, s:s, s:s}", "dialtone_enrolment", 1, "key", mine, "time", now, "invitation", "abc"), &enrolment), STATUS_OK);
    assert_false(enrolment.is_rotation);
    assert_string_equal(enrolment.invitation, "abc");
    assert_int_equal(heard(rig, &key, SAY("{s:i, s:s, s:s, s:s}", "dialtone_enrolment", 1, "key", mine, "time", now, "collector", here), &enrolment), STATUS_OK);
    assert_int_equal(heard(rig, &key, SAY("{s:i, s:s, s:s, s:s}", "dialtone_enrolment", 1, "key", mine, "time", now, "collector", theirs), &enrolment), STATUS_REFUSED);
    assert_int_equal(heard(rig, &key, SAY("{s:i, s:s, s:s}", "dialtone_enrolment", 1, "key", mine, "time", late), &enrolment), STATUS_REFUSED);
    assert_int_equal(heard(rig, &key, SAY("{s:i, s:s}", "dialtone_enrolment", 1, "key", mine), &enrolment), STATUS_MALFORMED);
    assert_int_equal(heard(rig, &key, SAY("{s:i, s:s, s:s}", "dialtone_enrolment", 1, "key", theirs, "time", now), &enrolment), STATUS_BAD_SIGNATURE);
    assert_int_equal(heard(rig, &other, SAY("{s:i, s:s, s:s}", "dialtone_enrolment", 1, "key", theirs, "time", now), &enrolment), STATUS_BAD_SIGNATURE);
    assert_int_equal(heard(rig, &key, SAY("{s:i}", "dialtone_other", 1), &enrolment), STATUS_MALFORMED);
    assert_int_equal(heard(rig, &key, SAY("[i]", 1), &enrolment), STATUS_MALFORMED);
    assert_int_equal(heard(rig, &key, SAY("{s:i, s:s, s:s, s:s}", "dialtone_rotation", 1, "old_key", mine, "new_key", theirs, "time", late), &enrolment), STATUS_OK);
    assert_true(enrolment.is_rotation);
    assert_int_equal(heard(rig, &key, SAY("{s:i, s:s, s:s, s:s}", "dialtone_rotation", 1, "old_key", theirs, "new_key", mine, "time", now), &enrolment), STATUS_BAD_SIGNATURE);
}

/* On another machine's clock an invitation may be used before it was made. */
static void test_use_before_invitation(void **state)
{
    (void)state;
    struct ledger ledger = {.probes = NULL};
    struct trust_statement use = {.kind = STATEMENT_ENROL, .time_us = 5, .probe = "0123456789abcdef", .invitation = "c0de"};
    struct trust_statement invite = {.kind = STATEMENT_INVITE, .time_us = 6, .invitation = "c0de", .label = "Goma", .use_count = 2};
    assert_int_equal(ledger_add(&ledger, &use), STATUS_OK);
    assert_int_equal(ledger_add(&ledger, &invite), STATUS_OK);
    assert_int_equal(ledger_invitation(&ledger, "c0de")->used_count, 1);
    assert_int_equal(ledger_invitation(&ledger, "c0de")->use_count, 2);
    assert_string_equal(ledger_find(&ledger, "0123456789abcdef")->label, "Goma");
    ledger_free(&ledger);
}

/* Two collectors let in the last user at once: every collector comes to the same, whichever statement it reads first. */
static void test_the_first_user_wins(void **state)
{
    struct trust_statement invite = {.kind = STATEMENT_INVITE, .time_us = 1, .invitation = "c0de", .use_count = 1};
    struct trust_statement first = {.kind = STATEMENT_ENROL, .time_us = 5, .probe = "fedcba9876543210", .invitation = "c0de"};
    struct trust_statement second = {.kind = STATEMENT_ENROL, .time_us = 6, .probe = "0123456789abcdef", .invitation = "c0de"};
    struct trust_statement late = invite;
    late.time_us = 7; /* on a clock that is ahead */
    const struct trust_statement *const orders[2][4] = {{&invite, &first, &first, &second}, {&first, &first, &second, &late}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ledger ledger = {.probes = NULL};
        for (size_t j = 0; j < 4; j++) {
            assert_int_equal(ledger_add(&ledger, orders[i][j]), STATUS_OK);
        }
        assert_int_equal(ledger_find(&ledger, first.probe)->standing, TRUST_ENROLLED);
        assert_int_equal(ledger_find(&ledger, second.probe)->standing, TRUST_UNKNOWN);
        assert_int_equal(ledger_invitation(&ledger, "c0de")->used_count, 1);
        ledger_free(&ledger);
    }
}

static void test_statements_read_back(void **state)
{
    (void)state;
    struct trust_statement statement = {.kind = STATEMENT_REVOKE, .time_us = 5, .from_us = -3, .label = "it's \"x\" \n"};
    struct trust_statement again;
    struct buffer text = {0};
    char id[STATEMENT_ID_BYTES];
    snprintf(statement.probe, sizeof statement.probe, "0123456789abcdef");
    assert_int_equal(statement_write(&statement, &text, id), STATUS_OK);
    assert_int_equal(statement_read((const char *)text.bytes, text.count, &again), STATUS_OK);
    assert_memory_equal(&again, &statement, sizeof again);
    assert_int_equal(statement_read("{\"kind\":\"bless\"}", 16, &again), STATUS_MALFORMED);
    assert_int_equal(statement_read("{}", 2, &again), STATUS_MALFORMED);
    assert_int_equal(statement_read("nonsense", 8, &again), STATUS_MALFORMED);
    buffer_free(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_open_takes_all_and_writes_nothing),
        TEST(test_invitation),
        TEST(test_code_is_kept_nowhere),
        TEST(test_closed),
        TEST(test_revocation),
        TEST(test_rotation),
        TEST(test_unheard_keys_do_not_rotate),
        TEST(test_times),
        TEST(test_limits),
        TEST(test_limiter_is_bounded),
        TEST(test_what_probes_say),
        TEST(test_use_before_invitation),
        TEST(test_the_first_user_wins),
        TEST(test_statements_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
