/* The room in which bundles are unpacked: who must wait, and for what.
 * Owner: each test has a room; a taker is a thread that ends once it got what it asked for.
 * Why: a bound on memory that one worker can pass is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <zstd.h>

#include "collector/ingest/unpack_room.h"
#include "measurement/bundle.h"

struct taker {
    struct unpack_room *room;
    const struct buffer *frame;
    size_t taken_bytes;
    atomic_bool has_taken;
};

static void *taker_run(void *arg)
{
    struct taker *taker = arg;
    taker->taken_bytes = unpack_room_take(taker->room, taker->frame->bytes, taker->frame->count);
    taker->has_taken = true;
    return NULL;
}

static void sleep_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

/* Zeros, packed. */
static struct buffer frame_of(size_t unpacked_bytes)
{
    struct buffer frame = {0};
    void *zeros = calloc(1, unpacked_bytes);
    size_t room = ZSTD_compressBound(unpacked_bytes);
    frame.count = ZSTD_compress(buffer_reserve(&frame, room), room, zeros, unpacked_bytes, 1);
    assert_false(ZSTD_isError(frame.count));
    free(zeros);
    return frame;
}

static void test_largest_alone(void **state)
{
    struct unpack_room *room = NULL;
    struct buffer frame = frame_of(BUNDLE_UNPACKED_BYTES_MAX);
    pthread_t thread;
    (void)state;
    assert_int_equal(unpack_room_open(&room), STATUS_OK);
    size_t taken_bytes = unpack_room_take(room, frame.bytes, frame.count);
    assert_true(taken_bytes >= BUNDLE_UNPACKED_BYTES_MAX);
    struct taker taker = {.room = room, .frame = &frame};
    assert_int_equal(pthread_create(&thread, NULL, taker_run, &taker), 0);
    sleep_ms(100);
    assert_false(taker.has_taken);
    unpack_room_give(room, taken_bytes);
    pthread_join(thread, NULL);
    assert_int_equal(taker.taken_bytes, taken_bytes);
    unpack_room_give(room, taker.taken_bytes);
    unpack_room_free(room);
    buffer_free(&frame);
}

static void test_usual_ones_together(void **state)
{
    struct unpack_room *room = NULL;
    struct buffer frame = frame_of(200 * 8192);
    size_t taken_bytes[8];
    (void)state;
    assert_int_equal(unpack_room_open(&room), STATUS_OK);
    for (size_t i = 0; i < 8; i++) {
        taken_bytes[i] = unpack_room_take(room, frame.bytes, frame.count);
        assert_true(taken_bytes[i] > 200 * 8192);
    }
    for (size_t i = 0; i < 8; i++) {
        unpack_room_give(room, taken_bytes[i]);
    }
    unpack_room_free(room);
    buffer_free(&frame);
}

/* What is refused before it is unpacked takes nothing, and nobody waits for it. */
static void test_nothing_for_bombs(void **state)
{
    struct unpack_room *room = NULL;
    struct buffer frame = frame_of((size_t)BUNDLE_UNPACKED_BYTES_MAX + 1);
    (void)state;
    assert_int_equal(unpack_room_open(&room), STATUS_OK);
    assert_int_equal(unpack_room_take(room, frame.bytes, frame.count), 0);
    assert_int_equal(unpack_room_take(room, "no frame", 8), 0);
    assert_int_equal(unpack_room_take(NULL, frame.bytes, frame.count), 0);
    unpack_room_give(room, 0);
    unpack_room_free(room);
    unpack_room_free(NULL);
    buffer_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_largest_alone), cmocka_unit_test(test_usual_ones_together),
                                       cmocka_unit_test(test_nothing_for_bombs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
