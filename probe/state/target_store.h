/* What the web rounds measure, as far as it is kept in the state folder:
 *
 * STATE/targets.json      the collector's signed list, as it came: {"list": text, "signature": base64url}
 * STATE/targets-own.csv   the volunteer's own lines, in the Citizen Lab form; also what `lists update --from` takes
 *
 * A list is taken only where the collector's remembered key signed it, and only with a greater serial than the one kept:
 * whoever can replay an old list, or write the file, gets nothing measured. */
#ifndef PROBE_STATE_TARGET_STORE_H
#define PROBE_STATE_TARGET_STORE_H

#include "measurement/key.h"
#include "tests-network/target.h"

struct target_store_facts {
    int64_t serial; /* 0: no list is kept */
    char version[40];
    char country[3]; /* "" for all */
};

/* Checks an answer to GET /v1/targets. BAD_SIGNATURE; MALFORMED; CONFLICT where its serial is not greater than that of
 * `known` for the same country; *out_facts is what it says of itself. */
enum status target_store_check(const void *list, size_t count, const char *signature, const struct public_key *key,
                               const struct target_store_facts *known, struct target_store_facts *out_facts,
                               struct why *why);
enum status target_store_publish(const char *folder, const void *list, size_t count, const char *signature,
                                 struct why *why);
/* What is kept, checked again with the key: NOT_FOUND where nothing is, and as above. Either result may be NULL; targets
 * are added to the list. */
enum status target_store_read(const char *folder, const struct public_key *key, struct target_store_facts *out_facts,
                              struct target_list *targets, struct why *why);
/* Adds the volunteer's own; NOT_FOUND where there are none. */
enum status target_store_read_own(const char *folder, struct target_list *targets, struct why *why);
/* Puts a whole list in the place of the volunteer's own, or one URL more. */
enum status target_store_publish_own(const char *folder, const void *csv, size_t count, struct why *why);
enum status target_store_add_own(const char *folder, const char *url, struct why *why);

/* Drops every target whose URL came before. */
void target_store_unique(struct target_list *targets);

#endif
