/* SPDX-License-Identifier: MIT */
/* What goes to stderr: one line, behind the name that the tool was called by. */
#ifndef CLIENT_SAY_H
#define CLIENT_SAY_H

#include <stdbool.h>

/* Sets the name; it is borrowed. */
void say_as(const char *name);

/* Writes one line. What comes from outside goes through text_excerpt() before. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on, a line for which there is no room is lost: who leaves the pipe on stderr full is not to hold
 * us up. */
void say_without_waiting(void);

/* Is there room on stderr? Always, where we wait for it. */
bool say_can(void);

/* Who draws on the terminal hears each line right before it is written, to get out of its way. */
void say_tell(void (*before)(void *context, const char *line), void *context);

#endif
