/* SPDX-License-Identifier: MIT */
/* The inside of mqtt.h, for mqtt.c (the connection) and mqtt_messages.c (what goes over it) only. */
#ifndef MQTT_INSIDE_H
#define MQTT_INSIDE_H

#include <mosquitto.h>

#include "lookup.h"
#include "mqtt.h"

enum mqtt_state {
    MQTT_WAITING,    /* for the next attempt, at `deadline`; NEVER: the caller has given up */
    MQTT_RESOLVING,  /* the broker's name, until `deadline` */
    MQTT_CONNECTING, /* TCP, TLS, CONNECT sent; CONNACK until `deadline` */
    MQTT_CONNECTED,  /* libmosquitto looks after the keepalive at `deadline` */
};

enum { NO_CONNACK = -1 };

struct mqtt {
    struct mosquitto *mosquitto; /* while connecting and connected, else NULL */
    struct mqtt_options options;
    struct mqtt_handlers handlers;
    void *context;
    char client_id[64];
    char name[MQTT_URL_MAX + 1]; /* of the broker, for the log */
    char *will_topic;            /* NULL: no will */
    void *will;
    size_t will_length;
    enum mqtt_state state;
    int64_t now; /* as mqtt_dispatch() was told last */
    int64_t deadline, good_at;
    unsigned char failures;         /* since a connection has lasted, for the back-off */
    int question;                   /* to lookup.h, while resolving; else -1 */
    struct lookup_answer addresses; /* of the broker */
    unsigned address;               /* which of them is tried */
    int connack;                    /* the reason code that came; NO_CONNACK: none yet */
    char complaint[160];            /* libmosquitto's last word on this attempt */
    bool was_connected;             /* ever */
    bool said_failing, said_lost;   /* since a connection was made; since one has lasted */
    uint32_t asked, sent, answered; /* round trips: given out; last sent; answered, to be told */
    int round_trip;                 /* number of the UNSUBSCRIBE under way; 0: none is */
};

/* mqtt.c: a line for the log. */
void mqtt_say(struct mqtt *mqtt, enum mqtt_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* mqtt_messages.c: has libmosquitto tell what comes. */
void mqtt_set_callbacks(struct mosquitto *mosquitto);

/* mqtt_messages.c: says that a round trip was answered, and sends the next one. */
void mqtt_run_round_trips(struct mqtt *mqtt);

#endif
