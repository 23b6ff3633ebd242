/* Merkle trees as RFC 6962 hashes them.
 * Owner: nothing is kept; hashes and proofs are the caller's.
 * Why: one file that prover and verifier share, so that both mean the same tree. */
#include "measurement/merkle.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

void merkle_leaf(const void *data, size_t count, struct merkle_hash *out)
{
    static const uint8_t prefix = LEAF_PREFIX;
    uint8_t bytes[1 + 2 * SHA256_BYTES] = {LEAF_PREFIX};
    if (count > 0 && count < sizeof bytes) { /* most are hashes; a context for each would cost more than the hash */
        memcpy(bytes + 1, data, count);
        sha256(bytes, count + 1, out->bytes);
        return;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    memset(out, 0, sizeof *out);
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(context, &prefix, 1) == 1 && EVP_DigestUpdate(context, data, count) == 1) {
        EVP_DigestFinal_ex(context, out->bytes, NULL);
    }
    EVP_MD_CTX_free(context);
}

void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right, struct merkle_hash *out)
{
    uint8_t bytes[1 + 2 * SHA256_BYTES] = {NODE_PREFIX};
    memcpy(bytes + 1, left->bytes, SHA256_BYTES);
    memcpy(bytes + 1 + SHA256_BYTES, right->bytes, SHA256_BYTES);
    sha256(bytes, sizeof bytes, out->bytes);
}

void merkle_empty(struct merkle_hash *out)
{
    sha256("", 0, out->bytes);
}

void merkle_frontier_add(struct merkle_frontier *frontier, const struct merkle_hash *leaf)
{
    struct merkle_hash carry = *leaf;
    unsigned level = 0;
    for (; (frontier->count >> level) & 1; level++) {
        merkle_node(&frontier->peaks[level], &carry, &carry);
    }
    frontier->peaks[level] = carry;
    frontier->count++;
}

void merkle_frontier_root(const struct merkle_frontier *frontier, struct merkle_hash *out)
{
    bool has_any = false;
    merkle_empty(out);
    for (unsigned level = 0; level < MERKLE_LEVELS_MAX; level++) {
        if (((frontier->count >> level) & 1) == 0) {
            continue;
        }
        if (has_any) {
            merkle_node(&frontier->peaks[level], out, out);
        } else {
            *out = frontier->peaks[level];
            has_any = true;
        }
    }
}

/* The greatest level whose subtree is smaller than `count` leaves, where count > 1 (k = 1 << level in the RFC). */
static unsigned split_level(uint64_t count)
{
    unsigned level = 0;
    while ((UINT64_C(2) << level) < count) {
        level++;
    }
    return level;
}

/* MTH(D[begin:end]) where begin is a multiple of the power of two that holds the range. */
static enum status range_root(const struct merkle_source *source, uint64_t begin, uint64_t end,
                              struct merkle_hash *out)
{
    struct merkle_hash parts[MERKLE_LEVELS_MAX + 1];
    size_t count = 0;
    while (end - begin > 0) {
        unsigned level = 0;
        while (level < MERKLE_LEVELS_MAX - 1 && (UINT64_C(2) << level) <= end - begin) {
            level++;
        }
        enum status status = source->node(source->state, level, begin >> level, &parts[count]);
        if (status != STATUS_OK) {
            return status;
        }
        count++;
        begin += UINT64_C(1) << level;
    }
    if (count == 0) {
        merkle_empty(out);
        return STATUS_OK;
    }
    *out = parts[--count];
    while (count > 0) {
        merkle_node(&parts[--count], out, out);
    }
    return STATUS_OK;
}

enum status merkle_root(const struct merkle_source *source, uint64_t size, struct merkle_hash *out)
{
    return range_root(source, 0, size, out);
}

/* Proofs list the deepest hash first; they are gathered from the root down. */
static void proof_turn(struct merkle_proof *proof)
{
    for (size_t i = 0; i < proof->count / 2; i++) {
        struct merkle_hash hash = proof->hashes[i];
        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = hash;
    }
}

enum status merkle_prove_inclusion(const struct merkle_source *source, uint64_t index, uint64_t size,
                                   struct merkle_proof *out)
{
    uint64_t begin = 0;
    uint64_t end = size;
    struct merkle_proof proof = {.count = 0};
    if (index >= size) {
        return STATUS_USAGE;
    }
    while (end - begin > 1) {
        uint64_t middle = begin + (UINT64_C(1) << split_level(end - begin));
        bool is_left = index < middle;
        enum status status = is_left ? range_root(source, middle, end, &proof.hashes[proof.count])
                                     : range_root(source, begin, middle, &proof.hashes[proof.count]);
        if (status != STATUS_OK) {
            return status;
        }
        proof.count++;
        begin = is_left ? begin : middle;
        end = is_left ? middle : end;
    }
    proof_turn(&proof);
    *out = proof;
    return STATUS_OK;
}

/* SUBPROOF(m, D[n], b) of the RFC, from the root down. */
enum status merkle_prove_consistency(const struct merkle_source *source, uint64_t from, uint64_t to,
                                     struct merkle_proof *out)
{
    uint64_t begin = 0;
    uint64_t end = to;
    struct merkle_proof proof = {.count = 0};
    if (from > to) {
        return STATUS_USAGE;
    }
    while (from > 0 && from < to && end != from) {
        uint64_t middle = begin + (UINT64_C(1) << split_level(end - begin));
        bool is_left = from <= middle;
        enum status status = is_left ? range_root(source, middle, end, &proof.hashes[proof.count])
                                     : range_root(source, begin, middle, &proof.hashes[proof.count]);
        if (status != STATUS_OK) {
            return status;
        }
        proof.count++;
        begin = is_left ? begin : middle;
        end = is_left ? middle : end;
    }
    if (begin > 0) { /* the old tree is no whole subtree on the left edge, which its verifier would know */
        enum status status = range_root(source, begin, end, &proof.hashes[proof.count]);
        if (status != STATUS_OK) {
            return status;
        }
        proof.count++;
    }
    proof_turn(&proof);
    *out = proof;
    return STATUS_OK;
}

static enum status hashes_compare(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->bytes, b->bytes, SHA256_BYTES) == 0 ? STATUS_OK : STATUS_BAD_SIGNATURE;
}

enum status merkle_verify_inclusion(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                                    const struct merkle_proof *proof, const struct merkle_hash *root)
{
    uint64_t node = index;
    uint64_t last = size - 1;
    struct merkle_hash hash = *leaf;
    if (index >= size || proof->count > MERKLE_PROOF_MAX) {
        return STATUS_BAD_SIGNATURE;
    }
    for (size_t i = 0; i < proof->count; i++) {
        if (last == 0) {
            return STATUS_BAD_SIGNATURE;
        }
        if ((node & 1) != 0 || node == last) {
            merkle_node(&proof->hashes[i], &hash, &hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            merkle_node(&hash, &proof->hashes[i], &hash);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 ? hashes_compare(&hash, root) : STATUS_BAD_SIGNATURE;
}

/* The climb of RFC 9162 section 2.1.4.2 from the old tree's last leaf; `at` is the first hash not yet used. */
static enum status growth_verify(uint64_t node, uint64_t last, const struct merkle_proof *proof, size_t at,
                                 struct merkle_hash start, const struct merkle_hash *from_root,
                                 const struct merkle_hash *to_root)
{
    struct merkle_hash old = start;
    struct merkle_hash new = start;
    for (; at < proof->count; at++) {
        if (last == 0) {
            return STATUS_BAD_SIGNATURE;
        }
        if ((node & 1) != 0 || node == last) {
            merkle_node(&proof->hashes[at], &old, &old);
            merkle_node(&proof->hashes[at], &new, &new);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            merkle_node(&new, &proof->hashes[at], &new);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0 || hashes_compare(&old, from_root) != STATUS_OK) {
        return STATUS_BAD_SIGNATURE;
    }
    return hashes_compare(&new, to_root);
}

enum status merkle_verify_consistency(uint64_t from, const struct merkle_hash *from_root, uint64_t to,
                                      const struct merkle_hash *to_root, const struct merkle_proof *proof)
{
    struct merkle_hash empty;
    if (from > to || proof->count > MERKLE_PROOF_MAX) {
        return STATUS_BAD_SIGNATURE;
    }
    if (from == 0 || from == to) {
        merkle_empty(&empty);
        return proof->count == 0 ? hashes_compare(from == 0 ? &empty : to_root, from_root)
                                 : STATUS_BAD_SIGNATURE;
    }
    uint64_t node = from - 1;
    uint64_t last = to - 1;
    bool is_whole = (from & (from - 1)) == 0; /* the old root is a subtree of the new tree */
    if (!is_whole && proof->count == 0) {
        return STATUS_BAD_SIGNATURE;
    }
    while ((node & 1) != 0) {
        node >>= 1;
        last >>= 1;
    }
    return growth_verify(node, last, proof, is_whole ? 0 : 1, is_whole ? *from_root : proof->hashes[0],
                         from_root, to_root);
}
