/* SPDX-License-Identifier: MIT */
/*
 * /proc/self/net/{tcp,tcp6,udp,udp6}: one line a socket behind a heading,
 *
 *     sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid ...
 *      0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1601 ...
 *
 * in which an address is one or four 32-bit words, each as a number of this machine's byte order,
 * and a port is a number. The interface that a socket may be bound to is not told.
 *
 * Connections stand in tcp, too, behind the sockets that listen; and what /proc makes of them is
 * some fifty times as slow as sock_diag. So a file is read up to a bound: on a host with many
 * connections published ports are found, but that one is not published is unknown.
 *
 * The kernel writes a page at a time, and finds its place again by counting sockets from the start
 * of the file. For tcp it counts within a slot of its hash table, but for udp through the whole
 * table: there, a socket that somebody closes between two pages hides another one, which did
 * nothing. So udp is read until two passes agree.
 *
 * It is "self" because sandboxes hide /proc/net.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "ports_table.h"

#define LINES_MAX 8192 /* some 10 ms */
#define LINE_SIZE 512
#define BLANKS " \n"

bool ports_parse_number(const char *text, uint32_t *value)
{
    size_t length = strlen(text);
    if (length == 0 || length > 10 || strspn(text, "0123456789") != length)
        return false;
    unsigned long long number = strtoull(text, NULL, 10);
    *value = (uint32_t)number;
    return number <= UINT32_MAX;
}

/* Exactly so many hexadecimal digits, at most 8, with anything behind them. */
static bool parse_hex(const char *text, size_t digits, uint32_t *value)
{
    char number[9] = "";
    if (strspn(text, "0123456789ABCDEFabcdef") < digits)
        return false;
    memcpy(number, text, digits);
    *value = (uint32_t)strtoul(number, NULL, 16);
    return true;
}

/* "0100007F:1F90" */
static bool parse_address(const char *text, bool ipv6, uint32_t address[4], uint32_t *port)
{
    const size_t words = ipv6 ? 4 : 1;
    if (strlen(text) != words * 8 + 5 || text[words * 8] != ':')
        return false;
    for (size_t i = 0; i < words; i++)
        if (!parse_hex(text + i * 8, 8, &address[i]))
            return false;
    return parse_hex(text + words * 8 + 1, 4, port);
}

/* 0, -ENOSPC or -EBADMSG. */
static int add_line(struct ports_table *table, bool udp, bool ipv6, char *line)
{
    enum { LOCAL = 1, STATE = 3, UID = 7, FIELDS };
    const char *fields[FIELDS];
    char *rest = line;
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = strtok_r(i == 0 ? line : NULL, BLANKS, &rest);
        if (!fields[i])
            return -EBADMSG;
    }
    uint32_t address[4] = {0};
    uint32_t port = 0, state = 0, uid = 0;
    if (!parse_address(fields[LOCAL], ipv6, address, &port) || strlen(fields[STATE]) != 2 ||
        !parse_hex(fields[STATE], 2, &state) || !ports_parse_number(fields[UID], &uid))
        return -EBADMSG;
    if (state != (udp ? TCP_CLOSE : TCP_LISTEN))
        return 0;
    return ports_table_add(table, (uint16_t)port, ports_is_loopback(ipv6, address), uid) ? 0
                                                                                         : -ENOSPC;
}

int ports_proc_file(struct ports_table *table, bool udp, bool ipv6, FILE *file)
{
    char line[LINE_SIZE];
    int result = 0;
    bool skip_next = true; /* the heading, or the rest of a line that was too long */
    for (int lines = 0; errno = 0, fgets(line, sizeof line, file); lines++) {
        const bool skip = skip_next;
        const bool whole = strchr(line, '\n') != NULL;
        skip_next = !whole;
        if (skip)
            continue;
        if (lines > LINES_MAX)
            return -ENOSPC;
        int error = whole ? add_line(table, udp, ipv6, line) : -EBADMSG;
        if (error == -ENOSPC)
            return error;
        if (error)
            result = error;
    }
    if (ferror(file))
        return errno ? -errno : -EIO;
    return result;
}

struct source {
    bool udp, ipv6;
};

static int read_source(struct ports_table *table, const void *context)
{
    static const char *const paths[2][2] = {
        {"/proc/self/net/tcp", "/proc/self/net/tcp6"},
        {"/proc/self/net/udp", "/proc/self/net/udp6"},
    };
    const struct source *source = context;
    FILE *file = fopen(paths[source->udp][source->ipv6], "re");
    if (!file)
        return source->ipv6 && errno == ENOENT ? 0 : -errno; /* a kernel can be without IPv6 */
    int error = ports_proc_file(table, source->udp, source->ipv6, file);
    fclose(file);
    return error;
}

static bool entries_equal(const struct ports_entry *a, const struct ports_entry *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].port != b[i].port || a[i].loopback != b[i].loopback || a[i].uid != b[i].uid)
            return false;
    return true;
}

int ports_proc_steady(struct ports_table *table, ports_pass_func *pass, const void *context)
{
    size_t before = 0; /* entries of the pass before */
    for (int passes = 0; passes < PORTS_PASSES_MAX; passes++) {
        const size_t start = table->count;
        int error = pass(table, context);
        if (error)
            return error;
        const struct ports_entry *found = table->entries + start;
        const size_t count = table->count - start;
        if (passes > 0 && count == before && entries_equal(found - before, found, count)) {
            table->count = start;
            break;
        }
        before = count;
    }
    return 0;
}

int ports_proc_read(struct ports_table *table, bool udp)
{
    int result = 0;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct source source = {.udp = udp, .ipv6 = ipv6};
        int error =
            udp ? ports_proc_steady(table, read_source, &source) : read_source(table, &source);
        if (!result)
            result = error;
    }
    return result;
}

/* The initial namespace has one line: from 0, to 0, all but the last number, which means none. */
bool ports_owners_visible(FILE *uid_map)
{
    char line[LINE_SIZE];
    if (!fgets(line, sizeof line, uid_map))
        return false;
    char *rest = line;
    uint32_t numbers[3];
    for (int i = 0; i < 3; i++) {
        const char *field = strtok_r(i == 0 ? line : NULL, BLANKS, &rest);
        if (!field || !ports_parse_number(field, &numbers[i]))
            return false;
    }
    return numbers[0] == 0 && numbers[1] == 0 && numbers[2] == UINT32_MAX;
}
