/* SPDX-License-Identifier: MIT */
/*
 * Browsing: which service types there are, and which instances of each. Internal to the Avahi side, its
 * thread only.
 */
#ifndef BRIDGE_AVAHI_BROWSE_H
#define BRIDGE_AVAHI_BROWSE_H

#include <stdatomic.h>
#include <stdint.h>

#include "client_pool.h"
#include "filter.h"
#include "resolve.h"

struct browse;

/* Written by the Avahi side, read by mdns_get_counters() on the main thread. */
struct browse_counters {
    atomic_uint types, refused, ignored;
};

/*
 * Instances go to `resolve`. The filter is borrowed until browse_restart() or browse_free(). NULL if
 * memory is short.
 */
struct browse *browse_new(struct client_pool *pool, struct resolve *resolve,
                          const struct filter *filter, struct browse_counters *counters);

/*
 * Begins to browse, on connections that are up; or asks everything again, with the filter given: new
 * browsers are made before old ones are freed, and instances that these do not confirm are dropped, so that
 * nothing that goes meanwhile is missed.
 * Outside of all callbacks; blocks on D-Bus.
 */
void browse_restart(struct browse *browse, const struct filter *filter);

/* Have types been refused for want of room, and is there room now? browse_restart() asks for them. */
bool browse_has_room_again(const struct browse *browse);

/* How many browsers have not yet heard what the network answers at once (ALL_FOR_NOW). */
unsigned browse_pending(const struct browse *browse);

/*
 * Does what is due: browsers that failed, types that nobody offers any more. Outside of all callbacks;
 * blocks on D-Bus. Returns when to be called next, in monotonic milliseconds, INT64_MAX for never.
 */
int64_t browse_run(struct browse *browse, int64_t now);

/* Forgets everything without a word to Avahi: for connections that are lost. */
void browse_forget(struct browse *browse);

/* Forgets and frees. NULL is fine. */
void browse_free(struct browse *browse);

#endif
