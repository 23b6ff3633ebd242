/* What the clean targets answer.
 * Owner: an answer in the making owns its body and its timer until it is sent; the request is evhttp's.
 * Why: real pages differ from visit to visit, come late, in pieces, in all languages, and after redirects;
 * none of it is interference. Plan: 1 the name tells the target; 2 redirects until where its page stands; 3
 * the page, now or later. */
#include "tests/lab/clean_pages.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/random.h"
#include "tests/lab/backend.h"

#define PROBE_NET   "130.192."
#define PROBE_HOST  ".211"
#define PIECES      8
#define CHAIN_STEPS 4

struct pages {
    struct event_base *base;
    uint64_t seed;
};

/* One request, as far as answering it needs to know. */
struct visit {
    struct evhttp_request *request;
    struct clean_target target;
    bool is_www, is_https, is_probe;
    char path[256];
};

/* An answer that waits for its time. */
struct answer {
    struct evhttp_request *request;
    struct event *timer;
    struct buffer body;
    int code;
    size_t sent_bytes;
    int piece_delay_ms; /* 0: all at once */
    bool is_chunked;
    bool has_begun;
};

static const char *header_of(struct evhttp_request *request, const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    return value ? value : "";
}

static void header_add(struct evhttp_request *request, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

static bool peer_is_probe(struct evhttp_request *request)
{
    char *address = NULL;
    ev_uint16_t port = 0;
    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    size_t count = address ? strlen(address) : 0;
    return count > strlen(PROBE_HOST) && strncmp(address, PROBE_NET, strlen(PROBE_NET)) == 0 &&
           strcmp(address + count - strlen(PROBE_HOST), PROBE_HOST) == 0;
}

static bool visit_read(struct evhttp_request *request, const struct pages *pages, struct visit *out)
{
    const char *host = evhttp_request_get_host(request);
    int number = host ? clean_number_of(host) : -1;
    if (number < 0)
        return false;
    *out = (struct visit){.request = request,
                          .target = clean_target_of(pages->seed, number),
                          .is_www = strncmp(host, "www.", 4) == 0,
                          .is_https = strcmp(header_of(request, "X-Scheme"), "https") == 0,
                          .is_probe =
                              strcmp(header_of(request, "X-Is-Probe"), "1") == 0 || peer_is_probe(request)};
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    snprintf(out->path, sizeof out->path, "%s", path && path[0] ? path : "/");
    return true;
}

static void redirect(struct evhttp_request *request, int code, const char *location)
{
    header_add(request, "Location", location);
    header_add(request, "Content-Type", "text/html");
    evhttp_send_reply(request, code, "Elsewhere", NULL);
}

static void redirect_to(const struct visit *visit, bool to_https, bool to_www)
{
    char location[512];
    snprintf(location, sizeof location, "%s://%s%s%s", to_https ? "https" : "http", to_www ? "www." : "",
             visit->target.host, visit->path);
    redirect(visit->request, visit->target.number % 2 == 0 ? 301 : 308, location);
}

/* "/", then /step/1, ... up to the page; every other step is relative. */
static bool chain_lead(const struct visit *visit)
{
    char location[512];
    int step = 0;
    (void)sscanf(visit->path, "/step/%d", &step);
    if (step >= CHAIN_STEPS)
        return false;
    if (step % 2 == 0)
        snprintf(location, sizeof location, "/step/%d", step + 1);
    else
        snprintf(location, sizeof location, "%s://%s/step/%d", visit->is_https ? "https" : "http",
                 visit->target.host, step + 1);
    redirect(visit->request, 302, location);
    return true;
}

static bool cookie_lead(const struct visit *visit)
{
    if (strstr(header_of(visit->request, "Cookie"), "seen=yes"))
        return false;
    header_add(visit->request, "Set-Cookie", "seen=yes; Path=/");
    redirect(visit->request, 302, visit->path);
    return true;
}

/* Whether the visit was sent on. */
static bool visit_lead(const struct visit *visit)
{
    bool wants_https = visit->target.start == CLEAN_TO_HTTPS || visit->target.start == CLEAN_TO_BOTH;
    bool wants_www = visit->target.start == CLEAN_TO_WWW || visit->target.start == CLEAN_TO_BOTH;
    if (visit->target.start == CLEAN_CHAIN)
        return chain_lead(visit);
    if (visit->target.start == CLEAN_BY_COOKIE)
        return cookie_lead(visit);
    if (wants_https && !visit->is_https)
        redirect_to(visit, true, false);
    else if (wants_www && !visit->is_www)
        redirect_to(visit, visit->is_https, true);
    else
        return false;
    return true;
}

struct tongue {
    const char *content_type;
    const char *title;
    const char *words[8];
};

static const struct tongue tongues[CLEAN_LANGUAGE_COUNT] = {
    [CLEAN_EN] = {"text/html; charset=utf-8",
                  "The Daily Observer",
                  {"river", "market", "station", "letter", "bridge", "winter", "garden", "signal"}},
    [CLEAN_FR] = {"text/html; charset=UTF-8",
                  "Actualités de la région",
                  {"marché", "forêt", "été", "école", "rivière", "hôpital", "journée", "voilà"}},
    [CLEAN_AR] = {"text/html; charset=utf-8",
                  "أخبار اليوم والطقس",
                  {"مدينة", "سوق", "طريق", "ماء", "مدرسة", "كتاب", "بيت", "صباح"}},
    [CLEAN_RU] = {"text/html; charset=utf-8",
                  "Новости дня и погода",
                  {"город", "рынок", "дорога", "вода", "школа", "книга", "дом", "утро"}},
    /* The same in the code page of older sites. */
    [CLEAN_RU_1251] = {"text/html; charset=windows-1251",
                       "\xcd\xee\xe2\xee\xf1\xf2\xe8 \xe4\xed\xff",
                       {"\xe3\xee\xf0\xee\xe4", "\xf0\xfb\xed\xee\xea", "\xe4\xee\xf0\xee\xe3\xe0",
                        "\xe2\xee\xe4\xe0", "\xf8\xea\xee\xeb\xe0", "\xea\xed\xe8\xe3\xe0", "\xe4\xee\xec",
                        "\xf3\xf2\xf0\xee"}},
    [CLEAN_SW] = {"text/html",
                  "Habari za leo na michezo",
                  {"mji", "soko", "barabara", "maji", "shule", "kitabu", "nyumba", "asubuhi"}},
    [CLEAN_ZH] = {"text/html; charset=utf-8",
                  "今日新闻与天气",
                  {"城市", "市场", "道路", "学校", "书籍", "早晨", "新闻", "天气"}},
};

static void words_write(const struct tongue *tongue, const struct random_source *random, size_t bytes,
                        struct buffer *out)
{
    size_t end = out->count + bytes;
    while (out->count < end && !out->failed)
        buffer_printf(out, "%s%s", tongue->words[random_below(random, 8)],
                      random_below(random, 12) == 0 ? ".</p>\n<p>" : " ");
}

/* What is always the same comes first, what differs from visit to visit behind it: its length too. */
static void text_write(const struct clean_target *target, uint64_t seed, struct buffer *out)
{
    static const char *const headlines[] = {"Harvest begins", "Bridge reopened", "Election results",
                                            "Rain expected"};
    const struct tongue *tongue = &tongues[target->language];
    struct random_seeded seeded;
    const struct random_source fixed = random_of_seed(&seeded, seed + (uint64_t)target->number);
    const struct random_source free_source = random_system();
    size_t dynamic_bytes = target->body_bytes * (size_t)target->dynamic_percent / 100;
    if (dynamic_bytes > 0)
        dynamic_bytes = dynamic_bytes / 2 + random_below(&free_source, dynamic_bytes);
    buffer_text(out, "<!doctype html>\n<html><head><title>");
    if (target->is_title_dynamic)
        buffer_printf(out, "%s | ", headlines[random_below(&free_source, 4)]);
    buffer_printf(out, "%s %d</title></head>\n<body><p>", tongue->title, target->number);
    words_write(tongue, &fixed,
                target->body_bytes - target->body_bytes * (size_t)target->dynamic_percent / 100, out);
    words_write(tongue, &free_source, dynamic_bytes, out);
    buffer_text(out, "</p></body></html>\n");
}

static void puzzle_write(struct buffer *out)
{
    buffer_text(out,
                "<!doctype html>\n<html><head><title>Just a moment...</title></head><body><h1>Checking your "
                "browser</h1><p>Please solve the puzzle to go on.</p></body></html>\n");
}

static int page_write(const struct visit *visit, uint64_t seed, struct buffer *out)
{
    switch (visit->target.page) {
    case CLEAN_EMPTY:
        return 200;
    case CLEAN_MISSING:
        buffer_text(
            out, "<html><head><title>404 Not Found</title></head><body>There is no such page.</body></html>");
        return 404;
    case CLEAN_FORBIDDEN:
        buffer_text(
            out, "<html><head><title>403 Forbidden</title></head><body>You may not see this.</body></html>");
        return 403;
    case CLEAN_PUZZLE:
        puzzle_write(out);
        return 503;
    case CLEAN_PROBE_REFUSED:
        if (!visit->is_probe)
            break;
        puzzle_write(out);
        return 403;
    case CLEAN_TEXT:
    case CLEAN_PAGE_COUNT:
        break;
    }
    text_write(&visit->target, seed, out);
    return 200;
}

static void answer_free(struct answer *answer)
{
    if (answer->timer)
        event_free(answer->timer);
    buffer_free(&answer->body);
    free(answer);
}

static void answer_wait(struct answer *answer, int delay_ms)
{
    const struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    event_add(answer->timer, &delay);
}

/* The next piece. One that is asked for and has no connection any more frees itself in evhttp. */
static void piece_send(struct answer *answer)
{
    struct evbuffer *piece = evbuffer_new();
    size_t left_bytes = answer->body.count - answer->sent_bytes;
    size_t count = answer->piece_delay_ms > 0 ? answer->body.count / PIECES + 1 : left_bytes;
    count = count < left_bytes ? count : left_bytes;
    if (!answer->has_begun)
        evhttp_send_reply_start(answer->request, answer->code, "As it is");
    answer->has_begun = true;
    if (piece) {
        evbuffer_add(piece, answer->body.bytes + answer->sent_bytes, count);
        evhttp_send_reply_chunk(answer->request, piece);
        evbuffer_free(piece);
    }
    answer->sent_bytes += count;
}

static void answer_send(evutil_socket_t fd, short what, void *arg)
{
    struct answer *answer = arg;
    (void)fd;
    (void)what;
    bool is_gone = evhttp_request_get_connection(answer->request) == NULL;
    if (answer->is_chunked && answer->body.count > 0 && !is_gone) {
        piece_send(answer);
        if (answer->sent_bytes < answer->body.count) {
            answer_wait(answer, answer->piece_delay_ms);
            return;
        }
        evhttp_send_reply_end(answer->request);
    } else if (answer->has_begun) {
        evhttp_send_reply_end(answer->request);
    } else {
        struct evbuffer *body = evbuffer_new();
        if (body)
            evbuffer_add(body, answer->body.bytes, answer->body.count);
        evhttp_send_reply(answer->request, answer->code, "As it is", body);
        if (body)
            evbuffer_free(body);
    }
    answer_free(answer);
}

static void page_answer(struct evhttp_request *request, void *arg)
{
    const struct pages *pages = arg;
    struct visit visit;
    if (!visit_read(request, pages, &visit)) {
        evhttp_send_error(request, 404, "there is no such site");
        return;
    }
    if (visit_lead(&visit))
        return;
    struct answer *answer = calloc(1, sizeof *answer);
    if (answer)
        answer->timer = event_new(pages->base, -1, 0, answer_send, answer);
    if (!answer || !answer->timer) {
        free(answer);
        evhttp_send_error(request, 500, "there is no memory");
        return;
    }
    answer->request = request;
    answer->code = page_write(&visit, pages->seed, &answer->body);
    answer->piece_delay_ms = visit.target.piece_delay_ms;
    answer->is_chunked = visit.target.is_chunked || answer->piece_delay_ms > 0;
    header_add(request, "Content-Type", tongues[visit.target.language].content_type);
    header_add(request, "Server", visit.target.number % 3 == 0 ? "Apache" : "lighttpd");
    if (visit.target.has_own_header)
        header_add(request, "X-Powered-For", "readers");
    answer_wait(answer, visit.target.delay_ms);
}

enum status clean_pages_serve(struct event_base *base, struct evhttp *http, const struct clean_plan *plan)
{
    struct pages *pages = calloc(1, sizeof *pages); /* lives as long as the process */
    char address[CLEAN_ADDRESS_ROOM];
    if (!pages)
        return STATUS_NO_MEMORY;
    *pages = (struct pages){.base = base, .seed = plan->seed};
    evhttp_set_gencb(http, page_answer, pages);
    for (int cluster = 0; plan->count > 0 && cluster < CLEAN_CLUSTERS; cluster++) {
        for (int edge = 0; edge < 2 && clean_cluster_is_plain(cluster); edge++) {
            clean_address(cluster, edge, address);
            if (evhttp_bind_socket(http, address, 80) != 0)
                return STATUS_IO;
        }
    }
    return STATUS_OK;
}
