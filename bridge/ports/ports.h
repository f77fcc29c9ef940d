/* SPDX-License-Identifier: MIT */
/*
 * The port check: can other hosts reach what an advertisement promises?
 *
 * A snapshot of all sockets that listen on this host, in the network namespace of the bridge; taken
 * once in a while, asked as often as one likes. It is a hint at that moment, and tells publication,
 * not health: those who publish the ports of containers listen, and complete a connection, whether
 * or not something in the container does.
 *
 * None of it blocks but port_owner_lookup(). Not shared between threads.
 */
#ifndef BRIDGE_PORTS_H
#define BRIDGE_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port_owner.h"

/* How many sockets a snapshot holds, of TCP and of UDP each: room for any host that is not under
 * attack. */
#define PORTS_MAX 4096

enum port_state {
    PORT_OK,          /* a socket that other hosts can reach, by IPv4 or IPv6, of an allowed user */
    PORT_UNPUBLISHED, /* nothing listens on it */
    PORT_LOOPBACK_ONLY, /* only 127.0.0.0/8, ::1 or the interface lo */
    PORT_FOREIGN_OWNER, /* other hosts reach it, but nothing on it belongs to an allowed user */
    PORT_UNKNOWN,       /* nobody can tell: no snapshot, one with gaps, or owners cannot be seen */
};
#define PORT_STATES 5

struct ports;

/* An empty snapshot: every port is unknown. NULL if memory is short. */
struct ports *ports_new(void);

/* NULL is fine. */
void ports_free(struct ports *ports);

/*
 * Takes the snapshot anew. 0, or -errno of the first thing that went wrong: -ENOSPC where there are
 * more sockets than PORTS_MAX. After an error a port that was found to be fine is PORT_OK, and all
 * others are PORT_UNKNOWN. Logs once if it has to do without sock_diag, which is no error.
 */
int ports_refresh(struct ports *ports);

/*
 * What the snapshot says of a port. `allowed` is who may own it, NULL for anybody. With
 * PORT_FOREIGN_OWNER, and only then, the user id of an owner is stored in `uid_found`, unless that
 * is NULL.
 */
enum port_state ports_state(const struct ports *ports, bool udp, uint16_t port,
                            const struct port_owner *allowed, uint32_t *uid_found);

/* The warning's code in a status record; NULL where there is nothing to warn of: PORT_OK and
 * PORT_UNKNOWN. */
const char *port_state_code(enum port_state state);

/* Room for the longest message, with its terminator. */
#define PORT_MESSAGE_SIZE 96

/*
 * Writes the state as a sentence of ASCII for people; `uid` as ports_state() stored it, and of no
 * meaning for other states. Cut to `size` bytes, terminator included.
 */
void port_state_message(enum port_state state, bool udp, uint16_t port, uint32_t uid, char *text,
                        size_t size);

#endif
