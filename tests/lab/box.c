/* The path box: a process that moves packets between devices through a struct path.
 * Owner: the caller owns the box; its process ends with it or with the caller.
 * Why: a process of its own forwards without waiting for whatever the lab is doing meanwhile. */
#include "tests/lab/box.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "tests/lab/child.h"

#define READS_A_TURN    64 /* packets taken from one device before the others have their turn */
#define RULE_TEXT_BYTES 1024

enum order_kind { ORDER_ADD, ORDER_REMOVE };

struct order {
    enum order_kind kind;
    int64_t id;
    uint64_t clients;
    char text[RULE_TEXT_BYTES];
};

struct answer {
    enum status status;
    int64_t wall_us;
    struct why why;
};

struct box {
    pid_t pid;
    int fd;
};

/* The process's own side. */
struct mover {
    const struct box_plan *plan;
    struct path *path;
    struct clock clock;
    int order_fd;
    int truth_fd;
    uint8_t bytes[PACKET_BYTES_MAX]; /* of the packet in hand */
};

static json_t *clients_json(uint64_t clients, int client_count)
{
    json_t *list = json_array();
    for (int i = 0; i < client_count; i++)
        if (clients & UINT64_C(1) << i)
            json_array_append_new(list, json_integer(i));
    return list;
}

static void truth_write(const struct mover *mover, const struct order *order, int64_t wall_us)
{
    struct buffer line = {0};
    json_t *entry = json_pack("{s:I, s:s, s:I}", "wall_us", (json_int_t)wall_us, "change",
                              order->kind == ORDER_ADD ? "add" : "remove", "id", (json_int_t)order->id);
    if (order->kind == ORDER_ADD) {
        json_object_set_new(entry, "clients", clients_json(order->clients, mover->plan->client_count));
        json_object_set_new(entry, "rule", json_string(order->text));
    }
    if (mover->truth_fd >= 0 && json_write(entry, &line) == STATUS_OK) {
        buffer_text(&line, "\n");
        (void)!write(mover->truth_fd, line.bytes, line.count);
    }
    buffer_free(&line);
    json_decref(entry);
}

static void order_obey(const struct mover *mover, const struct order *order)
{
    struct answer answer = {0};
    if (order->kind == ORDER_ADD)
        answer.status = path_rule_add(mover->path, order->id, order->clients, order->text, &answer.why);
    else
        answer.status = path_rule_remove(mover->path, order->id);
    if (answer.status == STATUS_NOT_FOUND)
        why_set(&answer.why, "rule %" PRId64 " is not in force", order->id);
    answer.wall_us = clock_wall_us(&mover->clock);
    if (answer.status == STATUS_OK)
        truth_write(mover, order, answer.wall_us);
    (void)!send(mover->order_fd, &answer, sizeof answer, MSG_NOSIGNAL);
}

static void device_drain(struct mover *mover, const struct device *device, int from)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t count = device_read(device, mover->bytes, sizeof mover->bytes);
        if (count <= 0)
            return;
        path_receive(mover->path, from, mover->bytes, (size_t)count, clock_monotonic_us(&mover->clock));
    }
}

static void due_send(const struct mover *mover)
{
    struct path_packet packet;
    while (path_take(mover->path, clock_monotonic_us(&mover->clock), &packet)) {
        const struct box_plan *plan = mover->plan;
        device_write(packet.to == PATH_WORLD ? &plan->world : &plan->clients[packet.to].device, packet.bytes,
                     packet.count);
        free(packet.bytes);
    }
}

static int turn_wait(const struct mover *mover, struct pollfd *watched, nfds_t count)
{
    int64_t due_us = path_due_us(mover->path);
    int64_t left_us = due_us == INT64_MAX ? -1 : due_us - clock_monotonic_us(&mover->clock);
    left_us = due_us != INT64_MAX && left_us < 0 ? 0 : left_us;
    struct timespec wait = {.tv_sec = left_us / US_PER_S, .tv_nsec = left_us % US_PER_S * 1000};
    return ppoll(watched, count, due_us == INT64_MAX ? NULL : &wait, NULL);
}

static void mover_run(struct mover *mover)
{
    struct pollfd watched[PATH_CLIENTS_MAX + 2];
    int client_count = mover->plan->client_count;
    for (int i = 0; i < client_count; i++)
        watched[i] = (struct pollfd){.fd = mover->plan->clients[i].device.fd, .events = POLLIN};
    watched[client_count] = (struct pollfd){.fd = mover->plan->world.fd, .events = POLLIN};
    watched[client_count + 1] = (struct pollfd){.fd = mover->order_fd, .events = POLLIN};
    for (;;) {
        if (turn_wait(mover, watched, (nfds_t)client_count + 2) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < client_count; i++)
            if (watched[i].revents & POLLIN)
                device_drain(mover, &mover->plan->clients[i].device, i);
        if (watched[client_count].revents & POLLIN)
            device_drain(mover, &mover->plan->world, PATH_WORLD);
        due_send(mover);
        if (watched[client_count + 1].revents == 0)
            continue;
        struct order order;
        if (recv(mover->order_fd, &order, sizeof order, 0) != (ssize_t)sizeof order)
            return;
        order.text[sizeof order.text - 1] = '\0';
        order_obey(mover, &order);
    }
}

static int box_main(const struct box_plan *plan, int order_fd)
{
    struct mover mover = {.plan = plan, .clock = clock_system(), .order_fd = order_fd, .truth_fd = -1};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1000ul);
    if (plan->truth_path)
        mover.truth_fd = open(plan->truth_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (path_open(plan->seed, &mover.path) != STATUS_OK)
        return EXIT_OWN_FAILURE;
    for (int i = 0; i < plan->client_count; i++)
        if (path_client_add(mover.path, &plan->clients[i].path) != STATUS_OK)
            return EXIT_OWN_FAILURE;
    mover_run(&mover);
    path_free(mover.path);
    return 0;
}

enum status box_start(const struct box_plan *plan, struct box **out, struct why *why)
{
    int pair[2];
    struct box *box = calloc(1, sizeof *box);
    if (!box)
        return STATUS_NO_MEMORY;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        why_set(why, "cannot talk to the path box: %s", strerror(errno));
        free(box);
        return STATUS_IO;
    }
    fflush(NULL);
    box->pid = fork();
    if (box->pid == 0) {
        close(pair[0]);
        _exit(box_main(plan, pair[1]));
    }
    close(pair[1]);
    box->fd = pair[0];
    if (box->pid < 0) {
        why_set(why, "cannot start the path box: %s", strerror(errno));
        close(box->fd);
        free(box);
        return STATUS_IO;
    }
    *out = box;
    return STATUS_OK;
}

void box_stop(struct box *box)
{
    if (!box)
        return;
    close(box->fd);
    child_stop(box->pid, US_PER_S);
    free(box);
}

static enum status order_give(struct box *box, const struct order *order, int64_t *out_wall_us,
                              struct why *why)
{
    struct answer answer;
    if (send(box->fd, order, sizeof *order, MSG_NOSIGNAL) != (ssize_t)sizeof *order ||
        recv(box->fd, &answer, sizeof answer, 0) != (ssize_t)sizeof answer) {
        why_set(why, "the path box has ended; run the lab again");
        return STATUS_IO;
    }
    if (answer.status != STATUS_OK)
        why_set(why, "%s", answer.why.text);
    else if (out_wall_us)
        *out_wall_us = answer.wall_us;
    return answer.status;
}

enum status box_rule_add(struct box *box, int64_t id, uint64_t clients, const char *text,
                         int64_t *out_wall_us, struct why *why)
{
    struct order order = {.kind = ORDER_ADD, .id = id, .clients = clients};
    size_t text_bytes = strlen(text);
    if (text_bytes >= sizeof order.text) {
        why_set(why, "a rule of %zu bytes is too long; shorten it", text_bytes);
        return STATUS_TOO_LARGE;
    }
    memcpy(order.text, text, text_bytes);
    return order_give(box, &order, out_wall_us, why);
}

enum status box_rule_remove(struct box *box, int64_t id, int64_t *out_wall_us, struct why *why)
{
    struct order order = {.kind = ORDER_REMOVE, .id = id};
    return order_give(box, &order, out_wall_us, why);
}
