/* SPDX-License-Identifier: MIT */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

static const char *program = "mdns-mqtt";

void say_as(const char *name)
{
    program = name;
}

void say(const char *format, ...)
{
    va_list arguments;
    char line[1024]; /* in one write, so that lines of several processes do not mix */

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fflush(stdout); /* what was said before comes before */
    fprintf(stderr, "%s: %s\n", program, line);
}
