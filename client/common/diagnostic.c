/* SPDX-License-Identifier: MIT */
#include "diagnostic.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *program = "mdns-mqtt";
static void (*call_before)(void *context, const char *line);
static void *call_context;
static bool never_waits;

void diagnostic_set_program(const char *name)
{
    program = name;
}

void diagnostic_watch(void (*before)(void *context, const char *line), void *context)
{
    call_before = before;
    call_context = context;
}

void diagnostic_never_wait(void)
{
    never_waits = true;
}

bool diagnostic_has_room(void)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    return !never_waits || poll(&fd, 1, 0) > 0;
}

void diagnostic(const char *format, ...)
{
    va_list arguments;
    char line[1024]; /* in one write, so that lines of several processes do not mix */

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (call_before)
        call_before(call_context, line);
    fflush(stdout); /* what was written before comes before */
    if (diagnostic_has_room())
        fprintf(stderr, "%s: %s\n", program, line);
}
