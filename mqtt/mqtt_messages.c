/* SPDX-License-Identifier: MIT */
/*
 * What goes over the connection: messages, subscriptions, round trips, the last will.
 *
 * A round trip is an UNSUBSCRIBE from a filter that nobody has: always allowed, always answered, and in
 * order with everything else that the broker sends. (MQTT has a ping, but libmosquitto keeps it to itself.)
 */
#include "mqtt_inside.h"

#include <stdlib.h>
#include <string.h>

#include <mqtt_protocol.h>

#define ROUND_TRIP_FILTER "mdns-mqtt/round-trip" /* nobody subscribes to it, or publishes there */

/* ---- What libmosquitto calls ---- */

static void on_message(struct mosquitto *mosquitto, void *userdata,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    (void)mosquitto;
    struct mqtt *mqtt = userdata;
    struct mqtt_message ours = {.topic = message->topic,
                                .payload = message->payload,
                                .length = (size_t)message->payloadlen,
                                .retain = message->retain};
    mosquitto_property_read_int32(properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &ours.expiry,
                                  false);
    if (mqtt->handlers.message)
        mqtt->handlers.message(mqtt->context, &ours);
}

static void on_publish(struct mosquitto *mosquitto, void *userdata, int number, int reason,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct mqtt *mqtt = userdata;
    if (mqtt->handlers.acknowledged)
        mqtt->handlers.acknowledged(mqtt->context, number, reason);
}

static void on_subscribe(struct mosquitto *mosquitto, void *userdata, int number, int count,
                         const int *granted, const mosquitto_property *properties)
{
    (void)mosquitto, (void)number, (void)properties;
    struct mqtt *mqtt = userdata;
    for (int i = 0; i < count; i++) {
        if (granted[i] < 0x80)
            continue;
        if (mqtt->handlers.subscription_refused)
            mqtt->handlers.subscription_refused(mqtt->context, granted[i]);
        else
            mqtt_say(mqtt, MQTT_LOG_WARNING, "the broker refuses a subscription (code 0x%x)",
                     (unsigned)granted[i]);
    }
}

static void on_unsubscribe(struct mosquitto *mosquitto, void *userdata, int number,
                           const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct mqtt *mqtt = userdata;
    if (number != mqtt->round_trip)
        return;
    mqtt->round_trip = 0;
    mqtt->answered = mqtt->sent;
}

void mqtt_set_callbacks(struct mosquitto *mosquitto)
{
    mosquitto_message_v5_callback_set(mosquitto, on_message);
    mosquitto_publish_v5_callback_set(mosquitto, on_publish);
    mosquitto_subscribe_v5_callback_set(mosquitto, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(mosquitto, on_unsubscribe);
}

/* ---- What goes over it ---- */

void mqtt_set_will(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length)
{
    free(mqtt->will_topic);
    free(mqtt->will);
    mqtt->will_topic = strdup(topic);
    mqtt->will = malloc(length + 1);
    mqtt->will_length = length;
    if (!mqtt->will_topic || !mqtt->will) {
        mqtt_say(mqtt, MQTT_LOG_ERROR, "last will for '%s': out of memory", topic);
        free(mqtt->will_topic);
        mqtt->will_topic = NULL;
    } else if (length > 0) {
        memcpy(mqtt->will, payload, length);
    }
}

/* Else it is sent, or the connection is lost, which the next loop call says. */
static bool is_refusal(int code)
{
    switch (code) {
    case MOSQ_ERR_SUCCESS:
    case MOSQ_ERR_NO_CONN:
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_TLS:
    case MOSQ_ERR_ERRNO:
        return false;
    default:
        return true;
    }
}

int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain)
{
    int number = -1;
    if (mqtt->state != MQTT_CONNECTED || length > MQTT_MAX_PAYLOAD)
        return -1;
    int code = mosquitto_publish(mqtt->mosquitto, &number, topic, (int)length, payload, 1, retain);
    return is_refusal(code) ? -1 : number;
}

static void subscribe(struct mqtt *mqtt, const char *filter, int qos, int options)
{
    if (mqtt->state != MQTT_CONNECTED)
        return;
    int code = mosquitto_subscribe_v5(mqtt->mosquitto, NULL, filter, qos, options, NULL);
    if (is_refusal(code))
        mqtt_say(mqtt, MQTT_LOG_WARNING, "subscribing to '%s': %s", filter,
                 mosquitto_strerror(code));
}

void mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos)
{
    subscribe(mqtt, filter, qos, 0);
}

void mqtt_subscribe_to_others(struct mqtt *mqtt, const char *filter)
{
    int others = mqtt_is_old(mqtt) ? 0 : MQTT_SUB_OPT_NO_LOCAL | MQTT_SUB_OPT_RETAIN_AS_PUBLISHED;
    int live = mqtt_is_old(mqtt) ? 0 : MQTT_SUB_OPT_SEND_RETAIN_NEVER;
    subscribe(mqtt, filter, 0, others);
    subscribe(mqtt, filter, 1, others | live);
}

void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter)
{
    if (mqtt->state == MQTT_CONNECTED)
        (void)mosquitto_unsubscribe(mqtt->mosquitto, NULL, filter);
}

/* ---- Round trips ---- */

/* If sending fails, the connection is over, or the next deadline tries again. */
static void send_round_trip(struct mqtt *mqtt)
{
    if (mqtt->state != MQTT_CONNECTED || mqtt->round_trip || mqtt->sent == mqtt->asked)
        return;
    if (mosquitto_unsubscribe(mqtt->mosquitto, &mqtt->round_trip, ROUND_TRIP_FILTER) ==
        MOSQ_ERR_SUCCESS)
        mqtt->sent = mqtt->asked;
    else
        mqtt->round_trip = 0;
}

void mqtt_run_round_trips(struct mqtt *mqtt)
{
    uint32_t number = mqtt->answered;
    mqtt->answered = 0;
    if (number && mqtt->handlers.answered)
        mqtt->handlers.answered(mqtt->context, number);
    send_round_trip(mqtt);
}

uint32_t mqtt_round_trip(struct mqtt *mqtt)
{
    if (mqtt->state != MQTT_CONNECTED)
        return 0;
    mqtt->asked++;
    send_round_trip(mqtt);
    return mqtt->asked;
}

const char *mqtt_reason_text(int reason)
{
    return mosquitto_reason_string(reason);
}

bool mqtt_is_old(const struct mqtt *mqtt)
{
    return mqtt->options.protocol != MQTT_PROTOCOL_V5;
}
