/* SPDX-License-Identifier: MIT */
/*
 * The Avahi side's connections to avahi-daemon. Internal to the Avahi side, its thread only.
 *
 * avahi-daemon allows 1024 objects (browsers, resolvers, groups) a connection, so objects are spread
 * over as many AvahiClients as needed. All stand or fall together: when one fails, the pool is broken,
 * and its owner frees every object and opens the pool anew.
 */
#ifndef BRIDGE_MDNS_CLIENTS_H
#define BRIDGE_MDNS_CLIENTS_H

#include <stdbool.h>

#include <avahi-client/client.h>
#include <avahi-common/watch.h>

/*
 * Avahi allows 1024 (objects-per-client-max). Fewer, since libavahi looks for the object of each event one
 * by one: with 900 a change took twice as much of the processor's time.
 */
#define MDNS_CLIENT_OBJECTS_MAX 256

/* The bus allows 256 connections a user, and others share ours. Bounds sightings to 200 times 256. */
#define MDNS_CLIENTS_MAX 200

enum mdns_clients_state {
    MDNS_CLIENTS_CLOSED,  /* no connection; mdns_clients_open() may be called */
    MDNS_CLIENTS_WAITING, /* connected to the bus, where avahi-daemon is not (yet) */
    MDNS_CLIENTS_UP,      /* avahi-daemon answers; objects may be made */
    MDNS_CLIENTS_BROKEN,  /* a connection failed: free all objects, then mdns_clients_close() */
};

struct mdns_client {
    AvahiClient *client;
    unsigned objects; /* in use; set to the maximum when avahi-daemon says that it is full */
};

struct mdns_clients {
    const AvahiPoll *poll;
    enum mdns_clients_state state;
    bool host_ready; /* the host's own name is established: what is advertised may point to it */
    int error;       /* Avahi's, that broke it or kept it closed */
    unsigned count;
    struct mdns_client clients[MDNS_CLIENTS_MAX];
};

void mdns_clients_init(struct mdns_clients *pool, const AvahiPoll *poll);

/* Makes the first connection; blocks. The state says what came of it: WAITING, UP or CLOSED (error). */
void mdns_clients_open(struct mdns_clients *pool);

/* Frees all connections. Every object made on them must have been freed or forgotten before. */
void mdns_clients_close(struct mdns_clients *pool);

/*
 * A client with room for one more object, which it counts; opens another connection where all are
 * full. NULL where there is none to be had (pool->error says why).
 */
struct mdns_client *mdns_clients_take(struct mdns_clients *pool);

/* The object that take() counted is gone, or could not be made. NULL is fine. */
void mdns_clients_give_back(struct mdns_client *client);

/*
 * An object could not be made. Where the reason is that no answer came, avahi-daemon may have made it all
 * the same, and nobody can free it: the pool is broken then.
 */
void mdns_clients_failed(struct mdns_clients *pool, int error);

/* avahi-daemon refused an object for want of room: use another client from now on. */
void mdns_clients_mark_full(struct mdns_client *client);

#endif
