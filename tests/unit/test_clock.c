/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <stdlib.h>

#include "run_suite.h"

START_TEST(deadlines)
{
    ck_assert_int_eq(timeout_until(1000, 400), 600);
    ck_assert_int_eq(timeout_until(400, 400), 0);
    ck_assert_int_eq(timeout_until(0, 400), 0);
    ck_assert_int_eq(timeout_until(NEVER, 0), 60000);
    ck_assert_int_eq(timeout_until(NEVER, INT64_MAX), 0);
    ck_assert(earlier(NEVER, 7) == 7);
    ck_assert(earlier(-1, 7) == -1);
}
END_TEST

/* A deadline counts the time in which the machine sleeps, which this clock alone does. */
START_TEST(sleep_counts)
{
    struct timespec t;
    int64_t before = clock_now();
    ck_assert_int_eq(clock_gettime(CLOCK_BOOTTIME, &t), 0);
    int64_t boot = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    ck_assert(before <= boot && boot <= clock_now());
    ck_assert(clock_unix() > INT64_C(1700000000000));
}
END_TEST

START_TEST(backoff)
{
    unsigned char failures = 0;
    static const int64_t delays[] = {1000, 2000, 4000, 8000, 10000, 10000};
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
        ck_assert_int_eq(backoff_next(&failures, 1000, 10000), delays[i]);
    for (int i = 0; i < 1000; i++) /* the counter does not come round */
        ck_assert_int_eq(backoff_next(&failures, 1000, 10000), 10000);
    failures = 0;
    ck_assert_int_eq(backoff_next(&failures, 1000, 10000), 1000);
    failures = UINT8_MAX;
    ck_assert(backoff_next(&failures, 1, NEVER / 2) == NEVER / 2);
}
END_TEST

/* From half of the delay to all of it, and not always the same. */
START_TEST(jitter)
{
    int64_t least = NEVER, most = 0;
    for (int i = 0; i < 1000; i++) {
        unsigned char failures = 1;
        int64_t delay = backoff_next_with_jitter(&failures, 1000, 60000);
        ck_assert_int_eq(failures, 2);
        least = earlier(least, delay);
        most = delay > most ? delay : most;
    }
    ck_assert_int_ge(least, 1000);
    ck_assert_int_le(most, 2000);
    ck_assert_int_gt(most - least, 500);
    unsigned char failures = 0;
    ck_assert_int_eq(backoff_next_with_jitter(&failures, 1, 1), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tests = tcase_create("clock");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, deadlines);
    tcase_add_test(tests, sleep_counts);
    tcase_add_test(tests, backoff);
    tcase_add_test(tests, jitter);
    return run_suite(suite);
}
