/* Presence and sightings, folded from measurements as they are read.
 * Owner: one cell at a time, in the caller's struct.
 * Why: the rows come in the order of the cells' keys, so that one cell is whole before the next begins, and
 * every store gives the same cells in the same order. */
#include "collector/store/fold.h"

#include <string.h>

#include "measurement/base/clock.h"

static bool cell_is_same(const struct store_fold *fold, const struct observation *row)
{
    const struct observation *last = &fold->last;
    return bin_start_s(last->time_us, fold->bin_length_s) == bin_start_s(row->time_us, fold->bin_length_s) &&
           last->asn == row->asn && last->is_signed == row->is_signed &&
           strcmp(last->country, row->country) == 0 && strcmp(last->subdivision, row->subdivision) == 0 &&
           strcmp(last->probe, row->probe) == 0 &&
           (fold->sighting_callback ? strcmp(last->subject, row->subject) == 0 : last->access == row->access);
}

enum status store_fold_end(struct store_fold *fold)
{
    if (!fold->is_open) {
        return STATUS_OK;
    }
    fold->is_open = false;
    return fold->sighting_callback ? fold->sighting_callback(&fold->sighting, fold->arg)
                                   : fold->presence_callback(&fold->presence, fold->arg);
}

static void cell_grow(struct store_fold *fold, const struct observation *row)
{
    if (!fold->is_open) {
        memset(&fold->presence, 0, sizeof fold->presence);
        memset(&fold->sighting, 0, sizeof fold->sighting);
    }
    if (fold->sighting_callback) {
        sighting_add(&fold->sighting, row, fold->bin_length_s);
    } else {
        presence_add(&fold->presence, row, fold->bin_length_s);
    }
    fold->is_open = true;
    fold->last = *row;
}

enum status store_fold_add(struct store_fold *fold, const struct observation *row)
{
    if (fold->is_open && !cell_is_same(fold, row)) {
        enum status status = store_fold_end(fold);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!fold->is_open || memcmp(fold->last.identity, row->identity, SHA256_BYTES) != 0) {
        cell_grow(fold, row);
    }
    return STATUS_OK;
}
