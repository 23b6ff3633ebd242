/* Fuzzes the reader of sealed files, header and payload. Round trip: what opened seals and opens to the same.
 * Owner: nothing outlives a run. Why: these bytes come from a courier's stick, before anything is known of
 * them. */
#include <string.h>

#include "measurement/age.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT_BYTES 100000

/* Known, so that seeds and mutations of them reach the payload. */
static const char secret[] = "AGE-SECRET-KEY-14D7FC5MCJYXJNZMGA5R4FULKDHDCJJHKSMH73MQQ0CT23XVTSNXST963HX";

static void check_open(const struct age_identity *identity, const uint8_t *bytes, size_t count)
{
    struct buffer plain = {0}, sealed = {0}, again = {0};
    struct random_source random = random_system();
    if (age_open(identity, bytes, count, LIMIT_BYTES, &plain, NULL) == STATUS_OK) {
        FUZZ_REQUIRE(age_is_sealed(bytes, count) && plain.count <= LIMIT_BYTES);
        FUZZ_REQUIRE(age_seal(&identity->recipient, &random, plain.bytes, plain.count, &sealed) == STATUS_OK);
        FUZZ_REQUIRE(age_open(identity, sealed.bytes, sealed.count, LIMIT_BYTES, &again, NULL) == STATUS_OK);
        FUZZ_REQUIRE(again.count == plain.count && memcmp(again.bytes, plain.bytes, plain.count) == 0);
    } else {
        FUZZ_REQUIRE(plain.count == 0);
    }
    buffer_free(&plain);
    buffer_free(&sealed);
    buffer_free(&again);
}

static void check_keys(const uint8_t *bytes, size_t count)
{
    char text[128] = "", again[AGE_RECIPIENT_BYTES];
    struct age_recipient recipient;
    struct age_identity identity;
    memcpy(text, bytes, count < sizeof text - 1 ? count : sizeof text - 1);
    if (age_recipient_parse(text, &recipient) == STATUS_OK) {
        age_recipient_format(&recipient, again);
        FUZZ_REQUIRE(strcmp(text, again) == 0);
    }
    if (age_identity_parse(text, &identity) == STATUS_OK)
        FUZZ_REQUIRE(age_recipient_parse(text, &recipient) != STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct age_identity identity;
    FUZZ_REQUIRE(age_identity_parse(secret, &identity) == STATUS_OK);
    check_open(&identity, bytes, count);
    if (count > 0)
        check_keys(bytes, count);
    return 0;
}
