/* SPDX-License-Identifier: MIT */
/* Where a broker is, as text: mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:///PATH. No I/O; any thread. */
#ifndef MQTT_URL_H
#define MQTT_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MQTT_URL_HOST_MAX 253 /* bytes of a DNS name; a socket's path is shorter */
#define MQTT_URL_MAX (sizeof "mqtts://[]:65535" - 1 + MQTT_URL_HOST_MAX)

struct mqtt_url {
    bool tls;
    uint16_t port;                    /* 0: `host` is the path of a Unix socket */
    char host[MQTT_URL_HOST_MAX + 1]; /* a name, an address (IPv6 without brackets), or a path */
};

/* NULL, or what is wrong with the URL: constant text that holds nothing of it. */
const char *mqtt_url_parse(struct mqtt_url *url, const char *text);

/* Writes it in full, with the port. */
void mqtt_url_write(char out[MQTT_URL_MAX + 1], const struct mqtt_url *url);

#endif
