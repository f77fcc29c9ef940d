/* SPDX-License-Identifier: MIT */
/*
 * The addresses of a broker's name. getaddrinfo() blocks, for half a minute where a name server is silent;
 * so a thread asks, which shares nothing with anybody, and its answer comes by a pipe.
 */
#ifndef MQTT_LOOKUP_H
#define MQTT_LOOKUP_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

#define LOOKUP_ADDRESSES_MAX 8
#define LOOKUP_ADDRESS_SIZE (INET6_ADDRSTRLEN + 1 + IF_NAMESIZE) /* fe80::1%eth0 */

struct lookup_answer {
    unsigned count; /* 0: there is no host of this name, or it cannot be found out now */
    char addresses[LOOKUP_ADDRESSES_MAX][LOOKUP_ADDRESS_SIZE];
};

/* True: `host` is an address itself, and nobody has to be asked. */
bool lookup_address(struct lookup_answer *answer, const char *host);

/*
 * Asks. Returns the file descriptor that will be readable for lookup_take(), or -errno. To close it is to
 * forget the question.
 */
int lookup_ask(const char *host);

/* Takes the answer, and closes the file descriptor. */
void lookup_take(struct lookup_answer *answer, int fd);

#endif
