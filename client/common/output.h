/* SPDX-License-Identifier: MIT */
/*
 * Our stdout: what is written there gets out, or the program fails. That nobody reads it any more, as
 * behind `| head`, is no error. Main thread only.
 */
#ifndef CLIENT_OUTPUT_H
#define CLIENT_OUTPUT_H

enum output_state {
    OUTPUT_FINE,
    OUTPUT_UNREAD, /* the reader of the pipe has gone */
    OUTPUT_FAILED, /* what was written is lost: such as when the disk is full */
};

/* Flushes it. Once it is not fine, it stays so. */
enum output_state output_flush(void);

/* For the end of the program: flushes it, and writes to stderr that output failed. Returns the exit code,
 * with EXIT_OUTPUT in place of EXIT_DONE then. */
int output_end(int exit_code);

#endif
