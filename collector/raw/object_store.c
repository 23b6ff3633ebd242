/* Requests to S3-compatible object storage.
 * Owner: the store owns its connection and its copy of the place, secret included.
 * Why: one request shape for put, read and remove; what differs is the method and who takes the body. */
#include "collector/raw/object_store.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#define CONNECT_WAIT_MS  5000L
#define SILENCE_WAIT_S   20L
#define CONTINUE_WAIT_MS 200L /* for a "100 Continue" that the server may not send */
#define ERROR_BYTES_MAX  2048
#define HEADER_BYTES     (32 + 2 * SHA256_BYTES)
#define NAME_BYTES_MAX   256

struct object_store {
    struct object_place place;
    CURL *easy;
    char scope[OBJECT_REGION_BYTES + 16]; /* "aws:amz:REGION:s3" */
};

/* One answer as it comes in. */
struct answer {
    CURL *easy;
    struct buffer *body; /* NULL: none is wanted */
    size_t limit_bytes;
    struct buffer error;
    bool is_too_large;
};

static bool is_loopback(const char *host)
{
    size_t length = strcspn(host, ":/");
    bool is_v6 = strncmp(host, "[::1]", 5) == 0 && (host[5] == ':' || host[5] == '/');
    return is_v6 || strncmp(host, "127.", 4) == 0 || (length == 9 && strncmp(host, "localhost", 9) == 0);
}

/* Printable, without what ends a header or a field of the signature. */
static bool text_is_plain(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text >= 0x7f) {
            return false;
        }
    }
    return true;
}

enum status object_place_check(const struct object_place *place, struct why *why)
{
    bool is_https = strncmp(place->url, "https://", 8) == 0;
    bool is_http = strncmp(place->url, "http://", 7) == 0;
    const char *host = place->url + (is_https ? 8 : 7);
    const char *bucket = is_https || is_http ? strchr(host, '/') : NULL;
    size_t length = strlen(place->url);
    if (!bucket || bucket == host || !bucket[1] || place->url[length - 1] == '/' || !text_is_plain(place->url) ||
        strpbrk(host, "?#@%") != NULL) {
        why_set(why, "%.200s is no address of a bucket; write https://HOST/BUCKET", place->url);
        return STATUS_USAGE;
    }
    if (is_http && !is_loopback(host)) {
        why_set(why, "%.200s would be spoken to in the clear; write https://", place->url);
        return STATUS_USAGE;
    }
    if (!place->region[0] || strpbrk(place->region, ":/") || !text_is_plain(place->region)) {
        why_set(why, "\"%.60s\" is no region; write one like us-east-1", place->region);
        return STATUS_USAGE;
    }
    if (!place->key_id[0] || !place->secret[0] || !text_is_plain(place->key_id) || !text_is_plain(place->secret)) {
        why_set(why, "the key of the object store lacks its name or its secret; write them on two lines");
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

enum status object_store_open(const struct object_place *place, struct object_store **out, struct why *why)
{
    enum status status = object_place_check(place, why);
    if (status != STATUS_OK) {
        return status;
    }
    struct object_store *store = calloc(1, sizeof *store);
    if (!store) {
        return STATUS_NO_MEMORY;
    }
    store->place = *place;
    snprintf(store->scope, sizeof store->scope, "aws:amz:%s:s3", place->region);
    store->easy = curl_easy_init();
    if (!store->easy) {
        object_store_free(store);
        return STATUS_NO_MEMORY;
    }
    *out = store;
    return STATUS_OK;
}

void object_store_free(struct object_store *store)
{
    if (!store) {
        return;
    }
    curl_easy_cleanup(store->easy);
    OPENSSL_cleanse(store, sizeof *store);
    free(store);
}

static size_t answer_take(char *bytes, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;
    long code = 0;
    (void)size; /* always 1 */
    curl_easy_getinfo(answer->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code / 100 != 2) {
        size_t room = ERROR_BYTES_MAX - answer->error.count;
        buffer_append(&answer->error, bytes, count < room ? count : room);
        return count;
    }
    if (!answer->body) {
        return count;
    }
    answer->is_too_large = count > answer->limit_bytes - answer->body->count;
    if (!answer->is_too_large) {
        buffer_append(answer->body, bytes, count);
    }
    return answer->is_too_large || answer->body->failed ? 0 : count;
}

/* "NoSuchKey" of "<Error><Code>NoSuchKey</Code>...": letters only, whatever the server sends. */
static void error_code(struct answer *answer, char *out, size_t out_bytes)
{
    char *text = buffer_take_text(&answer->error);
    const char *start = text ? strstr(text, "<Code>") : NULL;
    size_t length = start ? strspn(start + 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
    snprintf(out, out_bytes, "%.*s", (int)(length < out_bytes ? length : 0), start ? start + 6 : "");
    free(text);
}

static enum status code_status(long code)
{
    switch (code) {
    case 401:
    case 403:
        return STATUS_REFUSED;
    case 404:
        return STATUS_NOT_FOUND;
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return STATUS_BUSY;
    case 507:
        return STATUS_FULL;
    default:
        return code / 100 == 2 ? STATUS_OK : STATUS_IO;
    }
}

static const char *status_advice(enum status status)
{
    return status == STATUS_REFUSED    ? "check the key and its rights on the bucket"
           : status == STATUS_NOT_FOUND ? "make the bucket, or correct its name"
           : status == STATUS_FULL      ? "free some space there"
                                        : "try again when it has recovered";
}

static enum status answer_end(const struct object_store *store, struct answer *answer, CURLcode result, const char *name,
                              struct why *why)
{
    char word[64];
    long code = 0;
    curl_easy_getinfo(store->easy, CURLINFO_RESPONSE_CODE, &code);
    if (answer->is_too_large) {
        why_set(why, "object %s is larger than the bound for it; it is not what was put there", name);
        return STATUS_TOO_LARGE;
    }
    if (result != CURLE_OK) {
        why_set(why, "the object store at %.120s cannot be asked for %s: %s; check that it is up and reachable",
                store->place.url, name, curl_easy_strerror(result));
        return result == CURLE_OUT_OF_MEMORY || (answer->body && answer->body->failed) ? STATUS_NO_MEMORY : STATUS_BUSY;
    }
    enum status status = code_status(code);
    if (status != STATUS_OK) {
        error_code(answer, word, sizeof word);
        why_set(why, "the object store at %.120s answers %ld %s to %s; %s", store->place.url, code, word, name,
                status_advice(status));
    }
    return status;
}

static void limits_set(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_WAIT_MS);
    curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, CONTINUE_WAIT_MS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SILENCE_WAIT_S);
}

/* What the signature covers beside host and time. No "Expect:" to turn that header off: libcurl 7.88 would sign it, and
 * not send it. */
static struct curl_slist *headers_make(const void *bytes, size_t count)
{
    char header[HEADER_BYTES];
    uint8_t hash[SHA256_BYTES];
    char digits[2 * SHA256_BYTES + 1];
    sha256(bytes, count, hash);
    hex_encode(hash, sizeof hash, digits);
    snprintf(header, sizeof header, "x-amz-content-sha256: %s", digits);
    struct curl_slist *headers = curl_slist_append(NULL, header);
    struct curl_slist *both = headers ? curl_slist_append(headers, "Content-Type: application/octet-stream") : NULL;
    if (!both) {
        curl_slist_free_all(headers);
    }
    return both;
}

/* `count` bytes of body where the method sends one. */
static enum status ask(struct object_store *store, const char *method, const char *name, const void *bytes, size_t count,
                       struct answer *answer, struct why *why)
{
    char url[OBJECT_URL_BYTES + NAME_BYTES_MAX];
    CURL *easy = store->easy;
    struct curl_slist *headers = headers_make(bytes, count);
    if (!headers || strlen(name) >= NAME_BYTES_MAX) {
        curl_slist_free_all(headers);
        return headers ? STATUS_USAGE : STATUS_NO_MEMORY;
    }
    snprintf(url, sizeof url, "%s/%s", store->place.url, name);
    curl_easy_reset(easy); /* keeps the live connection */
    limits_set(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    if (count > 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)bytes);
    }
    curl_easy_setopt(easy, CURLOPT_USERNAME, store->place.key_id);
    curl_easy_setopt(easy, CURLOPT_PASSWORD, store->place.secret);
    curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, store->scope);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    answer->easy = easy;
    enum status status = answer_end(store, answer, curl_easy_perform(easy), name, why);
    curl_slist_free_all(headers);
    buffer_free(&answer->error);
    return status;
}

enum status object_put(struct object_store *store, const char *name, const void *bytes, size_t count, struct why *why)
{
    struct answer answer = {0};
    return ask(store, "PUT", name, bytes, count, &answer, why);
}

enum status object_read(struct object_store *store, const char *name, size_t limit_bytes, struct buffer *out,
                        struct why *why)
{
    struct buffer body = {0};
    struct answer answer = {.body = &body, .limit_bytes = limit_bytes};
    enum status status = ask(store, "GET", name, "", 0, &answer, why);
    if (status == STATUS_OK) {
        buffer_append(out, body.bytes, body.count);
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    buffer_free(&body);
    return status;
}

enum status object_remove(struct object_store *store, const char *name, struct why *why)
{
    struct answer answer = {0};
    enum status status = ask(store, "DELETE", name, "", 0, &answer, why);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
