/* Cells of enough probes.
 * Owner: a shown owns its cells.
 * Why: every route draws the line at the same place. */
#include "collector/serve/shown.h"

#include <stdlib.h>
#include <string.h>

#include "collector/privacy.h"
#include "measurement/base/bytes.h"

struct cell {
    char region[REGION_BYTES];
    uint32_t asn;
};

struct shown {
    struct cell *cells;
    size_t count;
};

bool shown_region(const struct store_region *row)
{
    bool is_whole_country = strlen(row->region) < COUNTRY_BYTES && row->asn == 0;
    return is_whole_country || row->probe_count >= PRIVACY_PROBES_LEAST;
}

static struct cell cell_of(const char *region, uint32_t asn)
{
    struct cell cell;
    memset(&cell, 0, sizeof cell);
    memcpy(cell.region, region, strnlen(region, sizeof cell.region - 1));
    cell.asn = asn;
    return cell;
}

static enum status cell_keep(const struct store_region *row, void *arg)
{
    struct buffer *cells = arg;
    if (shown_region(row)) {
        struct cell cell = cell_of(row->region, row->asn);
        buffer_append(cells, &cell, sizeof cell);
    }
    return cells->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static int cell_compare(const void *a, const void *b)
{
    const struct cell *left = a, *right = b;
    int order = strcmp(left->region, right->region);
    return order ? order : (left->asn > right->asn) - (left->asn < right->asn);
}

enum status shown_read(struct query *query, struct shown **out)
{
    struct buffer cells = {0};
    struct shown *shown = calloc(1, sizeof *shown);
    enum status status = shown ? query_regions(query, cell_keep, &cells) : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        buffer_free(&cells);
        free(shown);
        return status;
    }
    shown->cells = (struct cell *)(void *)cells.bytes; /* the buffer's bytes are from malloc, and ours now */
    shown->count = cells.count / sizeof *shown->cells;
    if (shown->count > 0) {
        qsort(shown->cells, shown->count, sizeof *shown->cells, cell_compare);
    }
    *out = shown;
    return STATUS_OK;
}

void shown_free(struct shown *shown)
{
    if (shown) {
        free(shown->cells);
        free(shown);
    }
}

bool shown_has(const struct shown *shown, const char *region, uint32_t asn)
{
    struct cell cell = cell_of(region, asn);
    return shown->count > 0 && bsearch(&cell, shown->cells, shown->count, sizeof cell, cell_compare);
}
