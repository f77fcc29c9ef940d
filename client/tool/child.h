/* SPDX-License-Identifier: MIT */
/*
 * The COMMAND that is run while we advertise. Where we are process 1 of a container, all orphans are
 * ours, too.
 */
#ifndef CLIENT_CHILD_H
#define CLIENT_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#define CHILD_FDS 1024

struct child {
    pid_t pid;            /* 0: it is not running */
    int status;           /* of wait(2), when it has ended */
    bool ours[CHILD_FDS]; /* file descriptors that were not there at first */
};

/* To be called before anything is opened: the COMMAND gets what is open now, and nothing else. (A
 * library does not close all its files on exec.) */
void child_prepare(struct child *child);

/*
 * Starts it, with the signals as they were before `restore_signals` is called. It gets SIGTERM if we
 * are killed. 0, or -errno: of fork, or why it could not be executed.
 */
int child_start(struct child *child, char **argv, void (*restore_signals)(void));

/* On SIGCHLD: collects all that have ended. True: the COMMAND is one of them. */
bool child_reap(struct child *child);

/*
 * Passes a signal on. Not one that comes from the terminal (`code` is its si_code): the COMMAND, which
 * is in the same process group, has got it already. But that the terminal is gone is signalled to the leader
 * of the session alone, and we may be that.
 */
void child_signal(const struct child *child, int number, int code);

/* As a shell has it: its exit code, or 128 + the signal that ended it. */
int child_exit_code(const struct child *child);

#endif
