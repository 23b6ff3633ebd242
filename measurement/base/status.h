/* What a fallible function returns. A network failure is data in a record; our own failure is a status. */
#ifndef MEASUREMENT_BASE_STATUS_H
#define MEASUREMENT_BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_USAGE,         /* arguments or configuration are wrong */
    STATUS_NOT_FOUND,     /* what was named does not exist */
    STATUS_MALFORMED,     /* foreign bytes do not follow their format */
    STATUS_TOO_LARGE,     /* a documented bound is exceeded */
    STATUS_BAD_SIGNATURE, /* the signature does not match the bytes or the key */
    STATUS_DUPLICATE,     /* already there; nothing was changed */
    STATUS_CONFLICT,      /* contradicts what is already there */
    STATUS_REFUSED,       /* policy says no: consent missing, address not allowed */
    STATUS_IO,            /* the operating system failed us */
    STATUS_FULL,          /* no space left on the device, or a quota is reached */
    STATUS_NO_MEMORY,
    STATUS_BUSY,        /* try again later */
    STATUS_TIMEOUT,
    STATUS_UNSUPPORTED, /* this build or this machine cannot do it */
    STATUS_OFFLINE,     /* no network to do it with */
};

/* The status as one lower-case word, for logs and JSON ("bad_signature"). Never NULL. */
const char *status_name(enum status status);

/* Exit status of every program. */
enum exit_status {
    EXIT_NOTHING_WRONG = 0,
    EXIT_FOUND = 1,       /* what it was asked to look for was found: a blocked channel, a bad signature */
    EXIT_USAGE = 2,       /* usage or configuration */
    EXIT_OWN_FAILURE = 3, /* our own failure */
    EXIT_OFFLINE = 4,
};

/* OK -> 0; USAGE, REFUSED and NOT_FOUND -> 2; MALFORMED, TOO_LARGE, BAD_SIGNATURE and CONFLICT -> 1;
 * OFFLINE -> 4; all others -> 3. */
enum exit_status exit_of_status(enum status status);

/* One sentence that says what happened, to what, and what to do. Filled by whoever knows. */
#define WHY_BYTES 320
struct why {
    char text[WHY_BYTES];
};

/* `why` may be NULL: then nothing happens. Truncates, always terminates. */
void why_set(struct why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
