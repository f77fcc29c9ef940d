/* SPDX-License-Identifier: MIT */
/*
 * Where the broker is, and as which user to connect to it. In this order: --broker URL; MQTT_SOCKET, a
 * socket's path; MQTT_URL; the socket that containers are given, if it is there; 127.0.0.1:1883. Main thread
 * only.
 */
#ifndef CLIENT_BROKER_PLACE_H
#define CLIENT_BROKER_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "url.h"

#define BROKER_PLACE_SOCKET "/run/mdns-mqtt/mqtt.sock"
#define BROKER_PLACE_DEFAULT_URL "mqtt://127.0.0.1:1883"
#define BROKER_PLACE_URL_MAX MQTT_URL_MAX
#define BROKER_PLACE_ERROR_SIZE 400

enum broker_place_source {
    BROKER_PLACE_FROM_OPTION,
    BROKER_PLACE_FROM_MQTT_SOCKET,
    BROKER_PLACE_FROM_MQTT_URL,
    BROKER_PLACE_FOUND_SOCKET, /* BROKER_PLACE_SOCKET is there */
    BROKER_PLACE_BY_DEFAULT,
};

struct broker_place {
    enum broker_place_source source;
    char url[BROKER_PLACE_URL_MAX + 1]; /* as it is given, for messages */
    struct mqtt_url broker;
    const char *username, *password_file, *ca_file, *cert_file,
        *key_file; /* borrowed; NULL: none */
};

/* Finds it. `socket` is BROKER_PLACE_SOCKET but in tests. False, and what is wrong in `error`. */
bool broker_place_find(struct broker_place *place, const struct options *options,
                       const char *socket, char error[BROKER_PLACE_ERROR_SIZE]);

/* Which setting it comes from, such as "MQTT_URL". */
const char *broker_place_source_name(enum broker_place_source source);

#endif
