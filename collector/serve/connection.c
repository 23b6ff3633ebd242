/* Watches what evhttp's connections receive, and ends those that misbehave.
 * Owner: each watched connection holds a reference to its bufferevent, given back once evhttp has let go of it.
 * Plan: bytes are judged in a callback of the input buffer, which runs before evhttp reads them; a refusal is written to
 * the socket directly, and the socket shut, so that evhttp sees the end of the stream. A timer looks at deadlines.
 * Why: evhttp bounds idleness and sizes, not a client that sends a byte now and then, and reads heads leniently. */
#include "collector/serve/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "collector/serve/head_check.h"
#include "measurement/bundle.h"

#define SWEEP_US        (US_PER_S / 4)
#define LINGER_US       (2 * US_PER_S) /* for the client to read a refusal before the socket is gone */
#define SLICES_MOST     8
#define REAPED_AT_ONCE  4
#define PULL_BYTES      (64u << 10)
#define PULLS_MOST      16 /* before other connections have their turn */

struct connection {
    struct connections *owner;
    struct bufferevent *bufferevent;
    struct evbuffer_cb_entry *watch;
    struct head_check check;
    int64_t phase_us;   /* since when it is as it is */
    int64_t request_us; /* first byte of the oldest request that is not answered; 0: none */
    uint64_t body_bytes;
    size_t held_bytes;
    bool has_begun; /* a byte came, ever */
    bool is_secret; /* TLS */
    bool is_pulling;
    bool is_answering;
    bool is_refused; /* told so, and lingering */
    bool is_shut;
    int fd; /* where it stands in by_fd; -1 before the first byte */
    struct connection_queue *queue; /* which of them it stands in */
    TAILQ_ENTRY(connection) link;
};

TAILQ_HEAD(connection_queue, connection);

struct connections {
    struct loop *loop;
    struct clock clock;
    struct connection_bounds bounds;
    atomic_size_t *held_bytes;
    struct loop_timer *timer;
    size_t count;
    bool is_draining;
    struct connection **by_fd; /* those that have begun: requests look theirs up */
    size_t by_fd_room;
    void (*answered)(struct evhttp_request *request, void *arg); /* NULL: nobody wants to know */
    void *answered_arg;
    struct connection_queue fresh;  /* no byte ever came; the one that waits longest first */
    struct connection_queue idle;   /* between two requests, likewise */
    struct connection_queue active; /* a request comes or is answered */
    struct connection_queue shut;   /* until evhttp lets go of them */
    size_t fresh_count, idle_count, shut_count;
};

struct connection_bounds connection_bounds_default(void)
{
    return (struct connection_bounds){
        .count_most = 2048,
        .body_bytes_most = BUNDLE_PACKED_BYTES_MAX + (1u << 20),
        .first_us = 15 * US_PER_S,
        .idle_us = 60 * US_PER_S,
        .head_us = 10 * US_PER_S,
        .body_grace_us = 20 * US_PER_S,
        .body_bytes_per_s = 4096,
        .whole_us = 900 * US_PER_S,
        .held_bytes_most = 64u << 20,
        .body_yield_us = 5 * US_PER_S,
    };
}

static int64_t now_of(const struct connections *connections)
{
    return clock_monotonic_us(&connections->clock);
}

static void held_release(struct connection *connection)
{
    atomic_fetch_sub(connection->owner->held_bytes, connection->held_bytes);
    connection->held_bytes = 0;
}

static struct connection_queue *queue_of(const struct connection *connection)
{
    struct connections *owner = connection->owner;
    if (connection->is_shut) {
        return &owner->shut;
    }
    if (connection->check.phase != HEAD_PHASE_IDLE || connection->is_answering) {
        return &owner->active;
    }
    return connection->has_begun ? &owner->idle : &owner->fresh;
}

static void connection_displace(struct connection *connection)
{
    struct connections *owner = connection->owner;
    TAILQ_REMOVE(connection->queue, connection, link);
    owner->fresh_count -= connection->queue == &owner->fresh;
    owner->idle_count -= connection->queue == &owner->idle;
    owner->shut_count -= connection->queue == &owner->shut;
    connection->queue = NULL;
}

/* Behind the others that are as it is now. */
static void connection_place(struct connection *connection)
{
    struct connections *owner = connection->owner;
    if (connection->queue) {
        connection_displace(connection);
    }
    connection->queue = queue_of(connection);
    owner->fresh_count += connection->queue == &owner->fresh;
    owner->idle_count += connection->queue == &owner->idle;
    owner->shut_count += connection->queue == &owner->shut;
    TAILQ_INSERT_TAIL(connection->queue, connection, link);
}

/* evhttp sees the end of the stream and closes. */
static void connection_shut(struct connection *connection)
{
    if (!connection->is_shut) {
        shutdown(bufferevent_getfd(connection->bufferevent), SHUT_RDWR);
        connection->is_shut = true;
        connection_place(connection);
    }
}

/* Straight to the socket: evhttp has no request to answer yet. A socket that takes nothing gets nothing. */
static void refusal_send(struct connection *connection, int code, const char *error, const char *detail)
{
    char body[256];
    char text[512];
    SSL *session = bufferevent_openssl_get_ssl(connection->bufferevent);
    int body_count = snprintf(body, sizeof body, "{\"error\":\"%s\",\"detail\":\"%s\"}\n", error, detail);
    int count = snprintf(text, sizeof text,
                         "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s"
                         "Connection: close\r\n\r\n%s",
                         code, error, body_count, code == 503 ? "Retry-After: 2\r\n" : "", body);
    if (session) {
        SSL_write(session, text, count);
        SSL_shutdown(session);
    } else {
        send(bufferevent_getfd(connection->bufferevent), text, (size_t)count, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void connection_refuse(struct connection *connection, int code, const char *error, const char *detail)
{
    if (connection->is_refused || connection->is_shut) {
        return;
    }
    held_release(connection);
    connection->check.phase = HEAD_PHASE_REFUSED;
    if (connection->is_answering) {
        return; /* what came before is answered first; then it is shut */
    }
    refusal_send(connection, code, error, detail);
    shutdown(bufferevent_getfd(connection->bufferevent), SHUT_WR);
    connection->is_refused = true;
    connection->phase_us = now_of(connection->owner);
}

/* The last `count` bytes of the buffer, in their pieces. */
static bool bytes_judge(struct connection *connection, struct evbuffer *buffer, size_t count)
{
    struct evbuffer_ptr start;
    struct evbuffer_iovec slices[SLICES_MOST];
    size_t left = count;
    if (evbuffer_ptr_set(buffer, &start, evbuffer_get_length(buffer) - count, EVBUFFER_PTR_SET) != 0) {
        return false;
    }
    while (left > 0) {
        int slice_count = evbuffer_peek(buffer, (ev_ssize_t)left, &start, slices, SLICES_MOST);
        size_t seen = 0;
        for (int i = 0; i < slice_count && i < SLICES_MOST && left > 0; i++) {
            size_t part = slices[i].iov_len < left ? slices[i].iov_len : left;
            if (!head_check_feed(&connection->check, slices[i].iov_base, part)) {
                return false;
            }
            left -= part;
            seen += part;
        }
        if (seen == 0 || (left > 0 && evbuffer_ptr_set(buffer, &start, seen, EVBUFFER_PTR_ADD) != 0)) {
            return false;
        }
    }
    return true;
}

/* Who holds memory longest gives way, so that a few slow bodies do not keep everybody out. */
static void oldest_body_refuse(struct connections *connections, const struct connection *newest)
{
    struct connection *oldest = NULL;
    struct connection *at;
    TAILQ_FOREACH(at, &connections->active, link)
    {
        bool is_receiving = at->check.phase == HEAD_PHASE_BODY && !at->is_answering && !at->is_shut;
        if (at != newest && is_receiving && (!oldest || at->phase_us < oldest->phase_us)) {
            oldest = at;
        }
    }
    if (oldest && now_of(connections) - oldest->phase_us > connections->bounds.body_yield_us) {
        struct evbuffer *input = bufferevent_get_input(oldest->bufferevent);
        connection_refuse(oldest, 503, "busy", "too much is being uploaded at once; try again soon");
        evbuffer_drain(input, evbuffer_get_length(input));
        connection_shut(oldest);
    }
}

/* Keeps account of the body under way; false where there is no room for it. */
static bool body_hold(struct connection *connection, size_t count)
{
    struct connections *owner = connection->owner;
    if (connection->check.phase != HEAD_PHASE_BODY) {
        return true;
    }
    connection->body_bytes += count;
    connection->held_bytes += count;
    if (atomic_fetch_add(owner->held_bytes, count) + count > owner->bounds.held_bytes_most) {
        oldest_body_refuse(owner, connection);
    }
    return atomic_load(owner->held_bytes) <= owner->bounds.held_bytes_most;
}

static void phase_enter(struct connection *connection, enum head_phase before)
{
    enum head_phase after = connection->check.phase;
    if (after != before) {
        connection->phase_us = now_of(connection->owner);
        connection->body_bytes = 0;
        connection_place(connection);
    }
    if (connection->request_us == 0 && after != HEAD_PHASE_REFUSED) {
        connection->request_us = now_of(connection->owner);
    }
}

/* False where there is no memory. */
static bool connection_begin(struct connection *connection)
{
    struct connections *owner = connection->owner;
    int fd = bufferevent_getfd(connection->bufferevent);
    size_t room = owner->by_fd_room;
    if (fd < 0) {
        return false;
    }
    while ((size_t)fd >= room) {
        room = room ? room * 2 : 256;
    }
    if (room > owner->by_fd_room) {
        struct connection **by_fd = realloc(owner->by_fd, room * sizeof(struct connection *));
        if (!by_fd) {
            return false;
        }
        memset(by_fd + owner->by_fd_room, 0, (room - owner->by_fd_room) * sizeof(struct connection *));
        owner->by_fd = by_fd;
        owner->by_fd_room = room;
    }
    owner->by_fd[fd] = connection;
    connection->fd = fd;
    connection->has_begun = true;
    return true;
}

/* What of a body has come already, in few large reads: libevent's are of four kilobytes each. Adding to the buffer judges
 * it. TLS reads records of its own. */
static void body_pull(struct connection *connection, struct evbuffer *buffer)
{
    struct evbuffer_iovec room[2];
    const struct head_check *check = &connection->check;
    ssize_t got = 1;
    connection->is_pulling = true;
    for (int i = 0; i < PULLS_MOST && got > 0 && check->phase == HEAD_PHASE_BODY && !connection->is_shut; i++) {
        size_t wanted = check->body_left_bytes < PULL_BYTES ? (size_t)check->body_left_bytes : PULL_BYTES;
        int count = evbuffer_reserve_space(buffer, (ev_ssize_t)wanted, room, 2);
        size_t first = count > 0 && room[0].iov_len < wanted ? room[0].iov_len : wanted;
        if (count < 1 || wanted == 0) {
            break;
        }
        room[0].iov_len = first;
        room[1].iov_len = count > 1 ? wanted - first : 0;
        got = readv(bufferevent_getfd(connection->bufferevent), (const struct iovec *)room, count);
        room[0].iov_len = got < 0 ? 0 : (size_t)got < first ? (size_t)got : first;
        room[1].iov_len = got > (ssize_t)first ? (size_t)got - first : 0;
        if (got > 0) {
            evbuffer_commit_space(buffer, room, count);
        }
    }
    connection->is_pulling = false;
}

static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *connection = arg;
    struct head_check *check = &connection->check;
    enum head_phase before = check->phase;
    if (info->n_added == 0) {
        return;
    }
    if (before == HEAD_PHASE_REFUSED || connection->is_shut) {
        evbuffer_drain(buffer, evbuffer_get_length(buffer));
        return;
    }
    bool is_good = (connection->has_begun || connection_begin(connection)) &&
                   bytes_judge(connection, buffer, info->n_added);
    phase_enter(connection, before);
    if (!is_good) {
        struct head_refusal refusal = check->refusal;
        connection_refuse(connection, refusal.code ? refusal.code : 500,
                          refusal.error ? refusal.error : "no_memory",
                          refusal.detail ? refusal.detail : "out of memory; try again later");
    } else if (!body_hold(connection, info->n_added)) {
        connection_refuse(connection, 503, "busy", "too much is being uploaded at once; try again soon");
    }
    if (check->phase == HEAD_PHASE_REFUSED && !connection->is_answering) {
        evbuffer_drain(buffer, evbuffer_get_length(buffer));
    } else if (check->phase == HEAD_PHASE_BODY && !connection->is_pulling && !connection->is_secret) {
        body_pull(connection, buffer);
    }
}

static void connection_end(struct connection *connection)
{
    held_release(connection);
    evbuffer_remove_cb_entry(bufferevent_get_input(connection->bufferevent), connection->watch);
    connection_displace(connection);
    connection->owner->count--;
    if (connection->fd >= 0) {
        connection->owner->by_fd[connection->fd] = NULL;
    }
    bufferevent_decref(connection->bufferevent);
    head_check_end(&connection->check);
    free(connection);
}

/* evhttp lets go of a connection by freeing its bufferevent, which takes the callbacks out. */
static bool is_let_go(const struct connection *connection)
{
    bufferevent_event_cb on_event = NULL;
    bufferevent_getcb(connection->bufferevent, NULL, NULL, &on_event, NULL);
    return on_event == NULL;
}

/* Whether it has had the time that its phase has. */
static bool is_overdue(const struct connection *connection, int64_t now_us)
{
    const struct connection_bounds *bounds = &connection->owner->bounds;
    int64_t spent_us = now_us - connection->phase_us;
    if (connection->request_us != 0 && now_us - connection->request_us > bounds->whole_us) {
        return true;
    }
    if (connection->is_answering) {
        return false;
    }
    switch (connection->check.phase) {
    case HEAD_PHASE_IDLE:
        return spent_us > (connection->has_begun ? bounds->idle_us : bounds->first_us);
    case HEAD_PHASE_HEAD:
        return spent_us > bounds->head_us;
    case HEAD_PHASE_BODY:
        return spent_us > bounds->body_grace_us &&
               (int64_t)connection->body_bytes < bounds->body_bytes_per_s * (spent_us / US_PER_S);
    case HEAD_PHASE_REFUSED:
        return !connection->is_refused || spent_us > LINGER_US;
    }
    return true;
}

static void connection_look(struct connection *connection, int64_t now_us)
{
    bool is_idle = connection->check.phase == HEAD_PHASE_IDLE && !connection->is_answering;
    if (is_let_go(connection)) {
        connection_end(connection);
    } else if (connection->owner->is_draining && is_idle) {
        connection_shut(connection);
    } else if (is_overdue(connection, now_us)) {
        bool is_waiting = !connection->is_answering && !is_idle && !connection->is_refused;
        if (is_waiting && connection->check.phase != HEAD_PHASE_REFUSED) {
            refusal_send(connection, 408, "timeout", "the request did not come in time; send it again");
        }
        connection_shut(connection);
    }
}

static void queue_look(struct connection_queue *queue, int64_t now_us)
{
    struct connection *connection = TAILQ_FIRST(queue);
    while (connection) {
        struct connection *next = TAILQ_NEXT(connection, link);
        connection_look(connection, now_us);
        connection = next;
    }
}

static void sweep(void *arg)
{
    struct connections *connections = arg;
    int64_t now_us = now_of(connections);
    connections->timer = NULL;
    queue_look(&connections->shut, now_us);
    queue_look(&connections->active, now_us);
    queue_look(&connections->fresh, now_us);
    queue_look(&connections->idle, now_us);
    loop_after(connections->loop, SWEEP_US, sweep, connections, &connections->timer);
}

/* Whose head or body has taken longest; NULL where all wait for their answers. */
static struct connection *slowest_find(struct connections *connections)
{
    struct connection *slowest = NULL;
    struct connection *at;
    TAILQ_FOREACH(at, &connections->active, link)
    {
        bool is_receiving = !at->is_answering && at->check.phase != HEAD_PHASE_REFUSED;
        if (is_receiving && (!slowest || at->phase_us < slowest->phase_us)) {
            slowest = at;
        }
    }
    return slowest;
}

/* Who has been useless longest: of those that never said a word or of those between two requests, whichever are more, so
 * that neither kind drives out the other; where there are none, whose request is slowest. */
static struct connection *useless_find(struct connections *connections)
{
    struct connection *chosen = connections->fresh_count >= connections->idle_count ? TAILQ_FIRST(&connections->fresh)
                                                                                     : TAILQ_FIRST(&connections->idle);
    return chosen ? chosen : slowest_find(connections);
}

/* For one more. */
static void room_make(struct connections *connections)
{
    struct connection *first = TAILQ_FIRST(&connections->shut);
    for (int i = 0; first && i < REAPED_AT_ONCE && is_let_go(first); i++) {
        connection_end(first);
        first = TAILQ_FIRST(&connections->shut);
    }
    if (connections->count - connections->shut_count < (size_t)connections->bounds.count_most) {
        return;
    }
    struct connection *chosen = useless_find(connections);
    if (chosen) {
        connection_shut(chosen);
    }
}

enum status connections_add(struct connections *connections, struct bufferevent *bufferevent)
{
    room_make(connections);
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        return STATUS_NO_MEMORY;
    }
    connection->owner = connections;
    connection->fd = -1;
    connection->is_secret = bufferevent_openssl_get_ssl(bufferevent) != NULL;
    connection->phase_us = now_of(connections);
    connection->check.body_bytes_max = connections->bounds.body_bytes_most;
    connection->watch = evbuffer_add_cb(bufferevent_get_input(bufferevent), on_input, connection);
    if (!connection->watch) {
        free(connection);
        return STATUS_NO_MEMORY;
    }
    bufferevent_incref(bufferevent);
    connection->bufferevent = bufferevent;
    connection_place(connection);
    connections->count++;
    return STATUS_OK;
}

static struct connection *connection_find(struct connections *connections, struct evhttp_request *request)
{
    struct evhttp_connection *http = evhttp_request_get_connection(request);
    struct bufferevent *bufferevent = http ? evhttp_connection_get_bufferevent(http) : NULL;
    int fd = bufferevent ? bufferevent_getfd(bufferevent) : -1;
    struct connection *found = fd >= 0 && (size_t)fd < connections->by_fd_room ? connections->by_fd[fd] : NULL;
    return found && found->bufferevent == bufferevent ? found : NULL;
}

static void on_answered(struct evhttp_request *request, void *arg)
{
    struct connection *connection = arg;
    if (connection->owner->answered) {
        connection->owner->answered(request, connection->owner->answered_arg);
    }
    connection->is_answering = false;
    connection->phase_us = now_of(connection->owner);
    connection->request_us = connection->check.phase == HEAD_PHASE_IDLE ? 0 : connection->phase_us;
    connection_place(connection);
    if (connection->check.phase == HEAD_PHASE_REFUSED) {
        struct evbuffer *input = bufferevent_get_input(connection->bufferevent);
        evbuffer_drain(input, evbuffer_get_length(input));
        connection_shut(connection);
    }
}

void connections_request(struct connections *connections, struct evhttp_request *request)
{
    struct connection *connection = connection_find(connections, request);
    if (connections->is_draining) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
    }
    if (connection) {
        held_release(connection);
        connection->is_answering = true;
        connection->request_us = connection->request_us ? connection->request_us : now_of(connections);
        connection_place(connection);
        evhttp_request_set_on_complete_cb(request, on_answered, connection);
    }
}

void connections_answered(struct connections *connections, void (*answered)(struct evhttp_request *request, void *arg),
                          void *arg)
{
    connections->answered = answered;
    connections->answered_arg = arg;
}

void connections_drain(struct connections *connections)
{
    connections->is_draining = true;
}

size_t connections_count(const struct connections *connections)
{
    return connections->count;
}

enum status connections_open(struct loop *loop, const struct connection_bounds *bounds,
                             atomic_size_t *held_bytes, struct connections **out)
{
    struct connections *connections = calloc(1, sizeof *connections);
    if (!connections) {
        return STATUS_NO_MEMORY;
    }
    *connections = (struct connections){
        .loop = loop, .clock = clock_system(), .bounds = *bounds, .held_bytes = held_bytes};
    TAILQ_INIT(&connections->fresh);
    TAILQ_INIT(&connections->idle);
    TAILQ_INIT(&connections->active);
    TAILQ_INIT(&connections->shut);
    enum status status = loop_after(loop, SWEEP_US, sweep, connections, &connections->timer);
    if (status == STATUS_OK) {
        *out = connections;
    } else {
        free(connections);
    }
    return status;
}

void connections_free(struct connections *connections)
{
    if (!connections) {
        return;
    }
    loop_timer_cancel(connections->timer);
    struct connection_queue *const queues[] = {&connections->fresh, &connections->idle, &connections->active,
                                               &connections->shut};
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        while (!TAILQ_EMPTY(queues[i])) {
            connection_end(TAILQ_FIRST(queues[i]));
        }
    }
    free(connections->by_fd);
    free(connections);
}
