/* Statements about probes' keys: put_trust and each_trust of store.h. */
#ifndef COLLECTOR_STORE_SQLITE_TRUST_H
#define COLLECTOR_STORE_SQLITE_TRUST_H

#include "collector/store/store.h"

enum status sqlite_put_trust(struct store_handle *handle, const char *id, int64_t time_us, const char *text,
                             struct why *why);
enum status sqlite_each_trust(struct store_handle *handle, store_trust_callback callback, void *arg);

#endif
