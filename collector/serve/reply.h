/* Answers: JSON, errors, and what a status means in HTTP. */
#ifndef COLLECTOR_SERVE_REPLY_H
#define COLLECTOR_SERVE_REPLY_H

#include <jansson.h>

#include "measurement/base/bytes.h"

struct evhttp_request;
struct evkeyvalq;

/* Takes the buffer's bytes; 500 where it failed. */
void reply_bytes(struct evhttp_request *request, int code, const char *content_type, struct buffer *body);
/* The same with 200 and an ETag of the bytes; 304 without them where the caller has them. */
void reply_tagged(struct evhttp_request *request, const char *content_type, struct buffer *body);
/* Whether If-None-Match names the tag, weakly compared, or any (RFC 9110 section 13.1.2). */
bool reply_is_known(struct evhttp_request *request, const char *tag);
/* Steals the value; NULL is answered with 500. */
void reply_json(struct evhttp_request *request, int code, json_t *value);
/* {"error": word, "detail": sentence} */
void reply_error(struct evhttp_request *request, int code, const char *error, const char *detail);
/* The code that the API has for a status: MALFORMED 400, BAD_SIGNATURE 401, NOT_FOUND 404, CONFLICT 409,
 * TOO_LARGE 413, UNSUPPORTED 415, BUSY 429, FULL 507, others 500. */
void reply_status(struct evhttp_request *request, enum status status, const char *detail);
void reply_header(struct evhttp_request *request, const char *name, const char *value);

/* Parameters of the query string; free with reply_query_free. MALFORMED where it is none. */
enum status reply_query(struct evhttp_request *request, struct evkeyvalq **out);
void reply_query_free(struct evkeyvalq *query);
/* A value by name, or NULL. */
const char *reply_query_value(const struct evkeyvalq *query, const char *name);
/* A whole number in [least, most]; absent: *out untouched. */
enum status reply_query_number(const struct evkeyvalq *query, const char *name, int64_t least, int64_t most,
                               int64_t *out);

#endif
