/* Watches how many probes of all regions together reach the collector.
 * Owner: plain values, nothing is allocated.
 * Why: a collector that was down would otherwise see a shutdown in every region at once. */
#include "collector/detect/contact.h"

#include <stdlib.h>
#include <string.h>

#define SHARE_LEAST   0.6
#define REGIONS_LEAST 5
#define KNOWN_LEAST   6

void contact_start(struct contact *contact, size_t region_count)
{
    *contact = (struct contact){.is_useful = region_count >= REGIONS_LEAST};
}

static int count_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

bool contact_is_lost(struct contact *contact, uint64_t count)
{
    uint64_t sorted[CONTACT_BINS];
    if (!contact->is_useful)
        return false;
    memcpy(sorted, contact->counts, contact->known * sizeof *sorted);
    if (contact->known > 0)
        qsort(sorted, contact->known, sizeof *sorted, count_compare);
    if (contact->known >= KNOWN_LEAST && (double)count < SHARE_LEAST * (double)sorted[contact->known / 2])
        return true;
    contact->counts[contact->next] = count;
    contact->next = (contact->next + 1) % CONTACT_BINS;
    if (contact->known < CONTACT_BINS)
        contact->known++;
    return false;
}
