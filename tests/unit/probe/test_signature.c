/* Each of the nineteen signatures from the fewest packets that make it, and what makes none.
 * Owner: nothing.
 * Why: a common end of a connection called tampering is an accusation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "probe/capture/signature.h"

/* "<S" in, ">S" out: direction and flags, then s sequence, a acknowledgement, l length, t TTL. */
static json_t *packets_of(const char *text)
{
    json_t *array = json_array();
    char *copy = strdup(text), *left = copy, *word;
    while ((word = strsep(&left, " "))) {
        char flags[8] = "";
        int at = 1 + (int)strspn(word + 1, "SARFP");
        snprintf(flags, sizeof flags, "%.*s", at - 1, word + 1);
        json_t *packet = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i}", "dir", word[0] == '<' ? "in" : "out", "flags", flags,
                                   "seq", 1, "ack", 1, "len", 0, "ttl", 60);
        for (char *field = word + at; *field;) {
            static const char *const keys[] = {['s'] = "seq", ['a'] = "ack", ['l'] = "len", ['t'] = "ttl"};
            const char *key = keys[(unsigned char)*field];
            json_object_set_new(packet, key, json_integer(strtol(field + 1, &field, 10)));
        }
        json_array_append_new(array, packet);
    }
    free(copy);
    return array;
}

#define HANDSHAKE ">Ss0 <SAs0 >A "

static const struct {
    const char *packets;
    double silence_s;
    int number;
    enum verdict_confidence confidence;
} cases[] = {
    {">Ss0 >Ss0 >Ss0", 3, 1, CONFIDENCE_WEAK},
    {">Ss0 <R", 0, 2, CONFIDENCE_WEAK},
    {">Ss0 <RA", 0, 3, CONFIDENCE_WEAK},
    {">Ss0 <RA <R", 0, 4, CONFIDENCE_WEAK},
    {HANDSHAKE ">PAl100 >PAl100", 4, 5, CONFIDENCE_WEAK}, /* sent again, never acknowledged */
    {HANDSHAKE "<R", 0, 6, CONFIDENCE_MEDIUM},
    {HANDSHAKE "<R <R", 0, 7, CONFIDENCE_MEDIUM},
    {HANDSHAKE "<RA", 0, 8, CONFIDENCE_MEDIUM},
    {HANDSHAKE "<RA <RA", 0, 9, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <Aa101", 5, 10, CONFIDENCE_WEAK},
    {HANDSHAKE ">PAl100 <Ra7", 0, 11, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <RA", 0, 12, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <R <RA", 0, 13, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <RA <RA <RA", 0, 14, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <Ra7 <Ra7", 0, 15, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <Ra7 <Ra8", 0, 16, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <Ra7 <Ra0", 0, 17, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <Aa101l500 >PAs101l50 <R", 0, 18, CONFIDENCE_MEDIUM},
    {HANDSHAKE ">PAl100 <Aa101l500 >PAs101l50 <RA", 0, 19, CONFIDENCE_MEDIUM},
    /* Evidence. */
    {HANDSHAKE ">PAl100 <RAt200", 0, 12, CONFIDENCE_STRONG},
    {HANDSHAKE ">PAl100 <RA <Al500", 0, 12, CONFIDENCE_CERTAIN},
    {">Ss0 <RA <SAs0", 0, 3, CONFIDENCE_CERTAIN},
    /* None. */
    {">Ss0", 2.9, 0, CONFIDENCE_NONE},
    {HANDSHAKE ">PAl100 <Aa101l500 >FA <FA", 9, 0, CONFIDENCE_NONE},
    {HANDSHAKE ">PAl100 <Aa101l500 >FA <R", 9, 0, CONFIDENCE_NONE},  /* after its end */
    {HANDSHAKE ">PAl100 <Aa101l500 <R", 0, 0, CONFIDENCE_NONE},      /* answered, then a hard end */
    {HANDSHAKE ">PAl100 <Aa101l500", 9, 0, CONFIDENCE_NONE},
    {HANDSHAKE ">R", 9, 0, CONFIDENCE_NONE},                         /* our own */
    {">PAl100 <R", 9, 0, CONFIDENCE_NONE},                           /* its beginning was not seen */
    {HANDSHAKE ">PAl100 <Aa101", 2, 0, CONFIDENCE_NONE},
};

static void each_is_told(void **state)
{
    (void)state;
    bool seen[SIGNATURES + 1] = {false};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *packets = packets_of(cases[i].packets);
        const struct signature signature = signature_of(packets, cases[i].silence_s);
        if (signature.number != cases[i].number || signature.confidence != cases[i].confidence)
            fail_msg("%s: %s (%s), not %s", cases[i].packets, signature_name(signature.number),
                     confidence_name(signature.confidence), signature_name(cases[i].number));
        json_t *object = signature_encode(&signature, packets);
        assert_int_equal(object != NULL, cases[i].number > 0);
        if (object) {
            assert_string_equal(json_member_text(object, "signature"), signature_name(cases[i].number));
            assert_int_equal(json_array_size(json_member_array(object, "injected")), signature.reset_count);
        }
        seen[signature.number] = true;
        json_decref(object);
        json_decref(packets);
    }
    for (int i = 0; i <= SIGNATURES; i++)
        assert_true(seen[i]);
}

static void names_are_the_papers(void **state)
{
    (void)state;
    assert_string_equal(signature_name(0), "");
    assert_string_equal(signature_name(20), "");
    for (int i = 1; i <= SIGNATURES; i++) {
        assert_true(strlen(signature_name(i)) > 0);
        for (int j = 1; j < i; j++)
            assert_string_not_equal(signature_name(i), signature_name(j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_told), cmocka_unit_test(names_are_the_papers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
