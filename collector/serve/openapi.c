/* The interface as data, and as an OpenAPI document.
 * Owner: the table is constant; documents are the caller's.
 * Why: a description that is written beside the code goes stale; this one is tested against every answer. */
#include "collector/serve/openapi.h"

#include <stdio.h>
#include <string.h>

#define JSON   "application/json"
#define TEXT   "text/plain"
#define BINARY "application/octet-stream"

#define P_QUERY(name, type, meaning)  {name, OPENAPI_QUERY, type, meaning}
#define P_HEADER(name, meaning)       {name, OPENAPI_HEADER, "string", meaning}
#define P_PATH(name, meaning)         {name, OPENAPI_PATH, "string", meaning}
#define P_FORMAT                      P_QUERY("format", "string", "json or csv; else by Accept")
#define P_FROM                        P_QUERY("from", "string", "UTC time of the earliest that is wanted")
#define P_TO                          P_QUERY("to", "string", "UTC time before which it ends")
#define P_REGION                      P_QUERY("region", "string", "country or subdivision, ISO 3166")
#define P_ASN                         P_QUERY("asn", "string", "number of a network")
#define P_SIGNED                                                                                                       \
    P_HEADER("Dialtone-Key", "public key of the probe, minisign's text"),                                              \
        P_HEADER("Dialtone-Signature", "minisign signature of the body, base64url")

static const struct openapi_operation operations[] = {
    {"/v1/bundles", "/v1/bundles", "post", "Send a signed bundle, or a sealed one, and get a receipt", BINARY, JSON,
     {P_SIGNED}, {200, 201, 400, 401, 403, 409, 413, 415}},
    {"/v1/keys", "/v1/keys", "get", "The collector's keys, signed", NULL, JSON, {{0}}, {200, 304}},
    {"/v1/probes", "/v1/probes", "post", "Enrol a key, or name the key that follows it", JSON, JSON,
     {P_SIGNED}, {200, 201, 400, 401, 403, 409, 413}},
    {"/v1/control", "/v1/control", "get", "Whether this is a test helper", NULL, JSON, {{0}}, {200}},
    {"/v1/control", "/v1/control", "post", "Look at a URL from here, as OONI's web_connectivity test helper", JSON, JSON,
     {{0}}, {200, 400, 403, 413}},
    {"/v1/targets", "/v1/targets", "get", "What probes measure, signed", NULL, JSON,
     {P_QUERY("cc", "string", "country whose own list is added")}, {200, 304, 400, 404}},
    {"/v1/whoami", "/v1/whoami", "get", "Country and network of the caller; written down nowhere", NULL, JSON, {{0}}, {200}},
    {"/v1/pace", "/v1/pace", "get", "64 KiB, to see how fast they come", NULL, BINARY, {{0}}, {200}},
    {"/report", "/report", "post", "Open a report by OONI's protocol", JSON, JSON, {{0}}, {200, 400, 413, 415}},
    {"/report/{id}", "/report", "post", "Send a measurement to a report; nobody signs it", JSON, JSON,
     {P_PATH("id", "the report"), P_HEADER("Content-Encoding", "zstd, or none")}, {200, 400, 413, 415}},
    {"/report/{id}/close", "/report", "post", "Close a report", NULL, JSON, {P_PATH("id", "the report")}, {200}},
    {"/api/v1/regions", "/api/v1/regions", "get", "Regions and networks that measurements came from", NULL, JSON,
     {P_FORMAT}, {200, 304, 400}},
    {"/api/v1/timeline", "/api/v1/timeline", "get", "States of a region, or of a network in it, bin by bin", NULL, JSON,
     {P_REGION, P_ASN, P_FROM, P_TO, P_FORMAT}, {200, 304, 400, 404}},
    {"/api/v1/signals", "/api/v1/signals", "get", "Outside signals of a region, no findings of ours", NULL, JSON,
     {P_REGION, P_FROM, P_TO, P_FORMAT}, {200, 304, 400}},
    {"/api/v1/events", "/api/v1/events", "get", "What was found", NULL, JSON,
     {P_REGION, P_ASN, P_FROM, P_TO, P_QUERY("kind", "string", "kinds of event, with commas between"),
      P_QUERY("state", "string", "the least: suspected, probable or confirmed"),
      P_QUERY("id", "string", "one event, with all its revisions"),
      P_QUERY("format", "string", "json, csv, rss, atom or cap")},
     {200, 304, 400, 404}},
    {"/api/v1/measurements", "/api/v1/measurements", "get",
     "Measurements, newest first: times by the bin, places where three probes are at least; a row may come again on the next page",
     NULL, JSON,
     {P_REGION, P_QUERY("subject", "string", "what was measured; within a region"),
      P_QUERY("test_name", "string", "by which test; within a region"),
      P_QUERY("outcome", "string", "ok, blocked, down, offline or unknown; within a region"), P_FROM, P_TO,
      P_QUERY("limit", "integer", "at most so many, 1 to 1000"), P_QUERY("offset", "integer", "so many are left out"),
      P_QUERY("id", "string", "the line of one measurement, as /api/v1/measurements/{id}"), P_FORMAT},
     {200, 304, 400, 404}},
    {"/api/v1/measurements/{id}", "/api/v1/measurements", "get", "The line of a measurement as it was signed", NULL, JSON,
     {P_PATH("id", "SHA-256 of the line")}, {200, 304, 400, 404}},
    {"/api/v1/evidence", "/api/v1/evidence", "get", "A measurement, its bundle, and the proof that it is in the log", NULL,
     JSON, {P_QUERY("id", "string", "SHA-256 of the line")}, {200, 304, 400, 404, 503}},
    {"/api/v1/log", "/api/v1/log", "get", "Signed checkpoint of the evidence log (C2SP tlog-checkpoint)", NULL, TEXT, {{0}},
     {200, 304}},
    {"/api/v1/log/proof", "/api/v1/log", "get", "Proof that a bundle is in the log (RFC 6962)", NULL, JSON,
     {P_QUERY("bundle", "string", "SHA-256 of its .zst"), P_QUERY("size", "integer", "entries of the tree; all")},
     {200, 400, 404}},
    {"/api/v1/log/consistency", "/api/v1/log", "get", "Proof that one tree extends another (RFC 6962)", NULL, JSON,
     {P_QUERY("from", "integer", "entries of the smaller tree"), P_QUERY("to", "integer", "entries of the larger one")},
     {200, 400}},
    {"/api/v1/log/leaves", "/api/v1/log", "get", "Hashes of bundles, in the order of the log", NULL, JSON,
     {P_QUERY("from", "integer", "the first one"), P_QUERY("limit", "integer", "at most so many, 1 to 10000")},
     {200, 400}},
    {"/api/v1/openapi.json", "/api/v1/openapi.json", "get", "This description", NULL, JSON, {{0}}, {200, 304}},
    {"/metrics", "/metrics", "get", "Counters in OpenMetrics text", NULL, "application/openmetrics-text", {{0}}, {200}},
    {"/healthz", "/healthz", "get", "Whether the store answers", NULL, JSON, {{0}}, {200}},
    {"/{page}", "", "get", "Pages that dialtone-report site wrote, where the operator serves them", NULL, "text/html",
     {P_PATH("page", "path of a file")}, {200, 304, 404}},
};

size_t openapi_count(void)
{
    return sizeof operations / sizeof operations[0];
}

const struct openapi_operation *openapi_at(size_t n)
{
    return &operations[n];
}

static json_t *parameters_make(const struct openapi_operation *operation)
{
    static const char *const places[] = {
        [OPENAPI_QUERY] = "query", [OPENAPI_HEADER] = "header", [OPENAPI_PATH] = "path"};
    json_t *list = json_array();
    for (size_t i = 0; i < OPENAPI_PARAMETERS_MOST && operation->parameters[i].name; i++) {
        const struct openapi_parameter *parameter = &operation->parameters[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", parameter->name, "in",
                                              places[parameter->place], "required",
                                              (int)(parameter->place == OPENAPI_PATH), "description",
                                              parameter->meaning, "schema", "type", parameter->type));
    }
    return list;
}

static const char *code_meaning(int code)
{
    switch (code) {
    case 200:
        return "as asked, or stored before";
    case 201:
        return "stored now";
    case 304:
        return "not changed since the ETag given";
    case 400:
        return "malformed";
    case 401:
        return "signature missing or wrong";
    case 403:
        return "not allowed";
    case 404:
        return "not there";
    case 409:
        return "contradicts what is there";
    case 413:
        return "too large";
    case 415:
        return "not a type that is taken";
    default:
        return "";
    }
}

static json_t *responses_make(const struct openapi_operation *operation)
{
    json_t *responses = json_object();
    for (size_t i = 0; i < OPENAPI_CODES_MOST && operation->codes[i] != 0; i++) {
        int code = operation->codes[i];
        char name[12];
        json_t *response = NULL;
        snprintf(name, sizeof name, "%d", code);
        if (code < 300) {
            response = json_pack("{s:s, s:{s:{}}}", "description", code_meaning(code), "content", operation->answer);
        } else if (code < 400) {
            response = json_pack("{s:s}", "description", code_meaning(code));
        } else {
            response = json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", code_meaning(code), "content", JSON, "schema",
                                 "$ref", "#/components/schemas/Error");
        }
        json_object_set_new(responses, name, response);
    }
    json_object_set_new(responses, "default",
                        json_pack("{s:s, s:{s:{s:{s:s}}}}", "description",
                                  "405 wrong method, 429 and 503 later (Retry-After), 500 our failure, 507 no space",
                                  "content", JSON, "schema", "$ref", "#/components/schemas/Error"));
    return responses;
}

static json_t *operation_make(const struct openapi_operation *operation)
{
    json_t *root = json_pack("{s:s, s:o, s:o}", "summary", operation->summary, "parameters", parameters_make(operation),
                             "responses", responses_make(operation));
    if (root && operation->body) {
        json_object_set_new(root, "requestBody",
                            json_pack("{s:b, s:{s:{}}}", "required", 1, "content", operation->body));
    }
    return root;
}

json_t *openapi_document(void)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < openapi_count(); i++) {
        json_t *path = json_object_get(paths, operations[i].path);
        if (!path) {
            json_object_set_new(paths, operations[i].path, json_object());
            path = json_object_get(paths, operations[i].path);
        }
        json_object_set_new(path, operations[i].method, operation_make(&operations[i]));
    }
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:{s:{s:s, s:[s,s], s:{s:{s:s}, s:{s:s}}}}}}", "openapi", "3.0.3",
                     "info", "title", "Dialtone collector", "version", DIALTONE_VERSION, "description",
                     "Takes in signed measurements, and tells where and when the network was cut.", "paths", paths,
                     "components", "schemas", "Error", "type", "object", "required", "error", "detail", "properties",
                     "error", "type", "string", "detail", "type", "string");
}
