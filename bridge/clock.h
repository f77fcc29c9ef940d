/* SPDX-License-Identifier: MIT */
/* The two clocks, in milliseconds. Any thread. */
#ifndef BRIDGE_CLOCK_H
#define BRIDGE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic: for every deadline. */
static inline int64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Unix time: for what people and other machines read. */
static inline int64_t clock_unix(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Deadlines: INT64_MAX is never. */
static inline int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How long to wait after one failure more: twice as long each time, `longest` at most. */
static inline int64_t back_off(unsigned char *failures, int64_t delay, int64_t longest)
{
    for (unsigned i = 0; i < *failures && delay < longest; i++)
        delay *= 2;
    if (*failures < UINT8_MAX)
        (*failures)++;
    return earlier(delay, longest);
}

/* For poll(2): milliseconds until then, a minute at most. */
static inline int timeout_until(int64_t deadline, int64_t now)
{
    return deadline <= now ? 0 : (int)earlier(deadline - now, 60000);
}

#endif
