/* SPDX-License-Identifier: MIT */
/*
 * What containers ask to be advertised: who asked for what, whether it is allowed, how long it lasts, and what came
 * of it. Knows neither Avahi nor MQTT: what is to be done leaves through struct advertise_outlets. `now` is
 * clock_now(), milliseconds. Main thread only.
 */
#ifndef BRIDGE_ADVERTISE_H
#define BRIDGE_ADVERTISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "lifetime.h"
#include "mdns.h"
#include "status.h"

struct advertise;

/*
 * What somebody else has to do. `path` is what follows PREFIX/advertise/. The first three return 0, or -errno where
 * there is no room now: then it is tried again at the next run.
 */
struct advertise_outlets {
    void *context;
    /* To the Avahi side, as mdns_register(), mdns_update_txt() and mdns_withdraw(). */
    int (*register_)(void *context, uint32_t number, uint32_t replaces, const char *name,
                     const struct request *request);
    int (*update_txt)(void *context, uint32_t number, uint32_t revision,
                      const struct request *request);
    int (*withdraw)(void *context, uint32_t number);
    /* An own advertisement came or went under this name: services may have another owner now. */
    void (*renamed)(void *context, const char *type, const char *name);

    /* What advertise_status() says of `subject` has changed; or it has ended, and is to be said once more. */
    void (*say_status)(void *context, const char *path, void *subject);
    void (*end_status)(void *context, const char *path, void *subject);
    /* The same for what advertise_answer() says; `subject` NULL: it is to be there no longer. */
    void (*answer)(void *context, const char *path, void *subject);
    /* The request there is to be cleared, or is wanted after all. False: there is no room. */
    bool (*clear_request)(void *context, const char *path);
    void (*keep_request)(void *context, const char *path);
    /* Has the present reading found a status at this path, that of an advertisement that has ended? */
    bool (*has_stale_status)(void *context, const char *path);
    /* mqtt_round_trip(). */
    uint32_t (*round_trip)(void *context);
};

/* The configuration is borrowed until advertise_set_config() or advertise_free(). NULL if memory is short. */
struct advertise *advertise_new(const struct config *config,
                                const struct advertise_outlets *outlets);

/* NULL is fine. Waits for a look-up of users that is under way, for a short while. */
void advertise_free(struct advertise *advertise);

/* The configuration was read again: what it no longer allows ends, what it allows now is tried. */
void advertise_set_config(struct advertise *advertise, const struct config *config, int64_t now);

/* ---- What the broker says ---- */

/* A message on PREFIX/advertise/PATH that is not a status. */
struct advertise_message {
    const char *path;
    const uint8_t *payload; /* length 0: a withdrawal */
    size_t length;
    bool replayed; /* it was retained before we subscribed */
    enum retention retention;
    uint32_t expiry; /* MQTT 5 message expiry interval in seconds; 0: none */
};

void advertise_request(struct advertise *advertise, const struct advertise_message *message,
                       int64_t now);

/* A message on PREFIX/client/PATH. */
void advertise_presence(struct advertise *advertise, const char *path, const uint8_t *payload,
                        size_t length, int64_t now);

/* The connection to the broker is there again; all retained requests are going to be replayed. */
void advertise_connected(struct advertise *advertise, int64_t now);

/* It is lost: nothing ends until it is back. */
void advertise_disconnected(struct advertise *advertise);

/* All retained requests are going to be replayed once more, as some messages may have been lost. */
void advertise_reading(struct advertise *advertise);

/* The broker has answered all round trips up to this one. `read`: that ends what advertise_reading() began. */
void advertise_round_trip(struct advertise *advertise, uint32_t number, bool read, int64_t now);

/* Were there more requests to clear than clear_request() had room for, since the last reading began? */
bool advertise_needs_reading(const struct advertise *advertise);

/* ---- What the Avahi side says: MDNS_UP, MDNS_DOWN, MDNS_REGISTRATION ---- */

void advertise_mdns_event(struct advertise *advertise, const struct mdns_event *event);

/* ---- ---- */

/* Readable, for poll(2), when there is something for advertise_dispatch(): who the users of ports are. -1: nothing. */
int advertise_fd(const struct advertise *advertise);
void advertise_dispatch(struct advertise *advertise, int64_t now);

/* Does what is due. Returns when to be called next. */
int64_t advertise_run(struct advertise *advertise, int64_t now);

/* What is to be said of a subject of say_status or end_status. True: it has ended. */
bool advertise_status(const void *subject, struct status *status);

/* What is to be said of a subject of `answer`. */
const struct status *advertise_answer(const void *subject);

/* The broker has its last status, so nobody needs it on behalf of that any more; or its request is cleared. */
void advertise_released(struct advertise *advertise, void *subject);
void advertise_cleared(struct advertise *advertise, const char *path);

/* Whose advertisement this service of our own host is: "CLIENT/ID", or NULL. Valid until the next call. */
const char *advertise_owner(const struct advertise *advertise, const struct service_id *id);

struct advertise_counters {
    size_t advertisements; /* now */
    size_t established;    /* now */
    uint64_t requests;     /* that were not withdrawals */
    uint64_t refused;      /* of these, for whatever reason */
    uint64_t ended;        /* in whatever way */
};

void advertise_get_counters(const struct advertise *advertise, struct advertise_counters *counters);

#endif
