/* SPDX-License-Identifier: MIT */
/*
 * The owners of ports, by the names of users, for a thread that must not wait: a user may come from a
 * directory server, which may be slow or gone. A thread of its own asks; what it has found is kept.
 *
 * All functions are for one and the same thread, and none blocks but port_owners_free().
 */
#ifndef BRIDGE_PORT_OWNERS_H
#define BRIDGE_PORT_OWNERS_H

#include <stdbool.h>

#include "port_owner.h"

/* How many names are kept: as many as there can be requests. Beyond, the one that was asked for longest ago
 * is forgotten. */
#define PORT_OWNERS_MAX 4096

enum port_owners_answer {
    PORT_OWNER_UNKNOWN, /* nobody has answered yet, or the answer was an error: ask again later */
    PORT_OWNER_NO_USER, /* this host has no such user */
    PORT_OWNER_FOUND,
};

struct port_owners;

/* The thread starts with the first question. NULL if memory is short. */
struct port_owners *port_owners_new(void);

/* The same with another function in place of port_owner_lookup(); `lookup` is for that thread. */
typedef int port_owner_lookup_func(const char *user, struct port_owner *owner);
struct port_owners *port_owners_new_with(port_owner_lookup_func *lookup);

/*
 * Ends the thread. One that hangs in a look-up for longer than `timeout_ms` is left, with all that it uses,
 * to the end of the process; then false. NULL is fine.
 */
bool port_owners_free(struct port_owners *owners, int timeout_ms);

/*
 * Who is that user? Asks the thread where that is not known, or was known before port_owners_refresh(); a
 * former answer stands until there is a new one. *owner is always fit for ports_state(): without a user,
 * nothing belongs to it; while unknown, nothing is known to belong to somebody else.
 */
enum port_owners_answer port_owners_find(struct port_owners *owners, const char *user,
                                         struct port_owner *owner);

/* All names are to be asked for anew, each when it is wanted next: users may have come and gone. */
void port_owners_refresh(struct port_owners *owners);

/* Readable, for poll(2), when there are answers; -1 where nothing was asked yet. */
int port_owners_fd(const struct port_owners *owners);

/*
 * Takes the answers that have come; before, port_owners_find() does not see them. True if there was any but
 * errors, so that who asks again for true does not go round in circles where every look-up fails.
 */
bool port_owners_take(struct port_owners *owners);

#endif
