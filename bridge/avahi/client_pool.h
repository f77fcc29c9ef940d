/* SPDX-License-Identifier: MIT */
/*
 * The Avahi side's connections to avahi-daemon. Internal to the Avahi side, its thread only.
 *
 * avahi-daemon allows 1024 objects (browsers, resolvers, groups) a connection, so objects are spread
 * over as many AvahiClients as needed. All stand or fall together: when one fails, the pool is broken,
 * and its owner frees every object and opens the pool anew.
 */
#ifndef BRIDGE_AVAHI_CLIENT_POOL_H
#define BRIDGE_AVAHI_CLIENT_POOL_H

#include <stdbool.h>

#include <avahi-client/client.h>
#include <avahi-common/watch.h>

/*
 * Avahi allows 1024 (objects-per-client-max). Fewer, since libavahi looks for the object of each event one
 * by one: with 900 a change took twice as much of the processor's time.
 */
#define CLIENT_OBJECTS_MAX 256

/* The bus allows 256 connections a user, and others share ours. Bounds instances to 200 times 256. */
#define CLIENTS_MAX 200

enum client_pool_state {
    CLIENT_POOL_CLOSED,  /* no connection; client_pool_open() may be called */
    CLIENT_POOL_WAITING, /* connected to the bus, where avahi-daemon is not (yet) */
    CLIENT_POOL_UP,      /* avahi-daemon answers; objects may be made */
    CLIENT_POOL_BROKEN,  /* a connection failed: free all objects, then client_pool_close() */
};

struct pool_client {
    AvahiClient *client;
    unsigned objects; /* in use; set to the maximum when avahi-daemon says that it is full */
};

struct client_pool {
    const AvahiPoll *poll;
    enum client_pool_state state;
    bool host_ready; /* the host's own name is established: what is advertised may point to it */
    int error;       /* Avahi's, that broke it or kept it closed */
    unsigned count;
    struct pool_client clients[CLIENTS_MAX];
};

void client_pool_init(struct client_pool *pool, const AvahiPoll *poll);

/* Makes the first connection; blocks. The state says what came of it: WAITING, UP or CLOSED (error). */
void client_pool_open(struct client_pool *pool);

/* Frees all connections. Every object made on them must have been freed or forgotten before. */
void client_pool_close(struct client_pool *pool);

/*
 * A client with room for one more object, which it counts; opens another connection where all are
 * full. NULL where there is none to be had (pool->error says why).
 */
struct pool_client *client_pool_take(struct client_pool *pool);

/* The object that take() counted is gone, or could not be made. NULL is fine. */
void client_pool_give_back(struct pool_client *client);

/*
 * An object could not be made. Where the reason is that no answer came, avahi-daemon may have made it all
 * the same, and nobody can free it: the pool is broken then.
 */
void client_pool_failed(struct client_pool *pool, int error);

/* Avahi is gone or hangs: the pool is BROKEN, whatever libavahi thinks of it. `error` is Avahi's. */
void client_pool_break(struct client_pool *pool, int error);

/* avahi-daemon refused an object for want of room: use another client from now on. */
void client_pool_mark_full(struct pool_client *client);

#endif
