/* SPDX-License-Identifier: MIT */
/*
 * Advertising: the bridge's own entry groups. Internal to the Avahi side, its thread only.
 */
#ifndef BRIDGE_MDNS_ADVERTISE_H
#define BRIDGE_MDNS_ADVERTISE_H

#include <stdint.h>

#include "mdns.h"
#include "mdns_clients.h"
#include "request.h"

struct advertise;

/* Where events go: takes ownership; may wait. */
typedef void advertise_emit_func(void *context, struct mdns_event *event);

/* On connections of their own. NULL if memory is short. */
struct advertise *advertise_new(struct mdns_clients *clients, advertise_emit_func *emit,
                                void *context);

/*
 * Advertise this under that number, or change what the number stands for; what comes of it is told by
 * MDNS_ADVERT events with the generation given. Callable at any time; advertise_run() does the work.
 */
void advertise_set(struct advertise *advertise, uint32_t id, uint32_t generation,
                   const struct request *request);

/* Take it back: says goodbye. Outside of all callbacks; blocks on D-Bus. Unknown numbers are fine. */
void advertise_withdraw(struct advertise *advertise, uint32_t id);

/*
 * Does what is due: registers what waits, follows what Avahi said. Outside of all callbacks; blocks on
 * D-Bus. Returns when to be called next, in monotonic milliseconds, INT64_MAX for never.
 */
int64_t advertise_run(struct advertise *advertise, int64_t now);

/* Is nothing asked for? */
bool advertise_is_empty(const struct advertise *advertise);

/* Its connections are lost, but not avahi-daemon: everything is to be registered anew on others. */
void advertise_detach(struct advertise *advertise);

/* Forgets everything without a word to Avahi or the main thread: for connections that are lost. */
void advertise_forget(struct advertise *advertise);

/* Forgets and frees. NULL is fine. */
void advertise_free(struct advertise *advertise);

#endif
