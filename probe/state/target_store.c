/* Signed and own target lists.
 * Owner: nothing is kept; lists are the caller's.
 * Why: a volunteer's probe opens what these name, so that nobody but their collector and they themselves may write them. */
#include "probe/state/target_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "measurement/minisig.h"
#include "probe/state/state.h"

#define LIST_BYTES_MAX (16u << 20)

static enum status signature_check(const void *list, size_t count, const char *signature, const struct public_key *key,
                                   struct why *why)
{
    struct buffer minisig = {0};
    enum status status = signature ? base64_decode(signature, strlen(signature), &minisig) : STATUS_MALFORMED;
    if (status == STATUS_OK)
        status = minisig_verify(key, list, count, (const char *)minisig.bytes, minisig.count, NULL);
    buffer_free(&minisig);
    if (status == STATUS_OK)
        return status;
    why_set(why, "the target list is not signed by this probe's collector; it is not used");
    return STATUS_BAD_SIGNATURE;
}

static enum status facts_read(const json_t *root, struct target_store_facts *out, struct why *why)
{
    struct target_store_facts facts = {.serial = json_member_int(root, "serial", 0)};
    const char *version = json_member_text(root, "version"), *country = json_member_text(root, "country");
    bool is_whole = version && strlen(version) < sizeof facts.version && facts.serial > 0 &&
                    json_member_array(root, "targets") && (!country || strlen(country) < sizeof facts.country);
    if (!is_whole) {
        why_set(why, "the target list is not of the form that this program knows; update it or the collector");
        return STATUS_MALFORMED;
    }
    snprintf(facts.version, sizeof facts.version, "%s", version);
    snprintf(facts.country, sizeof facts.country, "%s", country ? country : "");
    *out = facts;
    return STATUS_OK;
}

enum status target_store_check(const void *list, size_t count, const char *signature, const struct public_key *key,
                               const struct target_store_facts *known, struct target_store_facts *out_facts,
                               struct why *why)
{
    json_t *root = NULL;
    struct target_store_facts facts = {0};
    enum status status = signature_check(list, count, signature, key, why);
    if (status == STATUS_OK)
        status = json_read(list, count, &root, why);
    if (status == STATUS_OK)
        status = facts_read(root, &facts, why);
    if (status == STATUS_OK && strcmp(facts.country, known->country) == 0 && facts.serial <= known->serial) {
        why_set(why, "the target list has serial %lld, and %lld is here already; the older one is not used",
                (long long)facts.serial, (long long)known->serial);
        status = STATUS_CONFLICT;
    }
    if (status == STATUS_OK)
        *out_facts = facts;
    json_decref(root);
    return status;
}

static enum status file_put(const char *folder, const char *name, const struct buffer *text, struct why *why)
{
    char *path = path_join(folder, name);
    enum status status =
        path && !text->failed ? file_publish(path, text->bytes, text->count, 0600, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

static enum status file_get(const char *folder, const char *name, struct buffer *out, struct why *why)
{
    char *path = path_join(folder, name);
    enum status status = path ? file_read(path, LIST_BYTES_MAX, out, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

enum status target_store_publish(const char *folder, const void *list, size_t count, const char *signature,
                                 struct why *why)
{
    struct buffer text = {0};
    json_t *object = json_pack("{s:s%, s:s}", "list", (const char *)list, count, "signature", signature);
    enum status status = object ? json_write(object, &text) : STATUS_NO_MEMORY;
    buffer_text(&text, "\n");
    if (status == STATUS_OK)
        status = file_put(folder, STATE_TARGETS, &text, why);
    json_decref(object);
    buffer_free(&text);
    return status;
}

static enum status targets_add(const json_t *root, struct target_list *targets)
{
    const json_t *array = json_member_array(root, "targets");
    enum status status = STATUS_OK;
    for (size_t i = 0; i < json_array_size(array) && status == STATUS_OK; i++) {
        const json_t *target = json_array_get(array, i);
        const char *url = json_member_text(target, "url"), *category = json_member_text(target, "category");
        if (url && target_url_check(url, NULL) == STATUS_OK)
            status = target_list_add(targets, url, category ? category : "");
    }
    return status;
}

enum status target_store_read(const char *folder, const struct public_key *key, struct target_store_facts *out_facts,
                              struct target_list *targets, struct why *why)
{
    struct buffer text = {0};
    json_t *object = NULL, *root = NULL;
    struct target_store_facts facts = {0};
    enum status status = file_get(folder, STATE_TARGETS, &text, why);
    if (status == STATUS_OK)
        status = json_read((const char *)text.bytes, text.count, &object, why);
    const char *list = json_member_text(object, "list");
    if (status == STATUS_OK && !list)
        status = STATUS_MALFORMED;
    if (status == STATUS_OK)
        status = signature_check(list, strlen(list), json_member_text(object, "signature"), key, why);
    if (status == STATUS_OK)
        status = json_read(list, strlen(list), &root, why);
    if (status == STATUS_OK)
        status = facts_read(root, &facts, why);
    if (status == STATUS_OK && targets)
        status = targets_add(root, targets);
    if (status == STATUS_OK && out_facts)
        *out_facts = facts;
    json_decref(root);
    json_decref(object);
    buffer_free(&text);
    return status;
}

enum status target_store_read_own(const char *folder, struct target_list *targets, struct why *why)
{
    struct buffer text = {0};
    struct target_list own = {0};
    enum status status = file_get(folder, STATE_TARGETS_OWN, &text, why);
    if (status == STATUS_OK)
        status = target_list_read((const char *)text.bytes, text.count, &own, why);
    for (size_t i = 0; i < own.count && status == STATUS_OK; i++)
        status = target_list_add(targets, own.targets[i].url, own.targets[i].category);
    target_list_free(&own);
    buffer_free(&text);
    return status;
}

enum status target_store_publish_own(const char *folder, const void *csv, size_t count, struct why *why)
{
    struct target_list list = {0};
    const struct buffer text = {.bytes = (uint8_t *)csv, .count = count};
    enum status status = target_list_read(csv, count, &list, why);
    if (status == STATUS_OK)
        status = file_put(folder, STATE_TARGETS_OWN, &text, why);
    target_list_free(&list);
    return status;
}

enum status target_store_add_own(const char *folder, const char *url, struct why *why)
{
    struct buffer text = {0};
    enum status status = target_url_check(url, why);
    if (status != STATUS_OK || strchr(url, '"')) {
        if (status == STATUS_OK)
            why_set(why, "a URL holds no quotes: write %%22");
        return STATUS_USAGE;
    }
    status = file_get(folder, STATE_TARGETS_OWN, &text, NULL);
    if (status == STATUS_NOT_FOUND) {
        buffer_text(&text, "url,category_code\n");
        status = STATUS_OK;
    }
    if (text.count > 0 && text.bytes[text.count - 1] != '\n')
        buffer_text(&text, "\n");
    buffer_printf(&text, "\"%s\"\n", url);
    if (status == STATUS_OK)
        status = target_store_publish_own(folder, text.bytes, text.count, why);
    buffer_free(&text);
    return status;
}

struct place {
    const char *url;
    size_t index;
};

static int place_compare(const void *a, const void *b)
{
    const struct place *one = a, *other = b;
    int order = strcmp(one->url, other->url);
    return order ? order : (one->index > other->index) - (one->index < other->index);
}

void target_store_unique(struct target_list *targets)
{
    struct place *places = calloc(targets->count + 1, sizeof *places);
    size_t kept = 0;
    if (!places)
        return; /* measured twice, then */
    for (size_t i = 0; i < targets->count; i++)
        places[i] = (struct place){targets->targets[i].url, i};
    qsort(places, targets->count, sizeof *places, place_compare);
    for (size_t i = 1; i < targets->count; i++) {
        if (strcmp(places[i].url, places[i - 1].url) == 0) {
            targets->targets[places[i].index].url[0] = '\0';
            places[i].url = places[i - 1].url;
        }
    }
    for (size_t i = 0; i < targets->count; i++) {
        if (targets->targets[i].url[0])
            targets->targets[kept++] = targets->targets[i];
        else
            free(targets->targets[i].url);
    }
    targets->count = kept;
    free(places);
}
