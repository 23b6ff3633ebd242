/* One DNS question over UDP with every answer kept.
 * The query owns its socket, its timers and the answers.
 * Plan: 1 an unconnected socket, so that answers from other addresses are seen too; 2 the question is sent up
 * to three times, each with an id of its own, so that every answer belongs to one datagram; 3 the first good
 * answer counts and is told at once; a truncated one is asked again over TCP; 4 the socket stays open for
 * later answers: two answers to one datagram that disagree prove that somebody else answered. */
#include "tests-network/steps/dns.h"

#include <ares.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns_tcp.h"
#include "tests-network/steps/failure.h"

#define DATAGRAMS_MAX 3
#define UDP_BYTES_MAX 4096
#define UNMATCHED_MAX 64 /* datagrams of strangers after which the socket is no longer read */

struct dns_query {
    const struct step_trace *trace;
    struct dns_result result;
    int64_t timeout_us;
    int64_t late_us;
    int fd;
    int network_error; /* last errno of the socket, ICMP errors included */
    bool has_wrong_id;
    bool is_answered;
    uint16_t ids[DATAGRAMS_MAX];
    int datagram_count;
    struct loop_watch *watch;
    struct loop_timer *retry_timer;
    struct loop_timer *end_timer;
    struct dns_tcp *tcp;
    dns_callback callback;
    void *arg;
};

static bool reply_is_good(const struct dns_reply *reply)
{
    return !reply->is_foreign && !reply->is_malformed && !reply->message.is_truncated;
}

static void query_close(struct dns_query *query)
{
    loop_watch_free(query->watch);
    query->watch = NULL;
    loop_timer_cancel(query->retry_timer);
    query->retry_timer = NULL;
    if (query->fd >= 0)
        close(query->fd);
    query->fd = -1;
}

static void query_closed(void *arg)
{
    struct dns_query *query = arg;
    query->end_timer = NULL;
    query_close(query);
    query->callback(query, DNS_CLOSED, query->arg);
}

/* The callback may free the query: nothing after it. */
static void query_answered(struct dns_query *query, const char *failure, int64_t late_us)
{
    struct dns_result *result = &query->result;
    query->is_answered = true;
    result->failure = failure;
    result->end_us = result->chosen >= 0 ? result->replies[result->chosen].at_us : step_now_us(query->trace);
    loop_timer_cancel(query->retry_timer);
    query->retry_timer = NULL;
    loop_timer_cancel(query->end_timer);
    query->end_timer = NULL;
    /* Without memory for a timer the query just never closes by itself; its owner frees it all the same. */
    loop_after(query->trace->context->loop, late_us, query_closed, query, &query->end_timer);
    query->callback(query, DNS_ANSWERED, query->arg);
}

static const char *failure_without_answer(const struct dns_query *query)
{
    if (query->network_error)
        return failure_of_errno(query->network_error);
    if (query->has_wrong_id)
        return FAILURE_WRONG_QUERY;
    for (size_t i = 0; i < query->result.reply_count; i++) {
        if (query->result.replies[i].is_malformed)
            return FAILURE_MISBEHAVING;
    }
    return FAILURE_TIMEOUT;
}

/* The truncated answer counts where nothing better came. */
static bool choose_truncated(struct dns_query *query)
{
    for (size_t i = 0; i < query->result.reply_count; i++) {
        const struct dns_reply *reply = &query->result.replies[i];
        if (!reply->is_foreign && !reply->is_malformed) {
            query->result.chosen = (int)i;
            return true;
        }
    }
    return false;
}

static void query_give_up(struct dns_query *query)
{
    const char *failure = failure_without_answer(query);
    if (choose_truncated(query))
        failure =
            dns_message_failure(&query->result.replies[query->result.chosen].message, query->result.type);
    query_answered(query, failure, 0);
}

static void query_late(void *arg)
{
    struct dns_query *query = arg;
    query->end_timer = NULL;
    query_give_up(query);
}

static int datagram_of_id(const struct dns_query *query, uint16_t id)
{
    for (int i = 0; i < query->datagram_count; i++) {
        if (query->ids[i] == id)
            return i;
    }
    return -1;
}

static bool question_matches(const struct dns_query *query, const struct dns_message *message)
{
    return message->is_response && message->question_type == query->result.type &&
           strcasecmp(message->question, query->result.host) == 0;
}

static struct dns_reply *reply_add(struct dns_query *query, const uint8_t *bytes, size_t count)
{
    struct dns_result *result = &query->result;
    if (result->reply_count == DNS_REPLIES_MAX)
        return NULL;
    struct dns_reply *grown = reallocarray(result->replies, result->reply_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    result->replies = grown;
    uint8_t *raw = malloc(count > 0 ? count : 1);
    if (!raw)
        return NULL;
    memcpy(raw, bytes, count);
    struct dns_reply *reply = &grown[result->reply_count++];
    *reply =
        (struct dns_reply){.at_us = step_now_us(query->trace), .ip_ttl = -1, .raw = raw, .raw_bytes = count};
    return reply;
}

static void conflicts_find(struct dns_query *query)
{
    struct dns_result *result = &query->result;
    struct dns_reply *last = &result->replies[result->reply_count - 1];
    for (size_t i = 0; i + 1 < result->reply_count && reply_is_good(last); i++) {
        const struct dns_reply *earlier = &result->replies[i];
        if (reply_is_good(earlier) && !earlier->is_tcp && !last->is_tcp &&
            earlier->datagram == last->datagram && dns_message_conflict(&earlier->message, &last->message))
            result->is_injected = true;
    }
}

/* Keeps what answers a question of ours; counts the rest. */
static void reply_take(struct dns_query *query, const uint8_t *bytes, size_t count, bool is_foreign,
                       int ip_ttl, bool is_tcp)
{
    struct reader reader = reader_of(bytes, count);
    uint16_t id = reader_u16be(&reader);
    int datagram = reader.failed ? -1 : datagram_of_id(query, id);
    struct dns_message message = {0};
    bool is_malformed = dns_message_read(bytes, count, &message) != STATUS_OK;
    if (!is_malformed && !question_matches(query, &message)) {
        dns_message_free(&message);
        is_malformed = true;
    }
    struct dns_reply *reply = datagram >= 0 ? reply_add(query, bytes, count) : NULL;
    if (!reply) {
        query->has_wrong_id = query->has_wrong_id || (datagram < 0 && !is_malformed && !is_foreign);
        query->result.unmatched_count++;
        dns_message_free(&message);
        return;
    }
    reply->datagram = datagram;
    reply->is_foreign = is_foreign;
    reply->is_tcp = is_tcp;
    reply->is_malformed = is_malformed;
    reply->ip_ttl = ip_ttl;
    reply->message = message;
    conflicts_find(query);
}

static void tcp_answered(const uint8_t *answer, size_t count, void *arg)
{
    struct dns_query *query = arg;
    if (answer)
        reply_take(query, answer, count, false, -1, true);
    if (query->is_answered)
        return;
    struct dns_result *result = &query->result;
    if (answer && result->reply_count > 0 && reply_is_good(&result->replies[result->reply_count - 1])) {
        result->chosen = (int)result->reply_count - 1;
        query_answered(query, dns_message_failure(&result->replies[result->chosen].message, result->type),
                       query->late_us);
    } else {
        query_give_up(query);
    }
}

/* Asks again over TCP. Where that cannot even begin, the truncated answer has to do. */
static enum status tcp_ask(struct dns_query *query, int datagram)
{
    unsigned char *question = NULL;
    int count = 0;
    if (ares_create_query(query->result.host, 1, query->result.type, query->ids[datagram], 1, &question,
                          &count, 0) != ARES_SUCCESS)
        return STATUS_NO_MEMORY;
    enum status status = dns_tcp_start(query->trace, &query->result.resolver, question, (size_t)count,
                                       query->timeout_us, tcp_answered, query, &query->tcp);
    ares_free_string(question);
    return status;
}

/* Decides after all waiting datagrams are read. The callback may free the query: the last call of its
 * callers. */
static void query_settle(struct dns_query *query)
{
    struct dns_result *result = &query->result;
    for (size_t i = 0; i < result->reply_count && !query->is_answered; i++) {
        const struct dns_reply *reply = &result->replies[i];
        if (reply_is_good(reply)) {
            result->chosen = (int)i;
            query_answered(query, dns_message_failure(&reply->message, result->type), query->late_us);
            return;
        }
        if (reply->is_foreign || reply->is_malformed || query->tcp)
            continue;
        if (tcp_ask(query, reply->datagram) != STATUS_OK) {
            query_give_up(query);
            return;
        }
    }
    if (!query->is_answered && query->network_error && !query->tcp)
        query_give_up(query);
}

static int ttl_of(struct msghdr *header)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
        bool is_ttl = (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_TTL) ||
                      (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_HOPLIMIT);
        int ttl;
        if (is_ttl && item->cmsg_len >= CMSG_LEN(sizeof ttl)) {
            memcpy(&ttl, CMSG_DATA(item), sizeof ttl);
            return ttl;
        }
    }
    return -1;
}

/* ICMP errors wait in a queue of their own; unread, the socket stays ready for ever. */
static void errors_drain(struct dns_query *query)
{
    uint8_t bytes[512], control[512];
    for (int i = 0; i < UNMATCHED_MAX; i++) {
        struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
        struct msghdr header = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        if (recvmsg(query->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        for (struct cmsghdr *item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item)) {
            struct sock_extended_err error;
            bool is_error = (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR) ||
                            (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR);
            if (!is_error || item->cmsg_len < CMSG_LEN(sizeof error))
                continue;
            memcpy(&error, CMSG_DATA(item), sizeof error);
            query->network_error = (int)error.ee_errno;
        }
    }
}

/* One waiting datagram; false where there is none. */
static bool datagram_read(struct dns_query *query)
{
    uint8_t bytes[UDP_BYTES_MAX], control[128];
    struct sockaddr_storage from = {0};
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr header = {.msg_name = &from,
                            .msg_namelen = sizeof from,
                            .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control};
    ssize_t count = recvmsg(query->fd, &header, MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN && errno != EINTR)
        query->network_error = errno;
    if (count < 0)
        return false;
    socket_meter_datagram(query->trace->context->meter, -1, count);
    bool is_foreign = !endpoint_same(&from, &query->result.resolver);
    struct step_event event = {.operation = "read_from",
                               .proto = "udp",
                               .byte_count = (int64_t)count,
                               .start_us = step_now_us(query->trace),
                               .end_us = step_now_us(query->trace)};
    char address[ENDPOINT_TEXT_BYTES];
    endpoint_format(&from, address);
    event.address = address;
    step_event(query->trace, &query->result.label, &event);
    reply_take(query, bytes, (size_t)count, is_foreign, ttl_of(&header), false);
    return true;
}

static void query_ready(int fd, bool readable, bool writable, void *arg)
{
    (void)fd;
    (void)readable;
    (void)writable;
    struct dns_query *query = arg;
    errors_drain(query);
    for (int i = 0; i < UNMATCHED_MAX && datagram_read(query); i++)
        continue;
    if (query->result.unmatched_count > UNMATCHED_MAX) {
        loop_watch_free(query->watch);
        query->watch = NULL;
    }
    query_settle(query);
}

static void question_repeat(void *arg);

/* A failed send is remembered: where nothing else comes, it is the failure. */
static enum status question_send(struct dns_query *query)
{
    unsigned char *question = NULL;
    int count = 0;
    uint16_t id;
    random_fill(&query->trace->context->random, &id, sizeof id);
    int made = ares_create_query(query->result.host, 1, query->result.type, id, 1, &question, &count, 0);
    if (made != ARES_SUCCESS)
        return made == ARES_ENOMEM ? STATUS_NO_MEMORY : STATUS_USAGE;
    query->ids[query->datagram_count++] = id;
    const struct sockaddr_storage *to = &query->result.resolver;
    ssize_t sent =
        sendto(query->fd, question, (size_t)count, 0, (const struct sockaddr *)to, address_length(to));
    int error = sent < 0 ? errno : 0;
    socket_meter_datagram(query->trace->context->meter, sent, -1);
    ares_free_string(question);
    query->network_error = error;
    char address[ENDPOINT_TEXT_BYTES];
    endpoint_format(to, address);
    int64_t now_us = step_now_us(query->trace);
    struct step_event event = {.operation = "write_to",
                               .address = address,
                               .proto = "udp",
                               .failure = failure_of_errno(error),
                               .byte_count = sent > 0 ? (int64_t)sent : 0,
                               .start_us = now_us,
                               .end_us = now_us};
    step_event(query->trace, &query->result.label, &event);
    if (query->datagram_count == DATAGRAMS_MAX)
        return STATUS_OK;
    int64_t delay_us = query->timeout_us * (query->datagram_count == 1 ? 2 : 3) / 8;
    return loop_after(query->trace->context->loop, delay_us, question_repeat, query, &query->retry_timer);
}

static void question_repeat(void *arg)
{
    struct dns_query *query = arg;
    query->retry_timer = NULL;
    if (query->fd >= 0 && !query->is_answered && !query->tcp)
        question_send(query);
}

static enum status socket_open(struct dns_query *query)
{
    int family = query->result.resolver.ss_family, yes = 1;
    struct sockaddr_storage any = {.ss_family = (sa_family_t)family};
    query->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (query->fd < 0)
        return errno == EAFNOSUPPORT ? STATUS_OFFLINE : STATUS_IO;
    /* Evidence where the system gives it; the question goes out without it all the same. */
    bool is_six = family == AF_INET6;
    int level = is_six ? IPPROTO_IPV6 : IPPROTO_IP;
    setsockopt(query->fd, level, is_six ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &yes, sizeof yes);
    setsockopt(query->fd, level, is_six ? IPV6_RECVERR : IP_RECVERR, &yes, sizeof yes);
    if (bind(query->fd, (struct sockaddr *)&any, address_length(&any)) < 0)
        return STATUS_IO;
    return loop_watch(query->trace->context->loop, query->fd, true, false, query_ready, query, &query->watch);
}

enum status dns_start(const struct step_trace *trace, const struct dns_request *request,
                      dns_callback callback, void *arg, struct dns_query **out)
{
    size_t length = strlen(request->host);
    if (length == 0 || length >= DNS_NAME_BYTES)
        return STATUS_USAGE;
    struct dns_query *query = calloc(1, sizeof *query);
    if (!query)
        return STATUS_NO_MEMORY;
    const struct nettest_limits *limits = &trace->context->limits;
    *query = (struct dns_query){.trace = trace, .fd = -1, .callback = callback, .arg = arg};
    query->timeout_us = request->timeout_us > 0 ? request->timeout_us : limits->dns_timeout_us;
    query->late_us = request->late_us < 0 ? limits->dns_late_us : request->late_us;
    struct dns_result *result = &query->result;
    *result = (struct dns_result){.type = request->type,
                                  .resolver = request->resolver,
                                  .label = request->label,
                                  .start_us = step_now_us(trace),
                                  .chosen = -1};
    memcpy(result->host, request->host, length - (request->host[length - 1] == '.'));
    enum status status = socket_open(query);
    if (status == STATUS_OFFLINE) {
        query->network_error = EAFNOSUPPORT;
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        status = question_send(query);
    }
    if (status == STATUS_OK)
        status = loop_after(trace->context->loop, query->network_error ? 0 : query->timeout_us, query_late,
                            query, &query->end_timer);
    if (status != STATUS_OK) {
        dns_free(query);
        return status;
    }
    *out = query;
    return STATUS_OK;
}

const struct dns_result *dns_result(const struct dns_query *query)
{
    return &query->result;
}

void dns_free(struct dns_query *query)
{
    if (!query)
        return;
    query_close(query);
    loop_timer_cancel(query->end_timer);
    dns_tcp_free(query->tcp);
    for (size_t i = 0; i < query->result.reply_count; i++) {
        dns_message_free(&query->result.replies[i].message);
        free(query->result.replies[i].raw);
    }
    free(query->result.replies);
    free(query);
}

size_t dns_addresses(const struct dns_result *result, uint16_t port, struct sockaddr_storage *out,
                     size_t room)
{
    size_t count = 0;
    if (result->chosen < 0)
        return 0;
    const struct dns_message *message = &result->replies[result->chosen].message;
    for (size_t i = 0; i < message->record_count && count < room; i++) {
        struct sockaddr_storage address = message->records[i].address;
        if (message->records[i].type != result->type)
            continue;
        address_port_set(&address, port);
        out[count++] = address;
    }
    return count;
}

bool dns_host_is_address(const char *host, struct sockaddr_storage *out)
{
    char text[ADDRESS_TEXT_BYTES + 2];
    size_t length = strlen(host);
    if (length >= sizeof text)
        return false;
    bool is_bracketed = length > 2 && host[0] == '[' && host[length - 1] == ']';
    memcpy(text, host + is_bracketed, length - 2 * (size_t)is_bracketed);
    text[length - 2 * (size_t)is_bracketed] = '\0';
    return address_parse(text, 0, out) == STATUS_OK;
}
