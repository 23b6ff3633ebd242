/* Merkle trees: the vectors of Certificate Transparency, and every proof of every small tree, true and altered.
 * Each test owns its leaves.
 * Why: a proof that verifies although the log was rewritten would be worse than none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "measurement/merkle.h"

#define TREE_MOST 70

/* Leaf data and roots of trees of 1 to 8 leaves, as certificate-transparency-go and RFC 6962 implementations share
 * them. */
static const struct {
    const char *data;
    size_t count;
    const char *root;
} vectors[] = {
    {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"\x50\x51\x52\x53\x54\x55\x56\x57", 8, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

struct leaves {
    struct merkle_hash hashes[TREE_MOST];
};

static enum status leaf_node(void *state, unsigned level, uint64_t place, struct merkle_hash *out)
{
    const struct leaves *leaves = state;
    struct merkle_hash left, right;
    if (level == 0) {
        assert_in_range(place, 0, TREE_MOST - 1);
        *out = leaves->hashes[place];
        return STATUS_OK;
    }
    leaf_node(state, level - 1, 2 * place, &left);
    leaf_node(state, level - 1, 2 * place + 1, &right);
    merkle_node(&left, &right, out);
    return STATUS_OK;
}

static void leaves_make(struct leaves *leaves)
{
    for (uint64_t i = 0; i < TREE_MOST; i++) {
        merkle_leaf(&i, sizeof i, &leaves->hashes[i]);
    }
}

/* MTH by the letter of RFC 6962 section 2.1. */
static void root_by_definition(const struct leaves *leaves, size_t begin, size_t end, struct merkle_hash *out)
{
    struct merkle_hash left, right;
    size_t half = 1;
    if (end - begin == 1) {
        *out = leaves->hashes[begin];
        return;
    }
    while (half * 2 < end - begin) {
        half *= 2;
    }
    root_by_definition(leaves, begin, begin + half, &left);
    root_by_definition(leaves, begin + half, end, &right);
    merkle_node(&left, &right, out);
}

static void test_vectors(void **state)
{
    (void)state;
    struct merkle_frontier frontier = {.count = 0};
    struct merkle_hash hash;
    char digits[2 * SHA256_BYTES + 1];
    merkle_frontier_root(&frontier, &hash);
    hex_encode(hash.bytes, SHA256_BYTES, digits);
    assert_string_equal(digits, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        merkle_leaf(vectors[i].data, vectors[i].count, &hash);
        merkle_frontier_add(&frontier, &hash);
        merkle_frontier_root(&frontier, &hash);
        hex_encode(hash.bytes, SHA256_BYTES, digits);
        assert_string_equal(digits, vectors[i].root);
    }
}

static void test_roots_agree(void **state)
{
    (void)state;
    struct leaves leaves;
    struct merkle_frontier frontier = {.count = 0};
    struct merkle_source source = {leaf_node, &leaves};
    struct merkle_hash grown, read, wanted;
    leaves_make(&leaves);
    for (size_t size = 1; size <= TREE_MOST; size++) {
        merkle_frontier_add(&frontier, &leaves.hashes[size - 1]);
        merkle_frontier_root(&frontier, &grown);
        root_by_definition(&leaves, 0, size, &wanted);
        assert_int_equal(merkle_root(&source, size, &read), STATUS_OK);
        assert_memory_equal(&grown, &wanted, sizeof wanted);
        assert_memory_equal(&read, &wanted, sizeof wanted);
    }
}

static void test_inclusion(void **state)
{
    (void)state;
    struct leaves leaves;
    struct merkle_source source = {leaf_node, &leaves};
    struct merkle_proof proof;
    struct merkle_hash root;
    leaves_make(&leaves);
    for (uint64_t size = 1; size <= TREE_MOST; size++) {
        merkle_root(&source, size, &root);
        for (uint64_t i = 0; i < size; i++) {
            assert_int_equal(merkle_prove_inclusion(&source, i, size, &proof), STATUS_OK);
            assert_int_equal(merkle_verify_inclusion(&leaves.hashes[i], i, size, &proof, &root), STATUS_OK);
            uint64_t other = (i + 1) % size;
            assert_true(size == 1 || merkle_verify_inclusion(&leaves.hashes[other], i, size, &proof, &root) ==
                                         STATUS_BAD_SIGNATURE);
            assert_true(size == 1 || merkle_verify_inclusion(&leaves.hashes[i], other, size, &proof, &root) ==
                                         STATUS_BAD_SIGNATURE);
            for (size_t at = 0; at < proof.count; at++) {
                struct merkle_proof altered = proof;
                altered.hashes[at].bytes[at % SHA256_BYTES] ^= 1;
                assert_int_equal(merkle_verify_inclusion(&leaves.hashes[i], i, size, &altered, &root),
                                 STATUS_BAD_SIGNATURE);
            }
            struct merkle_proof longer = proof;
            longer.hashes[longer.count++] = root;
            assert_int_equal(merkle_verify_inclusion(&leaves.hashes[i], i, size, &longer, &root),
                             STATUS_BAD_SIGNATURE);
        }
        assert_int_equal(merkle_prove_inclusion(&source, size, size, &proof), STATUS_USAGE);
    }
    assert_int_equal(merkle_verify_inclusion(&leaves.hashes[0], 0, 0, &proof, &root), STATUS_BAD_SIGNATURE);
}

static void growth_check(const struct merkle_source *source, uint64_t from, uint64_t to)
{
    struct merkle_proof proof;
    struct merkle_hash from_root, to_root, wrong;
    merkle_root(source, from, &from_root);
    merkle_root(source, to, &to_root);
    assert_int_equal(merkle_prove_consistency(source, from, to, &proof), STATUS_OK);
    assert_int_equal(merkle_verify_consistency(from, &from_root, to, &to_root, &proof), STATUS_OK);
    wrong = from_root;
    wrong.bytes[0] ^= 1;
    assert_int_equal(merkle_verify_consistency(from, &wrong, to, &to_root, &proof), STATUS_BAD_SIGNATURE);
    wrong = to_root;
    wrong.bytes[31] ^= 0x80;
    assert_true(from == 0 ||
                merkle_verify_consistency(from, &from_root, to, &wrong, &proof) == STATUS_BAD_SIGNATURE);
    for (size_t at = 0; at < proof.count; at++) {
        struct merkle_proof altered = proof;
        altered.hashes[at].bytes[0] ^= 1;
        assert_int_equal(merkle_verify_consistency(from, &from_root, to, &to_root, &altered),
                         STATUS_BAD_SIGNATURE);
        altered = proof;
        altered.count = at;
        assert_int_equal(merkle_verify_consistency(from, &from_root, to, &to_root, &altered),
                         STATUS_BAD_SIGNATURE);
    }
}

static void test_consistency(void **state)
{
    (void)state;
    struct leaves leaves;
    struct merkle_source source = {leaf_node, &leaves};
    struct merkle_proof proof;
    leaves_make(&leaves);
    for (uint64_t to = 0; to <= TREE_MOST; to++) {
        for (uint64_t from = 0; from <= to; from++) {
            growth_check(&source, from, to);
        }
    }
    assert_int_equal(merkle_prove_consistency(&source, 2, 1, &proof), STATUS_USAGE);
}

/* A leaf changed, or two exchanged, in the old part: no proof of the new tree leads from the old root. */
static void test_rewritten_log_is_found(void **state)
{
    (void)state;
    struct leaves before, after;
    struct merkle_source old_source = {leaf_node, &before}, new_source = {leaf_node, &after};
    struct merkle_hash old_root, new_root;
    struct merkle_proof proof;
    leaves_make(&before);
    for (uint64_t from = 1; from < 20; from++) {
        merkle_root(&old_source, from, &old_root);
        for (uint64_t changed = 0; changed < from; changed++) {
            after = before;
            after.hashes[changed].bytes[5] ^= 4;
            merkle_root(&new_source, 33, &new_root);
            merkle_prove_consistency(&new_source, from, 33, &proof);
            assert_int_equal(merkle_verify_consistency(from, &old_root, 33, &new_root, &proof),
                             STATUS_BAD_SIGNATURE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),     cmocka_unit_test(test_roots_agree),
        cmocka_unit_test(test_inclusion),   cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_rewritten_log_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
