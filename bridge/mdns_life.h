/* SPDX-License-Identifier: MIT */
/*
 * The Avahi side's life with and without avahi-daemon: connects, and starts browsing and advertising as
 * often as needed. Internal to the Avahi side, its thread only.
 */
#ifndef BRIDGE_MDNS_LIFE_H
#define BRIDGE_MDNS_LIFE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mdns_advertise.h"
#include "mdns_browse.h"
#include "mdns_clients.h"
#include "mdns_filter.h"
#include "mdns_resolve.h"

/* Where events go: takes ownership; may wait. */
typedef void life_emit_func(void *context, struct mdns_event *event);

/* Written here, read by mdns_get_counters() on the main thread. */
struct life_counters {
    atomic_uint clients, restarts;
    struct browse_counters browse;
    struct resolve_counters resolve;
};

struct life {
    struct mdns_clients clients;        /* for browsing */
    struct mdns_clients advert_clients; /* for entry groups; opened when there is one to make */
    struct mdns_filter *filter;         /* owned */
    struct life_counters *counters;
    life_emit_func *emit;
    void *emit_context;
    struct resolve *resolve;
    struct browse *browse;
    struct advertise *advertise;
    bool up, settled;
    int64_t up_at; /* since when it is up */
    int64_t open_at, open_delay, ask_again_at;
    int64_t advert_open_at, advert_open_delay;
};

/*
 * For zeroed memory. Takes the filter's ownership; the rest is borrowed. False if memory is short; in
 * either case life_finish() is needed.
 */
bool life_init(struct life *life, const AvahiPoll *poll, struct mdns_filter *filter,
               struct life_counters *counters, life_emit_func *emit, void *context);
void life_finish(struct life *life);

/*
 * What is to be done between callbacks, outside of all of them; blocks on D-Bus. Returns when it is to be
 * done again, in monotonic milliseconds, INT64_MAX for never.
 */
int64_t life_run(struct life *life, int64_t now);

/* Commands of the main thread; between callbacks, too. life_browse_for() takes the filter's ownership. */
void life_browse_for(struct life *life, struct mdns_filter *filter);

/* While Avahi is not there nothing is kept: the main thread asks again at UP. */
void life_advertise(struct life *life, uint32_t id, uint32_t generation,
                    const struct request *request);
void life_withdraw(struct life *life, uint32_t id);

/* Avahi's poll is beyond hope: begin anew at the next run. */
void life_poll_failed(struct life *life);

/* Closes all connections; Avahi then says goodbye for what was advertised. */
void life_close(struct life *life);

#endif
