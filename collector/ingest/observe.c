/* One line after the other: its identity, its record, its columns.
 * Owner: the observer owns its reader and its digest; observations hold copies.
 * Why: a digest fetched once and a reader with memory of its own cost a fifth of new ones for each line. */
#include "collector/ingest/observe.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct observer {
    struct json_tree *tree;
    EVP_MD *digest;
    EVP_MD_CTX *context;
};

enum status observer_open(struct observer **out)
{
    struct observer *observer = calloc(1, sizeof *observer);
    if (!observer) {
        return STATUS_NO_MEMORY;
    }
    observer->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    observer->context = EVP_MD_CTX_new();
    enum status status = observer->digest && observer->context ? json_tree_open(&observer->tree) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        *out = observer;
    } else {
        observer_free(observer);
    }
    return status;
}

void observer_free(struct observer *observer)
{
    if (!observer) {
        return;
    }
    json_tree_free(observer->tree);
    EVP_MD_CTX_free(observer->context);
    EVP_MD_free(observer->digest);
    free(observer);
}

static void unsigned_probe_name(const struct record *record, char out[KEY_NAME_BYTES])
{
    struct buffer text = {0};
    uint8_t hash[SHA256_BYTES];
    buffer_printf(&text, "%s\n%s\n%u", record->report_id ? record->report_id : "", record->vantage.country,
                  record->vantage.asn);
    sha256(text.bytes, text.count, hash);
    hex_encode(hash, (KEY_NAME_BYTES - 1) / 2, out);
    buffer_free(&text);
}

static void probe_fill(const struct record *record, const struct public_key *signer, struct observation *out)
{
    out->is_signed = signer != NULL;
    if (signer) {
        public_key_name(signer, out->probe);
    } else {
        unsigned_probe_name(record, out->probe);
    }
}

static enum status identity_read(struct observer *observer, const char *line, size_t count,
                                 uint8_t out[SHA256_BYTES])
{
    bool is_good = EVP_DigestInit_ex2(observer->context, observer->digest, NULL) == 1 &&
                   EVP_DigestUpdate(observer->context, line, count) == 1 &&
                   EVP_DigestFinal_ex(observer->context, out, NULL) == 1;
    return is_good ? STATUS_OK : STATUS_NO_MEMORY;
}

static void columns_fill(const struct json_record *read, const struct record *record, struct observation *out)
{
    struct verdict verdict;
    if (!read->has_verdict) {
        observation_of_record(record, out);
        return;
    }
    if (verdict_of_words(&read->verdict, &verdict) != STATUS_OK) {
        verdict = (struct verdict){.outcome = OUTCOME_UNKNOWN};
    }
    observation_of_verdict(record, &verdict, out);
}

enum status observer_read(struct observer *observer, const char *line, size_t count,
                          const struct public_key *signer, struct observation *out, struct why *why)
{
    struct record record = {0};
    struct json_record read;
    if (count > RECORD_BYTES_MAX) {
        return record_decode(line, count, &record, why); /* which says why not */
    }
    enum status status = json_tree_read(observer->tree, line, count, &read, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = record_of_fields(&read.fields, &record, why);
    record.test_keys = read.test_keys;
    memset(out, 0, sizeof *out);
    if (status == STATUS_OK) {
        status = identity_read(observer, line, count, out->identity);
    }
    if (status == STATUS_OK) {
        probe_fill(&record, signer, out);
        columns_fill(&read, &record, out);
    }
    json_decref(read.test_keys);
    return status;
}

enum status observe_by_tree(const char *line, size_t count, const struct public_key *signer,
                            struct observation *out, struct why *why)
{
    struct record record;
    enum status status = record_decode(line, count, &record, why);
    if (status != STATUS_OK) {
        return status;
    }
    memset(out, 0, sizeof *out);
    measurement_identity(line, count, out->identity);
    probe_fill(&record, signer, out);
    observation_of_record(&record, out);
    record_free(&record);
    return STATUS_OK;
}
