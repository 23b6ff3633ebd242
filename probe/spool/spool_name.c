/* Reads and writes the names of files in the spool.
 * Owns nothing.
 * What the probe must know of a bundle that it cannot open again stands in its name: one rename publishes both. */
#include "probe/spool/spool_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HASH_DIGITS (2 * SHA256_BYTES)

const char *spool_rank_name(enum spool_rank rank)
{
    switch (rank) {
    case SPOOL_CLEAN:
        return "clean";
    case SPOOL_ANOMALY:
        return "anomaly";
    case SPOOL_JOURNAL:
        return "journal";
    }
    return "journal";
}

const char *spool_pending_name(enum spool_rank rank)
{
    switch (rank) {
    case SPOOL_CLEAN:
        return "pending-clean.jsonl";
    case SPOOL_ANOMALY:
        return "pending-anomaly.jsonl";
    case SPOOL_JOURNAL:
        return "pending.jsonl";
    }
    return "pending.jsonl";
}

static enum spool_ending ending_of(const char *text)
{
    if (strcmp(text, SPOOL_PACKED) == 0)
        return SPOOL_IS_PACKED;
    if (strcmp(text, SPOOL_MINISIG) == 0)
        return SPOOL_IS_MINISIG;
    return strcmp(text, SPOOL_SEALED) == 0 ? SPOOL_IS_SEALED : SPOOL_IS_OTHER;
}

static bool key_name_is_good(const char *text)
{
    return strspn(text, "0123456789abcdef") == KEY_NAME_BYTES - 1 && text[KEY_NAME_BYTES - 1] == '-';
}

enum spool_ending spool_name_parse(const char *file_name, struct spool_name *out)
{
    struct spool_name name = {.rank = SPOOL_JOURNAL};
    int used = 0;
    if (!key_name_is_good(file_name) ||
        sscanf(file_name + KEY_NAME_BYTES, "%10" SCNd64 "%n", &name.sequence, &used) != 1 || name.sequence < 0)
        return SPOOL_IS_OTHER;
    memcpy(name.key_name, file_name, KEY_NAME_BYTES - 1);
    const char *rest = file_name + KEY_NAME_BYTES + used;
    if (rest[0] == '-') {
        char digits[HASH_DIGITS + 1] = "";
        if (rest[1] < '0' || rest[1] >= '0' + SPOOL_RANKS || rest[2] != '-')
            return SPOOL_IS_OTHER;
        name.rank = (enum spool_rank)(rest[1] - '0');
        snprintf(digits, sizeof digits, "%s", rest + 3);
        if (hex_decode(digits, name.hash, SHA256_BYTES) != STATUS_OK)
            return SPOOL_IS_OTHER;
        name.has_hash = true;
        rest += 3 + HASH_DIGITS;
    }
    enum spool_ending ending = ending_of(rest);
    if (ending != SPOOL_IS_OTHER)
        *out = name;
    return ending;
}

void spool_name_format(const struct spool_name *name, char out[SPOOL_NAME_BYTES])
{
    char digits[HASH_DIGITS + 1];
    hex_encode(name->hash, SHA256_BYTES, digits);
    if (name->has_hash)
        snprintf(out, SPOOL_NAME_BYTES, "%s-%010" PRId64 "-%d-%s", name->key_name, name->sequence, (int)name->rank, digits);
    else
        snprintf(out, SPOOL_NAME_BYTES, "%s-%010" PRId64, name->key_name, name->sequence);
}

void spool_name_stem(const char *file_name, enum spool_ending ending, char out[SPOOL_NAME_BYTES])
{
    static const size_t lengths[] = {
        [SPOOL_IS_PACKED] = sizeof SPOOL_PACKED - 1,
        [SPOOL_IS_MINISIG] = sizeof SPOOL_MINISIG - 1,
        [SPOOL_IS_SEALED] = sizeof SPOOL_SEALED - 1,
    };
    snprintf(out, SPOOL_NAME_BYTES, "%.*s", (int)(strlen(file_name) - lengths[ending]), file_name);
}

bool spool_batch_parse(const char *file_name, int64_t *out_generation, enum spool_rank *out_rank)
{
    char again[SPOOL_NAME_BYTES];
    int64_t generation;
    if (sscanf(file_name, "sealing-%10" SCNd64, &generation) != 1 || generation < 0)
        return false;
    for (int rank = 0; rank < SPOOL_RANKS; rank++) {
        spool_batch_format(generation, (enum spool_rank)rank, again);
        if (strcmp(again, file_name) == 0) {
            *out_generation = generation;
            *out_rank = (enum spool_rank)rank;
            return true;
        }
    }
    return false;
}

void spool_batch_format(int64_t generation, enum spool_rank rank, char out[SPOOL_NAME_BYTES])
{
    bool is_named = rank != SPOOL_JOURNAL;
    snprintf(out, SPOOL_NAME_BYTES, "sealing-%" PRId64 "%s%s.jsonl", generation, is_named ? "-" : "",
             is_named ? spool_rank_name(rank) : "");
}
