/* Block-page signatures: read, compiled with PCRE2, matched in order under a limit.
 * Owner: a set owns its compiled patterns and the memory that matching needs; blockpage_free.
 * Why: a page that names its own censor is the strongest evidence that a person can read, and a pattern that
 * looks alike on a CDN's refusal must be asked first. */
#include "tests-network/steps/blockpage.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

#define MATCH_LIMIT    200000u
#define DEPTH_LIMIT    1000u
#define HEAP_LIMIT_KIB 4096u
#define HEAD_BYTES_MAX (64u << 10)
#define GRAMS_MAX      8 /* triples of bytes that a text must hold for a plain pattern to match it */
#define GRAM_BITS      65536u

enum place { PLACE_ANY, PLACE_BODY, PLACE_HEADER };

struct signature {
    char name[BLOCKPAGE_NAME_BYTES];
    char header[48]; /* PLACE_HEADER: the one header that is looked at; "" all of them */
    enum place place;
    enum blockpage_scope scope;
    size_t order; /* as read */
    uint16_t grams[GRAMS_MAX];
    size_t gram_count; /* 0: the pattern is no plain text, or too short */
    pcre2_code *code;
};

struct blockpage_set {
    struct signature *signatures;
    size_t count;
    size_t room;
    struct blockpage_counts counts;
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_match_data *data;
};

static enum blockpage_scope scope_of(const char *name, bool is_false_list)
{
    if (is_false_list)
        return BLOCKPAGE_FALSE;
    if (name[0] == '\0' || name[1] != '_')
        return BLOCKPAGE_UNKNOWN;
    switch (name[0]) {
    case 'a':
        return BLOCKPAGE_PRODUCT;
    case 'b':
        return BLOCKPAGE_NATIONAL;
    case 'c':
        return BLOCKPAGE_OPERATOR;
    case 'd':
        return BLOCKPAGE_COMPANY;
    case 'f':
        return BLOCKPAGE_GENERIC;
    default: /* e, and letters that the format does not know */
        return BLOCKPAGE_UNKNOWN;
    }
}

enum verdict_confidence blockpage_confidence(enum blockpage_scope scope)
{
    switch (scope) {
    case BLOCKPAGE_NONE:
    case BLOCKPAGE_FALSE:
        return CONFIDENCE_NONE;
    case BLOCKPAGE_PRODUCT:
    case BLOCKPAGE_NATIONAL:
    case BLOCKPAGE_OPERATOR:
        return CONFIDENCE_CERTAIN;
    case BLOCKPAGE_COMPANY:
        return CONFIDENCE_STRONG;
    case BLOCKPAGE_UNKNOWN:
    case BLOCKPAGE_GENERIC:
        return CONFIDENCE_MEDIUM;
    }
    return CONFIDENCE_NONE;
}

const char *blockpage_scope_name(enum blockpage_scope scope)
{
    switch (scope) {
    case BLOCKPAGE_NONE:
        return "";
    case BLOCKPAGE_FALSE:
        return "false_positive";
    case BLOCKPAGE_PRODUCT:
        return "product";
    case BLOCKPAGE_NATIONAL:
        return "national";
    case BLOCKPAGE_OPERATOR:
        return "operator";
    case BLOCKPAGE_COMPANY:
        return "company";
    case BLOCKPAGE_UNKNOWN:
        return "unknown";
    case BLOCKPAGE_GENERIC:
        return "generic";
    }
    return "";
}

enum status blockpage_new(struct blockpage_set **out)
{
    struct blockpage_set *set = calloc(1, sizeof *set);
    if (!set)
        return STATUS_NO_MEMORY;
    set->compile = pcre2_compile_context_create(NULL);
    set->match = pcre2_match_context_create(NULL);
    set->data = pcre2_match_data_create(1, NULL);
    if (!set->compile || !set->match || !set->data) {
        blockpage_free(set);
        return STATUS_NO_MEMORY;
    }
    pcre2_set_max_pattern_length(set->compile, BLOCKPAGE_PATTERN_BYTES_MAX);
    pcre2_set_match_limit(set->match, MATCH_LIMIT);
    pcre2_set_depth_limit(set->match, DEPTH_LIMIT);
    pcre2_set_heap_limit(set->match, HEAP_LIMIT_KIB);
    *out = set;
    return STATUS_OK;
}

void blockpage_free(struct blockpage_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        pcre2_code_free(set->signatures[i].code);
    free(set->signatures);
    pcre2_match_data_free(set->data);
    pcre2_match_context_free(set->match);
    pcre2_compile_context_free(set->compile);
    free(set);
}

static void bad_note(struct blockpage_set *set, const char *name, size_t line_number, const char *reason)
{
    struct blockpage_counts *counts = &set->counts;
    if (counts->bad_count++ > 0)
        return;
    counts->first_bad_line = line_number;
    snprintf(counts->first_bad_name, sizeof counts->first_bad_name, "%s", name ? name : "");
    snprintf(counts->first_bad_reason, sizeof counts->first_bad_reason, "%s", reason);
}

static bool place_read(const char *text, struct signature *out)
{
    if (!text || strcmp(text, "body") == 0) {
        out->place = text ? PLACE_BODY : PLACE_ANY;
        return true;
    }
    if (strncmp(text, "header", 6) != 0 || (text[6] != '\0' && text[6] != '.'))
        return false;
    out->place = PLACE_HEADER;
    const char *name = text[6] ? text + 7 : "";
    return snprintf(out->header, sizeof out->header, "%s", name) < (int)sizeof out->header;
}

/* False where the pattern is none; `reason` then says why. */
static bool pattern_compile(struct blockpage_set *set, const char *pattern, pcre2_code **out,
                            char reason[128])
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C, &error,
                                     &offset, set->compile);
    if (!code) {
        pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, 128);
        return false;
    }
    /* Where the machine has no JIT, the interpreter matches the same. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    *out = code;
    return true;
}

static uint16_t gram_of(const uint8_t *bytes)
{
    uint32_t word = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
    return (uint16_t)(word * UINT32_C(2654435761) >> 16);
}

/* The text that a pattern of no special characters stands for; 0 where it has some. */
static size_t plain_text(const char *pattern, uint8_t out[BLOCKPAGE_PATTERN_BYTES_MAX])
{
    size_t count = 0;
    for (const char *at = pattern; *at; at++) {
        if (*at == '\\' && at[1] && strchr(".?*+()[]{}|^$/\\-\"'#&<>=:;,!@%~ ", at[1]))
            at++;
        else if (strchr("\\.?*+()[]{}|^$", *at))
            return 0;
        if (count == BLOCKPAGE_PATTERN_BYTES_MAX)
            return 0;
        out[count++] = (uint8_t)*at;
    }
    return count;
}

static void grams_choose(const char *pattern, struct signature *signature)
{
    uint8_t text[BLOCKPAGE_PATTERN_BYTES_MAX];
    size_t count = plain_text(pattern, text);
    if (count < 3)
        return;
    size_t step = (count - 2 + GRAMS_MAX - 1) / GRAMS_MAX;
    for (size_t at = 0; at + 3 <= count; at += step)
        signature->grams[signature->gram_count++] = gram_of(text + at);
}

static enum status signature_append(struct blockpage_set *set, const struct signature *signature)
{
    if (set->count == set->room) {
        size_t room = set->room ? set->room * 2 : 64;
        struct signature *grown = realloc(set->signatures, room * sizeof *grown);
        if (!grown)
            return STATUS_NO_MEMORY;
        set->signatures = grown;
        set->room = room;
    }
    set->signatures[set->count++] = *signature;
    set->counts.signature_count++;
    return STATUS_OK;
}

static enum status line_add(struct blockpage_set *set, const json_t *object, size_t line_number,
                            bool is_false_list)
{
    const char *name = json_member_text(object, "fingerprint");
    const char *pattern = json_member_text(object, "pattern");
    struct signature signature = {.order = set->count};
    const char *reason = NULL;
    char compile_reason[128];
    if (!name || !pattern || !name[0] || !pattern[0])
        reason = "it has no fingerprint or no pattern";
    else if (snprintf(signature.name, sizeof signature.name, "%s", name) >= (int)sizeof signature.name)
        reason = "the fingerprint is longer than 63 bytes";
    else if (!place_read(json_member_text(object, "location_found"), &signature))
        reason = "location_found is none of body, header, header.NAME";
    else if (!pattern_compile(set, pattern, &signature.code, compile_reason))
        reason = compile_reason;
    if (reason) {
        bad_note(set, name, line_number, reason);
        return STATUS_OK;
    }
    signature.scope = scope_of(name, is_false_list);
    grams_choose(pattern, &signature);
    enum status status = signature_append(set, &signature);
    if (status != STATUS_OK)
        pcre2_code_free(signature.code);
    return status;
}

enum status blockpage_add(struct blockpage_set *set, const char *text, size_t count, bool is_false_list)
{
    struct reader reader = reader_of(text, count);
    struct reader line;
    for (size_t line_number = 1; reader_line(&reader, &line); line_number++) {
        json_t *object = NULL;
        if (line.left_bytes == 0)
            continue;
        if (set->count >= BLOCKPAGE_SIGNATURES_MAX)
            return STATUS_TOO_LARGE;
        enum status status = json_read((const char *)line.bytes, line.left_bytes, &object, NULL);
        if (status == STATUS_NO_MEMORY)
            return status;
        if (status != STATUS_OK) {
            bad_note(set, NULL, line_number, "it is no JSON object");
            continue;
        }
        status = line_add(set, object, line_number, is_false_list);
        json_decref(object);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static int signature_compare(const void *a, const void *b)
{
    const struct signature *left = a, *right = b;
    if (left->scope != right->scope)
        return left->scope < right->scope ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

void blockpage_seal(struct blockpage_set *set)
{
    if (set->count > 1)
        qsort(set->signatures, set->count, sizeof *set->signatures, signature_compare);
}

static enum status file_add(struct blockpage_set *set, const char *path, bool is_false_list, struct why *why)
{
    struct buffer text = {0};
    size_t before = set->count;
    enum status status = file_read(path, BLOCKPAGE_FILE_BYTES_MAX, &text, why);
    if (status != STATUS_OK)
        goto done;
    status = blockpage_add(set, (const char *)text.bytes, text.count, is_false_list);
    if (status == STATUS_TOO_LARGE)
        why_set(why, "%s holds more than %d signatures: split it", path, BLOCKPAGE_SIGNATURES_MAX);
    else if (status != STATUS_OK)
        why_set(why, "no memory for the signatures of %s", path);
    else if (set->count == before) {
        why_set(
            why,
            "%s holds no usable signature: it must have one JSON object a line with fingerprint and pattern",
            path);
        status = STATUS_MALFORMED;
    }
done:
    buffer_free(&text);
    return status;
}

enum status blockpage_open(const char *block_path, const char *false_path, struct blockpage_set **out,
                           struct why *why)
{
    struct blockpage_set *set = NULL;
    enum status status = blockpage_new(&set);
    if (status == STATUS_OK)
        status = blockpage_add(set, blockpage_default_false_signatures,
                               strlen(blockpage_default_false_signatures), true);
    if (status == STATUS_OK)
        status =
            blockpage_add(set, blockpage_default_signatures, strlen(blockpage_default_signatures), false);
    if (status != STATUS_OK)
        why_set(why, "no memory for block-page signatures");
    if (status == STATUS_OK && false_path)
        status = file_add(set, false_path, true, why);
    if (status == STATUS_OK && block_path)
        status = file_add(set, block_path, false, why);
    if (status != STATUS_OK) {
        blockpage_free(set);
        return status;
    }
    blockpage_seal(set);
    *out = set;
    return STATUS_OK;
}

const struct blockpage_counts *blockpage_counts(const struct blockpage_set *set)
{
    return &set->counts;
}

static void head_append(struct buffer *head, const struct blockpage_page *page, const char *only)
{
    for (size_t i = 0; i < page->header_count && head->count < HEAD_BYTES_MAX; i++) {
        if (!only[0] || strcasecmp(page->header_names[i], only) == 0)
            buffer_printf(head, "%s: %.4096s\r\n", page->header_names[i], page->header_values[i]);
    }
}

struct text {
    const void *bytes;
    size_t count;
    uint64_t grams[GRAM_BITS / 64]; /* which triples it holds */
};

static void text_index(const void *bytes, size_t count, struct text *out)
{
    *out = (struct text){.bytes = bytes, .count = count};
    for (size_t i = 0; i + 3 <= count; i++) {
        uint16_t gram = gram_of((const uint8_t *)bytes + i);
        out->grams[gram / 64] |= UINT64_C(1) << gram % 64;
    }
}

static bool text_may_match(const struct text *text, const struct signature *signature)
{
    for (size_t i = 0; i < signature->gram_count; i++) {
        uint16_t gram = signature->grams[i];
        if ((text->grams[gram / 64] >> gram % 64 & 1) == 0)
            return false;
    }
    return text->count > 0;
}

static bool pattern_matches(struct blockpage_set *set, const struct signature *signature,
                            const struct text *text, struct blockpage_hit *hit)
{
    if (!text_may_match(text, signature))
        return false;
    int found = pcre2_match(signature->code, text->bytes, text->count, 0, 0, set->data, set->match);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
        hit->limit_count++;
    return found >= 0;
}

static bool header_matches(struct blockpage_set *set, const struct signature *signature,
                           const struct blockpage_page *page, struct blockpage_hit *hit)
{
    struct buffer one = {.limit = 2 * HEAD_BYTES_MAX};
    head_append(&one, page, signature->header);
    struct text text;
    text_index(one.bytes, one.failed ? 0 : one.count, &text);
    bool is_found = pattern_matches(set, signature, &text, hit);
    buffer_free(&one);
    return is_found;
}

static bool signature_matches(struct blockpage_set *set, const struct signature *signature,
                              const struct blockpage_page *page, const struct text *head,
                              const struct text *body, struct blockpage_hit *hit)
{
    switch (signature->place) {
    case PLACE_BODY:
        return pattern_matches(set, signature, body, hit);
    case PLACE_HEADER:
        if (signature->header[0])
            return header_matches(set, signature, page, hit);
        return pattern_matches(set, signature, head, hit);
    case PLACE_ANY:
        return pattern_matches(set, signature, body, hit) || pattern_matches(set, signature, head, hit);
    }
    return false;
}

struct blockpage_hit blockpage_match(struct blockpage_set *set, const struct blockpage_page *page)
{
    struct blockpage_hit hit = {0};
    struct buffer head = {.limit = 2 * HEAD_BYTES_MAX};
    buffer_printf(&head, "HTTP/1.1 %ld\r\n", page->code);
    head_append(&head, page, "");
    struct text head_text;
    struct text body_text;
    text_index(head.bytes, head.failed ? 0 : head.count, &head_text);
    text_index(page->body,
               page->body_bytes < BLOCKPAGE_BODY_BYTES_MAX ? page->body_bytes : BLOCKPAGE_BODY_BYTES_MAX,
               &body_text);
    for (size_t i = 0; i < set->count && hit.scope == BLOCKPAGE_NONE; i++) {
        const struct signature *signature = &set->signatures[i];
        if (signature_matches(set, signature, page, &head_text, &body_text, &hit)) {
            hit.scope = signature->scope;
            snprintf(hit.name, sizeof hit.name, "%s", signature->name);
        }
    }
    buffer_free(&head);
    return hit;
}
