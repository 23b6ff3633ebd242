/* What the tests of webhooks act in: one loop, a receiver that keeps what it was told, and refuses when it is asked to. */
#ifndef TESTS_UNIT_COLLECTOR_ALERT_SCENE_H
#define TESTS_UNIT_COLLECTOR_ALERT_SCENE_H

#include "tests/unit/collector/fixture.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "collector/alert/alert.h"
#include "collector/alert/hook.h"
#include "collector/alert/sign.h"
#include "measurement/base/json.h"

#define BIN_S         600
#define REQUESTS_MOST 2000
#define SECRET        "sixteen bytes or more"

struct request {
    char path[32], word[16], delivery[ALERT_DELIVERY_BYTES], id[EVENT_ID_BYTES], state[16];
    int revision, previous; /* 0: null */
};

struct scene {
    struct collector_folder folder;
    char *path, *config_path;
    struct query *query;
    struct loop *loop;
    struct evhttp *http;
    int port;
    struct alerts *alerts;
    struct request *requests;
    size_t request_count;
    size_t taken_count; /* of them, those that were not refused */
    int failing;  /* as many requests are answered with 500 */
    bool is_down; /* those to /a, all of them */
    struct event events[600];
    size_t event_count;
};

static void header_copy(struct evhttp_request *request, const char *name, char *out, size_t out_bytes)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    assert_non_null(value);
    snprintf(out, out_bytes, "%s", value);
}

static void signature_check(struct evhttp_request *request, const void *body, size_t count)
{
    char wanted[ALERT_SIGNATURE_BYTES];
    char given[ALERT_SIGNATURE_BYTES];
    char timestamp[24];
    header_copy(request, "Dialtone-Signature", given, sizeof given);
    header_copy(request, "Dialtone-Timestamp", timestamp, sizeof timestamp);
    assert_int_equal(alert_sign(SECRET, strtoll(timestamp, NULL, 10), body, count, wanted), STATUS_OK);
    assert_string_equal(given, wanted);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct scene *scene = arg;
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t count = evbuffer_get_length(input);
    const char *body = (const char *)evbuffer_pullup(input, -1);
    json_t *row = NULL;
    assert_true(scene->request_count < REQUESTS_MOST);
    struct request *kept = &scene->requests[scene->request_count++];
    snprintf(kept->path, sizeof kept->path, "%s", evhttp_request_get_uri(request));
    header_copy(request, "Dialtone-Event", kept->word, sizeof kept->word);
    header_copy(request, "Dialtone-Delivery", kept->delivery, sizeof kept->delivery);
    signature_check(request, body, count);
    assert_int_equal(json_read(body, count, &row, NULL), STATUS_OK);
    snprintf(kept->id, sizeof kept->id, "%s", json_member_text(row, "id"));
    snprintf(kept->state, sizeof kept->state, "%s", json_member_text(row, "state"));
    kept->revision = (int)json_member_int(row, "revision", -1);
    kept->previous = (int)json_member_int(row, "previous_revision", 0);
    json_decref(row);
    bool is_refused = (scene->is_down && strcmp(kept->path, "/a") == 0) || scene->failing > 0;
    scene->failing -= scene->failing > 0;
    scene->taken_count += !is_refused;
    evhttp_send_reply(request, is_refused ? 500 : 204, is_refused ? "No" : "Told", NULL);
}

#endif
