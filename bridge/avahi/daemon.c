/* SPDX-License-Identifier: MIT */
/*
 * The Avahi side with and without avahi-daemon.
 *
 * Theory of operation
 *
 *     CLOSED   no bus: open again after a back-off
 *     WAITING  a bus, but no avahi-daemon: libavahi waits for it
 *     UP       event UP once, browse, event SETTLED once
 *     BROKEN   event DOWN if it was up, forget everything, close, open again
 *
 * Losing avahi-daemon is a normal event: any device on the network can crash version 0.8. Nothing is
 * kept over it here; the main thread keeps what was reported.
 */
#include "daemon.h"

#include <stdlib.h>

#include <avahi-common/error.h>

#include "clock.h"
#include "log.h"

#define REOPEN_MS 500
#define REOPEN_MAX_MS 10000
#define SETTLE_MAX_MS 15000

/* Asking everything again because there is room again, at most this often. */
#define ASK_AGAIN_MS 60000

static void report(struct daemon *daemon, enum mdns_event_kind kind)
{
    struct mdns_event *event = calloc(1, sizeof *event);
    if (!event)
        return;
    event->kind = kind;
    event_sink_put(&daemon->sink, event);
}

void daemon_close(struct daemon *daemon)
{
    browse_forget(daemon->browse);
    resolve_forget(daemon->resolve);
    registrations_forget(daemon->registrations);
    client_pool_close(&daemon->browse_pool);
    client_pool_close(&daemon->registration_pool);
}

static void connection_broke(struct daemon *daemon, int64_t now)
{
    log_warning("avahi: connection lost: %s", avahi_strerror(daemon->browse_pool.error));
    daemon_close(daemon);
    daemon->open_at = now;
    if (daemon->up) {
        daemon->up = false;
        daemon->counters->restarts++;
        report(daemon, MDNS_DOWN);
    } else {
        daemon->open_at += daemon->open_delay;
    }
}

static void open_connection(struct daemon *daemon, int64_t now)
{
    client_pool_open(&daemon->browse_pool);
    if (daemon->browse_pool.state == CLIENT_POOL_CLOSED) {
        if (daemon->open_delay == REOPEN_MS)
            log_warning(
                "avahi: no connection: %s; trying again. (Is D-Bus running, and may this user "
                "talk to avahi-daemon?)",
                avahi_strerror(daemon->browse_pool.error));
        daemon->open_at = now + daemon->open_delay;
        daemon->open_delay *= 2;
        if (daemon->open_delay > REOPEN_MAX_MS)
            daemon->open_delay = REOPEN_MAX_MS;
        return;
    }
    if (daemon->browse_pool.state == CLIENT_POOL_WAITING)
        log_info("avahi: waiting for avahi-daemon");
    daemon->open_delay = REOPEN_MS;
}

static void connection_is_up(struct daemon *daemon, int64_t now)
{
    if (daemon->up)
        return;
    log_info("avahi: connected");
    daemon->up = true;
    daemon->settled = false;
    daemon->up_at = now;
    daemon->registration_open_at = now;
    daemon->registration_open_delay = REOPEN_MS;
    report(daemon, MDNS_UP);
    browse_restart(daemon->browse, daemon->filter);
}

void daemon_browse_for(struct daemon *daemon, struct filter *filter)
{
    if (filter_equal(filter, daemon->filter)) {
        filter_free(filter);
        return;
    }
    resolve_set_filter(daemon->resolve, filter);
    if (daemon->up)
        browse_restart(daemon->browse, filter);
    filter_free(daemon->filter);
    daemon->filter = filter;
}

void daemon_register(struct daemon *daemon, uint32_t number, uint32_t replaces, const char *name,
                     const struct request *request)
{
    if (daemon->up)
        registrations_add(daemon->registrations, number, replaces, name, request);
}

void daemon_update_txt(struct daemon *daemon, uint32_t number, uint32_t revision,
                       const struct request *request)
{
    registrations_update_txt(daemon->registrations, number, revision, request);
}

void daemon_withdraw(struct daemon *daemon, uint32_t number)
{
    registrations_withdraw(daemon->registrations, number);
}

/* Bounded: a device that announces what does not resolve, again and again, must not put it off for ever. */
static int64_t report_settled(struct daemon *daemon, int64_t now)
{
    if (daemon->settled)
        return INT64_MAX;
    int64_t latest = daemon->up_at + SETTLE_MAX_MS;
    if ((browse_pending(daemon->browse) > 0 || resolve_pending(daemon->resolve) > 0) &&
        now < latest)
        return latest;
    daemon->settled = true;
    report(daemon, MDNS_SETTLED);
    return INT64_MAX;
}

/*
 * Entry groups have a pool of their own, opened when there is something to register. It may fail alone,
 * for want of connections on the bus; that is no reason to stop browsing.
 */
static int64_t run_registrations(struct daemon *daemon, int64_t now)
{
    struct client_pool *pool = &daemon->registration_pool;
    if (pool->state == CLIENT_POOL_BROKEN) {
        log_debug("avahi: connection for registrations lost: %s", avahi_strerror(pool->error));
        registrations_detach(daemon->registrations);
        client_pool_close(pool);
        daemon->registration_open_at = now + daemon->registration_open_delay;
    }
    if (pool->state == CLIENT_POOL_CLOSED) {
        if (registrations_is_empty(daemon->registrations))
            return INT64_MAX;
        if (now < daemon->registration_open_at)
            return daemon->registration_open_at;
        client_pool_open(pool);
        if (pool->state == CLIENT_POOL_CLOSED && daemon->registration_open_delay == REOPEN_MS)
            log_warning("avahi: no connection for registrations: %s; trying again",
                        avahi_strerror(pool->error));
        daemon->registration_open_delay =
            earlier(2 * daemon->registration_open_delay, REOPEN_MAX_MS);
        daemon->registration_open_at = now + daemon->registration_open_delay;
    }
    if (pool->state != CLIENT_POOL_UP)
        return pool->state == CLIENT_POOL_CLOSED ? daemon->registration_open_at : INT64_MAX;
    int64_t next_at = registrations_run(daemon->registrations, now);
    if (pool->state == CLIENT_POOL_BROKEN)
        return now;
    if (now > daemon->registration_open_at + REOPEN_MAX_MS) /* it has lasted */
        daemon->registration_open_delay = REOPEN_MS;
    return next_at;
}

static int64_t run_while_up(struct daemon *daemon, int64_t now)
{
    connection_is_up(daemon, now);
    int64_t next_at = browse_run(daemon->browse, now);
    int64_t resolve_at = resolve_run(daemon->resolve, now);
    if (now >= daemon->ask_again_at &&
        (resolve_has_room_again(daemon->resolve) || browse_has_room_again(daemon->browse))) {
        log_debug("avahi: there is room for more again; asking for all");
        daemon->ask_again_at = now + ASK_AGAIN_MS;
        browse_restart(daemon->browse, daemon->filter);
    }
    next_at = earlier(next_at, run_registrations(daemon, now));
    next_at = earlier(next_at, report_settled(daemon, now));
    if (daemon->ask_again_at > now)
        next_at = earlier(next_at, daemon->ask_again_at);
    return earlier(next_at, resolve_at);
}

int64_t daemon_run(struct daemon *daemon, int64_t now)
{
    if (daemon->browse_pool.state == CLIENT_POOL_BROKEN)
        connection_broke(daemon, now);
    if (daemon->browse_pool.state == CLIENT_POOL_CLOSED && now >= daemon->open_at)
        open_connection(daemon, now);
    int64_t next_at = INT64_MAX;
    if (daemon->browse_pool.state == CLIENT_POOL_UP)
        next_at = run_while_up(daemon, now);
    daemon->counters->clients = daemon->browse_pool.count + daemon->registration_pool.count;
    if (daemon->browse_pool.state == CLIENT_POOL_BROKEN)
        return now;
    return daemon->browse_pool.state == CLIENT_POOL_CLOSED ? daemon->open_at : next_at;
}

void daemon_poll_failed(struct daemon *daemon)
{
    client_pool_break(&daemon->browse_pool, AVAHI_ERR_FAILURE);
}

bool daemon_init(struct daemon *daemon, const AvahiPoll *poll, struct filter *filter,
                 struct daemon_counters *counters, struct event_sink sink)
{
    daemon->filter = filter;
    daemon->counters = counters;
    daemon->sink = sink;
    daemon->open_delay = REOPEN_MS;
    client_pool_init(&daemon->browse_pool, poll);
    client_pool_init(&daemon->registration_pool, poll);
    daemon->registrations = registrations_new(&daemon->registration_pool, sink);
    daemon->resolve = resolve_new(&daemon->browse_pool, filter, &counters->resolve, sink);
    if (daemon->resolve)
        daemon->browse =
            browse_new(&daemon->browse_pool, daemon->resolve, filter, &counters->browse);
    return daemon->registrations && daemon->browse;
}

void daemon_finish(struct daemon *daemon)
{
    registrations_free(daemon->registrations);
    browse_free(daemon->browse);
    resolve_free(daemon->resolve);
    filter_free(daemon->filter);
}
