/* Merkle trees as RFC 6962 section 2.1 hashes them: roots, inclusion and consistency proofs, and their verification.
 * The log of accepted bundles is one; whoever holds a root can be shown that a bundle is in it and that it only grew. */
#ifndef MEASUREMENT_MERKLE_H
#define MEASUREMENT_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "measurement/base/bytes.h"

#define MERKLE_LEVELS_MAX 63
#define MERKLE_PROOF_MAX  (MERKLE_LEVELS_MAX + 1)

struct merkle_hash {
    uint8_t bytes[SHA256_BYTES];
};

struct merkle_proof {
    struct merkle_hash hashes[MERKLE_PROOF_MAX];
    size_t count;
};

/* SHA-256(0x00 || data), SHA-256(0x01 || left || right), SHA-256() of no leaf at all. */
void merkle_leaf(const void *data, size_t count, struct merkle_hash *out);
void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right, struct merkle_hash *out);
void merkle_empty(struct merkle_hash *out);

/* Leaves in their order, of which only the roots of whole subtrees are kept. Zero-initialise to start. */
struct merkle_frontier {
    uint64_t count;
    struct merkle_hash peaks[MERKLE_LEVELS_MAX]; /* by level; there where the bit of `count` is set */
};
void merkle_frontier_add(struct merkle_frontier *frontier, const struct merkle_hash *leaf);
void merkle_frontier_root(const struct merkle_frontier *frontier, struct merkle_hash *out);

/* Where hashes of whole subtrees come from: the one that holds the leaves [place << level, (place + 1) << level). */
struct merkle_source {
    enum status (*node)(void *state, unsigned level, uint64_t place, struct merkle_hash *out);
    void *state;
};
enum status merkle_root(const struct merkle_source *source, uint64_t size, struct merkle_hash *out);
/* PATH(index, D[size]); USAGE where index >= size. */
enum status merkle_prove_inclusion(const struct merkle_source *source, uint64_t index, uint64_t size,
                                   struct merkle_proof *out);
/* PROOF(from, D[to]); empty where from is 0 or equals to. USAGE where from > to. */
enum status merkle_prove_consistency(const struct merkle_source *source, uint64_t from, uint64_t to,
                                     struct merkle_proof *out);

/* RFC 9162 section 2.1.3.2 and 2.1.4.2. BAD_SIGNATURE where the proof does not lead from one to the other. */
enum status merkle_verify_inclusion(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                                    const struct merkle_proof *proof, const struct merkle_hash *root);
enum status merkle_verify_consistency(uint64_t from, const struct merkle_hash *from_root, uint64_t to,
                                      const struct merkle_hash *to_root, const struct merkle_proof *proof);

#endif
