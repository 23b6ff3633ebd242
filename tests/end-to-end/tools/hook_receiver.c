/* A receiver of webhooks: keeps what it is sent, and answers as it is told to.
 * Owner: everything lives until the program is killed.
 * Why: alerts must be tried against a receiver that fails, hangs up and comes back.
 *
 * hook-receiver FOLDER ANSWER...: listens on 127.0.0.1, writes its port to FOLDER/port, and the n-th request
 * to FOLDER/n.head and FOLDER/n.body. The n-th ANSWER is a status code, or "drop" to hang up; the last one
 * stays. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measurement/base/file.h"

#define REQUEST_BYTES_MOST (1u << 20)

static int listen_here(const char *folder)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char text[16];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 16) < 0 || getsockname(listener, (struct sockaddr *)&address, &length) < 0) {
        return -1;
    }
    snprintf(text, sizeof text, "%d", ntohs(address.sin_port));
    char *path = path_join(folder, "port");
    enum status status = path ? file_publish(path, text, strlen(text), 0644, NULL) : STATUS_NO_MEMORY;
    free(path);
    return status == STATUS_OK ? listener : -1;
}

static void part_keep(const char *folder, int number, const char *part, const char *bytes, size_t count)
{
    char name[64];
    snprintf(name, sizeof name, "%d.%s", number, part);
    char *path = path_join(folder, name);
    if (path) {
        file_publish(path, bytes, count, 0644, NULL);
    }
    free(path);
}

/* The whole request, its head ended by an empty line; NULL where the sender went away. */
static char *request_read(int fd, size_t *out_head_bytes, size_t *out_body_bytes)
{
    char *request = calloc(1, REQUEST_BYTES_MOST + 1);
    size_t count = 0;
    while (request && count < REQUEST_BYTES_MOST) {
        ssize_t got = recv(fd, request + count, REQUEST_BYTES_MOST - count, 0);
        if (got <= 0) {
            break;
        }
        count += (size_t)got;
        const char *end = strstr(request, "\r\n\r\n");
        const char *length = strcasestr(request, "content-length:");
        size_t body_bytes = length ? strtoul(length + strlen("content-length:"), NULL, 10) : 0;
        if (end && count >= (size_t)(end + 4 - request) + body_bytes) {
            *out_head_bytes = (size_t)(end + 4 - request);
            *out_body_bytes = body_bytes;
            return request;
        }
    }
    free(request);
    return NULL;
}

static void answer(int fd, const char *code)
{
    char text[128];
    if (strcmp(code, "drop") != 0) {
        int length = snprintf(text, sizeof text,
                              "HTTP/1.1 %s Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", code);
        send(fd, text, (size_t)length, MSG_NOSIGNAL);
    }
}

int main(int argc, char **argv)
{
    int listener = argc > 2 ? listen_here(argv[1]) : -1;
    if (listener < 0) {
        fprintf(stderr, "usage: hook-receiver FOLDER ANSWER...\n");
        return EXIT_USAGE;
    }
    for (int number = 1;;) {
        size_t head_bytes = 0;
        size_t body_bytes = 0;
        int fd = accept(listener, NULL, NULL);
        char *request = fd >= 0 ? request_read(fd, &head_bytes, &body_bytes) : NULL;
        if (request) {
            part_keep(argv[1], number, "body", request + head_bytes, body_bytes);
            part_keep(argv[1], number, "head", request, head_bytes);
            answer(fd, argv[number + 1 < argc ? number + 1 : argc - 1]);
            number++;
        }
        free(request);
        close(fd);
    }
}
