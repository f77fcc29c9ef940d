/* SPDX-License-Identifier: MIT */
/*
 * Time, in milliseconds: the two clocks of all programs, deadlines, and how long to wait after a failure.
 * It stands in this room because every program that has a clock has a connection, too. Any thread.
 */
#ifndef MQTT_CLOCK_H
#define MQTT_CLOCK_H

#include <stdint.h>
#include <sys/random.h>
#include <time.h>

#define NEVER INT64_MAX /* a deadline that does not come */

/*
 * For every deadline: goes on while the machine sleeps, as CLOCK_MONOTONIC does not. A lease is agreed on
 * with others, who count that time; what has run out meanwhile is due as soon as the machine wakes, or a
 * minute later: poll(2) itself does not count it, see timeout_until().
 */
static inline int64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Unix time: for what people and other machines read. */
static inline int64_t clock_unix(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* For poll(2): milliseconds until then, a minute at most. */
static inline int timeout_until(int64_t deadline, int64_t now)
{
    return deadline <= now ? 0 : (int)earlier(deadline - now, 60000);
}

/*
 * How long to wait after one failure more: `first`, then twice as long each time, `longest` at most.
 * *failures counts them; 0 begins anew.
 */
static inline int64_t backoff_next(unsigned char *failures, int64_t first, int64_t longest)
{
    int64_t delay = first;
    for (unsigned i = 0; i < *failures && delay < longest; i++)
        delay *= 2;
    if (*failures < UINT8_MAX)
        (*failures)++;
    return earlier(delay, longest);
}

/* The same, but half of the delay is by chance, so that a fleet does not come back in step. */
static inline int64_t backoff_next_with_jitter(unsigned char *failures, int64_t first,
                                               int64_t longest)
{
    int64_t delay = backoff_next(failures, first, longest);
    uint32_t chance = 0;
    (void)!getrandom(&chance, sizeof chance, GRND_NONBLOCK);
    return delay - delay / 2 + chance % (delay / 2 + 1);
}

#endif
