/* SPDX-License-Identifier: MIT */
/*
 * The resolver of one sighting, for mdns_resolve.c only. The Avahi side's thread; what makes or frees one
 * blocks on D-Bus, and is not for that resolver's own callback.
 */
#ifndef BRIDGE_MDNS_RESOLVER_H
#define BRIDGE_MDNS_RESOLVER_H

#include "mdns_resolve.h"
#include "mdns_sighting.h"

struct resolve {
    struct mdns_clients *clients;
    const struct mdns_filter *filter;
    struct resolve_counters *counters;
    resolve_emit_func *emit;
    void *context;
    struct sighting *sightings; /* hash, by key */
    struct sighting *waiting;   /* list of those where sighting_has_retry() */
    unsigned pending;
    bool complained;         /* of resolvers that cannot be made */
    bool complained_of_room; /* or of sightings that are too many */
    bool refused;            /* since resolve_has_room_again() last said yes */
    char key[SIGHTING_KEY_MAX];
};

/* Makes one, in place of the one that is there. Where that fails, the sighting waits for another try. */
void resolver_make(struct resolve *resolve, struct sighting *sighting);

/* Frees it. The sighting's state stays. */
void resolver_free(struct sighting *sighting);

/* Tells the main thread that the service has gone, if it knows of it. */
void resolver_lose(struct resolve *resolve, struct sighting *sighting);

/* It counts as answered from now on: nobody waits for its first word any more. */
void resolver_set_answered(struct resolve *resolve, struct sighting *sighting);

/* Does the filter let it through, as it is now? */
bool resolver_is_wanted(const struct resolve *resolve, const struct sighting *sighting);

/* Is a resolver to be made for it when its `retry_at` comes? */
bool sighting_has_retry(enum sighting_state state);

#endif
