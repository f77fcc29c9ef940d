/* SPDX-License-Identifier: MIT */
#include "listening.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 512
#define TCP_LISTEN 0x0a /* enum in the kernel's net/tcp_states.h */
#define UDP_BOUND 0x07

/* "  0: 00000000:1F90 00000000:0000 0A ...", of IPv6 with longer addresses. */
static bool line_has(const char *line, bool udp, uint16_t port)
{
    const char *local = strchr(line, ':');
    char *remote, *state;

    local = local ? strchr(local + 1, ':') : NULL; /* behind the number of the line */
    if (!local || strtoul(local + 1, &remote, 16) != port)
        return false;
    remote = strchr(remote, ':');
    state = remote ? strchr(remote, ' ') : NULL;
    return state && strtoul(state, NULL, 16) == (udp ? UDP_BOUND : TCP_LISTEN);
}

bool listening_in_table(const char *table, bool udp, uint16_t port)
{
    char line[LINE_SIZE];
    while (*table) {
        size_t length = strcspn(table, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, table);
        if (line_has(line, udp, port))
            return true;
        table += length + (table[length] == '\n');
    }
    return false;
}

static int look_into(const char *path, bool udp, uint16_t port)
{
    char line[LINE_SIZE];
    int found = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    while (!found && fgets(line, sizeof line, file))
        found = line_has(line, udp, port);
    fclose(file);
    return found;
}

int listening(bool udp, uint16_t port)
{
    int four = look_into(udp ? "/proc/self/net/udp" : "/proc/self/net/tcp", udp, port);
    if (four == 1)
        return 1;
    int six = look_into(udp ? "/proc/self/net/udp6" : "/proc/self/net/tcp6", udp, port);
    return six < 0 ? four : six; /* a kernel without IPv6 has no such table */
}
