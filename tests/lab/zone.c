/* What a condition changes in the resolvers' zones.
 * Owner: nothing is allocated; names are copied into the result.
 * Why: a resolver that lies is no box on the path; the two must not look alike. */
#include "tests/lab/zone.h"

#include <string.h>
#include <strings.h>

const char *const zone_verbs[] = {
    "ISPResolverConfig.AddRecord(\"name\", \"canonical name or empty\", \"address\"...): the provider's "
    "resolver says so",
    "ISPResolverConfig.RemoveRecord(\"name\"): the provider's resolver knows no such name",
    "OtherResolversConfig.AddRecord(...), OtherResolversConfig.RemoveRecord(...): all other resolvers",
    "AddRecordToAllResolvers(...), RemoveRecordFromAllResolvers(...): both", NULL};

struct zone_verb {
    const char *name;
    int whose;
    bool is_removal;
};

static const struct zone_verb *verb_find(const char *name)
{
    static const struct zone_verb verbs[] = {
        {"ISPResolverConfig.AddRecord", ZONE_ISP, false},
        {"ISPResolverConfig.RemoveRecord", ZONE_ISP, true},
        {"OtherResolversConfig.AddRecord", ZONE_OTHERS, false},
        {"OtherResolversConfig.RemoveRecord", ZONE_OTHERS, true},
        {"AddRecordToAllResolvers", ZONE_ISP | ZONE_OTHERS, false},
        {"RemoveRecordFromAllResolvers", ZONE_ISP | ZONE_OTHERS, true},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* The n-th value by position, in lists or not; NULL past the last. */
static const char *value_at(const struct rule_text *text, size_t n)
{
    for (size_t i = 0; i < text->field_count; i++) {
        if (n < text->fields[i].value_count)
            return text->fields[i].values[n];
        n -= text->fields[i].value_count;
    }
    return NULL;
}

static bool is_host_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return name && name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

/* A name without the dot that may end it. */
static void name_copy(char *out, const char *name)
{
    size_t count = strlen(name);
    memcpy(out, name, count + 1);
    if (count > 1 && out[count - 1] == '.')
        out[count - 1] = '\0';
}

static enum status refuse(const struct rule_text *text, const char *wanted, struct why *why)
{
    why_set(why, "rule %s: write %s", text->name, wanted);
    return STATUS_USAGE;
}

static enum status addition_read(const struct rule_text *text, struct zone_change *change, struct why *why)
{
    const char *canonical = value_at(text, 1);
    if (canonical && canonical[0] != '\0' && !is_host_name(canonical))
        return refuse(text, "a canonical name, or \"\", behind the name", why);
    if (canonical)
        name_copy(change->canonical, canonical);
    const char *address;
    for (size_t i = 2; (address = value_at(text, i)); i++) {
        if (change->address_count == ZONE_ADDRESSES_MAX)
            return STATUS_TOO_LARGE;
        if (ip_parse(address, &change->addresses[change->address_count++]) != STATUS_OK)
            return refuse(text, "IP addresses behind the canonical name", why);
    }
    return STATUS_OK;
}

enum status zone_change_read(const struct rule_text *text, struct zone_changes *changes, struct why *why)
{
    const struct zone_verb *verb = verb_find(text->name);
    if (!verb)
        return STATUS_NOT_FOUND;
    struct zone_change change = {.whose = verb->whose, .is_removal = verb->is_removal};
    const char *name = value_at(text, 0);
    for (size_t i = 0; i < text->field_count; i++)
        if (text->fields[i].name[0] != '\0')
            return refuse(text, "values without names", why);
    if (!is_host_name(name))
        return refuse(text, "a host name first", why);
    name_copy(change.name, name);
    enum status status = STATUS_OK;
    if (!verb->is_removal)
        status = addition_read(text, &change, why);
    else if (value_at(text, 1))
        status = refuse(text, "one host name and nothing behind it", why);
    if (status == STATUS_OK && changes->count == ZONE_CHANGES_MAX)
        status = STATUS_TOO_LARGE;
    if (status == STATUS_TOO_LARGE)
        why_set(why, "rule %s: that is too much; 16 changes of 16 addresses are the most", text->name);
    if (status == STATUS_OK)
        changes->changes[changes->count++] = change;
    return status;
}

/* The last change of a name counts. */
static const struct zone_change *change_find(const struct zone_changes *changes, int whose, const char *name)
{
    for (size_t i = changes->count; i > 0; i--)
        if ((changes->changes[i - 1].whose & whose) != 0 &&
            strcasecmp(changes->changes[i - 1].name, name) == 0)
            return &changes->changes[i - 1];
    return NULL;
}

bool zone_is_changed(const struct zone_changes *changes, int whose, const char *name)
{
    return change_find(changes, whose, name) != NULL;
}

static bool is_below(const char *name, const char *domain)
{
    size_t name_bytes = strlen(name), domain_bytes = strlen(domain);
    return name_bytes > domain_bytes && strcasecmp(name + name_bytes - domain_bytes, domain) == 0;
}

void zone_removals_write(const struct zone_changes *changes, int whose, const char *domain, struct buffer *out)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct zone_change *change = &changes->changes[i];
        if (change->is_removal && is_below(change->name, domain) &&
            change_find(changes, whose, change->name) == change)
            buffer_printf(out, "address=/%s/\n", change->name);
    }
}

void zone_changes_write(const struct zone_changes *changes, int whose, struct buffer *out)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct zone_change *change = &changes->changes[i];
        if (change->is_removal || change_find(changes, whose, change->name) != change)
            continue;
        const char *owner = change->canonical[0] ? change->canonical : change->name;
        if (change->canonical[0])
            buffer_printf(out, "cname=%s,%s\n", change->name, change->canonical);
        else if (change->address_count == 0) /* a name that is there and has no address */
            buffer_printf(out, "txt-record=%s,none\n", change->name);
        for (size_t j = 0; j < change->address_count; j++) {
            char address[ADDRESS_TEXT_BYTES];
            ip_format(&change->addresses[j], address);
            buffer_printf(out, "host-record=%s,%s\n", owner, address);
        }
    }
}
