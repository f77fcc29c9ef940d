/* SPDX-License-Identifier: MIT */
/* Diagnostics on stderr: one line each, behind the name that the program was called by. Main thread only. */
#ifndef CLIENT_DIAGNOSTIC_H
#define CLIENT_DIAGNOSTIC_H

#include <stdbool.h>

/* Sets that name; it is borrowed. Without it, it is "mdns-mqtt". */
void diagnostic_set_program(const char *name);

/* Writes one line. What comes from outside goes through text_excerpt() before. */
void diagnostic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on, a line for which there is no room is lost: a reader that leaves the pipe on stderr full does
 * not hold us up. */
void diagnostic_never_wait(void);

/* Is there room on stderr? Always, before diagnostic_never_wait(). */
bool diagnostic_has_room(void);

/* `before` is called with each line right before it is written, so that what is drawn on the terminal can get
 * out of its way. NULL: nothing is called. */
void diagnostic_watch(void (*before)(void *context, const char *line), void *context);

#endif
