/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The kernel knows for every socket the address it is bound to and who opened it; no privilege is
 * needed to ask. Connecting would tell less: rootlessport, slirp4netns and their like accept a
 * connection before they know whether anybody in the container will.
 *
 * What counts is a TCP socket in LISTEN, and a UDP socket that is bound and not connected. The two
 * sources, sock_diag (ports_sock_diag.c) and where the kernel has or permits none /proc/self/net
 * (ports_proc_net.c), fill the same two tables of {port, loopback or not, owner}. Whether a socket on
 * "::" takes IPv4, too, makes no difference: a port that is reachable by IPv6 alone is published.
 *
 * A table is `complete` or it is not. What is found in it is true in any case, so PORT_OK is always
 * said with reason; every other state rests on what is missing, and needs a complete table. So what
 * goes wrong ends in PORT_UNKNOWN and never in a wrong warning.
 *
 * The same holds for owners. In a user namespace that does not map all users (PrivateUsers= of
 * systemd, a container), the kernel shows those outside as "nobody": then nothing can be said about
 * owners, and where their user matters the answer is PORT_UNKNOWN.
 *
 * A lookup reads through the table: it has some dozen entries, and even a full one costs a few
 * microseconds.
 */
#include "ports.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "ports_table.h"

static const char *const state_codes[] = {NULL, "port-unpublished", "port-loopback-only",
                                          "port-foreign-owner", NULL};

static_assert(sizeof state_codes / sizeof *state_codes == PORT_STATES, "a code for each state");

struct ports *ports_new(void)
{
    struct ports *ports = calloc(1, sizeof *ports);
    if (!ports)
        return NULL;
    FILE *map = fopen("/proc/self/uid_map", "re");
    /* Without the file the kernel has no user namespaces, and nothing is hidden. */
    ports->owners_visible = map ? ports_owners_visible(map) : errno == ENOENT;
    if (map)
        fclose(map);
    return ports;
}

void ports_free(struct ports *ports)
{
    free(ports);
}

bool ports_table_add(struct ports_table *table, uint16_t port, bool loopback, uint32_t uid)
{
    if (port == 0)
        return true;
    if (table->count == PORTS_MAX)
        return false;
    table->entries[table->count++] =
        (struct ports_entry){.uid = uid, .port = port, .loopback = loopback};
    return true;
}

bool ports_is_loopback(bool ipv6, const void *address)
{
    const uint8_t *ipv4 = address;
    if (ipv6) {
        struct in6_addr whole;
        memcpy(&whole, address, sizeof whole);
        /* Java and others bind IPv6 sockets to ::ffff:127.0.0.1. */
        if (!IN6_IS_ADDR_V4MAPPED(&whole))
            return IN6_IS_ADDR_LOOPBACK(&whole);
        ipv4 += 12;
    }
    return ipv4[0] == IN_LOOPBACKNET;
}

/* Errors that say nothing about sock_diag as such: the next time may be better. */
static bool is_passing(int error)
{
    return error == -EAGAIN || error == -EINTR || error == -ENOBUFS || error == -ENOMEM ||
           error == -EMFILE || error == -ENFILE || error == -ENOSPC;
}

static int table_refresh(struct ports_table *table, bool udp, unsigned char *buffer)
{
    int error = 0;
    table->count = 0;
    table->complete = false;
    if (!table->without_diag) {
        error = ports_diag_read(table, udp, buffer);
        if (error && !is_passing(error)) {
            log_info("port check: no sock_diag for %s (%s), reading /proc/self/net",
                     udp ? "UDP" : "TCP", strerror(-error));
            table->without_diag = true;
        }
    }
    if (table->without_diag) {
        table->count = 0;
        error = ports_proc_read(table, udp);
    }
    table->complete = error == 0;
    return error;
}

int ports_refresh(struct ports *ports)
{
    int tcp = table_refresh(&ports->tcp, false, ports->buffer);
    int udp = table_refresh(&ports->udp, true, ports->buffer);
    return tcp ? tcp : udp;
}

enum port_state ports_state(const struct ports *ports, bool udp, uint16_t port,
                            const struct port_owner *allowed, uint32_t *uid_found)
{
    const struct ports_table *table = udp ? &ports->udp : &ports->tcp;
    const struct ports_entry *loopback = NULL, *foreign = NULL;
    for (const struct ports_entry *entry = table->entries; entry < table->entries + table->count;
         entry++) {
        if (entry->port != port)
            continue;
        if (entry->loopback)
            loopback = entry;
        else if (!allowed || (ports->owners_visible && port_owner_has(allowed, entry->uid)))
            return PORT_OK;
        else
            foreign = entry;
    }
    if (!table->complete)
        return PORT_UNKNOWN;
    if (!foreign)
        return loopback ? PORT_LOOPBACK_ONLY : PORT_UNPUBLISHED;
    if (!ports->owners_visible || allowed->incomplete)
        return PORT_UNKNOWN;
    if (uid_found)
        *uid_found = foreign->uid;
    return PORT_FOREIGN_OWNER;
}

const char *port_state_code(enum port_state state)
{
    return state_codes[state];
}

void port_state_message(enum port_state state, bool udp, uint16_t port, uint32_t uid, char *text,
                        size_t size)
{
    const char *kind = udp ? "UDP port" : "port";
    switch (state) {
    case PORT_OK:
        snprintf(text, size, "%s %u of this host is published", kind, port);
        break;
    case PORT_UNPUBLISHED:
        snprintf(text, size, "nothing listens on %s %u of this host", kind, port);
        break;
    case PORT_LOOPBACK_ONLY:
        snprintf(text, size, "%s %u of this host is open to this host only (loopback)", kind, port);
        break;
    case PORT_FOREIGN_OWNER:
        snprintf(text, size, "%s %u of this host belongs to another user (uid %" PRIu32 ")", kind,
                 port, uid);
        break;
    case PORT_UNKNOWN:
        snprintf(text, size, "who listens on %s %u of this host cannot be told", kind, port);
        break;
    }
}
