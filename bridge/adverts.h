/* SPDX-License-Identifier: MIT */
/*
 * The wishes of containers: who asked for what, whether it is allowed, how long it lasts, and what came
 * of it. Knows neither Avahi nor MQTT: what is to be done leaves through struct adverts_outlets. `now` is
 * monotonic milliseconds. Main thread only.
 */
#ifndef BRIDGE_ADVERTS_H
#define BRIDGE_ADVERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "mdns.h"
#include "record.h"
#include "status.h"

struct adverts;

/*
 * What adverts_run() has to be done. False means that there is no room now: it is tried again at the next
 * run. `path` is what follows PREFIX/advertise/.
 */
struct adverts_outlets {
    void *context;
    bool (*advertise)(void *context, uint32_t number, uint32_t generation,
                      const struct request *request);
    bool (*withdraw)(void *context, uint32_t number);
    /*
     * A status record at PATH, retained or not. *digests is what was published there last, and is what is
     * now; nothing is published where the content is the same.
     */
    bool (*publish_status)(void *context, const char *path, const struct status *status,
                           bool retain, struct record_digests *digests);
    /* Deletes what is retained at PATH. */
    void (*clear)(void *context, const char *path);
    /* Asks the broker for a sign of life: adverts_broker_answers(). False: it cannot be asked now. */
    bool (*probe)(void *context);
    /* An own advertisement came or went under this name: service records may have another owner now. */
    void (*renamed)(void *context, const char *type, const char *name);
};

/* The configuration is borrowed until adverts_set_config() or adverts_free(). NULL if memory is short. */
struct adverts *adverts_new(const struct config *config, const struct adverts_outlets *outlets);

/* What outlets.clear deletes comes back through adverts_request(), as it does with MQTT 3.1.1. */
void adverts_hear_echoes(struct adverts *adverts);

/* NULL is fine. */
void adverts_free(struct adverts *adverts);

/* The configuration was read again: what it no longer allows ends, what it allows now is tried. */
void adverts_set_config(struct adverts *adverts, const struct config *config, int64_t now);

/* ---- What the broker says ---- */

/* A message on PREFIX/advertise/PATH that is not a status. */
struct adverts_message {
    const char *path;
    const uint8_t *payload; /* length 0: a withdrawal */
    size_t length;
    bool replayed; /* it was retained before we subscribed */
    enum { ADVERTS_NOT_RETAINED, ADVERTS_RETAINED, ADVERTS_PERHAPS_RETAINED } retained;
    uint32_t expiry; /* MQTT 5 message expiry interval in seconds; 0: none */
};

void adverts_request(struct adverts *adverts, const struct adverts_message *message, int64_t now);

/* A message on PREFIX/client/PATH. */
void adverts_presence(struct adverts *adverts, const char *path, const uint8_t *payload,
                      size_t length, int64_t now);

/* The broker has answered what `probe` asked. */
void adverts_broker_answers(struct adverts *adverts, int64_t now);

/* A status that is retained at PREFIX/advertise/PATH, while the tree is read back; and its end. */
/* `digest` is record_digest(): an older record that says the same is as good. */
void adverts_read_begin(struct adverts *adverts);
void adverts_read_back(struct adverts *adverts, const char *path, uint64_t digest);
void adverts_read_end(struct adverts *adverts);

/* The connection to the broker is there again: all wishes have to be confirmed. */
void adverts_connected(struct adverts *adverts, int64_t now);

/* The connection is lost: nothing ends until it is back. */
void adverts_disconnected(struct adverts *adverts);

/* ---- What the Avahi side says: MDNS_UP, MDNS_DOWN, MDNS_ADVERT ---- */

void adverts_mdns_event(struct adverts *adverts, const struct mdns_event *event);

/* ---- ---- */

/* Does what is due. `online`: messages may be published. Returns when to be called next. */
int64_t adverts_run(struct adverts *adverts, bool online, int64_t now);

/* Whose advertisement this service of our own host is: "CLIENT/ID", or NULL. Valid until the next call. */
const char *adverts_owner(const struct adverts *adverts, const struct service_id *id);

struct adverts_counters {
    size_t wishes;      /* now */
    size_t established; /* now */
    uint64_t requests;  /* that were not withdrawals */
    uint64_t refused;   /* of these, for whatever reason */
    uint64_t ended;     /* in whatever way */
};

void adverts_get_counters(const struct adverts *adverts, struct adverts_counters *counters);

#endif
