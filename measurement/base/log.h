/* Events for whoever runs the program, one line of key=value on a stream. Never an address of a user, a key or a
 * body: that is the caller's duty, and the reason why values are spelt out at each call. */
#ifndef MEASUREMENT_BASE_LOG_H
#define MEASUREMENT_BASE_LOG_H

#include <stdio.h>

#include "measurement/base/clock.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log {
    enum log_level least;
    FILE *stream; /* NULL: silent */
    struct clock clock;
};

/* log_event(log, LOG_LEVEL_WARN, "upload_failed", "bundle=%s status=%s", ...): time=… level=warn event=… then the
 * text. Control characters in the text are replaced. `log` may be NULL. */
void log_event(const struct log *log, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The value as it may stand behind `key=`: quoted where it holds a space, a quote or an equals sign. Returns out. */
const char *log_quote(const char *value, char *out, size_t out_bytes);

#endif
