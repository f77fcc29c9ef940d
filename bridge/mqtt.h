/* SPDX-License-Identifier: MIT */
/*
 * The connection to the broker: topics and bytes. Knows neither Avahi nor services.
 *
 * libmosquitto without threads of its own, driven by the caller's poll(2). Main thread only; nothing
 * blocks. Everything is published and subscribed at QoS 1, but where a function says otherwise.
 */
#ifndef BRIDGE_MQTT_H
#define BRIDGE_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt;

struct mqtt_options {
    const char *host; /* address or name, or the path of a unix socket where port is 0 */
    uint16_t port;
    bool tls;
    const char *ca_file, *cert_file, *key_file; /* NULL: the system's store; none */
    const char *client_id;                      /* NULL: a random one for each life of the bridge */
    const char *username;                       /* NULL: none */
    int keepalive;                              /* seconds */
    int protocol;                               /* 5, or 4 for MQTT 3.1.1 */
};

/* A message that came. All of it is libmosquitto's, for the time of the call. */
struct mqtt_message {
    const char *topic;
    const uint8_t *payload;
    size_t length;
    bool retain;     /* see mqtt_subscribe() */
    uint32_t expiry; /* MQTT 5 message expiry interval in seconds; 0: none */
};

/*
 * What happens on the connection. `connecting` comes before each attempt, for mqtt_set_will() and
 * mqtt_set_password(). The others come from within mqtt_dispatch(). `message` and `acknowledged` come from inside of
 * libmosquitto: they note what came and publish nothing.
 */
struct mqtt_handlers {
    void (*connecting)(void *context);
    void (*connected)(void *context);
    void (*disconnected)(void *context);
    void (*message)(void *context, const struct mqtt_message *message);
    /* The broker has taken, or refused, what mqtt_publish() gave this number. */
    void (*acknowledged)(void *context, int message_id, bool refused);
    /* The broker has answered mqtt_probe(). */
    void (*answered)(void *context);
};

/* The strings of the options are copied. NULL with a log line where TLS files cannot be used. */
struct mqtt *mqtt_new(const struct mqtt_options *options, const struct mqtt_handlers *handlers,
                      void *context);

/*
 * Frees; NULL is fine. `clean` sends a DISCONNECT first, so that the broker forgets the last will. While a
 * thread still looks up the broker's name or connects, it leaves everything to the end of the process.
 */
void mqtt_free(struct mqtt *mqtt, bool clean);

bool mqtt_is_connected(const struct mqtt *mqtt);

/* For poll(2): fd (-1: none) and events; ask again before each poll. */
int mqtt_fd(const struct mqtt *mqtt);
short mqtt_events(const struct mqtt *mqtt);

/* When mqtt_dispatch() is to be called at the latest, in monotonic milliseconds. */
int64_t mqtt_deadline(const struct mqtt *mqtt);

/* Reads, writes, connects: what poll(2) said, and what is due. */
void mqtt_dispatch(struct mqtt *mqtt, short revents, int64_t now);

/* The last will, retained, of the next connection. */
void mqtt_set_will(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length);

/* The password of the next connection; NULL: none. */
void mqtt_set_password(struct mqtt *mqtt, const char *password);

/*
 * Publishes; an empty payload with `retain` deletes what is retained. Returns the number that
 * `acknowledged` will name, or -1 where libmosquitto refuses the message (logged). libmosquitto keeps
 * the message until the broker has acknowledged it, so the caller bounds how many are under way. With the
 * connection it is forgotten: whether the broker has it is not known then. Only while connected.
 */
int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain);

/* Does the broker tell us less than we want: is it MQTT 3.1.1? */
bool mqtt_is_old(const struct mqtt *mqtt);

/*
 * Retained messages that match are sent by the broker at each call, and `retain` of a message says that it
 * is one of these. Only while connected.
 */
void mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos);

/*
 * The same for what others publish, at QoS 1. With MQTT 5, `retain` also says of a live message that it was
 * published to be retained, our own messages do not come back, and what is retained comes at QoS 0: at
 * QoS 1 a broker with Mosquitto's defaults silently drops all but 1020 of it. With 3.1.1 none of this.
 */
void mqtt_subscribe_to_others(struct mqtt *mqtt, const char *filter);
void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter);

/*
 * Asks for a sign of life, which `answered` tells of: the broker then was in good order when it had sent
 * all that came before. False if it could not be asked. Only while connected; one at a time.
 */
bool mqtt_probe(struct mqtt *mqtt);

#endif
