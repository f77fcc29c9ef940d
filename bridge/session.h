/* SPDX-License-Identifier: MIT */
/*
 * The session: what the bridge says about itself at the broker, and when. It brings together what the rooms know of
 * the network and of the broker into "starting", "online", "offline". Main thread only.
 */
#ifndef BRIDGE_SESSION_H
#define BRIDGE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "advertise.h"
#include "catalog.h"
#include "mdns.h"
#include "mirror.h"
#include "mqtt.h"
#include "records.h"

struct session;

struct session_options {
    const char *prefix;
    size_t record_size;
    int64_t avahi_grace_ms;
    int64_t stats_interval_ms;
};

/* What the session works with; all of it is borrowed. */
struct session_rooms {
    struct mqtt *mqtt;
    struct catalog *catalog;
    struct advertise *advertise;
    struct mirror *mirror;
    struct records *records;
};

/* The options' prefix is copied. Becomes the mirror's source of MIRROR_BRIDGE. NULL if memory is short. */
struct session *session_new(const struct session_rooms *rooms,
                            const struct session_options *options, int64_t now);

/* NULL is fine. */
void session_free(struct session *session);

/* New intervals, after the configuration was read again. */
void session_set_intervals(struct session *session, int64_t avahi_grace_ms,
                           int64_t stats_interval_ms, int64_t now);

/* What the Avahi side says. */
void session_mdns_event(struct session *session, const struct mdns_event *event, int64_t now);

/* What happens on the connection to the broker, as mqtt.h's handlers. */
void session_connecting(struct session *session);
void session_connected(struct session *session, int64_t now);
void session_disconnected(struct session *session);
void session_message(struct session *session, const struct mqtt_message *message, int64_t now);
void session_answered(struct session *session, uint32_t round_trip, int64_t now);

/*
 * Does what is due: publishes what changed, sweeps, says "online". To be called once a turn of the main
 * loop. `avahi` is for the stats, and copied. Returns when to be called next, in monotonic milliseconds.
 */
int64_t session_run(struct session *session, const struct mdns_counters *avahi, int64_t now);

/* Says "offline". From now on nothing else is published; session_has_ended() says when it is over. */
void session_end(struct session *session);
bool session_has_ended(const struct session *session);

/* Has the broker taken "offline"? Else the last will has to say it. */
bool session_said_goodbye(const struct session *session);

/* "starting", "online" …, for the status line. */
const char *session_state_name(const struct session *session);
bool session_avahi_is_up(const struct session *session);

#endif
