/* SPDX-License-Identifier: MIT */
/*
 * Where the broker is, and who we are there. In this order: --broker URL; MQTT_SOCKET, a socket's
 * path; MQTT_URL; the socket that containers are given, if it is there; 127.0.0.1:1883.
 */
#ifndef CLIENT_PLACE_H
#define CLIENT_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "url.h"

#define PLACE_SOCKET "/run/mdns-mqtt/mqtt.sock"
#define PLACE_DEFAULT_URL "mqtt://127.0.0.1:1883"
#define PLACE_URL_MAX MQTT_URL_MAX
#define PLACE_ERROR_SIZE 400

enum place_source {
    PLACE_FROM_OPTION,
    PLACE_FROM_MQTT_SOCKET,
    PLACE_FROM_MQTT_URL,
    PLACE_FOUND_SOCKET, /* PLACE_SOCKET is there */
    PLACE_BY_DEFAULT,
};

struct place {
    enum place_source source;
    char url[PLACE_URL_MAX + 1]; /* as it is given, for messages */
    struct mqtt_url broker;
    const char *username, *password_file, *ca_file, *cert_file,
        *key_file; /* borrowed; NULL: none */
};

/* Finds it. `socket` is PLACE_SOCKET but in tests. False, and what is wrong in `error`. */
bool place_find(struct place *place, const struct options *options, const char *socket,
                char error[PLACE_ERROR_SIZE]);

/* Which setting it comes from, such as "MQTT_URL". */
const char *place_source_name(enum place_source source);

#endif
