/* Picks a routine climb's anchors in rotation.
 * Owner: nothing.
 * Why: a TLS handshake with each control every minute costs a volunteer tens of megabytes a day. */
#include "tests-network/ladder/turn.h"

#include <string.h>

#include "tests-network/ladder/climb.h"

enum pick { PICK_ADDRESS, PICK_TLS, PICK_HTTP };

static bool is_pick(const struct anchor *anchor, enum pick pick)
{
    switch (pick) {
    case PICK_ADDRESS:
        return anchor->kind == ANCHOR_FOREIGN;
    case PICK_TLS:
        return anchor->kind == ANCHOR_CONTROL && anchor->port != CLIMB_HTTP_PORT;
    case PICK_HTTP:
        return anchor->kind == ANCHOR_CONTROL && anchor->port == CLIMB_HTTP_PORT;
    }
    return false;
}

static size_t pick_count(const struct anchor_list *anchors, enum pick pick)
{
    size_t count = 0;
    for (size_t i = 0; i < anchors->count; i++) {
        count += is_pick(&anchors->anchors[i], pick);
    }
    return count;
}

/* The n-th of its kind, counted round. */
static bool pick_mark(const struct anchor_list *anchors, enum pick pick, int64_t n, bool *chosen)
{
    size_t count = pick_count(anchors, pick);
    if (count == 0) {
        return false;
    }
    size_t left = (size_t)(n % (int64_t)count);
    for (size_t i = 0; i < anchors->count; i++) {
        if (is_pick(&anchors->anchors[i], pick) && left-- == 0) {
            chosen[i] = true;
            break;
        }
    }
    return true;
}

bool ladder_turn_choose(const struct anchor_list *anchors, int64_t turn, bool *out_chosen)
{
    memset(out_chosen, 0, anchors->count * sizeof *out_chosen);
    bool wants_tls = turn % LADDER_TLS_EVERY == 0 || pick_count(anchors, PICK_HTTP) == 0;
    /* Without TLS nothing is sure: a path that lies may answer plain HTTP as well as it likes. */
    if (turn < 1 || pick_count(anchors, PICK_TLS) == 0 || !pick_mark(anchors, PICK_ADDRESS, turn, out_chosen)) {
        return false;
    }
    return wants_tls ? pick_mark(anchors, PICK_TLS, turn / LADDER_TLS_EVERY, out_chosen)
                     : pick_mark(anchors, PICK_HTTP, turn, out_chosen);
}
