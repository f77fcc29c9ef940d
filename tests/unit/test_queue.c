/* SPDX-License-Identifier: MIT */
#include "queue.h"
#include "run_suite.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static int destroyed;

static void count_destroyed(void *item)
{
    destroyed++;
    free(item);
}

static int *number(int value)
{
    int *item = malloc(sizeof *item);
    ck_assert_ptr_nonnull(item);
    *item = value;
    return item;
}

static bool is_readable(const struct queue *queue)
{
    struct pollfd fd = {.fd = queue_fd(queue), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

START_TEST(keeps_the_order_and_says_when_it_is_not_empty)
{
    struct queue *queue = queue_new(4, free);
    ck_assert(!is_readable(queue));
    ck_assert_ptr_null(queue_pop(queue));
    /* More than its capacity in all, so that the ring goes round. */
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++)
            ck_assert(queue_push(queue, number(i)));
        for (int i = 0; i < 3; i++) {
            ck_assert(is_readable(queue));
            int *item = queue_pop(queue);
            ck_assert_int_eq(*item, i);
            free(item);
        }
        ck_assert(!is_readable(queue));
    }
    queue_free(queue);
}
END_TEST

START_TEST(refuses_what_has_no_room)
{
    struct queue *queue = queue_new(2, count_destroyed);
    int *third = number(3);
    destroyed = 0;
    ck_assert(queue_push(queue, number(1)));
    ck_assert(queue_push(queue, number(2)));
    ck_assert(!queue_push(queue, third)); /* and it is still ours */
    free(third);
    ck_assert_int_eq(destroyed, 0);
    queue_free(queue);
    ck_assert_int_eq(destroyed, 2);
}
END_TEST

enum { ITEMS = 5000 };

static void *push_many(void *context)
{
    for (int i = 0; i < ITEMS; i++)
        queue_push_wait(context, number(i));
    return NULL;
}

START_TEST(a_full_queue_holds_back_the_other_thread_and_loses_nothing)
{
    pthread_t thread;
    struct queue *queue = queue_new(8, free);
    ck_assert_int_eq(pthread_create(&thread, NULL, push_many, queue), 0);
    for (int i = 0; i < ITEMS; i++) {
        struct pollfd fd = {.fd = queue_fd(queue), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, 20000), 1);
        int *item = queue_pop(queue);
        ck_assert_ptr_nonnull(item);
        ck_assert_int_eq(*item, i);
        free(item);
    }
    pthread_join(thread, NULL);
    queue_free(queue);
}
END_TEST

START_TEST(closing_wakes_who_waits_and_takes_nothing_more)
{
    pthread_t thread;
    struct queue *queue = queue_new(1, count_destroyed);
    destroyed = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, push_many, queue), 0);
    struct pollfd fd = {.fd = queue_fd(queue), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, 20000), 1);
    queue_close(queue);
    pthread_join(thread, NULL); /* returns only if nobody waits any more */
    ck_assert(is_readable(queue));
    queue_free(queue);
    ck_assert_int_eq(destroyed, ITEMS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue");
    TCase *tcase = tcase_create("queue");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, keeps_the_order_and_says_when_it_is_not_empty);
    tcase_add_test(tcase, refuses_what_has_no_room);
    tcase_add_test(tcase, a_full_queue_holds_back_the_other_thread_and_loses_nothing);
    tcase_add_test(tcase, closing_wakes_who_waits_and_takes_nothing_more);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
