/* SPDX-License-Identifier: MIT */
/* The one poll(2) of a program: the broker's connection, signals, timers. Main thread only. */
#ifndef CLIENT_LOOP_H
#define CLIENT_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "mqtt.h"

#define LOOP_TIMERS_MAX 8

/* Fires once when it is due; `fire` may set it again. */
struct loop_timer {
    int64_t due; /* by clock_now(); NEVER (clock.h): not set */
    void (*fire)(void *context, int64_t now);
    void *context;
};

struct loop {
    struct mqtt *mqtt;
    /* A signal that loop_open() took; NULL: those of loop_is_end() end the loop, with EXIT_DONE where
     * it is `endless`, else with 128 + the number; and all others are nothing. */
    void (*signal)(void *context, int number);
    bool endless;    /* a signal is what is to end it */
    int signal_code; /* where that signal comes from: its si_code, see sigaction(2) */
    void *context;
    struct loop_timer *timers[LOOP_TIMERS_MAX]; /* NULL: none */
    int signal_fd;
    sigset_t signals;      /* that come by it */
    bool ends_with_output; /* the end, when stdout is read no more, or fails */
    bool ended;
    int exit_code;
};

/*
 * Takes SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGWINCH, SIGUSR1 and SIGUSR2. A child
 * has to call loop_child_signals() between fork() and exec(). 0 or -errno.
 */
int loop_open(struct loop *loop, struct mqtt *mqtt, void *context);

/* Closes what loop_open() opened; the signals stay blocked. */
void loop_close(struct loop *loop);

/* Takes SIGTSTP, too, which then stops us in loop_suspend() only. */
void loop_take_suspension(struct loop *loop);

/* Stops until SIGCONT, where there is a shell that may send it. */
void loop_suspend(void);

/* Is it a signal that asks a program to end? */
bool loop_is_end(int number);

/* Gives a child the signals as they were before loop_open(), and SIGPIPE, which main() ignores. */
void loop_child_signals(void);

/* Adds a timer, which is the caller's and not set yet. There are LOOP_TIMERS_MAX. */
void loop_add_timer(struct loop *loop, struct loop_timer *timer,
                    void (*fire)(void *context, int64_t now), void *context);

/* Ends loop_run() after what is being handled. The first one wins. */
void loop_end(struct loop *loop, int exit_code);

/* Until somebody calls loop_end(); returns its exit code. Flushes stdout before it waits. */
int loop_run(struct loop *loop);

#endif
