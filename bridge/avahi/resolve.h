/* SPDX-License-Identifier: MIT */
/*
 * Resolving: follows every instance that browsing reports, and reports what comes of it. Internal to the
 * Avahi side, its thread only.
 */
#ifndef BRIDGE_AVAHI_RESOLVE_H
#define BRIDGE_AVAHI_RESOLVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "client_pool.h"
#include "event_sink.h"
#include "filter.h"

struct resolve;

/* Written by the Avahi side, read by mdns_get_counters() on the main thread. */
struct resolve_counters {
    atomic_uint instances, refused, ignored;
};

/* The filter is borrowed until resolve_set_filter() or resolve_free(). NULL if memory is short. */
struct resolve *resolve_new(struct client_pool *pool, const struct filter *filter,
                            struct resolve_counters *counters, struct event_sink sink);

/* A browser reported an instance, or that it is gone. Strings as Avahi writes them. Safe in callbacks. */
void resolve_appeared(struct resolve *resolve, AvahiIfIndex interface, AvahiProtocol protocol,
                      const char *name, const char *type, const char *domain, bool local);
void resolve_disappeared(struct resolve *resolve, AvahiIfIndex interface, AvahiProtocol protocol,
                         const char *name, const char *type, const char *domain);

/*
 * All instances of that type in that domain are to be reported again before resolve_sweep(), which drops
 * what was not, with LOST events. Case does not matter. Safe in callbacks.
 */
void resolve_mark_stale(struct resolve *resolve, const char *type, const char *domain);
void resolve_sweep(struct resolve *resolve, const char *type, const char *domain);

/* Drops, with LOST events, what the new filter does not want. */
void resolve_set_filter(struct resolve *resolve, const struct filter *filter);

/* Does it follow any instance of that type in that domain? Case does not matter. */
bool resolve_follows_type(const struct resolve *resolve, const char *type, const char *domain);

/* How many instances have had no answer yet, neither good nor bad. */
unsigned resolve_pending(const struct resolve *resolve);

/* Has something been refused for want of room, and is there room now? Asking clears it. */
bool resolve_has_room_again(struct resolve *resolve);

/*
 * Makes the resolvers that are due again. Outside of all callbacks; blocks on D-Bus. Returns when to be
 * called next, in monotonic milliseconds, INT64_MAX for never.
 */
int64_t resolve_run(struct resolve *resolve, int64_t now);

/* Forgets all instances, without events and without a word to Avahi: for connections that are lost. */
void resolve_forget(struct resolve *resolve);

/* Forgets and frees. NULL is fine. */
void resolve_free(struct resolve *resolve);

#endif
