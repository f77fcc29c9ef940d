/* SPDX-License-Identifier: MIT */
/*
 * From a request to Avahi's entry group. Internal to the Avahi side, its thread only; what makes, changes or
 * frees a group blocks on D-Bus. Strings are those of a checked request: libdbus aborts the process on bad
 * UTF-8.
 */
#ifndef BRIDGE_AVAHI_ENTRY_GROUP_H
#define BRIDGE_AVAHI_ENTRY_GROUP_H

#include <avahi-client/publish.h>

#include "client_pool.h"
#include "request.h"

struct entry_group {
    AvahiEntryGroup *group;     /* NULL: none */
    struct pool_client *client; /* that it is counted on */
    AvahiIfIndex interface;     /* that it was registered for */
};

/* The interface that the request is for: AVAHI_IF_UNSPEC for all, 0 where it names one that is not there. */
AvahiIfIndex entry_group_interface(const struct request *request);

/*
 * Makes a group and registers the request in it under this name. `changed` is called from within, too, with a
 * group that is not in *group yet. Returns 0 or Avahi's error, after which *group is to be freed or forgotten;
 * AVAHI_ERR_COLLISION: the name is taken on this host.
 */
int entry_group_register(struct entry_group *group, struct client_pool *pool, const char *name,
                         const struct request *request, AvahiEntryGroupCallback changed,
                         void *userdata);

/* Other TXT data for what is registered, without new probes and without a goodbye. Returns 0 or Avahi's error. */
int entry_group_update_txt(struct entry_group *group, const char *name,
                           const struct request *request);

/* Frees it, which says goodbye for what it has registered. Fine where there is none. */
void entry_group_free(struct entry_group *group);

/* For a connection that is lost, and takes its groups with it: none any more, without a word to Avahi. */
void entry_group_forget(struct entry_group *group);

#endif
