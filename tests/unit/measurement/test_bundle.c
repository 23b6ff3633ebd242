/* Bundles: the round trip, minisign's own word, and what a hostile sender may try with a valid key.
 * Each test owns its buffers.
 * The collector opens these from strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/bundle.h"
#include "tests/unit/skipped.h"

static struct secret_key key;

static int key_setup(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, 11);
    return key_make(&source, &key) == STATUS_OK ? 0 : -1;
}

static struct bundle_label label_of(int64_t count)
{
    return (struct bundle_label){.sequence = 7,
                                 .start_us = INT64_C(1767225600) * US_PER_S,
                                 .end_us = INT64_C(1767229200) * US_PER_S,
                                 .boot_id = "3b241101-e2bb-4255-8caf-4136c566a962",
                                 .measurement_count = count};
}

static void lines_append(struct buffer *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_printf(lines, "{\"n\":%zu}\n", i);
}

/* Signs whatever frame it is given, as a hostile probe can. */
static enum status opened(const void *packed, size_t count, int64_t label_count, struct why *why)
{
    struct bundle_label label = label_of(label_count), out;
    char comment[MINISIG_COMMENT_BYTES_MAX];
    struct buffer minisig = {0}, lines = {0};
    bundle_label_format(&label, comment);
    assert_int_equal(minisig_sign(&key, packed, count, comment, &minisig), STATUS_OK);
    buffer_text(&lines, "kept");
    enum status status =
        bundle_open(&key.public_key, packed, count, (char *)minisig.bytes, minisig.count, &out, &lines, why);
    if (status != STATUS_OK)
        assert_int_equal(lines.count, 4);
    buffer_free(&minisig);
    buffer_free(&lines);
    return status;
}

static void opens_what_it_packed(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, BUNDLE_MEASUREMENTS_MAX};
    for (size_t i = 0; i < 3; i++) {
        struct buffer lines = {0}, packed = {0}, minisig = {0}, back = {0};
        struct bundle_label label = label_of(0), out = {0};
        memset(label.previous_hash, 0xab, SHA256_BYTES);
        struct why why = {0};
        lines_append(&lines, counts[i]);
        assert_int_equal(bundle_pack(&key, &label, lines.bytes, lines.count, &packed, &minisig), STATUS_OK);
        assert_int_equal(label.measurement_count, counts[i]);
        assert_int_equal(bundle_open(&key.public_key, packed.bytes, packed.count, (char *)minisig.bytes,
                                     minisig.count, &out, &back, &why),
                         STATUS_OK);
        char packed_text[MINISIG_COMMENT_BYTES_MAX], opened_text[MINISIG_COMMENT_BYTES_MAX];
        bundle_label_format(&label, packed_text);
        bundle_label_format(&out, opened_text);
        assert_string_equal(opened_text, packed_text);
        assert_int_equal(back.count, lines.count);
        assert_memory_equal(back.bytes, lines.bytes, lines.count);
        buffer_free(&lines);
        buffer_free(&packed);
        buffer_free(&minisig);
        buffer_free(&back);
    }
}

static void refuses_to_pack_past_a_bound(void **state)
{
    (void)state;
    struct buffer packed = {0}, minisig = {0}, many = {0};
    struct bundle_label label = label_of(0);
    lines_append(&many, BUNDLE_MEASUREMENTS_MAX + 1);
    assert_int_equal(bundle_pack(&key, &label, many.bytes, many.count, &packed, &minisig), STATUS_TOO_LARGE);
    static const char *const texts[] = {"", "{}", "{}\n{}", "\n", "{}\n\n{}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(bundle_pack(&key, &label, texts[i], strlen(texts[i]), &packed, &minisig),
                         STATUS_USAGE);
    label.boot_id[0] = '\0';
    assert_int_equal(bundle_pack(&key, &label, "{}\n", 3, &packed, &minisig), STATUS_USAGE);
    label = label_of(0);
    label.end_us = label.start_us - US_PER_S;
    assert_int_equal(bundle_pack(&key, &label, "{}\n", 3, &packed, &minisig), STATUS_USAGE);
    /* 5 MiB that do not compress, in one line. */
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, 5);
    uint8_t *noise = malloc(5u << 20);
    random_fill(&source, noise, 5u << 20);
    for (size_t i = 0; i < 5u << 20; i++)
        noise[i] = noise[i] == '\n' || noise[i] == '\r' ? 'x' : noise[i];
    noise[(5u << 20) - 1] = '\n';
    label = label_of(0);
    assert_int_equal(bundle_pack(&key, &label, noise, 5u << 20, &packed, &minisig), STATUS_TOO_LARGE);
    free(noise);
    assert_int_equal(packed.count, 0);
    assert_int_equal(minisig.count, 0);
    buffer_free(&many);
}

static size_t compressed(const void *bytes, size_t count, uint8_t **out, int level, bool with_size)
{
    size_t room = ZSTD_compressBound(count);
    *out = malloc(room);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, with_size);
    size_t packed = ZSTD_compress2(context, *out, room, bytes, count);
    assert_false(ZSTD_isError(packed));
    ZSTD_freeCCtx(context);
    return packed;
}

static void bombs_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        enum status expected;
    } cases[] = {
        {BUNDLE_UNPACKED_BYTES_MAX, STATUS_MALFORMED},     /* within the bound, but no lines */
        {BUNDLE_UNPACKED_BYTES_MAX + 1, STATUS_TOO_LARGE}, /* by its header alone */
        {(size_t)400 << 20, STATUS_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *zeros = calloc(cases[i].count, 1), *packed;
        assert_non_null(zeros);
        size_t packed_count = compressed(zeros, cases[i].count, &packed, 1, true);
        free(zeros);
        assert_true(packed_count < 100000);
        struct why why = {0};
        assert_int_equal(opened(packed, packed_count, 1, &why), cases[i].expected);
        assert_true(why.text[0] != '\0');
        free(packed);
    }
}

static void frames_must_be_one_and_plain(void **state)
{
    (void)state;
    static const char lines[] = "{\"a\":1}\n{\"b\":2}\n";
    uint8_t *plain, *unsized;
    size_t plain_count = compressed(lines, sizeof lines - 1, &plain, 3, true);
    size_t unsized_count = compressed(lines, sizeof lines - 1, &unsized, 3, false);
    struct why why;
    assert_int_equal(opened(plain, plain_count, 2, &why), STATUS_OK);
    assert_int_equal(opened(plain, plain_count, 1, &why), STATUS_MALFORMED);
    assert_int_equal(opened(plain, plain_count, 3, &why), STATUS_MALFORMED);
    assert_int_equal(opened(unsized, unsized_count, 2, &why), STATUS_MALFORMED);
    for (size_t cut = 0; cut < plain_count; cut++)
        assert_int_equal(opened(plain, cut, 2, &why), STATUS_MALFORMED);
    /* Two frames, a skippable frame before or behind, one byte more. */
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'};
    struct buffer joined = {0};
    buffer_append(&joined, plain, plain_count);
    buffer_append(&joined, plain, plain_count);
    assert_int_equal(opened(joined.bytes, joined.count, 4, &why), STATUS_MALFORMED);
    joined.count = plain_count;
    buffer_append(&joined, skippable, sizeof skippable);
    assert_int_equal(opened(joined.bytes, joined.count, 2, &why), STATUS_MALFORMED);
    joined.count = plain_count;
    buffer_text(&joined, "x");
    assert_int_equal(opened(joined.bytes, joined.count, 2, &why), STATUS_MALFORMED);
    joined.count = 0;
    buffer_append(&joined, skippable, sizeof skippable);
    assert_int_equal(opened(joined.bytes, joined.count, 2, &why), STATUS_MALFORMED);
    buffer_append(&joined, plain, plain_count);
    assert_int_equal(opened(joined.bytes, joined.count, 2, &why), STATUS_MALFORMED);
    assert_int_equal(opened("plain text\n", 11, 1, &why), STATUS_MALFORMED);
    buffer_free(&joined);
    free(plain);
    free(unsized);
}

/* Header fields by hand (RFC 8878 section 3.1.1.1): raw last block of 3 bytes "{}\n". */
static void header_fields_are_bounded(void **state)
{
    (void)state;
    static const uint8_t single[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, '{', '}', '\n'};
    static const uint8_t dictionary[] = {0x28, 0xb5, 0x2f, 0xfd, 0x21, 9, 3, 0x19, 0, 0, '{', '}', '\n'};
    static const uint8_t small_window[] = {0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x00, 3,   0,
                                           0,    0,    0x19, 0,    0,    '{',  '}', '\n'};
    static const uint8_t big_window[] = {0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x89, 3,   0,
                                         0,    0,    0x19, 0,    0,    '{',  '}', '\n'};
    static const uint8_t lying[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 200, 0x19, 0, 0, '{', '}', '\n'};
    static const struct {
        const uint8_t *bytes;
        size_t count;
        enum status expected;
    } cases[] = {
        {single, sizeof single, STATUS_OK},
        {small_window, sizeof small_window, STATUS_OK},
        {dictionary, sizeof dictionary, STATUS_MALFORMED},
        {big_window, sizeof big_window, STATUS_TOO_LARGE},
        {lying, sizeof lying, STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct why why = {0};
        if (opened(cases[i].bytes, cases[i].count, 1, &why) != cases[i].expected)
            fail_msg("case %zu: %s", i, why.text);
    }
}

static void lines_must_be_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t label_count;
        enum status expected;
    } cases[] = {
        {"{}\n", 1, STATUS_OK},          {"{}", 1, STATUS_MALFORMED}, {"{}\n{", 1, STATUS_MALFORMED},
        {"{}\n\n", 2, STATUS_MALFORMED}, {"\n", 1, STATUS_MALFORMED}, {"", 1, STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *packed;
        size_t count = compressed(cases[i].text, strlen(cases[i].text), &packed, 3, true);
        assert_int_equal(opened(packed, count, cases[i].label_count, NULL), cases[i].expected);
        free(packed);
    }
}

static void unsigned_bytes_are_not_unpacked(void **state)
{
    (void)state;
    struct buffer packed = {0}, minisig = {0}, out = {0};
    struct bundle_label label = label_of(0);
    struct why why = {0};
    assert_int_equal(bundle_pack(&key, &label, "{}\n", 3, &packed, &minisig), STATUS_OK);
    for (size_t i = 0; i < packed.count; i++) {
        packed.bytes[i] ^= 1;
        assert_int_equal(bundle_open(&key.public_key, packed.bytes, packed.count, (char *)minisig.bytes,
                                     minisig.count, &label, &out, &why),
                         STATUS_BAD_SIGNATURE);
        packed.bytes[i] ^= 1;
    }
    assert_int_equal(bundle_open(&key.public_key, packed.bytes, packed.count, "junk", 4, &label, &out, &why),
                     STATUS_MALFORMED);
    uint8_t *large = calloc(BUNDLE_PACKED_BYTES_MAX + 1, 1);
    assert_int_equal(bundle_open(&key.public_key, large, BUNDLE_PACKED_BYTES_MAX + 1, (char *)minisig.bytes,
                                 minisig.count, &label, &out, &why),
                     STATUS_TOO_LARGE);
    free(large);
    buffer_free(&minisig);
    assert_int_equal(minisig_sign(&key, packed.bytes, packed.count, "dialtone:2 seq=1", &minisig), STATUS_OK);
    assert_int_equal(bundle_open(&key.public_key, packed.bytes, packed.count, (char *)minisig.bytes,
                                 minisig.count, &label, &out, &why),
                     STATUS_MALFORMED);
    assert_int_equal(out.count, 0);
    buffer_free(&packed);
    buffer_free(&minisig);
    buffer_free(&out);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define TIMES "start=2026-01-01T00:00:00Z end=2026-01-01T01:00:00Z"

static void labels_have_one_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status expected;
    } cases[] = {
        {"dialtone:1 seq=0 prev=" ZEROS " " TIMES " boot=b-1 count=1000", STATUS_OK},
        {"dialtone:1 seq=9223372036854775807 prev=" ZEROS " " TIMES " boot=b count=1", STATUS_OK},
        {"dialtone:1 seq=9223372036854775808 prev=" ZEROS " " TIMES " boot=b count=1", STATUS_MALFORMED},
        {"dialtone:2 seq=0 prev=" ZEROS " " TIMES " boot=b count=1", STATUS_MALFORMED},
        {"dialtone:1 seq=-1 prev=" ZEROS " " TIMES " boot=b count=1", STATUS_MALFORMED},
        {"dialtone:1 seq=01 prev=" ZEROS " " TIMES " boot=b count=1", STATUS_MALFORMED},
        {"dialtone:1 seq= prev=" ZEROS " " TIMES " boot=b count=1", STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=AA" ZEROS " " TIMES " boot=b count=1", STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=00 " TIMES " boot=b count=1", STATUS_MALFORMED},
        {"dialtone:1 seq=0  prev=" ZEROS " " TIMES " boot=b count=1", STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " start=2026-01-01 00:00:00 end=2026-01-01T01:00:00Z boot=b count=1",
         STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS
         " start=2026-01-01T00:00:00.5Z end=2026-01-01T01:00:00Z boot=b count=1",
         STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " start=2026-01-01T02:00:00Z end=2026-01-01T01:00:00Z boot=b count=1",
         STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " " TIMES " boot= count=1", STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " " TIMES " boot=../x count=1", STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " " TIMES " boot=3b241101-e2bb-4255-8caf-4136c566a9622 count=1",
         STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " " TIMES " boot=b count=0", STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " " TIMES " boot=b count=1001", STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " " TIMES " boot=b count=1 ", STATUS_MALFORMED},
        {"dialtone:1 seq=0 prev=" ZEROS " " TIMES " boot=b", STATUS_MALFORMED},
        {"", STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bundle_label label = {.sequence = 77};
        if (bundle_label_parse(cases[i].text, &label) != cases[i].expected)
            fail_msg("%s", cases[i].text);
        char text[MINISIG_COMMENT_BYTES_MAX];
        bundle_label_format(&label, text);
        if (cases[i].expected == STATUS_OK)
            assert_string_equal(text, cases[i].text);
        else
            assert_int_equal(label.sequence, 77);
    }
}

static void minisign_itself_verifies_a_bundle(void **state)
{
    (void)state;
    if (system("command -v minisign >/dev/null 2>&1") != 0)
        skip_because("minisign is not installed");
    char folder[] = "/tmp/dialtone-bundle-XXXXXX", text[PUBLIC_KEY_TEXT_BYTES], command[400];
    assert_non_null(mkdtemp(folder));
    char *file = path_join(folder, "a.jsonl.zst"), *signature = path_join(folder, "a.jsonl.zst.minisig");
    struct buffer packed = {0}, minisig = {0}, lines = {0};
    struct bundle_label label = label_of(0);
    lines_append(&lines, 100);
    assert_int_equal(bundle_pack(&key, &label, lines.bytes, lines.count, &packed, &minisig), STATUS_OK);
    assert_int_equal(file_publish(file, packed.bytes, packed.count, 0644, NULL), STATUS_OK);
    assert_int_equal(file_publish(signature, minisig.bytes, minisig.count, 0644, NULL), STATUS_OK);
    public_key_format(&key.public_key, text);
    snprintf(command, sizeof command, "minisign -Vm %s -P %s >/dev/null 2>&1", file, text);
    assert_int_equal(system(command), 0);
    packed.bytes[packed.count / 2] ^= 1;
    assert_int_equal(file_publish(file, packed.bytes, packed.count, 0644, NULL), STATUS_OK);
    assert_int_not_equal(system(command), 0);
    struct buffer out = {0};
    assert_int_equal(bundle_open(&key.public_key, packed.bytes, packed.count, (char *)minisig.bytes,
                                 minisig.count, &label, &out, NULL),
                     STATUS_BAD_SIGNATURE);
    unlink(file);
    unlink(signature);
    rmdir(folder);
    buffer_free(&packed);
    buffer_free(&minisig);
    buffer_free(&lines);
    free(file);
    free(signature);
}

static void identities_are_of_the_line(void **state)
{
    (void)state;
    uint8_t identity[SHA256_BYTES], hash[SHA256_BYTES];
    measurement_identity("{\"a\":1}", 7, identity);
    sha256("{\"a\":1}", 7, hash);
    assert_memory_equal(identity, hash, SHA256_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_it_packed),
        cmocka_unit_test(refuses_to_pack_past_a_bound),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(frames_must_be_one_and_plain),
        cmocka_unit_test(header_fields_are_bounded),
        cmocka_unit_test(lines_must_be_whole),
        cmocka_unit_test(unsigned_bytes_are_not_unpacked),
        cmocka_unit_test(labels_have_one_text),
        cmocka_unit_test(minisign_itself_verifies_a_bundle),
        cmocka_unit_test(identities_are_of_the_line),
    };
    return cmocka_run_group_tests(tests, key_setup, NULL);
}
