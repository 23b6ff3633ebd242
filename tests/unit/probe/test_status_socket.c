/* The status socket and the service manager's datagrams, over real sockets.
 * Owner: each test has a folder and a loop.
 * Why: nobody but the owner may ask, and nobody who asks may hold the daemon up. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "probe/daemon/notify.h"
#include "probe/state/state.h"
#include "probe/daemon/status_socket.h"
#include "tests/unit/folder.h"

static void tell(struct buffer *out, void *arg)
{
    buffer_printf(out, "{\"asked\":%d}\n", ++*(int *)arg);
}

/* Asks in a thread of its own; the loop that answers runs until it has its answer. */
struct asker {
    const char *folder;
    struct loop *loop;
    struct buffer answer;
    atomic_bool has_asked;
};

static void *ask(void *arg)
{
    struct asker *asker = arg;
    if (status_socket_ask(asker->folder, &asker->answer) != STATUS_OK)
        buffer_text(&asker->answer, "no answer");
    asker->has_asked = true;
    return NULL;
}

static void on_look(void *arg)
{
    struct asker *asker = arg;
    if (asker->has_asked)
        loop_stop(asker->loop);
    else
        assert_int_equal(loop_after(asker->loop, 10 * US_PER_MS, on_look, asker, NULL), STATUS_OK);
}

static void whoever_asks_is_told(void **state)
{
    (void)state;
    /* Longer than a socket's path may be. */
    char folder[256] = "/tmp/dialtone-status-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *top = strdup(folder);
    for (int i = 0; i < 5; i++)
        strcat(folder, "/a-folder-with-a-rather-long-name");
    assert_int_equal(folder_make(folder, 0700, NULL), STATUS_OK);
    struct loop *loop = NULL;
    struct status_socket *socket = NULL;
    int asked = 0;
    struct buffer nobody = {0};
    assert_int_equal(status_socket_ask(folder, &nobody), STATUS_NOT_FOUND);
    assert_int_equal(loop_open(&loop), STATUS_OK);
    for (int turn = 0; turn < 2; turn++) { /* the second finds what an earlier run left */
        assert_int_equal(status_socket_open(loop, folder, tell, &asked, &socket, NULL), STATUS_OK);
        struct stat found;
        char *path = path_join(folder, STATE_SOCKET);
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
        pthread_t thread;
        struct asker asker = {.folder = folder, .loop = loop};
        assert_int_equal(pthread_create(&thread, NULL, ask, &asker), 0);
        on_look(&asker);
        assert_int_equal(loop_run(loop), STATUS_OK);
        assert_int_equal(pthread_join(thread, NULL), 0);
        char expected[32];
        snprintf(expected, sizeof expected, "{\"asked\":%d}\n", turn + 1);
        assert_int_equal(asker.answer.count, strlen(expected));
        assert_memory_equal(asker.answer.bytes, expected, asker.answer.count);
        buffer_free(&asker.answer);
        if (turn == 0) { /* as after kill -9: the file stays */
            char copy[512];
            snprintf(copy, sizeof copy, "%s.old", path);
            assert_int_equal(rename(path, copy), 0);
            status_socket_free(socket);
            assert_int_equal(rename(copy, path), 0);
            assert_int_equal(status_socket_ask(folder, &nobody), STATUS_NOT_FOUND);
        } else {
            status_socket_free(socket);
            assert_int_equal(access(path, F_OK), -1);
        }
        free(path);
    }
    loop_free(loop);
    folder_remove(top);
    free(top);
}

static void the_manager_is_told(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-notify-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(notify_send(address.sun_path, "READY=1\nSTATUS=fine"), STATUS_OK);
    char text[64] = "";
    assert_int_equal(recv(fd, text, sizeof text - 1, 0), 19);
    assert_string_equal(text, "READY=1\nSTATUS=fine");
    close(fd);
    assert_int_equal(notify_send(address.sun_path, "READY=1"), STATUS_IO);
    assert_int_equal(notify_send(NULL, "READY=1"), STATUS_NOT_FOUND);
    assert_int_equal(notify_send("relative", "READY=1"), STATUS_NOT_FOUND);
    assert_int_equal(notify_send("", "READY=1"), STATUS_NOT_FOUND);
    folder_remove(folder);
}

static void the_watchdog_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *usec, *pid;
        int64_t expected_us;
    } cases[] = {{"300000000", NULL, 150000000}, {"300000000", "42", 150000000}, {"300000000", "43", 0},
                 {NULL, NULL, 0},                {"", NULL, 0},                  {"x", NULL, 0},
                 {"-5", NULL, 0},                {"99999999999999999999", NULL, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(notify_watchdog_us(cases[i].usec, cases[i].pid, 42), cases[i].expected_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_asks_is_told),
        cmocka_unit_test(the_manager_is_told),
        cmocka_unit_test(the_watchdog_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
