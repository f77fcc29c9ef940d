/* SPDX-License-Identifier: MIT */
/*
 * The resolver of one instance, for resolve.c only. The Avahi side's thread; what makes or frees one
 * blocks on D-Bus, and is not for that resolver's own callback.
 */
#ifndef BRIDGE_AVAHI_RESOLVER_H
#define BRIDGE_AVAHI_RESOLVER_H

#include "client_pool.h"
#include "event_sink.h"
#include "filter.h"
#include "instance.h"

struct resolve_counters; /* resolve.h */

struct resolve {
    struct client_pool *pool;
    const struct filter *filter;
    struct resolve_counters *counters;
    struct event_sink sink;
    struct instance *instances; /* hash, by key */
    struct instance *waiting;   /* list of those where instance_has_retry() */
    unsigned pending;
    bool complained;         /* of resolvers that cannot be made */
    bool complained_of_room; /* or of instances that are too many */
    bool refused;            /* since resolve_has_room_again() last said yes */
    char key[INSTANCE_KEY_MAX];
};

/* Makes one, in place of the one that is there. Where that fails, the instance waits for another try. */
void resolver_make(struct resolve *resolve, struct instance *instance);

/* Frees it. The instance's state stays. */
void resolver_free(struct instance *instance);

/* Reports LOST, if FOUND was reported. */
void resolver_lose(struct resolve *resolve, struct instance *instance);

/* It counts as answered from now on: nobody waits for its first word any more. */
void resolver_set_answered(struct resolve *resolve, struct instance *instance);

/* Does the filter let it through, as it is now? */
bool resolver_is_wanted(const struct resolve *resolve, const struct instance *instance);

/* Is a resolver to be made for it when its `retry_at` comes? */
bool instance_has_retry(enum instance_state state);

#endif
