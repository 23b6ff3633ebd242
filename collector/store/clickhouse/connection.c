/* Requests to the server: SQL out; what comes back is read by answer.c.
 * Owner: the handle owns one idle connection; a request that finds it taken makes its own and frees it.
 * Why: a callback may read while a read runs, and curl allows no request inside another on one connection. */
#include "collector/store/clickhouse/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measurement/base/clock.h"

#define CONNECT_WAIT_MS 5000L
#define WRITE_WAIT_MS   60000L
#define SILENCE_WAIT_S  120L /* of a read: the server answers only when it has finished */
#define RECEIVE_BYTES   (256L << 10)
#define QUORUM_WAIT_MS  "20000"
#define INSERT_ROWS_MAX "1048576"
/* How long a request goes round the servers of a cluster before it gives up. */
#define INSERT_PATIENCE_US (INT64_C(60) * US_PER_S)
#define READ_PATIENCE_US   (INT64_C(15) * US_PER_S)
#define PAUSE_LEAST_MS     10
#define PAUSE_MOST_MS      400

static CURL *connection_take(struct store_handle *handle)
{
    CURL *easy = handle->idle ? handle->idle : curl_easy_init();
    handle->idle = NULL;
    if (easy) {
        curl_easy_reset(easy); /* keeps the live connection */
    }
    return easy;
}

static void connection_give(struct store_handle *handle, CURL *easy)
{
    if (handle->idle) {
        curl_easy_cleanup(easy);
    } else {
        handle->idle = easy;
    }
}

/* The address of the present server with its settings; `more` is appended. NULL without memory. */
static char *url_make(const struct store_handle *handle, const char *database, const char *more)
{
    struct buffer url = {0};
    buffer_printf(
        &url, "%s?database=%s&wait_end_of_query=1&buffer_size=1048576&send_progress_in_http_headers=0%s",
        handle->address.servers[handle->server], database ? database : handle->address.database, more);
    return buffer_take_text(&url);
}

/* What one request sends. */
struct question {
    const char *database; /* NULL: the handle's */
    const char *settings; /* for the address; each begins with & */
    const struct buffer *body;
    const struct clickhouse_set *set; /* sent as a form beside the SQL in the address; NULL: the body alone */
    bool is_read;
};

static void limits_set(CURL *easy, bool is_read)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_WAIT_MS);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    if (is_read) {
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SILENCE_WAIT_S);
    } else {
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, WRITE_WAIT_MS);
    }
}

/* The body as it is, or the set as the one file of a form. The form is the caller's to free. */
static curl_mime *body_set(CURL *easy, const struct question *question)
{
    if (!question->set) {
        const struct buffer *body = question->body;
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->bytes ? (const char *)body->bytes : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->count);
        return NULL;
    }
    curl_mime *form = curl_mime_init(easy);
    curl_mimepart *part = form ? curl_mime_addpart(form) : NULL;
    if (part) {
        curl_mime_name(part, CLICKHOUSE_SET_NAME);
        curl_mime_filename(part, CLICKHOUSE_SET_NAME);
        curl_mime_data(part, (const char *)question->set->rows.bytes, question->set->rows.count);
        curl_easy_setopt(easy, CURLOPT_MIMEPOST, form);
    }
    return form;
}

/* Asks the present server once. */
static enum status ask_once(struct store_handle *handle, const struct question *question,
                            struct clickhouse_answer *answer, struct why *why)
{
    CURL *easy = connection_take(handle);
    char *url = url_make(handle, question->database, question->settings);
    if (!easy || !url) {
        curl_easy_cleanup(easy);
        free(url);
        why_set(why, "out of memory while asking ClickHouse");
        return STATUS_NO_MEMORY;
    }
    answer->easy = easy;
    answer->status = STATUS_OK;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    limits_set(easy, question->is_read);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, clickhouse_answer_take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    curl_mime *form = body_set(easy, question);
    /* Without this curl waits a second for a "100 Continue" that the server does not send. */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    enum status status = clickhouse_answer_end(answer, curl_easy_perform(easy), why);
    curl_easy_reset(easy);
    curl_mime_free(form);
    curl_slist_free_all(headers);
    connection_give(handle, easy);
    buffer_free(&answer->pending);
    buffer_free(&answer->error);
    free(url);
    return status;
}

static int64_t now_us(void)
{
    struct clock clock = clock_system();
    return clock_monotonic_us(&clock);
}

/* Longer from time to time, and not the same for two collectors that wait for each other. */
static void pause_take(struct store_handle *handle, int attempt)
{
    uint64_t most_ms = (uint64_t)PAUSE_LEAST_MS << (attempt < 6 ? attempt : 6);
    most_ms = most_ms < PAUSE_MOST_MS ? most_ms : PAUSE_MOST_MS;
    long ms = PAUSE_LEAST_MS + (long)random_below(&handle->random, most_ms);
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Asks one server after the other: each once, and in a cluster again and again until patience ends. Repeating
 * is safe: reads change nothing, rows that are inserted twice count once. */
static enum status ask(struct store_handle *handle, const struct question *question, struct clickhouse_answer *answer,
                       struct why *why)
{
    int64_t patience_us = question->is_read ? READ_PATIENCE_US : INSERT_PATIENCE_US;
    int64_t end_us = now_us() + (handle->address.cluster[0] ? patience_us : 0);
    enum status status = STATUS_BUSY;
    for (int attempt = 0;; attempt++) {
        status = ask_once(handle, question, answer, why);
        bool is_round_over = attempt + 1 >= handle->address.server_count;
        if (status != STATUS_BUSY || answer->has_rows || (is_round_over && now_us() >= end_us)) {
            return status;
        }
        handle->server = (handle->server + 1) % handle->address.server_count;
        if (is_round_over) {
            pause_take(handle, attempt - handle->address.server_count + 1);
        }
    }
}

enum status clickhouse_run(struct store_handle *handle, const char *database, struct buffer *sql,
                           struct why *why)
{
    struct clickhouse_answer answer = {0};
    struct question question = {.database = database, .settings = "", .body = sql};
    enum status status = sql->failed ? STATUS_NO_MEMORY : ask(handle, &question, &answer, why);
    buffer_free(sql);
    return status;
}

static const char *read_settings(const struct store_handle *handle)
{
    return handle->is_exact ? "&select_sequential_consistency=1&max_query_size=4194304"
                            : "&max_query_size=4194304";
}

enum status clickhouse_select(struct store_handle *handle, struct buffer *sql,
                              clickhouse_row_callback callback, void *arg, struct why *why)
{
    struct clickhouse_answer answer = {.callback = callback, .arg = arg};
    struct question question = {.settings = read_settings(handle), .body = sql, .is_read = true};
    if (handle->is_read_only) { /* who only reads, spreads what it asks */
        handle->server = (handle->server + 1) % handle->address.server_count;
    }
    buffer_text(sql, " FORMAT RowBinary");
    enum status status = sql->failed ? STATUS_NO_MEMORY : ask(handle, &question, &answer, why);
    buffer_free(sql);
    return status;
}

/* "&query=..." and more; NULL without memory. */
static char *query_escape(const char *sql, const char *more)
{
    struct buffer settings = {0};
    char *escaped = curl_easy_escape(NULL, sql, 0);
    if (escaped) {
        buffer_printf(&settings, "&query=%s%s", escaped, more);
    }
    curl_free(escaped);
    return buffer_take_text(&settings);
}

enum status clickhouse_select_among(struct store_handle *handle, struct buffer *sql,
                                    const struct clickhouse_set *set, clickhouse_row_callback callback,
                                    void *arg, struct why *why)
{
    struct clickhouse_answer answer = {.callback = callback, .arg = arg};
    struct buffer more = {0};
    buffer_text(sql, " FORMAT RowBinary");
    buffer_printf(&more, "%s&" CLICKHOUSE_SET_NAME "_format=RowBinary&" CLICKHOUSE_SET_NAME "_structure=",
                  read_settings(handle));
    char *structure = curl_easy_escape(NULL, set->structure, 0);
    buffer_text(&more, structure ? structure : "");
    char *text = buffer_take_text(sql);
    char *rest = buffer_take_text(&more);
    char *settings = text && rest && structure ? query_escape(text, rest) : NULL;
    struct question question = {.settings = settings, .set = set, .is_read = true};
    enum status status =
        settings && !set->rows.failed ? ask(handle, &question, &answer, why) : STATUS_NO_MEMORY;
    curl_free(structure);
    free(text);
    free(rest);
    free(settings);
    return status;
}

static enum status rows_insert(struct store_handle *handle, const char *sql, const struct buffer *rows,
                               bool has_quorum, struct why *why)
{
    struct clickhouse_answer answer = {0};
    struct buffer more = {0};
    struct buffer query = {0};
    buffer_printf(&query, "%s FORMAT RowBinary", sql);
    buffer_text(&more, "&max_insert_block_size=" INSERT_ROWS_MAX "&insert_distributed_sync=1");
    /* A receipt is for rows that are written, as the one block that was sent. */
    buffer_text(&more, handle->has_async_insert ? "&async_insert=0" : "");
    if (has_quorum) {
        buffer_text(&more, "&insert_quorum=2&insert_quorum_timeout=" QUORUM_WAIT_MS);
        buffer_text(&more, handle->has_parallel_quorum ? "&insert_quorum_parallel=0" : "");
    }
    char *text = buffer_take_text(&query);
    char *rest = buffer_take_text(&more);
    char *settings = text && rest ? query_escape(text, rest) : NULL;
    struct question question = {.settings = settings, .body = rows};
    enum status status = settings && !rows->failed ? ask(handle, &question, &answer, why) : STATUS_NO_MEMORY;
    free(text);
    free(rest);
    free(settings);
    return status;
}

enum status clickhouse_insert(struct store_handle *handle, const char *sql, const struct buffer *rows,
                              struct why *why)
{
    return rows_insert(handle, sql, rows, handle->has_quorum, why);
}

enum status clickhouse_insert_common(struct store_handle *handle, const char *sql, const struct buffer *rows,
                                     struct why *why)
{
    return rows_insert(handle, sql, rows, handle->has_common_quorum, why);
}

static enum status number_keep(struct reader *reader, void *arg)
{
    int64_t value = binary_i64(reader);
    *(int64_t *)arg = reader->failed ? *(int64_t *)arg : value;
    return STATUS_OK;
}

enum status clickhouse_number(struct store_handle *handle, struct buffer *sql, int64_t fallback, int64_t *out,
                              struct why *why)
{
    int64_t number = fallback;
    enum status status = clickhouse_select(handle, sql, number_keep, &number, why);
    if (status == STATUS_OK) {
        *out = number;
    }
    return status;
}
