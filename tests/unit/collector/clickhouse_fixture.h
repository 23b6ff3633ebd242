/* A ClickHouse server for the length of a test program: on loopback, in a folder of its own, where it is
 * installed. */
#ifndef TESTS_UNIT_COLLECTOR_CLICKHOUSE_FIXTURE_H
#define TESTS_UNIT_COLLECTOR_CLICKHOUSE_FIXTURE_H

#include "tests/unit/collector/fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "collector/store/setting.h"

#define CLICKHOUSE_FIXTURE_WAIT_MS 300000
#define CLICKHOUSE_FIXTURE_PORT    20000 /* and up, below those that the kernel gives to connections */
#define CLICKHOUSE_FIXTURE_PORTS   12000
#define CLICKHOUSE_FIXTURE_TRIES   5

static struct clickhouse_fixture {
    pid_t pid;
    char *folder;
    unsigned port;
    int database_count;
} clickhouse_fixture;

static inline const char *clickhouse_fixture_program(void)
{
    static const char *const places[] = {"/usr/sbin/clickhouse-server", "/usr/bin/clickhouse-server",
                                         "/usr/local/bin/clickhouse-server"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], X_OK) == 0) {
            return places[i];
        }
    }
    return NULL;
}

/* A port that nobody has now. */
static inline unsigned clickhouse_fixture_port(void)
{
    struct random_source random = random_system();
    for (;;) {
        unsigned port = CLICKHOUSE_FIXTURE_PORT + (unsigned)random_below(&random, CLICKHOUSE_FIXTURE_PORTS);
        struct sockaddr_in address = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_true(fd >= 0);
        int result = bind(fd, (struct sockaddr *)&address, sizeof address);
        close(fd);
        if (result == 0) {
            return port;
        }
    }
}

static inline void clickhouse_fixture_configure(const char *folder, unsigned port, unsigned tcp_port)
{
    static const char users[] = "<?xml "
                                "version=\"1.0\"?><yandex><profiles><default></default></"
                                "profiles><quotas><default></default></quotas>"
                                "<users><default><password></password><networks><ip>127.0.0.1</ip></"
                                "networks><profile>default</profile>"
                                "<quota>default</quota></default></users></yandex>\n";
    struct buffer config = {0};
    buffer_printf(
        &config,
        "<?xml version=\"1.0\"?><yandex><logger><level>error</level><log>%s/log</log>"
        "<errorlog>%s/errors</errorlog></logger><listen_host>127.0.0.1</listen_host>"
        "<http_port>%u</http_port><tcp_port>%u</tcp_port><path>%s/data/</path><tmp_path>%s/tmp/</tmp_path>"
        "<users_config>users.xml</users_config><default_profile>default</default_profile>"
        "<default_database>default</default_database><mark_cache_size>67108864</mark_cache_size></yandex>\n",
        folder, folder, port, tcp_port, folder, folder);
    fixture_write(folder, "config.xml", config.bytes, config.count);
    fixture_write(folder, "users.xml", users, sizeof users - 1);
    buffer_free(&config);
}

static inline bool clickhouse_fixture_answers(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool answers = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return answers;
}

static inline pid_t clickhouse_fixture_spawn(const char *program, const char *folder)
{
    char option[256];
    snprintf(option, sizeof option, "--config-file=%s/config.xml", folder);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves no server behind */
        dup2(null, 1);
        dup2(null, 2);
        execl(program, program, option, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Runs the server over the folder that it has, and waits until it answers; false where it ended instead. */
static inline bool clickhouse_fixture_runs(void)
{
    struct clickhouse_fixture *fixture = &clickhouse_fixture;
    struct timespec step = {.tv_nsec = 50 * 1000000};
    fixture->pid = clickhouse_fixture_spawn(clickhouse_fixture_program(), fixture->folder);
    for (int waited_ms = 0; !clickhouse_fixture_answers(fixture->port); waited_ms += 50) {
        assert_true(waited_ms < CLICKHOUSE_FIXTURE_WAIT_MS);
        if (waitpid(fixture->pid, NULL, WNOHANG) != 0) {
            return false;
        }
        nanosleep(&step, NULL);
    }
    return true;
}

static inline void clickhouse_fixture_run(void)
{
    assert_true(clickhouse_fixture_runs());
}

/* False: it is not installed. */
static inline bool clickhouse_fixture_start(void)
{
    struct clickhouse_fixture *fixture = &clickhouse_fixture;
    if (getenv("DIALTONE_TEST_CLICKHOUSE")) {
        return true;
    }
    if (!clickhouse_fixture_program() || fixture->pid > 0) {
        return fixture->pid > 0;
    }
    fixture->folder = fixture_folder();
    for (int tries = 0; tries < CLICKHOUSE_FIXTURE_TRIES; tries++) { /* another may take a port in between */
        fixture->port = clickhouse_fixture_port();
        clickhouse_fixture_configure(fixture->folder, fixture->port, clickhouse_fixture_port());
        if (clickhouse_fixture_runs()) {
            return true;
        }
    }
    fail_msg("clickhouse-server does not start; look at %s/errors", fixture->folder);
    return false;
}

static inline void clickhouse_fixture_kill(void)
{
    kill(clickhouse_fixture.pid, SIGKILL);
    waitpid(clickhouse_fixture.pid, NULL, 0);
    clickhouse_fixture.pid = 0;
}

static inline void clickhouse_fixture_stop(void)
{
    if (clickhouse_fixture.pid > 0) {
        clickhouse_fixture_kill();
        fixture_folder_free(clickhouse_fixture.folder);
    }
}

/* "clickhouse=ADDRESS" of a database that no other test has. DIALTONE_TEST_CLICKHOUSE (http://HOST:PORT)
 * names a server that runs already, DIALTONE_TEST_CLUSTER a cluster that it knows. */
static inline void clickhouse_fixture_choice(char *out, size_t out_bytes)
{
    const char *cluster = getenv("DIALTONE_TEST_CLUSTER");
    const char *server = getenv("DIALTONE_TEST_CLICKHOUSE");
    char own[40];
    snprintf(own, sizeof own, "http://127.0.0.1:%u", clickhouse_fixture.port);
    snprintf(out, out_bytes, "clickhouse=%s/test_%d_%d%s%s", server ? server : own, (int)getpid(),
             ++clickhouse_fixture.database_count, cluster ? "?cluster=" : "", cluster ? cluster : "");
}

/* Gives the data folder a database of its own. */
static inline void clickhouse_fixture_choose(const char *folder)
{
    char choice[STORE_ADDRESS_BYTES];
    struct why why = {""};
    clickhouse_fixture_choice(choice, sizeof choice);
    if (store_setting_choose(folder, choice, &why) != STATUS_OK) {
        fail_msg("%s", why.text);
    }
}

#endif
