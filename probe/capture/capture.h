/* Packets of the probe's own flows, through libpcap, for the network tests' flow_tap. */
#ifndef PROBE_CAPTURE_CAPTURE_H
#define PROBE_CAPTURE_CAPTURE_H

#include <stdint.h>

#include "measurement/base/clock.h"
#include "measurement/base/loop.h"
#include "measurement/base/status.h"
#include "tests-network/flow_tap.h"

struct capture;

struct capture_counts {
    int64_t packet_count;  /* read from the kernel */
    int64_t kept_count;    /* of begun flows */
    int64_t dropped_count; /* by the kernel: we were too slow */
};

/* Opens libpcap on `interface` (NULL: all of them). Needs CAP_NET_RAW here and never again. Without it, or
 * where capturing is impossible, a capture comes all the same: its tap is absent and says why; `why` repeats
 * that sentence (and stays empty otherwise). Borrows the loop and the clock. Nothing is read, and the loop
 * not kept alive, while no flow is begun. NO_MEMORY, else OK. */
enum status capture_open(struct loop *loop, const struct clock *clock, const char *interface,
                         struct capture **out, struct why *why);
/* The tap; valid until capture_free. All flows must have ended before that. */
struct flow_tap capture_tap(struct capture *capture);
struct capture_counts capture_counts(const struct capture *capture);
void capture_free(struct capture *capture);

#endif
