/* A certificate authority of the lab's own, made anew each time. */
#ifndef TESTS_LAB_CERTIFICATES_H
#define TESTS_LAB_CERTIFICATES_H

#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"

struct authority;

struct certificate_plan {
    const char *names; /* DNS names and IP addresses, separated by spaces; the first is the subject's */
    int64_t start_s;   /* not before, seconds since 1970 */
    int64_t end_s;     /* not after */
};

/* The common name tells authorities apart. */
enum status authority_make(const char *common_name, int64_t now_s, struct authority **out, struct why *why);
void authority_free(struct authority *authority);
/* Its certificate as PEM: what clients trust. */
enum status authority_publish(const struct authority *authority, const char *path, struct why *why);
/* A server's certificate and key (EC P-256), as PEM files. */
enum status certificate_publish(const struct authority *authority, const struct certificate_plan *plan,
                                const char *certificate_path, const char *key_path, struct why *why);

#endif
