/* SPDX-License-Identifier: MIT */
#include "say.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *program = "mdns-mqtt";
static void (*tell_before)(void *context, const char *line);
static void *tell_context;
static bool hurried;

void say_as(const char *name)
{
    program = name;
}

void say_tell(void (*before)(void *context, const char *line), void *context)
{
    tell_before = before;
    tell_context = context;
}

void say_without_waiting(void)
{
    hurried = true;
}

bool say_can(void)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    return !hurried || poll(&fd, 1, 0) > 0;
}

void say(const char *format, ...)
{
    va_list arguments;
    char line[1024]; /* in one write, so that lines of several processes do not mix */

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (tell_before)
        tell_before(tell_context, line);
    fflush(stdout); /* what was said before comes before */
    if (say_can())
        fprintf(stderr, "%s: %s\n", program, line);
}
