/* SPDX-License-Identifier: MIT */
/* The snapshot's inside. For the files ports*.c, and their tests, only. */
#ifndef BRIDGE_PORTS_TABLE_H
#define BRIDGE_PORTS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ports.h"

/* As long as the longest message in a netlink dump. */
#define PORTS_BUFFER_SIZE 32768

/* The sockets of one transport protocol. */
struct ports_table {
    size_t count;
    struct ports_entry {
        uint32_t uid;
        uint16_t port; /* not 0 */
        bool loopback; /* other hosts cannot reach it */
    } entries[PORTS_MAX];
    bool complete;     /* a port that is not here is not there */
    bool without_diag; /* sock_diag was refused once: never asked again */
};

struct ports {
    struct ports_table tcp, udp;
    bool owners_visible; /* see ports_owners_visible() */
    _Alignas(8) unsigned char buffer[PORTS_BUFFER_SIZE];
};

/* False: the table is full. Port 0 is passed over. */
bool ports_table_add(struct ports_table *table, uint16_t port, bool loopback, uint32_t uid);

/* An address as it is in memory, 4 or 16 bytes in network order. */
bool ports_is_loopback(bool ipv6, const void *address);

/*
 * Adds this host's sockets by sock_diag. 0 or -errno: ENOSPC when the table is full; EAGAIN, EINTR
 * and ENOBUFS when the kernel could not give a whole answer, however often it was asked. `buffer`
 * is of PORTS_BUFFER_SIZE bytes.
 */
int ports_diag_read(struct ports_table *table, bool udp, unsigned char *buffer);

/* One dump of the sockets of an IP protocol in a set of states (1 << state). 0 or -errno. */
int ports_diag_dump(struct ports_table *table, int family, uint8_t protocol, uint32_t states,
                    unsigned char *buffer);

/* Adds what is in one message from the kernel. 1: there is more to come; 0: that was all; or
 * -errno. */
int ports_diag_message(struct ports_table *table, const unsigned char *bytes, size_t length);

/* Adds this host's sockets from /proc/self/net. 0 or -errno: ENOSPC when the table is full, in
 * which UDP sockets stand twice for a while, or a file too long; EBADMSG when a line made no sense
 * and was left out. */
int ports_proc_read(struct ports_table *table, bool udp);

/* The same from one such file. */
int ports_proc_file(struct ports_table *table, bool udp, bool ipv6, FILE *file);

/* One reading of what changes meanwhile: adds entries. 0 or -errno. */
typedef int ports_pass_func(struct ports_table *table, const void *context);
#define PORTS_PASSES_MAX 4

/* Reads until two passes in a row agree, or so often. Of passes that differ all entries are kept.
 * 0 or the -errno of a pass. */
int ports_proc_steady(struct ports_table *table, ports_pass_func *pass, const void *context);

/* Does a file in the format of /proc/self/uid_map say that every user id is seen as it is? */
bool ports_owners_visible(FILE *uid_map);

/* Decimal digits and nothing else. */
bool ports_parse_number(const char *text, uint32_t *value);

#endif
