/* What a reader asks for: places, networks, kinds, the least state, a span, one event.
 * Owner: a filter holds everything in itself.
 * Why: the API's parameters and an alert's lines are the same words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/feed/feed.h"
#include "measurement/base/clock.h"

#define ITEM_BYTES 64

/* What was given, where it can be shown: it ends in an answer or in a log. */
static const char *item_shown(const char *item)
{
    for (const char *at = item; *at; at++) {
        if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\') {
            return "(not shown)";
        }
    }
    return item;
}

static enum status region_set(struct feed_filter *filter, const char *item, struct why *why)
{
    if (!region_is_country(item) && !region_is_subdivision(item)) {
        why_set(
            why,
            "\"%s\" is no region: give a country or a subdivision by its ISO 3166 code, such as ML or UA-46",
            item_shown(item));
        return STATUS_MALFORMED;
    }
    memcpy(filter->regions[filter->region_count++], item, strlen(item) + 1);
    return STATUS_OK;
}

static enum status asn_set(struct feed_filter *filter, const char *item, struct why *why)
{
    char *end = NULL;
    const char *digits = strncmp(item, "AS", 2) == 0 ? item + 2 : item;
    errno = 0;
    unsigned long long asn = strtoull(digits, &end, 10);
    if (errno != 0 || *digits < '0' || *digits > '9' || *end || asn > UINT32_MAX) {
        why_set(why,
                "\"%s\" is no network: give its AS number, such as 37447, or 0 for events of all networks",
                item_shown(item));
        return STATUS_MALFORMED;
    }
    filter->asns[filter->asn_count++] = (uint32_t)asn;
    return STATUS_OK;
}

static enum status kind_set(struct feed_filter *filter, const char *item, struct why *why)
{
    enum event_kind kind;
    if (event_kind_parse(item, &kind) != STATUS_OK) {
        why_set(why,
                "\"%s\" is no kind of event: give full_shutdown, mobile_shutdown, "
                "international_cut, dns_failure, service_blocking, throttling, operator_outage, power_cut or "
                "collector_fault",
                item_shown(item));
        return STATUS_MALFORMED;
    }
    filter->kinds |= 1u << kind;
    return STATUS_OK;
}

typedef enum status (*item_callback)(struct feed_filter *filter, const char *item, struct why *why);

/* Calls back for each part between commas, without the spaces around it. */
static enum status items_set(struct feed_filter *filter, const char *value, const size_t *count,
                             item_callback set, struct why *why)
{
    enum status status = STATUS_OK;
    for (const char *at = value; status == STATUS_OK && at;
         at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char item[ITEM_BYTES] = "";
        at += strspn(at, " \t");
        size_t length = strcspn(at, ",");
        while (length > 0 && strchr(" \t", at[length - 1])) {
            length--;
        }
        if (length >= sizeof item || (count && *count >= FEED_FILTER_ITEMS)) {
            why_set(why, "the list is too long: %d entries of at most %d characters are taken",
                    FEED_FILTER_ITEMS, ITEM_BYTES - 1);
            return STATUS_MALFORMED;
        }
        memcpy(item, at, length);
        status = set(filter, item, why);
    }
    return status;
}

static enum status state_set(struct feed_filter *filter, const char *value, struct why *why)
{
    enum region_state state;
    if (region_state_parse(value, &state) != STATUS_OK || state < REGION_SUSPECTED) {
        why_set(why, "state is suspected, probable or confirmed");
        return STATUS_MALFORMED;
    }
    filter->least_state = state;
    return STATUS_OK;
}

static enum status time_set(int64_t *out_us, const char *value, struct why *why)
{
    if (time_parse(value, out_us) != STATUS_OK) {
        why_set(why, "from and to are UTC times such as 2026-01-31T12:00:00Z");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status id_set(struct feed_filter *filter, const char *value, struct why *why)
{
    size_t length = strlen(value);
    if (length == 0 || length >= sizeof filter->id) {
        why_set(why, "id is the id of an event, of at most %d characters", EVENT_ID_BYTES - 1);
        return STATUS_MALFORMED;
    }
    memcpy(filter->id, value, length + 1);
    return STATUS_OK;
}

enum status feed_filter_set(struct feed_filter *filter, const char *key, const char *value, struct why *why)
{
    if (strcmp(key, "region") == 0) {
        return items_set(filter, value, &filter->region_count, region_set, why);
    }
    if (strcmp(key, "asn") == 0) {
        return items_set(filter, value, &filter->asn_count, asn_set, why);
    }
    if (strcmp(key, "kind") == 0) {
        return items_set(filter, value, NULL, kind_set, why);
    }
    if (strcmp(key, "state") == 0) {
        return state_set(filter, value, why);
    }
    if (strcmp(key, "from") == 0 || strcmp(key, "to") == 0) {
        return time_set(key[0] == 'f' ? &filter->span.from_us : &filter->span.to_us, value, why);
    }
    if (strcmp(key, "id") == 0) {
        return id_set(filter, value, why);
    }
    why_set(why, "\"%s\" is no filter: region, asn, kind and state are", item_shown(key));
    return STATUS_NOT_FOUND;
}

static bool region_is_covered(const struct feed_filter *filter, const char *region)
{
    for (size_t i = 0; i < filter->region_count; i++) {
        const char *wanted = filter->regions[i];
        size_t length = strlen(wanted);
        if (strncmp(region, wanted, length) == 0 &&
            (region[length] == '\0' || (region[length] == '-' && length == COUNTRY_BYTES - 1))) {
            return true;
        }
    }
    return filter->region_count == 0;
}

static bool asn_is_covered(const struct feed_filter *filter, uint32_t asn)
{
    for (size_t i = 0; i < filter->asn_count; i++) {
        if (filter->asns[i] == asn) {
            return true;
        }
    }
    return filter->asn_count == 0;
}

bool feed_filter_covers(const struct feed_filter *filter, const struct event *event)
{
    return region_is_covered(filter, event->region) && asn_is_covered(filter, event->asn) &&
           (filter->kinds == 0 || filter->kinds & 1u << event->kind);
}
