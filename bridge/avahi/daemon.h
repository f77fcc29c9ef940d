/* SPDX-License-Identifier: MIT */
/*
 * The Avahi side with and without avahi-daemon: connects, and starts browsing and registering as
 * often as needed. Internal to the Avahi side, its thread only.
 */
#ifndef BRIDGE_AVAHI_DAEMON_H
#define BRIDGE_AVAHI_DAEMON_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "browse.h"
#include "client_pool.h"
#include "event_sink.h"
#include "filter.h"
#include "registrations.h"
#include "resolve.h"

/* Written here, read by mdns_get_counters() on the main thread. */
struct daemon_counters {
    atomic_uint clients, restarts;
    struct browse_counters browse;
    struct resolve_counters resolve;
};

struct daemon {
    struct client_pool browse_pool;       /* for browsers and resolvers */
    struct client_pool registration_pool; /* for entry groups; opened when there is one to make */
    struct filter *filter;                /* owned */
    struct daemon_counters *counters;
    struct event_sink sink;
    struct resolve *resolve;
    struct browse *browse;
    struct registrations *registrations;
    bool up, settled;
    int64_t up_at; /* since when it is up */
    int64_t open_at, open_delay, ask_again_at;
    int64_t registration_open_at, registration_open_delay;
};

/*
 * For zeroed memory. Takes the filter's ownership; the rest is borrowed. False if memory is short; in
 * either case daemon_finish() is needed.
 */
bool daemon_init(struct daemon *daemon, const AvahiPoll *poll, struct filter *filter,
                 struct daemon_counters *counters, struct event_sink sink);
void daemon_finish(struct daemon *daemon);

/*
 * What is to be done between callbacks, outside of all of them; blocks on D-Bus. Returns when it is to be
 * done again, in monotonic milliseconds, INT64_MAX for never.
 */
int64_t daemon_run(struct daemon *daemon, int64_t now);

/* Commands of the main thread; between callbacks, too. daemon_browse_for() takes the filter's ownership. */
void daemon_browse_for(struct daemon *daemon, struct filter *filter);

/*
 * While Avahi is not there nothing is kept, and these do nothing: the main thread registers again at UP. The
 * words are those of mdns.h.
 */
void daemon_register(struct daemon *daemon, uint32_t number, uint32_t replaces, const char *name,
                     const struct request *request);
void daemon_update_txt(struct daemon *daemon, uint32_t number, uint32_t revision,
                       const struct request *request);
void daemon_withdraw(struct daemon *daemon, uint32_t number);

/* Avahi's poll is beyond hope: begin anew at the next run. */
void daemon_poll_failed(struct daemon *daemon);

/* Closes all connections; Avahi then says goodbye for what was registered. */
void daemon_close(struct daemon *daemon);

#endif
