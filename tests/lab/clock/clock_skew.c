/* A wall clock that is wrong by as many microseconds as stand in the file that LAB_CLOCK names; other clocks
 * stay right. Preloaded into programs of the lab (ld.so(8)). Owner: the mapping lives as long as the process.
 * Why: namespaces shift monotonic time only, and a volunteer's machine may be wrong by years, or be set while
 * we run. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *skew_us;

__attribute__((constructor)) static void skew_open(void)
{
    const char *path = getenv("LAB_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *memory = mmap(NULL, sizeof *skew_us, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        skew_us = memory;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int result = (int)syscall(SYS_clock_gettime, clock, out);
    if (result != 0 || !skew_us || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return result;
    int64_t microseconds = *skew_us + out->tv_nsec / 1000;
    int64_t seconds = microseconds / 1000000;
    microseconds %= 1000000;
    if (microseconds < 0) {
        microseconds += 1000000;
        seconds--;
    }
    out->tv_sec += (time_t)seconds;
    out->tv_nsec = (long)microseconds * 1000;
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    if (result == 0 && out)
        *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return result;
}

time_t time(time_t *out)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
