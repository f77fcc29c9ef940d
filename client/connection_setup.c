/* SPDX-License-Identifier: MIT */
/*
 * One struct mosquitto lives as long as the tool. Over a reconnection it keeps what was published and
 * not acknowledged, and sends it again right behind CONNACK.
 */
#include "connection_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <mqtt_protocol.h>

#include "say.h"

static bool make_client_id(char *out, size_t size)
{
    uint8_t bytes[12];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    int length = snprintf(out, size, "mdns-mqtt-");
    for (size_t i = 0; i < sizeof bytes; i++)
        length += snprintf(out + length, size - (size_t)length, "%02x", bytes[i]);
    return true;
}

/* Without TCP_NODELAY a single answer may wait 40 ms for a delayed ACK. */
static int set_options(struct connection *c)
{
    const struct place *place = c->place;
    int code = mosquitto_int_option(c->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_int_option(c->mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    if (code != MOSQ_ERR_SUCCESS || !place->tls)
        return code;
    /* Without a CA file the system's store: libmosquitto wants a directory then. */
    return mosquitto_tls_set(c->mosquitto, place->ca_file, place->ca_file ? NULL : "/etc/ssl/certs",
                             place->cert_file, place->key_file, NULL);
}

struct connection *connection_new(const struct place *place,
                                  const struct connection_handlers *handlers, void *context)
{
    char client_id[64];
    struct connection *c = calloc(1, sizeof *c);

    mosquitto_lib_init();
    if (!c || !make_client_id(client_id, sizeof client_id))
        goto no_memory;
    c->place = place;
    c->handlers = *handlers;
    c->context = context;
    c->question = -1;
    c->back_off = CONNECTION_BACK_OFF_MS;
    c->mosquitto = mosquitto_new(client_id, true, c);
    if (!c->mosquitto)
        goto no_memory;
    mosquitto_connect_v5_callback_set(c->mosquitto, connection_on_connect);
    connection_hear(c->mosquitto);
    int code = set_options(c);
    if (code == MOSQ_ERR_SUCCESS)
        return c;
    say("the TLS files or options cannot be used: %s", connection_error_text(code, errno));
    connection_free(c, false);
    return NULL;
no_memory:
    say("out of memory");
    connection_free(c, false);
    return NULL;
}

void connection_free(struct connection *c, bool clean)
{
    if (c && c->mosquitto) {
        if (clean && c->state == CONNECTION_CONNECTED)
            mosquitto_disconnect(c->mosquitto);
        mosquitto_destroy(c->mosquitto);
    }
    if (c && c->question >= 0)
        close(c->question);
    for (size_t i = 0; c && i < c->filter_count; i++)
        free(c->filters[i]);
    free(c);
    mosquitto_lib_cleanup();
}
