/* SPDX-License-Identifier: MIT */
/*
 * One connection to a broker: topics and bytes, and nothing of what they mean.
 *
 * libmosquitto without threads of its own, driven by the caller's poll(2); all of it is for one thread, and
 * nothing blocks. It connects again by itself, for as long as the caller does not give up. Each connection
 * begins with nothing: subscriptions, and what was published and not acknowledged, are the caller's to
 * repeat at `connected`. Times are milliseconds of whatever clock the caller gives to mqtt_dispatch().
 */
#ifndef MQTT_H
#define MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "url.h"

struct mqtt;

/* Texts are borrowed for as long as the struct mqtt lives. */
struct mqtt_options {
    struct mqtt_url url;
    const char *ca_file, *cert_file, *key_file; /* NULL: the system's store; none */
    const char *client_id;        /* NULL: a random one, for the life of the struct mqtt, */
    const char *client_id_prefix; /* behind this */
    const char *username;         /* NULL: none */
    int keepalive;                /* seconds */
    int protocol;                 /* 5, or 4 for MQTT 3.1.1 */
    int64_t back_off_max;         /* milliseconds between two attempts, at most */
};

/* A message that came. All of it is libmosquitto's, for the time of the call. */
struct mqtt_message {
    const char *topic;
    const uint8_t *payload;
    size_t length;
    bool retain;     /* see mqtt_subscribe() */
    uint32_t expiry; /* MQTT 5 message expiry interval in seconds; 0: none */
};

/* Why an attempt to connect failed. */
enum mqtt_problem {
    MQTT_UNREACHABLE, /* `error` is the errno: ENOENT, EACCES, ECONNREFUSED, ...; or 0: no such name */
    MQTT_SILENT,      /* no answer in time */
    MQTT_REFUSED,     /* the broker's word; `error` is the reason code of its protocol */
    MQTT_BROKEN,      /* TLS or protocol; the text says what */
    MQTT_NO_PASSWORD, /* handlers.password failed; `error` is the errno */
};

struct mqtt_failure {
    enum mqtt_problem problem;
    int error;
    const char *text; /* for a message; for the time of the call */
};

enum mqtt_log_level { MQTT_LOG_ERROR, MQTT_LOG_WARNING, MQTT_LOG_INFO, MQTT_LOG_DEBUG };

/*
 * What happens; any may be NULL. All come from within mqtt_dispatch(), but for `log`, which may come from
 * any function. `message`, `acknowledged` and `subscription_refused` come from inside of libmosquitto:
 * what they send only leaves with the next mqtt_dispatch(). No handler may free the struct mqtt.
 */
struct mqtt_handlers {
    /* Before each attempt, for mqtt_set_will(). */
    void (*connecting)(void *context);
    /*
     * The password of the attempt. 1: it is in `out`, closed with a NUL; 0: there is none; or -errno, with
     * which the attempt fails: see mqtt_password_read().
     */
    int (*password)(void *context, char *out, size_t size);
    void (*connected)(void *context);
    void (*disconnected)(void *context);
    /*
     * An attempt has failed, with the last of the broker's addresses. True: try again (which is what
     * happens without this handler); false: give up for good, and log nothing.
     */
    bool (*failed)(void *context, const struct mqtt_failure *failure);
    void (*message)(void *context, const struct mqtt_message *message);
    /*
     * The broker's answer to what mqtt_publish() gave this number: a reason code of MQTT 5, a refusal from
     * 0x80 on. With MQTT 3.1.1 it is always 0.
     */
    void (*acknowledged)(void *context, int number, int reason);
    /* Without this handler it is logged. (Mosquitto with an ACL file takes any, and then sends nothing.) */
    void (*subscription_refused)(void *context, int reason);
    /* All round trips up to and including `number` are answered: see mqtt_round_trip(). */
    void (*answered)(void *context, uint32_t number);
    /*
     * A line about the connection. WARNING: it was lost, or cannot be made; once for each time that it
     * stood, and not again for connections that are lost at once, one after the other. INFO: it stands.
     */
    void (*log)(void *context, enum mqtt_log_level level, const char *line);
};

/*
 * Prepares; nothing is sent before mqtt_dispatch(). NULL, with *problem the words for why, where TLS files
 * cannot be used or memory is short.
 */
struct mqtt *mqtt_new(const struct mqtt_options *options, const struct mqtt_handlers *handlers,
                      void *context, const char **problem);

/* Frees; NULL is fine. `clean` sends a DISCONNECT first, so that the broker forgets the last will. */
void mqtt_free(struct mqtt *mqtt, bool clean);

bool mqtt_is_connected(const struct mqtt *mqtt);

/* Does the broker tell less than it could: is it MQTT 3.1.1? */
bool mqtt_is_old(const struct mqtt *mqtt);

/* For poll(2): fd (-1: none) and events; ask again before each poll. */
int mqtt_fd(const struct mqtt *mqtt);
short mqtt_events(const struct mqtt *mqtt);

/* When mqtt_dispatch() is to be called at the latest; NEVER (clock.h) is one, too. */
int64_t mqtt_deadline(const struct mqtt *mqtt);

/* Reads, writes, connects: what poll(2) said, and what is due. */
void mqtt_dispatch(struct mqtt *mqtt, short revents, int64_t now);

/*
 * The last will, retained and at QoS 1, of the next connection and all later ones; copied. Where memory is
 * short there is none, which is logged.
 */
void mqtt_set_will(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length);

/*
 * Publishes at QoS 1; an empty payload with `retain` deletes what is retained. Returns the number that
 * `acknowledged` will name, or -1 where it cannot be sent: there is no connection, or libmosquitto refuses
 * the message. libmosquitto keeps it until it is acknowledged, so the caller bounds how many are under way.
 * With the connection it is forgotten, and whether the broker has it is not known.
 */
int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain);

/*
 * Retained messages that match are sent by the broker at each call, and `retain` of a message says that it
 * is one of these. Only while connected, as the next three.
 */
void mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos);

/*
 * The same for what others publish, at QoS 1. What is retained is asked for at QoS 0 first: at QoS 1 a broker
 * with Mosquitto's defaults silently drops all but 1020 of it. With MQTT 5, `retain` also says of a live
 * message that it was published to be retained, and our own messages do not come back. With 3.1.1 they do,
 * and what is retained comes again at QoS 1.
 */
void mqtt_subscribe_to_others(struct mqtt *mqtt, const char *filter);
void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter);

/*
 * Asks the broker for an answer behind everything that it has sent and was sent so far. Returns a number that
 * rises with each call and never repeats in a life; `answered` will say it, or a later one. One is under way
 * at a time: what is asked for meanwhile is sent as one when that is answered. A lost connection answers
 * nothing: begin anew at `connected`. Returns 0 while there is no connection.
 *
 * Messages of a subscription at QoS 1 may still be under way behind the answer, if there are more of them
 * than the broker has in flight at a time: all have come when none has come between a round trip and its
 * answer.
 */
uint32_t mqtt_round_trip(struct mqtt *mqtt);

/* The words for a reason code of MQTT 5, such as "Not authorized". */
const char *mqtt_reason_text(int reason);

#endif
