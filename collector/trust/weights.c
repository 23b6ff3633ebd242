/* How far whose word goes.
 * Owner: the caller's list.
 * Why: rows of a key that was stolen, or of a network that cannot be believed, stay where they are, for they were signed; it
 * is in a judgement that they must not speak, or not so loud. Whichever store they come from, they pass here. */
#include "collector/trust/weights.h"

#include <stdlib.h>
#include <string.h>

#include "collector/trust/ledger.h"

struct weights {
    struct ledger ledger;
};

static enum status statement_take(const char *id, int64_t time_us, const char *text, void *arg)
{
    struct trust_statement statement;
    (void)id;
    (void)time_us;
    enum status status = statement_read(text, strlen(text), &statement);
    if (status == STATUS_MALFORMED || statement.kind == STATEMENT_INVITE) {
        return STATUS_OK;
    }
    return status == STATUS_OK ? ledger_add(arg, &statement) : status;
}

static bool anything_is_said(const struct ledger *ledger)
{
    bool is_said = ledger->network_count > 0;
    for (size_t i = 0; i < ledger->probe_count && !is_said; i++) {
        is_said = ledger->probes[i].void_from_us != 0 || ledger->probes[i].is_weighed;
    }
    return is_said;
}

enum status weights_read(const struct collector_folder *folder, struct weights **out, struct why *why)
{
    struct weights *weights = calloc(1, sizeof *weights);
    *out = NULL;
    if (!weights) {
        return STATUS_NO_MEMORY;
    }
    enum status status = folder->store->each_trust(folder->handle, statement_take, &weights->ledger);
    if (status != STATUS_OK) {
        why_set(why, "what is known of the probes' keys cannot be read; check that the store answers");
    }
    if (status == STATUS_OK && anything_is_said(&weights->ledger)) {
        *out = weights;
        return STATUS_OK;
    }
    weights_free(weights);
    return status;
}

void weights_free(struct weights *weights)
{
    if (weights) {
        ledger_free(&weights->ledger);
        free(weights);
    }
}

double weights_of(const struct weights *weights, const char *probe, uint32_t asn, int64_t bin_s)
{
    if (!weights) {
        return 1;
    }
    const struct trust_probe *row = ledger_find(&weights->ledger, probe);
    if (row && row->void_from_us != 0 && bin_s * US_PER_S >= row->void_from_us) {
        return 0;
    }
    return ledger_weight(&weights->ledger, probe) * ledger_network_weight(&weights->ledger, asn);
}

size_t weights_presence(const struct weights *weights, struct presence *rows, size_t count)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < count; i++) {
        double weight = weights_of(weights, rows[i].probe, rows[i].asn, rows[i].bin_s);
        if (weight > 0) {
            rows[kept_count] = rows[i];
            rows[kept_count++].discount = 1 - weight;
        }
    }
    return kept_count;
}

size_t weights_sightings(const struct weights *weights, struct sighting *rows, size_t count)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < count; i++) {
        double weight = weights_of(weights, rows[i].probe, rows[i].asn, rows[i].bin_s);
        if (weight > 0) {
            rows[kept_count] = rows[i];
            rows[kept_count++].discount = 1 - weight;
        }
    }
    return kept_count;
}
