/* Answers of the server: RowBinary in, or an error of which the number says what it means.
 * Owner: the answer owns its buffers, which the asker frees.
 * Why: a row is handed on as soon as it is whole, so that no answer has to fit into memory. */
#include "collector/store/clickhouse/answer.h"

#include <stdlib.h>
#include <string.h>

#define ERROR_BYTES_MAX 4096
#define ROW_BYTES_MAX   (1u << 20)

static size_t error_take(struct clickhouse_answer *answer, const char *bytes, size_t count)
{
    size_t room = ERROR_BYTES_MAX - answer->error.count;
    buffer_append(&answer->error, bytes, count < room ? count : room);
    return count;
}

/* As many whole rows as there are. */
static enum status rows_take(struct clickhouse_answer *answer)
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
        answer->has_rows = true;
    }
    if (reader.left_bytes > 0) {
        memmove(answer->pending.bytes, reader.bytes, reader.left_bytes);
    }
    answer->pending.count = reader.left_bytes;
    return status;
}

size_t clickhouse_answer_take(char *bytes, size_t size, size_t count, void *arg)
{
    struct clickhouse_answer *answer = arg;
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
        if (strstr(text, "Replica is not active")) { /* 164, which also means a user without rights */
            return STATUS_BUSY;
        }
        return strstr(text, "No space left on device") ? STATUS_FULL : STATUS_IO;
    }
}

/* Says what the server said, on one line, without the SQL that it may quote at length. */
static enum status server_failed(struct clickhouse_answer *answer, long http_code, struct why *why)
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

enum status clickhouse_answer_end(struct clickhouse_answer *answer, CURLcode result, struct why *why)
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
