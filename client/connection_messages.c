/* SPDX-License-Identifier: MIT */
/*
 * When has all come that was retained? MQTT does not say: a broker sends it around SUBACK, in a
 * window of messages that it refills as they are acknowledged. So we send something that is always
 * allowed and always answered, to unsubscribe from a filter that nobody has, and look at what comes
 * before the answer. Behind an acknowledgement the broker sends the next messages before it reads
 * on, so a round trip in which no message came means that nothing is left.
 */
#include "connection_inside.h"

#include <stdlib.h>
#include <string.h>

/* Nobody subscribes to it, and nobody publishes there. */
#define ROUND_TRIP_FILTER "mdns-mqtt/round-trip"

/* ---- what libmosquitto calls ---- */

static void on_message(struct mosquitto *mosquitto, void *userdata,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct connection *c = userdata;
    struct message ours = {message->topic, message->payload, (size_t)message->payloadlen,
                           message->retain};
    c->heard = true;
    if (c->handlers.message)
        c->handlers.message(c->context, &ours);
}

static void on_publish(struct mosquitto *mosquitto, void *userdata, int number, int reason,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct connection *c = userdata;
    if (c->handlers.acknowledged)
        c->handlers.acknowledged(c->context, number, reason);
}

static void on_subscribe(struct mosquitto *mosquitto, void *userdata, int number, int count,
                         const int *granted, const mosquitto_property *properties)
{
    (void)mosquitto, (void)number, (void)properties;
    struct connection *c = userdata;
    for (int i = 0; i < count; i++)
        if (granted[i] >= 0x80 && c->handlers.subscription_refused)
            c->handlers.subscription_refused(c->context, granted[i]);
}

static void start_round_trip(struct connection *c)
{
    c->heard = false;
    if (mosquitto_unsubscribe(c->mosquitto, &c->round_trip, ROUND_TRIP_FILTER) != MOSQ_ERR_SUCCESS)
        c->round_trip = 0; /* the connection is broken, which shows at the next loop call */
}

static void on_unsubscribe(struct mosquitto *mosquitto, void *userdata, int number,
                           const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct connection *c = userdata;
    if (number != c->round_trip)
        return;
    c->round_trip = 0;
    if (c->heard)
        start_round_trip(c);
    else
        c->settled = true;
}

void connection_hear(struct mosquitto *mosquitto)
{
    mosquitto_message_v5_callback_set(mosquitto, on_message);
    mosquitto_publish_v5_callback_set(mosquitto, on_publish);
    mosquitto_subscribe_v5_callback_set(mosquitto, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(mosquitto, on_unsubscribe);
}

/* ---- what we send ---- */

void connection_send_subscriptions(struct connection *c)
{
    if (c->filter_count == 0)
        return;
    mosquitto_subscribe_multiple(c->mosquitto, NULL, (int)c->filter_count, c->filters, 1, 0, NULL);
    start_round_trip(c);
}

void connection_forget_messages(struct connection *c)
{
    c->settled = c->heard = false;
    c->round_trip = 0;
}

bool connection_set_will(struct connection *c, const char *topic, const char *payload, bool retain)
{
    return mosquitto_will_set(c->mosquitto, topic, (int)strlen(payload), payload, 1, retain) ==
           MOSQ_ERR_SUCCESS;
}

int connection_publish(struct connection *c, const char *topic, const void *payload, size_t length,
                       bool retain)
{
    int number = -1;
    int code = mosquitto_publish(c->mosquitto, &number, topic, (int)length, payload, 1, retain);
    switch (code) {
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_NOMEM:
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_MALFORMED_UTF8:
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
    case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return -1;
    default:
        /* Taken, even where sending failed: it goes out after the next CONNACK. */
        return number;
    }
}

bool connection_subscribe(struct connection *c, const char *filter)
{
    if (c->filter_count == CONNECTION_SUBSCRIPTIONS_MAX)
        return false;
    char *copy = strdup(filter);
    if (!copy)
        return false;
    c->filters[c->filter_count++] = copy;
    if (c->state == CONNECTION_CONNECTED) {
        mosquitto_subscribe(c->mosquitto, NULL, filter, 1);
        start_round_trip(c);
    }
    return true;
}
