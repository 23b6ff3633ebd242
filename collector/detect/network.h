/* Timelines of single networks in a region, from its presence rows. Pure. A network alone is never confirmed: that
 * needs a second one (design contract section 9). */
#ifndef COLLECTOR_DETECT_NETWORK_H
#define COLLECTOR_DETECT_NETWORK_H

#include "collector/detect/detect.h"

/* Of the probes of one network in one bin: nobody worked and two or more saw the network fail: probable; one did:
 * suspected; two or more worked, and at least as many as failed: ok; else blind. */
enum region_state network_state(uint32_t ok_count, uint32_t fail_count);

/* A presence row reduced to what its network's timeline needs. */
struct network_sign {
    int64_t bin_s;
    uint32_t asn;
    bool has_worked; /* last, in the bin */
    bool has_failed;
};
struct network_sign network_sign_of(const struct presence *row);

typedef enum status (*network_callback)(uint32_t asn, const struct bin_state *row, void *arg);

/* Sorts the signs, and tells each bin of each network once: by network, then by bin; bins without a sign are left out. */
enum status network_bins_tell(struct network_sign *signs, size_t count, network_callback callback, void *arg);

#endif
