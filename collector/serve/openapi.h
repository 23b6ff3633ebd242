/* What the service takes and answers, as data: the published description is made of it, and tests hold the service to it. */
#ifndef COLLECTOR_SERVE_OPENAPI_H
#define COLLECTOR_SERVE_OPENAPI_H

#include <jansson.h>
#include <stddef.h>

#define OPENAPI_PARAMETERS_MOST 12
#define OPENAPI_CODES_MOST      10

enum openapi_place { OPENAPI_QUERY, OPENAPI_HEADER, OPENAPI_PATH };

struct openapi_parameter {
    const char *name; /* NULL ends the list */
    enum openapi_place place;
    const char *type; /* "string" or "integer" */
    const char *meaning;
};

struct openapi_operation {
    const char *path;   /* with {name} for a parameter */
    const char *route;  /* the path of its route in routes.c */
    const char *method; /* "get" or "post"; what answers GET answers HEAD */
    const char *summary;
    const char *body; /* media type of what is sent; NULL: nothing is */
    const char *answer; /* of a 2xx */
    struct openapi_parameter parameters[OPENAPI_PARAMETERS_MOST];
    int codes[OPENAPI_CODES_MOST]; /* 0 ends the list; others than these are errors of the whole service */
};

size_t openapi_count(void);
const struct openapi_operation *openapi_at(size_t n);
/* The OpenAPI 3.0 document. New reference; NULL without memory. */
json_t *openapi_document(void);

#endif
