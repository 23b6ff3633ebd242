/* The DNS reader against good, broken and hostile messages. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/random.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns_message.h"
#include "tests-network/steps/failure.h"

#define HEADER(flags, rcode, questions, answers) "\x12\x34" flags rcode "\0" questions "\0" answers "\0\0\0\0"
#define QUESTION_A                               "\4Site\4tEst\0\0\1\0\1"
#define ANSWER_A                                 "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x5d\xb8\xd8\x22"

struct message_case {
    const char *name;
    const char *bytes;
    size_t count;
    enum status status;
    size_t record_count;
    const char *failure; /* of a question for A, where it can be read */
};

#define MESSAGE(text) text, sizeof(text) - 1

static const struct message_case cases[] = {
    {"one address", MESSAGE(HEADER("\x81", "\x80", "\1", "\1") QUESTION_A ANSWER_A), STATUS_OK, 1, NULL},
    {"CNAME, then address",
     MESSAGE(HEADER("\x81", "\x80", "\1", "\2") QUESTION_A "\xc0\x0c\0\5\0\1\0\0\0\1\0\6\3web\xc0\x0c"
                                                           "\xc0\x27\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"),
     STATUS_OK, 2, NULL},
    {"only a CNAME",
     MESSAGE(HEADER("\x81", "\x80", "\1", "\1") QUESTION_A "\xc0\x0c\0\5\0\1\0\0\0\1\0\6\3web\xc0\x0c"),
     STATUS_OK, 1, FAILURE_NO_ANSWER},
    {"unknown type is kept without a value",
     MESSAGE(HEADER("\x81", "\x80", "\1", "\1") QUESTION_A "\xc0\x0c\0\x10\0\1\0\0\0\1\0\2\1x"), STATUS_OK, 1,
     FAILURE_NO_ANSWER},
    {"class CH is no answer",
     MESSAGE(HEADER("\x81", "\x80", "\1", "\1") QUESTION_A "\xc0\x0c\0\1\0\3\0\0\0\x3c\0\4\1\2\3\4"),
     STATUS_OK, 0, FAILURE_NO_ANSWER},
    {"NXDOMAIN", MESSAGE(HEADER("\x81", "\x83", "\1", "\0") QUESTION_A), STATUS_OK, 0, FAILURE_NXDOMAIN},
    {"SERVFAIL", MESSAGE(HEADER("\x81", "\x82", "\1", "\0") QUESTION_A), STATUS_OK, 0, FAILURE_SERVFAIL},
    {"REFUSED", MESSAGE(HEADER("\x81", "\x85", "\1", "\0") QUESTION_A), STATUS_OK, 0, FAILURE_DNS_REFUSED},
    {"NOTIMP", MESSAGE(HEADER("\x81", "\x84", "\1", "\0") QUESTION_A), STATUS_OK, 0, FAILURE_MISBEHAVING},
    {"truncated in the middle of an answer",
     MESSAGE(HEADER("\x83", "\x80", "\1", "\1") QUESTION_A "\xc0\x0c\0\1\0"), STATUS_OK, 0,
     FAILURE_NO_ANSWER},
    {"no question", MESSAGE(HEADER("\x81", "\x80", "\0", "\0")), STATUS_OK, 0, FAILURE_NO_ANSWER},
    {"empty", MESSAGE(""), STATUS_MALFORMED, 0, NULL},
    {"half a header", MESSAGE("\x12\x34\x81\x80\0"), STATUS_MALFORMED, 0, NULL},
    {"two questions", MESSAGE(HEADER("\x81", "\x80", "\2", "\0") QUESTION_A QUESTION_A), STATUS_MALFORMED, 0,
     NULL},
    {"question cut", MESSAGE(HEADER("\x81", "\x80", "\1", "\0") "\4Si"), STATUS_MALFORMED, 0, NULL},
    {"name points to itself", MESSAGE(HEADER("\x81", "\x80", "\1", "\0") "\xc0\x0c\0\1\0\1"),
     STATUS_MALFORMED, 0, NULL},
    {"two names point to each other", MESSAGE(HEADER("\x81", "\x80", "\1", "\0") "\xc0\x0e\xc0\x0c\0\1\0\1"),
     STATUS_MALFORMED, 0, NULL},
    {"name points forward", MESSAGE(HEADER("\x81", "\x80", "\1", "\0") "\xc0\x12\0\1\0\1\4test\0"),
     STATUS_MALFORMED, 0, NULL},
    {"name points behind the end", MESSAGE(HEADER("\x81", "\x80", "\1", "\0") "\xff\xff\0\1\0\1"),
     STATUS_MALFORMED, 0, NULL},
    {"reserved label type", MESSAGE(HEADER("\x81", "\x80", "\1", "\0") "\x80\0\0\1\0\1"), STATUS_MALFORMED, 0,
     NULL},
    {"label longer than the rest",
     MESSAGE(HEADER("\x81", "\x80", "\1", "\0") "\x3f"
                                                "abc"),
     STATUS_MALFORMED, 0, NULL},
    {"address of five bytes",
     MESSAGE(HEADER("\x81", "\x80", "\1", "\1") QUESTION_A "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\5\1\2\3\4\5"),
     STATUS_MALFORMED, 0, NULL},
    {"data longer than the rest",
     MESSAGE(HEADER("\x81", "\x80", "\1", "\1") QUESTION_A "\xc0\x0c\0\1\0\1\0\0\0\x3c\xff\xff\1\2\3\4"),
     STATUS_MALFORMED, 0, NULL},
    {"65535 answers claimed, one there", MESSAGE("\x12\x34\x81\x80\0\1\xff\xff\0\0\0\0" QUESTION_A ANSWER_A),
     STATUS_MALFORMED, 0, NULL},
    {"CNAME data longer than its name",
     MESSAGE(HEADER("\x81", "\x80", "\1", "\1") QUESTION_A "\xc0\x0c\0\5\0\1\0\0\0\1\0\7\3web\xc0\x0c\0"),
     STATUS_MALFORMED, 0, NULL},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dns_message message = {.id = 7};
        enum status status = dns_message_read(cases[i].bytes, cases[i].count, &message);
        if (status != cases[i].status)
            print_error("%s\n", cases[i].name);
        assert_int_equal(status, cases[i].status);
        if (status != STATUS_OK) {
            assert_int_equal(message.id, 7); /* untouched */
            continue;
        }
        assert_int_equal(message.id, 0x1234);
        assert_int_equal(message.record_count, cases[i].record_count);
        assert_true(failure_same(dns_message_failure(&message, DNS_TYPE_A), cases[i].failure));
        dns_message_free(&message);
    }
}

static void test_fields(void **state)
{
    (void)state;
    struct dns_message message;
    char text[ADDRESS_TEXT_BYTES];
    assert_int_equal(dns_message_read(cases[1].bytes, cases[1].count, &message), STATUS_OK);
    assert_string_equal(message.question, "site.test");
    assert_int_equal(message.question_type, DNS_TYPE_A);
    assert_true(message.is_response);
    assert_int_equal(message.records[0].type, DNS_TYPE_CNAME);
    assert_string_equal(message.records[0].target, "web.site.test");
    assert_int_equal(message.records[1].ttl_s, 60);
    address_format(&message.records[1].address, text);
    assert_string_equal(text, "1.2.3.4");
    dns_message_free(&message);
}

/* Labels of 63 bytes four times are a name too long to keep; bytes that are no characters are escaped. */
static void test_long_and_odd_names(void **state)
{
    (void)state;
    uint8_t bytes[12 + 4 * 64 + 5] = {0x12, 0x34, 0x81, 0x80, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        bytes[12 + i * 64] = 63;
        memset(bytes + 13 + i * 64, 'a', 63);
    }
    struct dns_message message;
    assert_int_equal(dns_message_read(bytes, sizeof bytes, &message), STATUS_OK);
    assert_int_equal(strlen(message.question), 4 * 64 - 1);
    dns_message_free(&message);
    memset(bytes + 13, 0xff, 63); /* each becomes four characters */
    assert_int_equal(dns_message_read(bytes, sizeof bytes, &message), STATUS_MALFORMED);
    static const char odd[] = HEADER("\x81", "\x80", "\1", "\0") "\4a.\0\\\0\0\1\0\1";
    assert_int_equal(dns_message_read(odd, sizeof odd - 1, &message), STATUS_OK);
    assert_string_equal(message.question, "a\\046\\000\\092");
    dns_message_free(&message);
}

/* A chain of pointers, each just before the last, is followed no further than the label limit allows. */
static void test_pointer_chain_ends(void **state)
{
    (void)state;
    static uint8_t bytes[2048] = {0x12, 0x34, 0x81, 0x80, 0, 0, 0, 1};
    size_t at = 12;
    bytes[at++] = 0;
    for (size_t i = 0; i < 400; i++) {
        size_t target = i == 0 ? 12 : 13 + (i - 1) * 2;
        bytes[at++] = (uint8_t)(0xc0 | target >> 8);
        bytes[at++] = (uint8_t)target;
    }
    struct dns_message message;
    assert_int_equal(dns_message_read(bytes, at, &message), STATUS_MALFORMED);
}

static void test_every_cut_and_many_changes(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 11);
    size_t read_count = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t cut = 0; cut < cases[i].count; cut++) {
            uint8_t *copy = malloc(cut + 1); /* so that one byte too far is found */
            memcpy(copy, cases[i].bytes, cut);
            struct dns_message message;
            if (dns_message_read(copy, cut, &message) == STATUS_OK)
                dns_message_free(&message);
            free(copy);
        }
    }
    for (int round = 0; round < 50000; round++) {
        const struct message_case *from = &cases[random_below(&random, 4)];
        uint8_t *copy = malloc(from->count);
        memcpy(copy, from->bytes, from->count);
        for (int change = 0; change < 3; change++)
            random_fill(&random, &copy[random_below(&random, from->count)], 1);
        struct dns_message message;
        if (dns_message_read(copy, from->count, &message) == STATUS_OK) {
            assert_true(message.record_count <= DNS_RECORDS_MAX);
            assert_true(strlen(message.question) < DNS_NAME_BYTES);
            dns_message_free(&message);
            read_count++;
        }
        free(copy);
    }
    assert_true(read_count > 1000);
}

static void test_many_records(void **state)
{
    (void)state;
    static uint8_t bytes[12 + 200 * 15] = {0x12, 0x34, 0x81, 0x80, 0, 0, 0, 200};
    for (size_t i = 0; i < 200; i++)
        memcpy(bytes + 12 + i * 15, "\0\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 15);
    struct dns_message message;
    assert_int_equal(dns_message_read(bytes, sizeof bytes, &message), STATUS_OK);
    assert_int_equal(message.record_count, DNS_RECORDS_MAX);
    assert_int_equal(message.answer_count, 200);
    dns_message_free(&message);
}

static struct dns_message message_of(uint8_t rcode, struct dns_record *records, size_t count)
{
    return (struct dns_message){.rcode = rcode, .records = records, .record_count = count};
}

static void test_conflicts(void **state)
{
    (void)state;
    struct dns_record one[2] = {{.type = DNS_TYPE_A}, {.type = DNS_TYPE_A}};
    struct dns_record two[2] = {{.type = DNS_TYPE_A}, {.type = DNS_TYPE_A}};
    address_parse("192.0.2.1", 0, &one[0].address);
    address_parse("192.0.2.2", 0, &one[1].address);
    address_parse("192.0.2.2", 0, &two[0].address);
    address_parse("192.0.2.3", 0, &two[1].address);
    struct dns_message a = message_of(0, one, 2), b = message_of(0, two, 2);
    assert_false(dns_message_conflict(&a, &b)); /* one address in common: rotation */
    b = message_of(0, &two[1], 1);
    assert_true(dns_message_conflict(&a, &b));
    b = message_of(0, NULL, 0);
    assert_true(dns_message_conflict(&a, &b));
    assert_false(dns_message_conflict(&b, &b));
    b = message_of(3, NULL, 0);
    assert_true(dns_message_conflict(&a, &b));
    assert_false(dns_message_conflict(&b, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_many_records),
        cmocka_unit_test(test_long_and_odd_names),
        cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_every_cut_and_many_changes),
        cmocka_unit_test(test_pointer_chain_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
