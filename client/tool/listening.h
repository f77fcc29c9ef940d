/* SPDX-License-Identifier: MIT */
/* Does a program listen on a port, in the network that we are in? */
#ifndef CLIENT_LISTENING_H
#define CLIENT_LISTENING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Is there a TCP socket that listens on the port, or a UDP socket bound to it, on any address? Reads
 * /proc/self/net; of a container without --network=host, that is the container's own network, so the
 * port is the one inside. 1, 0, or -errno where nothing can be read.
 */
int listening(bool udp, uint16_t port);

/* The same in the text of one of the tables. */
bool listening_in_table(const char *table, bool udp, uint16_t port);

#endif
