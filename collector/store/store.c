/* Finds a store by name among those that were built in.
 * Owner: the registry is constant; nothing is owned here.
 * Why: adding a backend adds a folder; nobody else learns its name. */
#include <string.h>

#include "collector/store/store.h"

/* Every store keeps enumerations as numbers: reordering one must fail the build, not misread old stores. */
_Static_assert(OUTCOME_UNKNOWN == 0 && OUTCOME_OK == 1 && OUTCOME_BLOCKED == 2 && OUTCOME_DOWN == 3 &&
                   OUTCOME_OFFLINE == 4,
               "stored numbers of outcomes");
_Static_assert(LAYER_NONE == 0 && LAYER_DNS == 1 && LAYER_TCP == 2 && LAYER_TLS == 3 && LAYER_HTTP == 4 &&
                   LAYER_QUIC == 5 && LAYER_THROTTLING == 6 && LAYER_PATH == 7,
               "stored numbers of layers");
_Static_assert(CONFIDENCE_NONE == 0 && CONFIDENCE_WEAK == 1 && CONFIDENCE_MEDIUM == 2 &&
                   CONFIDENCE_STRONG == 3 && CONFIDENCE_CERTAIN == 4 && CONFIDENCE_COUNT == 5,
               "stored numbers of confidence");
_Static_assert(CONNECTIVITY_UNKNOWN == 0 && CONNECTIVITY_NO_LINK == 1 && CONNECTIVITY_NO_GATEWAY == 2 &&
                   CONNECTIVITY_RESOLVER_DEAD == 3 && CONNECTIVITY_DOMESTIC_ONLY == 4 &&
                   CONNECTIVITY_DNS_FAILURE == 5 && CONNECTIVITY_TLS_BLOCKED == 6 &&
                   CONNECTIVITY_FULL_SHUTDOWN == 7 && CONNECTIVITY_CAPTIVE_PORTAL == 8 &&
                   CONNECTIVITY_WORKING == 9,
               "stored numbers of connectivity");
_Static_assert(ACCESS_UNKNOWN == 0 && ACCESS_FIXED == 1 && ACCESS_MOBILE == 2, "stored numbers of access");
_Static_assert(REGION_BLIND == 0 && REGION_OK == 1 && REGION_SUSPECTED == 2 && REGION_PROBABLE == 3 &&
                   REGION_CONFIRMED == 4,
               "stored numbers of region states");
_Static_assert(EVENT_FULL_SHUTDOWN == 0 && EVENT_MOBILE_SHUTDOWN == 1 && EVENT_INTERNATIONAL_CUT == 2 &&
                   EVENT_DNS_FAILURE == 3 && EVENT_SERVICE_BLOCKING == 4 && EVENT_THROTTLING == 5 &&
                   EVENT_OPERATOR_OUTAGE == 6 && EVENT_POWER_CUT == 7 && EVENT_COLLECTOR_FAULT == 8,
               "stored numbers of event kinds");

const struct store *store_find(const char *name)
{
    for (const struct store *const *entry = store_registry; *entry; entry++) {
        if (strcmp((*entry)->name, name) == 0) {
            return *entry;
        }
    }
    return NULL;
}

enum status store_put_one(const struct store *store, struct store_handle *handle,
                          const struct store_bundle *bundle, const struct observation *observations,
                          size_t count, struct store_put_result *out, struct why *why)
{
    struct store_put put = {.bundle = bundle, .observations = observations, .count = count};
    enum status status = store->put_bundles(handle, &put, 1, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (put.status == STATUS_OK) {
        *out = put.result;
    } else {
        why_set(why, "%s", put.why.text);
    }
    return put.status;
}

enum status store_puts_end(struct store_put *puts, size_t count, enum status status, const struct why *why)
{
    for (size_t i = 0; i < count && status != STATUS_OK; i++) {
        puts[i].status = status;
        puts[i].why = why ? *why : (struct why){""};
    }
    return status;
}
