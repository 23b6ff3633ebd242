/* Statements about probes' keys: put_trust and each_trust of store.h. */
#ifndef COLLECTOR_STORE_CLICKHOUSE_TRUST_H
#define COLLECTOR_STORE_CLICKHOUSE_TRUST_H

#include "collector/store/store.h"

enum status clickhouse_put_trust(struct store_handle *handle, const char *id, int64_t time_us,
                                 const char *text, struct why *why);
enum status clickhouse_each_trust(struct store_handle *handle, store_trust_callback callback, void *arg);

#endif
