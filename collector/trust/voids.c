/* Whose word counts no more.
 * Owner: the caller's list.
 * Why: rows of a key that was stolen stay where they are, for they were signed; they must not speak in a judgement. */
#include "collector/trust/voids.h"

#include <stdlib.h>
#include <string.h>

#include "collector/trust/ledger.h"

struct voids {
    struct ledger ledger;
    size_t count; /* of keys with a time from which nothing counts */
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

enum status voids_read(const struct collector_folder *folder, struct voids **out, struct why *why)
{
    struct voids *voids = calloc(1, sizeof *voids);
    *out = NULL;
    if (!voids) {
        return STATUS_NO_MEMORY;
    }
    enum status status = folder->store->each_trust(folder->handle, statement_take, &voids->ledger);
    if (status != STATUS_OK) {
        why_set(why, "what is known of the probes' keys cannot be read; check that the store answers");
    }
    for (size_t i = 0; i < voids->ledger.probe_count; i++) {
        voids->count += voids->ledger.probes[i].void_from_us != 0;
    }
    if (status == STATUS_OK && voids->count > 0) {
        *out = voids;
        return STATUS_OK;
    }
    voids_free(voids);
    return status;
}

void voids_free(struct voids *voids)
{
    if (voids) {
        ledger_free(&voids->ledger);
        free(voids);
    }
}

bool voids_has(const struct voids *voids, const char *probe, int64_t bin_s)
{
    const struct trust_probe *row = voids ? ledger_find(&voids->ledger, probe) : NULL;
    return row && row->void_from_us != 0 && bin_s * US_PER_S >= row->void_from_us;
}
