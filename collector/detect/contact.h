/* Tells a fault of the collector from a fault of the world: when every region's probes go missing together, nobody's
 * silence means anything. Guide: shutdown-detection, "collector fault". */
#ifndef COLLECTOR_DETECT_CONTACT_H
#define COLLECTOR_DETECT_CONTACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTACT_BINS 36 /* six hours */

struct contact {
    uint64_t counts[CONTACT_BINS]; /* of the last bins without a fault */
    size_t known;
    size_t next;
    bool is_useful; /* enough regions that one of them cannot look like all */
};

void contact_start(struct contact *contact, size_t region_count);
/* Takes the number of probes that reached the collector in the next bin; whether that is a fault of the collector. */
bool contact_is_lost(struct contact *contact, uint64_t count);

#endif
