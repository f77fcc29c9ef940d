/* SPDX-License-Identifier: MIT */
/* What goes over the connection: messages, subscriptions, the last will. */
#include "mqtt_inside.h"

#include <mqtt_protocol.h>

#include "log.h"

void mqtt_on_message(struct mosquitto *mosquitto, void *userdata,
                     const struct mosquitto_message *message, const mosquitto_property *properties)
{
    (void)mosquitto;
    struct mqtt *mqtt = userdata;
    struct mqtt_message ours = {.topic = message->topic,
                                .payload = message->payload,
                                .length = (size_t)message->payloadlen,
                                .retain = message->retain};
    mosquitto_property_read_int32(properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &ours.expiry,
                                  false);
    mqtt->handlers.message(mqtt->context, &ours);
}

void mqtt_on_publish(struct mosquitto *mosquitto, void *userdata, int message_id, int code,
                     const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct mqtt *mqtt = userdata;
    mqtt->handlers.acknowledged(mqtt->context, message_id, code >= 0x80);
}

void mqtt_on_subscribe(struct mosquitto *mosquitto, void *userdata, int message_id, int count,
                       const int *granted, const mosquitto_property *properties)
{
    (void)mosquitto, (void)userdata, (void)message_id, (void)properties;
    for (int i = 0; i < count; i++)
        if (granted[i] >= 0x80)
            log_warning("mqtt: the broker refuses a subscription (code 0x%x)",
                        (unsigned)granted[i]);
}

void mqtt_on_unsubscribe(struct mosquitto *mosquitto, void *userdata, int message_id,
                         const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct mqtt *mqtt = userdata;
    if (message_id == mqtt->probe_id)
        mqtt->handlers.answered(mqtt->context);
}

void mqtt_set_will(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length)
{
    int code = mosquitto_will_set(mqtt->mosquitto, topic, (int)length, payload, 1, true);
    if (code != MOSQ_ERR_SUCCESS)
        log_error("mqtt: last will for '%s': %s", topic, mqtt_error_text(code));
}

void mqtt_set_password(struct mqtt *mqtt, const char *password)
{
    int code = mosquitto_username_pw_set(mqtt->mosquitto, mqtt->options.username, password);
    if (code != MOSQ_ERR_SUCCESS)
        log_error("mqtt: user name and password: %s", mqtt_error_text(code));
}

int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain)
{
    int message_id = -1;
    int code =
        mosquitto_publish(mqtt->mosquitto, &message_id, topic, (int)length, payload, 1, retain);
    switch (code) {
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_NOMEM:
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_MALFORMED_UTF8:
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
    case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
    case MOSQ_ERR_OVERSIZE_PACKET:
        log_error("mqtt: '%s' cannot be published: %s", topic, mqtt_error_text(code));
        return -1;
    default:
        /* Taken, or the connection is lost, which the next loop call says. */
        return message_id;
    }
}

bool mqtt_is_old(const struct mqtt *mqtt)
{
    return mqtt->options.protocol != MQTT_PROTOCOL_V5;
}

static void subscribe(struct mqtt *mqtt, const char *filter, int qos, int options)
{
    int code = mosquitto_subscribe_v5(mqtt->mosquitto, NULL, filter, qos, options, NULL);
    if (code != MOSQ_ERR_SUCCESS)
        log_warning("mqtt: subscribing to '%s': %s", filter, mqtt_error_text(code));
}

void mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos)
{
    subscribe(mqtt, filter, qos, 0);
}

void mqtt_subscribe_to_others(struct mqtt *mqtt, const char *filter)
{
    const int options = MQTT_SUB_OPT_NO_LOCAL | MQTT_SUB_OPT_RETAIN_AS_PUBLISHED;
    if (mqtt_is_old(mqtt)) {
        subscribe(mqtt, filter, 1, 0);
        return;
    }
    subscribe(mqtt, filter, 0, options);
    subscribe(mqtt, filter, 1, options | MQTT_SUB_OPT_SEND_RETAIN_NEVER);
}

void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter)
{
    int code = mosquitto_unsubscribe(mqtt->mosquitto, NULL, filter);
    if (code != MOSQ_ERR_SUCCESS)
        log_warning("mqtt: unsubscribing from '%s': %s", filter, mqtt_error_text(code));
}

/* MQTT has a ping, but libmosquitto keeps it to itself; this changes nothing, either. */
bool mqtt_probe(struct mqtt *mqtt)
{
    return mosquitto_unsubscribe(mqtt->mosquitto, &mqtt->probe_id, "mdns-mqtt-bridge/probe") ==
           MOSQ_ERR_SUCCESS;
}
