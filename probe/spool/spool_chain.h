/* STATE/chain.json: where the chain of bundles stands, and how far the batch in work is sealed. */
#ifndef PROBE_SPOOL_SPOOL_CHAIN_H
#define PROBE_SPOOL_SPOOL_CHAIN_H

#include "measurement/base/bytes.h"
#include "measurement/key.h"

struct spool_chain {
    char key_name[KEY_NAME_BYTES]; /* whose chain: a new key begins a new one */
    int64_t next_sequence;         /* from 1 */
    uint8_t previous_hash[SHA256_BYTES];
    int64_t generation;   /* of the batch that the last bundle was cut from */
    int64_t offset_bytes; /* of that batch: what stands before is in bundles */
    int64_t evicted_count; /* bundles evicted so far, as of when this was published */
    int64_t dropped_count; /* lines */
};

/* NOT_FOUND where there is no file. */
enum status spool_chain_read(const char *path, struct spool_chain *out, struct why *why);
enum status spool_chain_publish(const char *path, const struct spool_chain *chain, struct why *why);

#endif
