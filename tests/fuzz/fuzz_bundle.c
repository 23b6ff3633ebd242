/* Fuzzes what opens bundles: the first byte says what the rest is. As a packed bundle it is signed here, as a probe that
 * turned hostile would, so that the unpacker is reached; as a label it is parsed; as a .minisig it signs nothing.
 * Owner: each run frees what it makes; the key is always the same.
 * Why: every upload goes through here, and a probe's key is no promise of good will. */
#include <string.h>

#include "measurement/base/random.h"
#include "measurement/bundle.h"
#include "tests/fuzz/fuzz.h"

static struct secret_key key_of_one(void)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 1);
    struct secret_key key;
    FUZZ_REQUIRE(key_make(&random, &key) == STATUS_OK);
    return key;
}

/* What opens is packed again to something that opens to the same lines. */
static void check_round_trip(const struct secret_key *key, const struct bundle_label *label, const struct buffer *lines)
{
    struct bundle_label again = *label;
    struct bundle_label opened;
    struct buffer packed = {0};
    struct buffer minisig = {0};
    struct buffer second = {0};
    enum status status = bundle_pack(key, &again, lines->bytes, lines->count, &packed, &minisig);
    if (status == STATUS_OK) {
        FUZZ_REQUIRE(bundle_open(&key->public_key, packed.bytes, packed.count, (const char *)minisig.bytes,
                                 minisig.count, &opened, &second, NULL) == STATUS_OK);
        FUZZ_REQUIRE(opened.measurement_count == label->measurement_count);
        FUZZ_REQUIRE(second.count == lines->count && memcmp(second.bytes, lines->bytes, lines->count) == 0);
    } else {
        FUZZ_REQUIRE(status == STATUS_TOO_LARGE); /* what zstd once packed may pack worse */
    }
    buffer_free(&packed);
    buffer_free(&minisig);
    buffer_free(&second);
}

static void open_packed(const uint8_t *bytes, size_t count)
{
    struct secret_key key = key_of_one();
    struct bundle_label label = {.sequence = 1, .boot_id = "fuzz", .measurement_count = 1};
    struct buffer minisig = {0};
    struct buffer lines = {0};
    char comment[MINISIG_COMMENT_BYTES_MAX];
    if (count > 0) {
        label.measurement_count = bytes[0] % 5 + 1;
    }
    bundle_label_format(&label, comment);
    if (minisig_sign(&key, bytes, count, comment, &minisig) == STATUS_OK &&
        bundle_open(&key.public_key, bytes, count, (const char *)minisig.bytes, minisig.count, &label, &lines, NULL) ==
            STATUS_OK) {
        FUZZ_REQUIRE(lines.count > 0 && lines.count <= BUNDLE_UNPACKED_BYTES_MAX && lines.bytes[lines.count - 1] == '\n');
        check_round_trip(&key, &label, &lines);
    }
    buffer_free(&minisig);
    buffer_free(&lines);
}

static void open_signed(const uint8_t *bytes, size_t count)
{
    struct secret_key key = key_of_one();
    struct bundle_label label;
    struct buffer lines = {0};
    static const char packed[] = "\x28\xb5\x2f\xfd";
    FUZZ_REQUIRE(bundle_open(&key.public_key, packed, 4, (const char *)bytes, count, &label, &lines, NULL) != STATUS_OK);
    FUZZ_REQUIRE(lines.count == 0);
    buffer_free(&lines);
}

static void parse_label(const uint8_t *bytes, size_t count)
{
    char comment[MINISIG_COMMENT_BYTES_MAX];
    char again[MINISIG_COMMENT_BYTES_MAX];
    struct bundle_label label;
    if (count >= sizeof comment) {
        return;
    }
    memcpy(comment, bytes, count);
    comment[count] = 0;
    if (bundle_label_parse(comment, &label) == STATUS_OK) {
        bundle_label_format(&label, again);
        FUZZ_REQUIRE(strcmp(comment, again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0) {
        return 0;
    }
    switch (bytes[0] % 3) {
    case 0:
        open_packed(bytes + 1, count - 1);
        break;
    case 1:
        open_signed(bytes + 1, count - 1);
        break;
    default:
        parse_label(bytes + 1, count - 1);
        break;
    }
    return 0;
}
