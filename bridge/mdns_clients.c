/* SPDX-License-Identifier: MIT */
/*
 * State callbacks fire inside avahi_client_new(), before it returns, and deep inside others; so they do
 * nothing but note the new state. What follows from it is done by mdns_thread.c, outside of any callback.
 */
#include "mdns_clients.h"

#include <string.h>

#include <avahi-common/error.h>

#include "log.h"

static const char *const state_names[] = {"closed", "waiting", "up", "broken"};

_Static_assert(sizeof state_names / sizeof *state_names == MDNS_CLIENTS_BROKEN + 1,
               "a name for each state");

static void set_state(struct mdns_clients *pool, enum mdns_clients_state state)
{
    if (pool->state == state)
        return;
    log_debug("avahi clients: %s -> %s", state_names[pool->state], state_names[state]);
    pool->state = state;
}

static void client_changed(AvahiClient *client, AvahiClientState state, void *userdata)
{
    struct mdns_clients *pool = userdata;
    switch (state) {
    case AVAHI_CLIENT_FAILURE:
        pool->error = avahi_client_errno(client);
        set_state(pool, MDNS_CLIENTS_BROKEN);
        break;
    case AVAHI_CLIENT_CONNECTING:
        if (pool->state != MDNS_CLIENTS_BROKEN)
            set_state(pool, MDNS_CLIENTS_WAITING);
        break;
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_RUNNING:
    case AVAHI_CLIENT_S_COLLISION:
        /* These speak of the host's own name. Browsing does not depend on it; advertising does. */
        pool->host_ready = state == AVAHI_CLIENT_S_RUNNING;
        if (pool->state != MDNS_CLIENTS_BROKEN)
            set_state(pool, MDNS_CLIENTS_UP);
        break;
    }
}

/*
 * NO_FAIL for the first client only: it waits for a daemon that is not there. One more client is wanted
 * only while it is there.
 */
static bool add_client(struct mdns_clients *pool, AvahiClientFlags flags)
{
    int error = 0;
    AvahiClient *client = avahi_client_new(pool->poll, flags, client_changed, pool, &error);
    if (!client) {
        pool->error = error;
        return false;
    }
    pool->clients[pool->count++] = (struct mdns_client){.client = client};
    return true;
}

void mdns_clients_init(struct mdns_clients *pool, const AvahiPoll *poll)
{
    memset(pool, 0, sizeof *pool);
    pool->poll = poll;
}

void mdns_clients_open(struct mdns_clients *pool)
{
    pool->error = 0;
    if (!add_client(pool, AVAHI_CLIENT_NO_FAIL))
        set_state(pool, MDNS_CLIENTS_CLOSED);
}

void mdns_clients_close(struct mdns_clients *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        avahi_client_free(pool->clients[i].client);
    pool->count = 0;
    pool->host_ready = false;
    set_state(pool, MDNS_CLIENTS_CLOSED);
}

struct mdns_client *mdns_clients_take(struct mdns_clients *pool)
{
    if (pool->state == MDNS_CLIENTS_BROKEN)
        return NULL; /* what hangs would be waited for once more */
    /* The newest first: older ones are full, unless something was given back. */
    for (unsigned i = pool->count; i-- > 0;) {
        if (pool->clients[i].objects < MDNS_CLIENT_OBJECTS_MAX) {
            pool->clients[i].objects++;
            return &pool->clients[i];
        }
    }
    if (pool->count == MDNS_CLIENTS_MAX) {
        pool->error = AVAHI_ERR_TOO_MANY_CLIENTS;
        return NULL;
    }
    if (!add_client(pool, 0))
        return NULL;
    log_debug("avahi: connection %u opened, the others hold %u objects each", pool->count,
              MDNS_CLIENT_OBJECTS_MAX);
    pool->clients[pool->count - 1].objects = 1;
    return &pool->clients[pool->count - 1];
}

void mdns_clients_give_back(struct mdns_client *client)
{
    if (client && client->objects > 0)
        client->objects--;
}

void mdns_clients_mark_full(struct mdns_client *client)
{
    client->objects = MDNS_CLIENT_OBJECTS_MAX;
}

void mdns_clients_failed(struct mdns_clients *pool, int error)
{
    if (pool->state != MDNS_CLIENTS_UP ||
        (error != AVAHI_ERR_DBUS_ERROR && error != AVAHI_ERR_TIMEOUT))
        return;
    pool->error = error;
    set_state(pool, MDNS_CLIENTS_BROKEN);
}
