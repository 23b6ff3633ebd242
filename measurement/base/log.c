/* Events as lines of key=value.
 * Borrows the stream.
 * One write a line, control characters replaced: a hostile value cannot forge a second event. */
#include "measurement/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#define LOG_LINE_BYTES 2048

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return "debug";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_ERROR:
        return "error";
    }
    return "error";
}

static void replace_controls(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

void log_event(const struct log *log, enum log_level level, const char *event, const char *format, ...)
{
    if (!log || !log->stream || level < log->least)
        return;
    char text[LOG_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    replace_controls(text);
    char when[TIME_TEXT_BYTES];
    time_format_utc(clock_wall_us(&log->clock), when);
    fprintf(log->stream, "time=%s level=%s event=%s%s%s\n", when, level_name(level), event,
            text[0] ? " " : "", text);
    fflush(log->stream);
}

const char *log_quote(const char *value, char *out, size_t out_bytes)
{
    if (out_bytes == 0)
        return "";
    if (!value)
        value = "";
    if (value[0] != '\0' && !strpbrk(value, " \"='\\\t\r\n")) {
        snprintf(out, out_bytes, "%s", value);
        return out;
    }
    size_t used = 0;
    if (out_bytes < 3) {
        out[0] = '\0';
        return out;
    }
    out[used++] = '"';
    for (; *value; value++) {
        bool is_escaped = *value == '"' || *value == '\\';
        if (used + (is_escaped ? 2 : 1) + 2 > out_bytes)
            break;
        if (is_escaped)
            out[used++] = '\\';
        out[used++] = *value;
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}
