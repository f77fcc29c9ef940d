/* SPDX-License-Identifier: MIT */
/*
 * State callbacks fire inside avahi_client_new(), before it returns, and deep inside others; so they do
 * nothing but note the new state. What follows from it is done by daemon.c, outside of any callback.
 */
#include "client_pool.h"

#include <string.h>

#include <avahi-common/error.h>

#include "log.h"

static const char *const state_names[] = {"closed", "waiting", "up", "broken"};

_Static_assert(sizeof state_names / sizeof *state_names == CLIENT_POOL_BROKEN + 1,
               "a name for each state");

static void set_state(struct client_pool *pool, enum client_pool_state state)
{
    if (pool->state == state)
        return;
    log_debug("avahi connections: %s -> %s", state_names[pool->state], state_names[state]);
    pool->state = state;
}

static void client_changed(AvahiClient *client, AvahiClientState state, void *userdata)
{
    struct client_pool *pool = userdata;
    switch (state) {
    case AVAHI_CLIENT_FAILURE:
        pool->error = avahi_client_errno(client);
        set_state(pool, CLIENT_POOL_BROKEN);
        break;
    case AVAHI_CLIENT_CONNECTING:
        if (pool->state != CLIENT_POOL_BROKEN)
            set_state(pool, CLIENT_POOL_WAITING);
        break;
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_RUNNING:
    case AVAHI_CLIENT_S_COLLISION:
        /* These speak of the host's own name. Browsing does not depend on it; advertising does. */
        pool->host_ready = state == AVAHI_CLIENT_S_RUNNING;
        if (pool->state != CLIENT_POOL_BROKEN)
            set_state(pool, CLIENT_POOL_UP);
        break;
    }
}

/*
 * NO_FAIL for the first client only: it waits for a daemon that is not there. One more client is wanted
 * only while it is there.
 */
static bool add_client(struct client_pool *pool, AvahiClientFlags flags)
{
    int error = 0;
    AvahiClient *client = avahi_client_new(pool->poll, flags, client_changed, pool, &error);
    if (!client) {
        pool->error = error;
        return false;
    }
    pool->clients[pool->count++] = (struct pool_client){.client = client};
    return true;
}

void client_pool_init(struct client_pool *pool, const AvahiPoll *poll)
{
    memset(pool, 0, sizeof *pool);
    pool->poll = poll;
}

void client_pool_open(struct client_pool *pool)
{
    pool->error = 0;
    if (!add_client(pool, AVAHI_CLIENT_NO_FAIL))
        set_state(pool, CLIENT_POOL_CLOSED);
}

void client_pool_close(struct client_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        avahi_client_free(pool->clients[i].client);
    pool->count = 0;
    pool->host_ready = false;
    set_state(pool, CLIENT_POOL_CLOSED);
}

struct pool_client *client_pool_take(struct client_pool *pool)
{
    if (pool->state == CLIENT_POOL_BROKEN)
        return NULL; /* what hangs would be waited for once more */
    /* The newest first: older ones are full, unless something was given back. */
    for (unsigned i = pool->count; i-- > 0;) {
        if (pool->clients[i].objects < CLIENT_OBJECTS_MAX) {
            pool->clients[i].objects++;
            return &pool->clients[i];
        }
    }
    if (pool->count == CLIENTS_MAX) {
        pool->error = AVAHI_ERR_TOO_MANY_CLIENTS;
        return NULL;
    }
    if (!add_client(pool, 0))
        return NULL;
    log_debug("avahi: connection %u opened, the others hold %u objects each", pool->count,
              CLIENT_OBJECTS_MAX);
    pool->clients[pool->count - 1].objects = 1;
    return &pool->clients[pool->count - 1];
}

void client_pool_give_back(struct pool_client *client)
{
    if (client && client->objects > 0)
        client->objects--;
}

void client_pool_mark_full(struct pool_client *client)
{
    client->objects = CLIENT_OBJECTS_MAX;
}

void client_pool_failed(struct client_pool *pool, int error)
{
    if (pool->state != CLIENT_POOL_UP ||
        (error != AVAHI_ERR_DBUS_ERROR && error != AVAHI_ERR_TIMEOUT))
        return;
    client_pool_break(pool, error);
}

void client_pool_break(struct client_pool *pool, int error)
{
    pool->error = error;
    set_state(pool, CLIENT_POOL_BROKEN);
}
