/* Reads the kept outside signals back, for those who draw them. */
#ifndef COLLECTOR_SIGNAL_SIGNAL_READ_H
#define COLLECTOR_SIGNAL_SIGNAL_READ_H

#include "collector/signal/signal_store.h"

struct signal_sample {
    const char *name;   /* of the signal, as it was imported */
    const char *region; /* ISO 3166 code; "": the source's word is of no region known */
    const char *word;   /* the source's */
    int64_t time_s;
    double value;
};
typedef enum status (*signal_callback)(const struct signal_sample *sample, void *arg);

/* Samples of [from_s, to_s) (0: no bound there), by name, then as kept: by region and time. `region` NULL: of all. A file
 * that is no signal is left out. */
enum status signals_each(const char *data_folder, const char *region, int64_t from_s, int64_t to_s,
                         signal_callback callback, void *arg);

#endif
