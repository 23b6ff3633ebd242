/* The rows of new bundles: which of their measurements the store lacks, in the form that an insert sends. */
#ifndef COLLECTOR_STORE_CLICKHOUSE_PUT_ROWS_H
#define COLLECTOR_STORE_CLICKHOUSE_PUT_ROWS_H

#include "collector/store/clickhouse/clickhouse_store.h"

/* `fresh` are indices into `puts`. Fills in each one's counts, and appends all rows to `out`. */
enum status put_rows_make(struct store_handle *handle, struct store_put *puts, const size_t *fresh,
                          size_t fresh_count, struct buffer *out, struct why *why);

#endif
