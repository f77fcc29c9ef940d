/* SPDX-License-Identifier: MIT */
/*
 * The protocol: one datagram of "KEY=value" lines to the socket that $NOTIFY_SOCKET names, a path
 * or, behind '@', an abstract name. A socket is opened for every datagram: they are few, and a
 * manager that was restarted is found again.
 */
#include "notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define STATUS_SIZE 512

static void notify(const char *text)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = name ? strlen(name) : 0;
    if (length < 2 || length > sizeof address.sun_path || (name[0] != '/' && name[0] != '@'))
        return;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    /* Lost where it cannot be sent: there is nobody else to tell. */
    (void)!sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&address, size);
    close(fd);
}

void notify_ready(void)
{
    notify("READY=1");
}

void notify_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t usec = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    char text[64];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, usec);
    notify(text);
}

void notify_stopping(void)
{
    notify("STOPPING=1");
}

void notify_status(const char *format, ...)
{
    char text[STATUS_SIZE] = "STATUS=";
    const size_t key = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + key, sizeof text - key, format, arguments);
    va_end(arguments);
    /* A line feed would begin another key. */
    for (char *c = text + key; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    notify(text);
}

void notify_watchdog(void)
{
    notify("WATCHDOG=1");
}

/* A positive decimal number from the environment; 0 if it is none. */
static int64_t environment_number(const char *name)
{
    const char *text = getenv(name);
    if (!text || !*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
        return 0;
    return strtoll(text, NULL, 10);
}

int64_t notify_watchdog_interval_ms(void)
{
    int64_t usec = environment_number("WATCHDOG_USEC");
    bool ours = !getenv("WATCHDOG_PID") || environment_number("WATCHDOG_PID") == getpid();
    if (usec == 0 || !ours)
        return 0;
    return usec < 2000 ? 1 : usec / 2000;
}
