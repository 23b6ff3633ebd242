/* A request's header lines in libcurl's form. Part of fetch.c. */
#ifndef MEASUREMENT_BASE_FETCH_LINES_H
#define MEASUREMENT_BASE_FETCH_LINES_H

#include <stdbool.h>

#include "measurement/base/fetch.h"

struct curl_slist;

/* For CURLOPT_HTTPHEADER. USAGE where a name is no token or a value holds a line end. */
enum status fetch_lines_make(const struct fetch_request *request, struct curl_slist **out);
/* Whether the text is a token of RFC 9110 section 5.6.2: a method or a header's name. */
bool fetch_is_token(const char *text);

#endif
