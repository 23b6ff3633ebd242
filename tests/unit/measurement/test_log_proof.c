/* Proofs that stand alone: each entry of logs of many sizes, and whatever is altered, cut or of another key.
 * Each test owns its texts.
 * Why: a proof is read where nobody can be asked; one that holds although a byte is wrong would be worse than none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/log_proof.h"

#define ENTRIES_MAX 21

/* Entry i is the number i, in eight bytes. */
static enum status node_of(void *state, unsigned level, uint64_t place, struct merkle_hash *out)
{
    struct merkle_frontier frontier = {.count = 0};
    (void)state;
    for (uint64_t i = place << level; i < (place + 1) << level; i++) {
        struct merkle_hash leaf;
        merkle_leaf(&i, sizeof i, &leaf);
        merkle_frontier_add(&frontier, &leaf);
    }
    merkle_frontier_root(&frontier, out);
    return STATUS_OK;
}

static struct secret_key key_of(uint64_t seed)
{
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, seed);
    struct secret_key key;
    assert_int_equal(key_make(&source, &key), STATUS_OK);
    return key;
}

static struct buffer proof_make(const struct secret_key *key, uint64_t index, uint64_t size)
{
    const struct merkle_source source = {node_of, NULL};
    struct note_checkpoint checkpoint = {.size = size};
    struct merkle_proof proof;
    struct buffer note = {0}, out = {0};
    note_origin(&key->public_key, checkpoint.origin);
    assert_int_equal(merkle_root(&source, size, &checkpoint.root), STATUS_OK);
    assert_int_equal(note_checkpoint_sign(key, &checkpoint, &note), STATUS_OK);
    assert_int_equal(merkle_prove_inclusion(&source, index, size, &proof), STATUS_OK);
    assert_int_equal(log_proof_write(index, &proof, (const char *)note.bytes, note.count, &out), STATUS_OK);
    buffer_free(&note);
    return out;
}

static enum status verify(const char *text, size_t count, const struct secret_key *key, uint64_t entry)
{
    struct note_checkpoint checkpoint = {.size = 99};
    uint64_t index = 99;
    enum status status = log_proof_verify(text, count, &key->public_key, &entry, sizeof entry, &index, &checkpoint);
    if (status == STATUS_OK) {
        assert_int_equal(index, entry);
    } else {
        assert_int_equal(index, 99);
        assert_int_equal(checkpoint.size, 99);
    }
    return status;
}

static void test_each_entry_of_each_size(void **state)
{
    struct secret_key key = key_of(1), other = key_of(2);
    (void)state;
    for (uint64_t size = 1; size <= ENTRIES_MAX; size++) {
        for (uint64_t index = 0; index < size; index++) {
            struct buffer text = proof_make(&key, index, size);
            assert_int_equal(verify((const char *)text.bytes, text.count, &key, index), STATUS_OK);
            assert_int_equal(verify((const char *)text.bytes, text.count, &key, index + 1), STATUS_BAD_SIGNATURE);
            assert_int_equal(verify((const char *)text.bytes, text.count, &other, index), STATUS_BAD_SIGNATURE);
            buffer_free(&text);
        }
    }
}

static void test_altered_and_cut(void **state)
{
    struct secret_key key = key_of(1);
    struct buffer text = proof_make(&key, 5, 13);
    (void)state;
    for (size_t count = 0; count < text.count; count++) {
        assert_int_not_equal(verify((const char *)text.bytes, count, &key, 5), STATUS_OK);
    }
    for (size_t i = 0; i < text.count; i++) {
        text.bytes[i] ^= 1;
        assert_int_not_equal(verify((const char *)text.bytes, text.count, &key, 5), STATUS_OK);
        text.bytes[i] ^= 1;
    }
    assert_int_equal(verify((const char *)text.bytes, text.count, &key, 5), STATUS_OK);
    buffer_free(&text);
}

/* The form, before anything of it is believed. A line for the writer's own use is passed over. */
static void test_forms(void **state)
{
    static const struct {
        const char *from, *to;
        enum status status;
    } changes[] = {
        {"index 5\n", "extra bWluZQ==\nindex 5\n", STATUS_OK},
        {"index 5\n", "index 05\n", STATUS_MALFORMED},
        {"index 5\n", "index -5\n", STATUS_MALFORMED},
        {"index 5\n", "index \n", STATUS_MALFORMED},
        {"index 5\n", "index 9999999999999999999\n", STATUS_MALFORMED},
        {"index 5\n", "index 5\nQUJD\n", STATUS_MALFORMED},
        {"index 5\n", "", STATUS_MALFORMED},
        {"@v1\n", "@v2\n", STATUS_MALFORMED},
        {"index 5\n", "index 6\n", STATUS_BAD_SIGNATURE},
        {"\n13\n", "\n14\n", STATUS_BAD_SIGNATURE},
    };
    struct secret_key key = key_of(1);
    struct buffer made = proof_make(&key, 5, 13);
    char *text = buffer_take_text(&made);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct buffer changed = {0};
        const char *at = strstr(text, changes[i].from);
        assert_non_null(at);
        buffer_append(&changed, text, (size_t)(at - text));
        buffer_text(&changed, changes[i].to);
        buffer_text(&changed, at + strlen(changes[i].from));
        enum status status = verify((const char *)changed.bytes, changed.count, &key, 5);
        if (status != changes[i].status) {
            fail_msg("\"%s\" for \"%s\": %s", changes[i].to, changes[i].from, status_name(status));
        }
        buffer_free(&changed);
    }
    free(text);
}

static void test_too_many_hashes(void **state)
{
    struct secret_key key = key_of(1);
    struct buffer text = {0};
    (void)state;
    buffer_text(&text, "c2sp.org/tlog-proof@v1\nindex 1\n");
    for (int i = 0; i <= MERKLE_PROOF_MAX; i++) {
        buffer_text(&text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    }
    buffer_text(&text, "\nx\n1\nAAAA\n\n");
    assert_int_equal(verify((const char *)text.bytes, text.count, &key, 1), STATUS_MALFORMED);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_entry_of_each_size),
        cmocka_unit_test(test_altered_and_cut),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_too_many_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
