/* SPDX-License-Identifier: MIT */
/*
 * When has all come that was retained? MQTT does not say: a broker sends it around SUBACK, in a window of
 * messages that it refills as they are acknowledged. Behind an acknowledgement it sends the next messages
 * before it reads on, so a round trip in which no message came means that nothing is left.
 */
#include "connection.h"

#include <stdlib.h>
#include <string.h>

#include "diagnostic.h"
#include "password.h"

#define KEEPALIVE_S 30
#define BACK_OFF_MAX_MS 5000

static void begin_round_trip(struct connection *c)
{
    c->message_came = false;
    c->round_trip = mqtt_round_trip(c->mqtt);
}

/* ---- Handlers of mqtt.h ---- */

static int on_password(void *context, char *out, size_t size)
{
    const struct broker_place *place = ((struct connection *)context)->place;
    return place->username && place->password_file
               ? mqtt_password_read(place->password_file, out, size)
               : 0;
}

static void on_connected(void *context)
{
    struct connection *c = context;
    c->was_connected = true;
    for (size_t i = 0; i < c->filter_count; i++)
        mqtt_subscribe(c->mqtt, c->filters[i], 1);
    if (c->filter_count > 0)
        begin_round_trip(c);
    if (c->handlers.connected)
        c->handlers.connected(c->context);
}

static void on_disconnected(void *context)
{
    struct connection *c = context;
    if (c->handlers.lost)
        c->handlers.lost(c->context);
}

static bool on_failed(void *context, const struct mqtt_failure *failure)
{
    struct connection *c = context;
    return !c->handlers.failed || c->handlers.failed(c->context, failure);
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct connection *c = context;
    c->message_came = true;
    if (c->handlers.message)
        c->handlers.message(c->context, message);
}

static void on_acknowledged(void *context, int number, int reason)
{
    struct connection *c = context;
    if (c->handlers.acknowledged)
        c->handlers.acknowledged(c->context, number, reason);
}

static void on_subscription_refused(void *context, int reason)
{
    struct connection *c = context;
    if (c->handlers.subscription_refused)
        c->handlers.subscription_refused(c->context, reason);
}

static void on_answered(void *context, uint32_t number)
{
    struct connection *c = context;
    if (number != c->round_trip)
        return;
    if (c->message_came)
        begin_round_trip(c);
    else if (c->handlers.settled)
        c->handlers.settled(c->context);
}

/* That there is a connection is worth a line behind one that there is none. */
static void on_log(void *context, enum mqtt_log_level level, const char *line)
{
    struct connection *c = context;
    if (level == MQTT_LOG_DEBUG || (level == MQTT_LOG_INFO && !c->reported_down))
        return;
    c->reported_down = level != MQTT_LOG_INFO;
    diagnostic("%s", line);
}

/* ---- Life ---- */

struct connection *connection_new(const struct broker_place *place,
                                  const struct connection_handlers *handlers, void *context)
{
    static const struct mqtt_handlers ours = {
        .password = on_password,
        .connected = on_connected,
        .disconnected = on_disconnected,
        .failed = on_failed,
        .message = on_message,
        .acknowledged = on_acknowledged,
        .subscription_refused = on_subscription_refused,
        .answered = on_answered,
        .log = on_log,
    };
    const struct mqtt_options options = {
        .url = place->broker,
        .ca_file = place->ca_file,
        .cert_file = place->cert_file,
        .key_file = place->key_file,
        .client_id_prefix = "mdns-mqtt-",
        .username = place->username,
        .keepalive = KEEPALIVE_S,
        .protocol = 5,
        .back_off_max = BACK_OFF_MAX_MS,
    };
    const char *problem = "out of memory";
    struct connection *c = calloc(1, sizeof *c);

    if (c) {
        c->place = place;
        c->handlers = *handlers;
        c->context = context;
        c->mqtt = mqtt_new(&options, &ours, c, &problem);
    }
    if (c && c->mqtt)
        return c;
    diagnostic("the TLS files or options cannot be used: %s", problem);
    free(c);
    return NULL;
}

void connection_free(struct connection *c, bool clean)
{
    if (!c)
        return;
    mqtt_free(c->mqtt, clean);
    for (size_t i = 0; i < c->filter_count; i++)
        free(c->filters[i]);
    free(c);
}

bool connection_subscribe(struct connection *c, const char *filter)
{
    if (c->filter_count == CONNECTION_SUBSCRIPTIONS_MAX)
        return false;
    char *copy = strdup(filter);
    if (!copy)
        return false;
    c->filters[c->filter_count++] = copy;
    if (mqtt_is_connected(c->mqtt)) {
        mqtt_subscribe(c->mqtt, filter, 1);
        begin_round_trip(c);
    }
    return true;
}
