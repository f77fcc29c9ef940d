/* SPDX-License-Identifier: MIT */
/* The inside of mqtt.h, for mqtt.c (the connection) and mqtt_messages.c (what goes over it) only. */
#ifndef BRIDGE_MQTT_INSIDE_H
#define BRIDGE_MQTT_INSIDE_H

#include "mqtt.h"

#include <pthread.h>
#include <stdatomic.h>

#include <mosquitto.h>

enum mqtt_state { MQTT_WAITING, MQTT_RESOLVING, MQTT_CONNECTING, MQTT_CONNECTED };

struct mqtt {
    struct mosquitto *mosquitto; /* of the present connection, or the last one */
    struct mqtt_handlers handlers;
    void *context;
    struct mqtt_options options; /* copies */
    enum mqtt_state state;
    int64_t deadline;
    int64_t back_off;
    int64_t connected_at;
    bool is_name; /* the host has to be looked up */
    int resolved_fd;
    int resolved_code, resolved_errno; /* of the thread's attempt */
    pthread_t resolver;
    bool connack;           /* accepted within the loop call under way */
    atomic_bool complained; /* since the last good connection; the thread's log lines ask, too */
    int probe_id;           /* of the message that mqtt_probe() has sent last */
};

/* mqtt.c: of libmosquitto's code, and of errno where that says so; constant, or until the next call. */
const char *mqtt_error_text(int code);

/* mqtt_messages.c: callbacks of libmosquitto's, from within its loop functions. */
void mqtt_on_message(struct mosquitto *mosquitto, void *userdata,
                     const struct mosquitto_message *message, const mosquitto_property *properties);
void mqtt_on_publish(struct mosquitto *mosquitto, void *userdata, int message_id, int code,
                     const mosquitto_property *properties);
void mqtt_on_subscribe(struct mosquitto *mosquitto, void *userdata, int message_id, int count,
                       const int *granted, const mosquitto_property *properties);
void mqtt_on_unsubscribe(struct mosquitto *mosquitto, void *userdata, int message_id,
                         const mosquitto_property *properties);

#endif
