/* SPDX-License-Identifier: MIT */
/*
 * From a request to Avahi's entry group. Internal to the Avahi side, its thread only; all of it blocks on
 * D-Bus. Strings are those of a checked request: libdbus aborts the process on bad UTF-8.
 */
#ifndef BRIDGE_MDNS_GROUP_H
#define BRIDGE_MDNS_GROUP_H

#include <stdbool.h>

#include <avahi-client/publish.h>

#include "mdns_clients.h"
#include "request.h"

struct group {
    AvahiEntryGroup *group;     /* NULL: none */
    struct mdns_client *client; /* that it is counted on */
    AvahiIfIndex interface;     /* that it was registered for */
};

/*
 * Makes one where there is none. `changed` is called from within with a group that is not in *group yet.
 * Returns 0 or Avahi's error.
 */
int group_make(struct group *group, struct mdns_clients *clients, AvahiEntryGroupCallback changed,
               void *userdata);

/* Registers the request under this name. Returns 0 or Avahi's error; COLLISION: taken on this host. */
int group_register(struct group *group, const char *name, const struct request *request);

/* Is the one interface that the request is for, if it names one, there? */
bool group_has_interface(const struct request *request);

/* Does the interface that the request names have another index than when it was registered? */
bool group_has_moved(const struct group *group, const struct request *request);

/* Another TXT for what group_register() has registered. Returns 0 or Avahi's error. */
int group_update_txt(struct group *group, const char *name, const struct request *request);

/* Frees it, which says goodbye for what it has registered. Fine where there is none. */
void group_free(struct group *group);

#endif
