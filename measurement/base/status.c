/* Names of statuses, their exit codes, and the sentence that explains one.
 * Owns nothing.
 * One place, so that logs, JSON and exit statuses never drift apart. */
#include "measurement/base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_USAGE:
        return "usage";
    case STATUS_NOT_FOUND:
        return "not_found";
    case STATUS_MALFORMED:
        return "malformed";
    case STATUS_TOO_LARGE:
        return "too_large";
    case STATUS_BAD_SIGNATURE:
        return "bad_signature";
    case STATUS_DUPLICATE:
        return "duplicate";
    case STATUS_CONFLICT:
        return "conflict";
    case STATUS_REFUSED:
        return "refused";
    case STATUS_IO:
        return "io";
    case STATUS_FULL:
        return "full";
    case STATUS_NO_MEMORY:
        return "no_memory";
    case STATUS_BUSY:
        return "busy";
    case STATUS_TIMEOUT:
        return "timeout";
    case STATUS_UNSUPPORTED:
        return "unsupported";
    case STATUS_OFFLINE:
        return "offline";
    }
    return "invalid_status";
}

enum exit_status exit_of_status(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return EXIT_NOTHING_WRONG;
    case STATUS_USAGE:
    case STATUS_REFUSED:
    case STATUS_NOT_FOUND:
        return EXIT_USAGE;
    case STATUS_MALFORMED:
    case STATUS_TOO_LARGE:
    case STATUS_BAD_SIGNATURE:
    case STATUS_CONFLICT:
        return EXIT_FOUND;
    case STATUS_OFFLINE:
        return EXIT_OFFLINE;
    case STATUS_DUPLICATE:
    case STATUS_IO:
    case STATUS_FULL:
    case STATUS_NO_MEMORY:
    case STATUS_BUSY:
    case STATUS_TIMEOUT:
    case STATUS_UNSUPPORTED:
        return EXIT_OWN_FAILURE;
    }
    return EXIT_OWN_FAILURE;
}

void why_set(struct why *why, const char *format, ...)
{
    if (!why)
        return;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    if (written < 0)
        why->text[0] = '\0';
}
