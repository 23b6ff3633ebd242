/* A certificate authority of the lab's own, made anew each time. */
#ifndef TESTS_LAB_CERTIFICATES_H
#define TESTS_LAB_CERTIFICATES_H

#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"

struct authority;

enum certificate_key {
    CERTIFICATE_P256,
    CERTIFICATE_P384,
    CERTIFICATE_RSA_2048,
    CERTIFICATE_RSA_3072,
    CERTIFICATE_ED25519,
    CERTIFICATE_KEY_COUNT,
};

struct certificate_plan {
    const char *names; /* DNS names and IP addresses, separated by spaces; the first is the subject's */
    int64_t start_s;   /* not before, seconds since 1970 */
    int64_t end_s;     /* not after */
    enum certificate_key key;
};

/* The common name tells authorities apart. */
enum status authority_make(const char *common_name, int64_t now_s, struct authority **out, struct why *why);
void authority_free(struct authority *authority);
/* An authority in between, by the one given, which must outlive it: its certificates are published with its
 * own behind them. */
enum status authority_issue(const struct authority *issuer, const char *common_name, int64_t now_s,
                            struct authority **out, struct why *why);
/* Its certificate as PEM: what clients trust. */
enum status authority_publish(const struct authority *authority, const char *path, struct why *why);
/* A server's certificate and key, as PEM files. Keys of RSA, which take long to make, are made once an
 * authority. */
enum status certificate_publish(struct authority *authority, const struct certificate_plan *plan,
                                const char *certificate_path, const char *key_path, struct why *why);

#endif
