/* verify --log --collector URL: what a collector tells of its log, checked on this side.
 * Owner: one answer at a time.
 * Why: nobody has to believe the collector: a bundle is in the log that its checkpoint was signed for, and the log extends
 * the one that an older checkpoint was signed for, or this says that it does not. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/commands/verify_log.h"
#include "collector/commands/verify_split.h"
#include "collector/ingest/import_key.h"
#include "measurement/base/clock.h"
#include "measurement/base/fetch.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "measurement/bundle.h"
#include "measurement/note.h"

#define ANSWER_BYTES_MAX (1u << 20)
#define TIMEOUT_US       (30 * US_PER_S)

struct asker {
    const char *collector;
    const char *ca_file;
    struct loop *loop;
    struct fetcher *fetcher;
    struct public_key key;
    struct note_checkpoint now;
    struct buffer note; /* the checkpoint's text */
    struct buffer answer;
    enum status status;
    struct why *why;
};

static void on_answer(const struct fetch_response *response, void *arg)
{
    struct asker *asker = arg;
    asker->status = response->status;
    if (response->status != STATUS_OK) {
        why_set(asker->why, "%.120s does not answer: %.120s", asker->collector,
                response->detail[0] ? response->detail : status_name(response->status));
    } else if (response->code != 200) {
        json_t *error = NULL;
        const char *detail = json_read((const char *)response->body, response->body_bytes, &error, NULL) == STATUS_OK
                                 ? json_member_text(error, "detail")
                                 : NULL;
        asker->status = response->code == 404 ? STATUS_CONFLICT : STATUS_IO;
        why_set(asker->why, "%.120s answers %ld: %.120s", asker->collector, response->code, detail ? detail : "no reason");
        json_decref(error);
    } else {
        buffer_append(&asker->answer, response->body, response->body_bytes);
    }
    loop_stop(asker->loop);
}

/* The answer to GET collector/path is in asker->answer. */
static enum status ask(struct asker *asker, const char *path)
{
    struct buffer url = {0};
    struct fetch *fetch = NULL;
    size_t count = strlen(asker->collector);
    buffer_printf(&url, "%.*s%s", (int)(asker->collector[count - 1] == '/' ? count - 1 : count), asker->collector, path);
    char *text = buffer_take_text(&url);
    struct fetch_request request = {.method = "GET",
                                    .url = text,
                                    .timeout_us = TIMEOUT_US,
                                    .body_limit_bytes = ANSWER_BYTES_MAX,
                                    .ca_file = asker->ca_file,
                                    .connected_fd = -1};
    buffer_free(&asker->answer);
    asker->answer = (struct buffer){.limit = ANSWER_BYTES_MAX};
    enum status status = text ? fetch_start(asker->fetcher, &request, on_answer, asker, &fetch) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = loop_run(asker->loop);
        status = status == STATUS_OK ? asker->status : status;
    }
    free(text);
    return status;
}

static enum status checkpoint_ask(struct asker *asker)
{
    enum status status = ask(asker, "/api/v1/log");
    if (status == STATUS_OK) {
        buffer_append(&asker->note, asker->answer.bytes, asker->answer.count);
        status = note_checkpoint_open(&asker->key, (const char *)asker->note.bytes, asker->note.count, &asker->now);
        if (status != STATUS_OK) {
            why_set(asker->why, "the checkpoint that it tells is not signed by the collector's key");
            status = STATUS_BAD_SIGNATURE;
        }
    }
    return status;
}

/* {"proof": [hexadecimal, ...]}, in asker->answer. */
static enum status proof_read(struct asker *asker, json_t **out_answer, struct merkle_proof *out)
{
    enum status status = json_read((const char *)asker->answer.bytes, asker->answer.count, out_answer, NULL);
    const json_t *list = status == STATUS_OK ? json_member_array(*out_answer, "proof") : NULL;
    out->count = 0;
    if (!list || json_array_size(list) > MERKLE_PROOF_MAX) {
        why_set(asker->why, "its answer holds no proof");
        return STATUS_MALFORMED;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *digits = json_string_value(json_array_get(list, i));
        if (!digits || hex_decode(digits, out->hashes[i].bytes, SHA256_BYTES) != STATUS_OK) {
            why_set(asker->why, "its answer holds no proof");
            return STATUS_MALFORMED;
        }
        out->count++;
    }
    return STATUS_OK;
}

static enum status bundle_prove(struct asker *asker, const char *file)
{
    struct buffer bytes = {0};
    struct merkle_hash leaf;
    struct merkle_proof proof;
    uint8_t hash[SHA256_BYTES];
    char digits[2 * SHA256_BYTES + 1];
    char path[160];
    json_t *answer = NULL;
    enum status status = file_read(file, BUNDLE_PACKED_BYTES_MAX, &bytes, asker->why);
    if (status != STATUS_OK) {
        goto done;
    }
    sha256(bytes.bytes, bytes.count, hash);
    hex_encode(hash, SHA256_BYTES, digits);
    snprintf(path, sizeof path, "/api/v1/log/proof?bundle=%s&size=%" PRIu64, digits, asker->now.size);
    status = ask(asker, path);
    if (status == STATUS_OK) {
        status = proof_read(asker, &answer, &proof);
    }
    if (status != STATUS_OK) {
        goto done;
    }
    int64_t index = json_member_int(answer, "index", -1);
    merkle_leaf(hash, SHA256_BYTES, &leaf);
    status = index < 0 ? STATUS_MALFORMED
                       : merkle_verify_inclusion(&leaf, (uint64_t)index, asker->now.size, &proof, &asker->now.root);
    if (status == STATUS_OK) {
        printf("%s: in the log, entry %" PRId64 " of %" PRIu64 "\n", file, index, asker->now.size);
    } else {
        why_set(asker->why, "the proof does not lead from %.160s to the checkpoint: it is not in the log as told", file);
    }
done:
    json_decref(answer);
    buffer_free(&bytes);
    return status;
}

static enum status growth_prove(struct asker *asker, const struct kept_checkpoint *kept)
{
    const struct note_checkpoint *old = &kept->checkpoint;
    struct merkle_proof proof = {.count = 0};
    char path[128];
    json_t *answer = NULL;
    enum status status = STATUS_OK;
    if (old->size > asker->now.size) {
        why_set(asker->why, "the log shrank: %.120s tells of %" PRIu64 " entries, the collector now of %" PRIu64,
                kept->where, old->size, asker->now.size);
        return STATUS_CONFLICT;
    }
    snprintf(path, sizeof path, "/api/v1/log/consistency?from=%" PRIu64 "&to=%" PRIu64, old->size, asker->now.size);
    status = ask(asker, path);
    if (status == STATUS_OK) {
        status = proof_read(asker, &answer, &proof);
    }
    if (status == STATUS_OK) {
        status = merkle_verify_consistency(old->size, &old->root, asker->now.size, &asker->now.root, &proof);
        if (status == STATUS_OK) {
            printf("the log only grew, from %" PRIu64 " to %" PRIu64 " entries\n", old->size, asker->now.size);
        } else {
            why_set(asker->why,
                    "SPLIT: the log of %" PRIu64 " entries does not extend the %" PRIu64
                    " of %.120s: it was rewritten, or others are shown another one",
                    asker->now.size, old->size, kept->where);
            status = STATUS_CONFLICT;
        }
    }
    json_decref(answer);
    return status;
}

/* Against each other first: what proves a split needs no answer. */
static enum status kept_prove(struct asker *asker, const struct cli_arguments *arguments)
{
    struct kept_list list = {.rows = NULL};
    enum status status = kept_read(arguments, &asker->key, &list, asker->why);
    size_t count = list.count;
    if (status == STATUS_OK) {
        status = kept_add(&list, "told by the collector now", &asker->now);
    }
    if (status == STATUS_OK) {
        status = kept_compare(&list, asker->why);
    }
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = growth_prove(asker, &list.rows[i]);
    }
    kept_free(&list);
    return status;
}

/* What was told now proves the split with what was told before: it is kept beside that, never over it. */
static void split_keep(struct asker *asker, const char *save)
{
    struct buffer name = {0};
    struct why why = {""};
    buffer_printf(&name, "%s.split", save ? save : "");
    char *path = save ? buffer_take_text(&name) : NULL;
    if (path && file_publish(path, asker->note.bytes, asker->note.count, 0644, &why) == STATUS_OK) {
        printf("what the collector told now is kept in %s\n", path);
    } else {
        printf("what the collector told now, to be kept:\n%.*s", (int)asker->note.count, (const char *)asker->note.bytes);
    }
    free(path);
    buffer_free(&name);
}

/* --key; without one the key that the collector tells, which proves less: so that is said. */
static enum status key_choose(struct asker *asker, const char *given)
{
    json_t *answer = NULL;
    if (given) {
        return import_key_given(given, &asker->key, asker->why);
    }
    enum status status = ask(asker, "/v1/keys");
    if (status == STATUS_OK) {
        status = json_read((const char *)asker->answer.bytes, asker->answer.count, &answer, NULL);
    }
    const char *text = status == STATUS_OK ? json_member_text(answer, "key") : NULL;
    if (status == STATUS_OK && (!text || public_key_parse(text, &asker->key) != STATUS_OK)) {
        why_set(asker->why, "it tells no key; give the collector's public key with --key");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        fprintf(stderr, "the collector's key is %s, as it says itself; give it with --key from now on\n", text);
    }
    json_decref(answer);
    return status;
}

static enum status questions_ask(struct asker *asker, const struct cli_arguments *arguments)
{
    const char *file = NULL;
    const char *save = cli_value(arguments, "save");
    enum status status = key_choose(asker, cli_value(arguments, "key"));
    if (status == STATUS_OK) {
        status = checkpoint_ask(asker);
    }
    if (status == STATUS_OK) {
        printf("checkpoint of %s: %" PRIu64 " entries, signed\n", asker->now.origin, asker->now.size);
    }
    for (size_t i = 0; status == STATUS_OK && (file = cli_value_at(arguments, "bundle", i)) != NULL; i++) {
        status = bundle_prove(asker, file);
    }
    if (status == STATUS_OK) {
        status = kept_prove(asker, arguments);
        if (status == STATUS_CONFLICT) {
            split_keep(asker, save);
        }
    }
    if (status == STATUS_OK && save) {
        status = file_publish(save, asker->note.bytes, asker->note.count, 0644, asker->why);
    }
    return status;
}

enum exit_status verify_log_remote(const struct cli_arguments *arguments)
{
    struct why why = {""};
    struct asker asker = {.collector = cli_value(arguments, "collector"),
                          .ca_file = cli_value(arguments, "ca-file"),
                          .why = &why};
    enum status status = loop_open(&asker.loop);
    if (status == STATUS_OK) {
        status = fetcher_open(asker.loop, &asker.fetcher);
    }
    if (status == STATUS_OK) {
        status = questions_ask(&asker, arguments);
    }
    fetcher_free(asker.fetcher);
    loop_free(asker.loop);
    buffer_free(&asker.answer);
    buffer_free(&asker.note);
    if (status == STATUS_OK) {
        return EXIT_NOTHING_WRONG;
    }
    return cli_fail(exit_of_status(status), "verify --log: %s", why.text[0] ? why.text : status_name(status));
}
