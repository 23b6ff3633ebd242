/* Which anchors a routine climb tries: while the network works, a few tell so, and the rest of the data is the
 * volunteer's. Whatever they do not find in order makes the climb a whole one, at once. */
#ifndef TESTS_NETWORK_LADDER_TURN_H
#define TESTS_NETWORK_LADDER_TURN_H

#include <stdbool.h>

#include "tests-network/nettest.h"

#define LADDER_TLS_EVERY 6 /* of so many routine climbs one speaks TLS, the others plain HTTP where an anchor does */

/* Marks the anchors of the turn-th routine climb (from 1): one abroad by its address, and one control; over the turns all
 * of them come round. `out_chosen` has room for all. False where the list is too poor for it: then all are climbed. */
bool ladder_turn_choose(const struct anchor_list *anchors, int64_t turn, bool *out_chosen);

#endif
