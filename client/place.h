/* SPDX-License-Identifier: MIT */
/*
 * Where the broker is, and who we are there. In this order: --broker URL; MQTT_SOCKET, a socket's
 * path; MQTT_URL; the socket that containers are given, if it is there; 127.0.0.1:1883.
 */
#ifndef CLIENT_PLACE_H
#define CLIENT_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "service.h"

#define PLACE_SOCKET "/run/mdns-mqtt/mqtt.sock"
#define PLACE_DEFAULT_URL "mqtt://127.0.0.1:1883"
#define PLACE_URL_MAX 290
#define PLACE_ERROR_SIZE 400
#define PLACE_PASSWORD_SIZE 4097 /* with its closing NUL */

enum place_source {
    PLACE_FROM_OPTION,
    PLACE_FROM_MQTT_SOCKET,
    PLACE_FROM_MQTT_URL,
    PLACE_FOUND_SOCKET, /* PLACE_SOCKET is there */
    PLACE_BY_DEFAULT,
};

struct place {
    enum place_source source;
    char url[PLACE_URL_MAX + 1];     /* in full, for messages */
    char host[SERVICE_HOST_MAX + 1]; /* name, address (no brackets), or the socket's path */
    uint16_t port;                   /* 0: `host` is a socket's path */
    bool tls;
    const char *username, *password_file, *ca_file, *cert_file,
        *key_file; /* borrowed; NULL: none */
};

/* Finds it. `socket` is PLACE_SOCKET but in tests. False, and what is wrong in `error`. */
bool place_find(struct place *place, const struct options *options, const char *socket,
                char error[PLACE_ERROR_SIZE]);

/* Which setting it comes from, such as "MQTT_URL". */
const char *place_source_name(enum place_source source);

/* What a URL says: url, host, port, tls. NULL, or what is wrong with it (static text). */
const char *place_parse_url(struct place *place, const char *url);

/*
 * Reads the password anew, since it may be replaced while we run. 1: it is in `out`; 0: none is
 * wanted; or -errno: the file cannot be read, is empty or too long.
 */
int place_read_password(const struct place *place, char out[PLACE_PASSWORD_SIZE]);

#endif
