/* Requests to the server: SQL out, RowBinary in.
 * Owner: the handle owns one idle connection; a request that finds it taken makes its own and frees it.
 * Why: a callback may read while a read runs, and curl allows no request inside another on one connection. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CONNECT_WAIT_MS 5000L
#define WRITE_WAIT_MS   60000L
#define SILENCE_WAIT_S  120L /* of a read: the server answers only when it has finished */
#define ERROR_BYTES_MAX 4096
#define ROW_BYTES_MAX   (1u << 20)
#define RECEIVE_BYTES   (256L << 10)
#define QUORUM_WAIT_MS  "30000"
#define INSERT_ROWS_MAX "1048576"

/* One answer as it comes in. */
struct answer {
    CURL *easy;
    clickhouse_row_callback callback; /* NULL: no rows are expected */
    void *arg;
    struct buffer pending; /* what is no whole row yet */
    struct buffer error;
    enum status status; /* of the callback */
};

static size_t error_take(struct answer *answer, const char *bytes, size_t count)
{
    size_t room = ERROR_BYTES_MAX - answer->error.count;
    buffer_append(&answer->error, bytes, count < room ? count : room);
    return count;
}

/* As many whole rows as there are. */
static enum status rows_take(struct answer *answer)
{
    struct reader reader = reader_of(answer->pending.bytes, answer->pending.count);
    enum status status = STATUS_OK;
    while (reader.left_bytes > 0 && status == STATUS_OK) {
        struct reader row = reader;
        status = answer->callback(&row, answer->arg);
        if (row.failed) {
            status = reader.left_bytes > ROW_BYTES_MAX ? STATUS_MALFORMED : STATUS_OK;
            break;
        }
        reader = row;
    }
    if (reader.left_bytes > 0) {
        memmove(answer->pending.bytes, reader.bytes, reader.left_bytes);
    }
    answer->pending.count = reader.left_bytes;
    return status;
}

static size_t answer_take(char *bytes, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;
    long code = 0;
    (void)size; /* always 1 */
    curl_easy_getinfo(answer->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200) {
        return error_take(answer, bytes, count);
    }
    if (!answer->callback) {
        return count;
    }
    buffer_append(&answer->pending, bytes, count);
    answer->status = answer->pending.failed ? STATUS_NO_MEMORY : rows_take(answer);
    return answer->status == STATUS_OK ? count : 0;
}

/* The server's error numbers (dbms/src/Common/ErrorCodes.cpp) that mean something other than a failure. */
static enum status status_of_code(long code, const char *text)
{
    switch (code) {
    case 60: /* UNKNOWN_TABLE */
    case 81: /* UNKNOWN_DATABASE */
        return STATUS_NOT_FOUND;
    case 243: /* NOT_ENOUGH_SPACE */
        return STATUS_FULL;
    case 159: /* TIMEOUT_EXCEEDED */
    case 202: /* TOO_MANY_SIMULTANEOUS_QUERIES */
    case 209: /* SOCKET_TIMEOUT */
    case 210: /* NETWORK_ERROR */
    case 216: /* QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING */
    case 225: /* NO_ZOOKEEPER */
    case 241: /* MEMORY_LIMIT_EXCEEDED */
    case 242: /* TABLE_IS_READ_ONLY */
    case 252: /* TOO_MANY_PARTS */
    case 279: /* ALL_CONNECTION_TRIES_FAILED */
    case 285: /* TOO_FEW_LIVE_REPLICAS */
    case 286: /* UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE */
    case 289: /* REPLICA_IS_NOT_IN_QUORUM */
    case 319: /* UNKNOWN_STATUS_OF_INSERT */
    case 999: /* KEEPER_EXCEPTION */
        return STATUS_BUSY;
    default:
        return strstr(text, "No space left on device") ? STATUS_FULL : STATUS_IO;
    }
}

/* Says what the server said, on one line, without the SQL that it may quote at length. */
static enum status server_failed(struct answer *answer, long http_code, struct why *why)
{
    char *text = buffer_take_text(&answer->error);
    if (!text) {
        return STATUS_NO_MEMORY;
    }
    for (char *next = text; *next; next++) {
        *next = *next == '\n' || *next == '\r' || *next == '\t' ? ' ' : *next;
    }
    long code = strncmp(text, "Code: ", 6) == 0 ? strtol(text + 6, NULL, 10) : 0;
    enum status status = status_of_code(code, text);
    why_set(why, "ClickHouse refused (HTTP %ld): %.160s; %s", http_code, text,
            status == STATUS_BUSY ? "try again when it has recovered"
                                  : "look into its log, and check the account and the rights");
    free(text);
    return status;
}

static enum status answer_end(struct answer *answer, CURLcode result, struct why *why)
{
    long http_code = 0;
    curl_easy_getinfo(answer->easy, CURLINFO_RESPONSE_CODE, &http_code);
    if (answer->status != STATUS_OK) {
        return answer->status;
    }
    if (result == CURLE_OK && http_code != 200) {
        return server_failed(answer, http_code, why);
    }
    if (result == CURLE_OK && answer->pending.count > 0) {
        why_set(why, "ClickHouse's answer ends within a row; look into its log");
        return STATUS_IO;
    }
    if (result == CURLE_OK) {
        return STATUS_OK;
    }
    why_set(why,
            "ClickHouse cannot be asked: %s; check that it runs and that the file named store in the data "
            "folder has its address",
            curl_easy_strerror(result));
    return result == CURLE_OUT_OF_MEMORY ? STATUS_NO_MEMORY : STATUS_BUSY;
}

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

/* The address with its settings; `more` is appended. NULL without memory. */
static char *url_make(const struct store_handle *handle, const char *database, const char *more)
{
    struct buffer url = {0};
    buffer_printf(&url,
                  "%s?database=%s&wait_end_of_query=1&buffer_size=1048576&send_progress_in_http_headers=0%s",
                  handle->address.server, database ? database : handle->address.database, more);
    return buffer_take_text(&url);
}

static enum status request(struct store_handle *handle, const char *url, const struct buffer *body,
                           bool is_read, struct answer *answer, struct why *why)
{
    CURL *easy = connection_take(handle);
    if (!easy || !url) {
        curl_easy_cleanup(easy);
        why_set(why, "out of memory while asking ClickHouse");
        return STATUS_NO_MEMORY;
    }
    answer->easy = easy;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_WAIT_MS);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->bytes ? (const char *)body->bytes : "");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->count);
    if (is_read) {
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SILENCE_WAIT_S);
    } else {
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, WRITE_WAIT_MS);
    }
    /* Without this curl waits a second for a "100 Continue" that the server does not send. */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    enum status status = answer_end(answer, curl_easy_perform(easy), why);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    connection_give(handle, easy);
    buffer_free(&answer->pending);
    buffer_free(&answer->error);
    return status;
}

enum status clickhouse_run(struct store_handle *handle, const char *database, struct buffer *sql,
                           struct why *why)
{
    struct answer answer = {0};
    char *url = url_make(handle, database, "");
    enum status status = sql->failed ? STATUS_NO_MEMORY : request(handle, url, sql, false, &answer, why);
    buffer_free(sql);
    free(url);
    return status;
}

enum status clickhouse_select(struct store_handle *handle, struct buffer *sql,
                              clickhouse_row_callback callback, void *arg, struct why *why)
{
    struct answer answer = {.callback = callback, .arg = arg};
    char *url = url_make(handle, NULL, handle->is_exact ? "&select_sequential_consistency=1" : "");
    buffer_text(sql, " FORMAT RowBinary");
    enum status status = sql->failed ? STATUS_NO_MEMORY : request(handle, url, sql, true, &answer, why);
    buffer_free(sql);
    free(url);
    return status;
}

enum status clickhouse_insert(struct store_handle *handle, const char *sql, const struct buffer *rows,
                              struct why *why)
{
    struct answer answer = {0};
    struct buffer more = {0};
    struct buffer query = {0};
    char *escaped = NULL;
    buffer_printf(&query, "%s FORMAT RowBinary", sql);
    char *text = buffer_take_text(&query);
    if (text) {
        escaped = curl_easy_escape(NULL, text, 0);
    }
    /* One name for all inserts of the database: the server runs one of a name at a time. */
    buffer_printf(&more,
                  "&query=%s&query_id=dialtone-%s-insert&max_insert_block_size=" INSERT_ROWS_MAX
                  "&insert_distributed_sync=1%s",
                  escaped ? escaped : "", handle->address.database,
                  handle->has_quorum ? "&insert_quorum=2&insert_quorum_timeout=" QUORUM_WAIT_MS : "");
    char *settings = buffer_take_text(&more);
    char *url = settings ? url_make(handle, NULL, settings) : NULL;
    enum status status = STATUS_NO_MEMORY;
    if (escaped && url && !rows->failed) {
        handle->is_unsettled = true;
        status = request(handle, url, rows, false, &answer, why);
        handle->is_unsettled = status != STATUS_OK;
    }
    curl_free(escaped);
    free(text);
    free(settings);
    free(url);
    return status;
}

struct number {
    int64_t value;
};

static enum status number_keep(struct reader *reader, void *arg)
{
    struct number *number = arg;
    int64_t value = binary_i64(reader);
    number->value = reader->failed ? number->value : value;
    return STATUS_OK;
}

enum status clickhouse_number(struct store_handle *handle, struct buffer *sql, int64_t fallback, int64_t *out,
                              struct why *why)
{
    struct number number = {fallback};
    enum status status = clickhouse_select(handle, sql, number_keep, &number, why);
    if (status == STATUS_OK) {
        *out = number.value;
    }
    return status;
}

enum status clickhouse_settle(struct store_handle *handle, struct why *why)
{
    struct buffer sql = {0};
    int64_t count = 0;
    if (!handle->is_unsettled) {
        return STATUS_OK;
    }
    buffer_printf(&sql, "SELECT toInt64(count()) FROM system.processes WHERE query_id = 'dialtone-%s-insert'",
                  handle->address.database);
    enum status status = clickhouse_number(handle, &sql, 0, &count, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (count > 0) {
        why_set(why, "an earlier insert still runs in ClickHouse; try again when it has ended");
        return STATUS_BUSY;
    }
    handle->is_unsettled = false;
    return STATUS_OK;
}

int clickhouse_lock(struct store_handle *handle, struct why *why)
{
    int lock = open(handle->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock >= 0 && flock(lock, LOCK_EX) < 0) {
        close(lock);
        lock = -1;
    }
    if (lock < 0) {
        why_set(why, "cannot lock %s; check that the data folder is writable", handle->lock_path);
    }
    return lock;
}

void clickhouse_unlock(int lock)
{
    if (lock >= 0) {
        close(lock);
    }
}
