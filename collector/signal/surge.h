/* Rises in daily counts of blocked measurements (columns dns, http, tls, and ok): of their share where enough is measured to
 * tell one, of the counts where hardly anybody measured before. */
#ifndef COLLECTOR_SIGNAL_SURGE_H
#define COLLECTOR_SIGNAL_SURGE_H

#include "collector/signal/seasonal.h"

/* Appends to `out`. */
enum status surge_find(const struct series *series, size_t number, struct outages *out);

#endif
