/* SPDX-License-Identifier: MIT */
/*
 * Making libmosquitto's client: one for each connection, so that nothing outlives a connection.
 * Internal to the connection to the broker. Main thread only.
 */
#ifndef BRIDGE_MQTT_CLIENT_H
#define BRIDGE_MQTT_CLIENT_H

#include <stdbool.h>

#include "mqtt.h"

struct mosquitto;

/* Copies the options, with a random client id where there is none. False if memory is short. */
bool mqtt_client_copy_options(struct mqtt_options *out, const struct mqtt_options *options);
void mqtt_client_free_options(struct mqtt_options *options);

/*
 * A new client with these options (host, port and user name apart), for mosquitto_destroy(). NULL with
 * libmosquitto's code in *code, and errno where that says so.
 */
struct mosquitto *mqtt_client_new(const struct mqtt_options *options, void *userdata, int *code);

#endif
