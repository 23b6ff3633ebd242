/* Names and their addresses as one resolver tells them: those of the sites, and what a condition changes.
 * The changes have the names of the reference table: ISPResolverConfig.RemoveRecord("name"),
 * OtherResolversConfig.AddRecord("name", "canonical name or empty", "address"...), AddRecordToAllResolvers.
 */
#ifndef TESTS_LAB_ZONE_H
#define TESTS_LAB_ZONE_H

#include "measurement/base/bytes.h"
#include "tests/lab/rule_text.h"

#define ZONE_ADDRESSES_MAX 16
#define ZONE_CHANGES_MAX   16

/* What can be changed, one line each with its values, NULL at the end: for help texts. */
extern const char *const zone_verbs[];

/* Whose resolvers: bits. */
enum { ZONE_ISP = 1, ZONE_OTHERS = 2 };

struct zone_change {
    int whose;
    bool is_removal;
    char name[RULE_WORD_BYTES];
    char canonical[RULE_WORD_BYTES]; /* "": none */
    struct ip_address addresses[ZONE_ADDRESSES_MAX];
    size_t address_count;
};

/* Changes in their order; one replaces what an earlier one or a site said of the same name. */
struct zone_changes {
    struct zone_change changes[ZONE_CHANGES_MAX];
    size_t count;
};

/* NOT_FOUND where the rule is none about zones, USAGE with a reason where it is a wrong one, TOO_LARGE past
 * the bounds. */
enum status zone_change_read(const struct rule_text *text, struct zone_changes *changes, struct why *why);

/* Whether one of the changes is about the name at these resolvers: then it replaces the site's record. */
bool zone_is_changed(const struct zone_changes *changes, int whose, const char *name);
/* dnsmasq's lines for removed names below a domain that is told with all names below it (".x.lab"). */
void zone_removals_write(const struct zone_changes *changes, int whose, const char *domain, struct buffer *out);
/* dnsmasq's lines for the changed names. */
void zone_changes_write(const struct zone_changes *changes, int whose, struct buffer *out);

#endif
