/* SPDX-License-Identifier: MIT */
/*
 * Registrations: what Avahi is to register for us, a flat table of number -> one request. Internal to the
 * Avahi side, its thread only.
 *
 * A replacement is a second number, and the caller's business but for one rule, which has to be here: two
 * registrations cannot have one name at the same time. Where B replaces A and has A's name, when it begins
 * or because it was renamed to it, A makes way: it gives up its group, and waits for as long as B is there. If B
 * fails or is withdrawn, A is registered again. What has lost its group for another reason waits for its
 * replacement, too.
 */
#ifndef BRIDGE_AVAHI_REGISTRATIONS_H
#define BRIDGE_AVAHI_REGISTRATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "client_pool.h"
#include "event_sink.h"
#include "request.h"

struct registrations;

/* On connections of their own. What comes of them goes to `sink` as MDNS_REGISTRATION. NULL if memory is short. */
struct registrations *registrations_new(struct client_pool *pool, struct event_sink sink);

/*
 * The three commands of mdns.h, whose words hold here. To be called outside of all callbacks; withdrawing says
 * goodbye, which blocks on D-Bus; for the rest registrations_run() does the work. Unknown numbers are fine, and
 * one that is there already is withdrawn first.
 */
void registrations_add(struct registrations *table, uint32_t number, uint32_t replaces,
                       const char *name, const struct request *request);
void registrations_update_txt(struct registrations *table, uint32_t number, uint32_t revision,
                              const struct request *request);
void registrations_withdraw(struct registrations *table, uint32_t number);

/*
 * Does what is due: registers what waits, follows what Avahi said. Outside of all callbacks; blocks on
 * D-Bus. Returns when to be called next, in monotonic milliseconds, INT64_MAX for never; after a callback of
 * Avahi in any case.
 */
int64_t registrations_run(struct registrations *table, int64_t now);

/* Is nothing asked for? */
bool registrations_is_empty(const struct registrations *table);

/* Its connections are lost, but not avahi-daemon: all is registered again, on others, at the next run. */
void registrations_detach(struct registrations *table);

/* Forgets everything without a word to Avahi or the main thread: for connections that are lost. */
void registrations_forget(struct registrations *table);

/* Forgets and frees. NULL is fine. */
void registrations_free(struct registrations *table);

#endif
