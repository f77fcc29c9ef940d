/* SPDX-License-Identifier: MIT */
/*
 * The Avahi side's life with and without avahi-daemon.
 *
 * Theory of operation
 *
 *     CLOSED   no bus: open again after a back-off
 *     WAITING  a bus, but no avahi-daemon: libavahi waits for it
 *     UP       event UP once, browse, event SETTLED once
 *     BROKEN   event DOWN if it was up, forget everything, close, open again
 *
 * Losing avahi-daemon is a normal event: any device on the network can crash version 0.8. Nothing is
 * kept over it here; the main thread keeps what it was told.
 */
#include "mdns_life.h"

#include <stdlib.h>

#include <avahi-common/error.h>

#include "clock.h"
#include "log.h"

#define REOPEN_MS 500
#define REOPEN_MAX_MS 10000
#define SETTLE_MAX_MS 15000

/* Asking everything again because there is room again, at most this often. */
#define ASK_AGAIN_MS 60000

static void emit_kind(struct life *life, enum mdns_event_kind kind)
{
    struct mdns_event *event = calloc(1, sizeof *event);
    if (!event)
        return;
    event->kind = kind;
    life->emit(life->emit_context, event);
}

void life_close(struct life *life)
{
    browse_forget(life->browse);
    resolve_forget(life->resolve);
    advertise_forget(life->advertise);
    mdns_clients_close(&life->clients);
    mdns_clients_close(&life->advert_clients);
}

static void connection_broke(struct life *life, int64_t now)
{
    log_warning("avahi: connection lost: %s", avahi_strerror(life->clients.error));
    life_close(life);
    life->open_at = now;
    if (life->up) {
        life->up = false;
        life->counters->restarts++;
        emit_kind(life, MDNS_DOWN);
    } else {
        life->open_at += life->open_delay;
    }
}

static void open_connection(struct life *life, int64_t now)
{
    mdns_clients_open(&life->clients);
    if (life->clients.state == MDNS_CLIENTS_CLOSED) {
        if (life->open_delay == REOPEN_MS)
            log_warning(
                "avahi: no connection: %s; trying again. (Is D-Bus running, and may this user "
                "talk to avahi-daemon?)",
                avahi_strerror(life->clients.error));
        life->open_at = now + life->open_delay;
        life->open_delay *= 2;
        if (life->open_delay > REOPEN_MAX_MS)
            life->open_delay = REOPEN_MAX_MS;
        return;
    }
    if (life->clients.state == MDNS_CLIENTS_WAITING)
        log_info("avahi: waiting for avahi-daemon");
    life->open_delay = REOPEN_MS;
}

static void connection_is_up(struct life *life, int64_t now)
{
    if (life->up)
        return;
    log_info("avahi: connected");
    life->up = true;
    life->settled = false;
    life->up_at = now;
    life->advert_open_at = now;
    life->advert_open_delay = REOPEN_MS;
    emit_kind(life, MDNS_UP);
    browse_restart(life->browse, life->filter);
}

void life_browse_for(struct life *life, struct mdns_filter *filter)
{
    if (mdns_filter_equal(filter, life->filter)) {
        mdns_filter_free(filter);
        return;
    }
    resolve_set_filter(life->resolve, filter);
    if (life->up)
        browse_restart(life->browse, filter);
    mdns_filter_free(life->filter);
    life->filter = filter;
}

void life_advertise(struct life *life, uint32_t id, uint32_t generation,
                    const struct request *request)
{
    if (life->up)
        advertise_set(life->advertise, id, generation, request);
}

/* Bounded: a device that announces what does not resolve, again and again, must not put it off for ever. */
static int64_t tell_settled(struct life *life, int64_t now)
{
    if (life->settled)
        return INT64_MAX;
    int64_t latest = life->up_at + SETTLE_MAX_MS;
    if ((browse_pending(life->browse) > 0 || resolve_pending(life->resolve) > 0) && now < latest)
        return latest;
    life->settled = true;
    emit_kind(life, MDNS_SETTLED);
    return INT64_MAX;
}

/*
 * Entry groups have a pool of their own, opened when there is something to advertise. It may fail alone,
 * for want of connections on the bus; that is no reason to stop browsing.
 */
static int64_t run_adverts(struct life *life, int64_t now)
{
    struct mdns_clients *clients = &life->advert_clients;
    if (clients->state == MDNS_CLIENTS_BROKEN) {
        log_debug("avahi: connection for advertising lost: %s", avahi_strerror(clients->error));
        advertise_detach(life->advertise);
        mdns_clients_close(clients);
        life->advert_open_at = now + life->advert_open_delay;
    }
    if (clients->state == MDNS_CLIENTS_CLOSED) {
        if (advertise_is_empty(life->advertise))
            return INT64_MAX;
        if (now < life->advert_open_at)
            return life->advert_open_at;
        mdns_clients_open(clients);
        if (clients->state == MDNS_CLIENTS_CLOSED && life->advert_open_delay == REOPEN_MS)
            log_warning("avahi: no connection for advertising: %s; trying again",
                        avahi_strerror(clients->error));
        life->advert_open_delay = earlier(2 * life->advert_open_delay, REOPEN_MAX_MS);
        life->advert_open_at = now + life->advert_open_delay;
    }
    if (clients->state != MDNS_CLIENTS_UP)
        return clients->state == MDNS_CLIENTS_CLOSED ? life->advert_open_at : INT64_MAX;
    int64_t next_at = advertise_run(life->advertise, now);
    if (clients->state == MDNS_CLIENTS_BROKEN)
        return now;
    if (now > life->advert_open_at + REOPEN_MAX_MS) /* it has lasted */
        life->advert_open_delay = REOPEN_MS;
    return next_at;
}

static int64_t run_while_up(struct life *life, int64_t now)
{
    connection_is_up(life, now);
    int64_t next_at = browse_run(life->browse, now);
    int64_t resolve_at = resolve_run(life->resolve, now);
    if (now >= life->ask_again_at &&
        (resolve_has_room_again(life->resolve) || browse_has_room_again(life->browse))) {
        log_debug("avahi: there is room for more again; asking for all");
        life->ask_again_at = now + ASK_AGAIN_MS;
        browse_restart(life->browse, life->filter);
    }
    next_at = earlier(next_at, run_adverts(life, now));
    next_at = earlier(next_at, tell_settled(life, now));
    if (life->ask_again_at > now)
        next_at = earlier(next_at, life->ask_again_at);
    return earlier(next_at, resolve_at);
}

int64_t life_run(struct life *life, int64_t now)
{
    if (life->clients.state == MDNS_CLIENTS_BROKEN)
        connection_broke(life, now);
    if (life->clients.state == MDNS_CLIENTS_CLOSED && now >= life->open_at)
        open_connection(life, now);
    int64_t next_at = INT64_MAX;
    if (life->clients.state == MDNS_CLIENTS_UP)
        next_at = run_while_up(life, now);
    life->counters->clients = life->clients.count + life->advert_clients.count;
    if (life->clients.state == MDNS_CLIENTS_BROKEN)
        return now;
    return life->clients.state == MDNS_CLIENTS_CLOSED ? life->open_at : next_at;
}

void life_withdraw(struct life *life, uint32_t id)
{
    advertise_withdraw(life->advertise, id);
}

void life_poll_failed(struct life *life)
{
    life->clients.state = MDNS_CLIENTS_BROKEN;
}

bool life_init(struct life *life, const AvahiPoll *poll, struct mdns_filter *filter,
               struct life_counters *counters, life_emit_func *emit, void *context)
{
    life->filter = filter;
    life->counters = counters;
    life->emit = emit;
    life->emit_context = context;
    life->open_delay = REOPEN_MS;
    mdns_clients_init(&life->clients, poll);
    mdns_clients_init(&life->advert_clients, poll);
    life->advertise = advertise_new(&life->advert_clients, emit, context);
    life->resolve = resolve_new(&life->clients, filter, &counters->resolve, emit, context);
    if (life->resolve)
        life->browse = browse_new(&life->clients, life->resolve, filter, &counters->browse);
    return life->advertise && life->browse;
}

void life_finish(struct life *life)
{
    advertise_free(life->advertise);
    browse_free(life->browse);
    resolve_free(life->resolve);
    mdns_filter_free(life->filter);
}
