/* SPDX-License-Identifier: MIT */
/*
 * The connection to the broker: MQTT 5, clean session, random client id, driven by the caller's
 * poll(2). It comes back by itself and subscribes again. Nobody else knows libmosquitto.
 *
 * It says on stderr, once each, that the connection was lost and that it is back; and that a first
 * connection cannot be made, if it is to be tried again. Of connections that are lost at once, one after
 * the other, it says no more.
 */
#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "place.h"

struct connection;

/* A message that came. All of it is libmosquitto's, for the time of the call. */
struct message {
    const char *topic;
    const uint8_t *payload;
    size_t length;
    bool retained; /* it was there when we subscribed */
};

/* Why an attempt to connect failed. */
enum connection_problem {
    CONNECTION_UNREACHABLE, /* `error` is the errno: ENOENT, EACCES, ECONNREFUSED, ... */
    CONNECTION_SILENT,      /* no answer in ten seconds */
    CONNECTION_REFUSED,     /* the broker's word; `error` is the MQTT 5 reason code */
    CONNECTION_BROKEN,      /* TLS or protocol; the text says what */
    CONNECTION_PASSWORD,    /* the password file cannot be used; `error` is the errno */
};

struct connection_failure {
    enum connection_problem problem;
    int error;
    const char *text; /* for a message; for the time of the call */
};

/*
 * What happens. All of it comes from within connection_dispatch(); any may be NULL. `message`,
 * `acknowledged` and `subscribed` come from inside of libmosquitto: they may publish, but not free
 * the connection.
 */
struct connection_handlers {
    /* Connected, each time; what connection_subscribe() was told is on its way already. */
    void (*connected)(void *context);
    /* All that was retained for the subscriptions has come. Once a connection, and once more after
     * each later connection_subscribe(). */
    void (*settled)(void *context);
    void (*lost)(void *context);
    /* An attempt has failed. True: try again (which is what happens without this handler); false:
     * the caller gives up, and nothing is said on stderr. */
    bool (*failed)(void *context, const struct connection_failure *failure);
    void (*message)(void *context, const struct message *message);
    /* The broker's answer to what connection_publish() gave this number: an MQTT 5 reason code, a
     * refusal from 0x80 on. */
    void (*acknowledged)(void *context, int number, int reason);
    /* The broker refuses a subscription. (Mosquitto with an ACL file does not: it takes it, and
     * sends nothing.) */
    void (*subscription_refused)(void *context, int reason);
};

/*
 * Prepares; nothing is sent before connection_dispatch(). The place is borrowed. NULL, with a line
 * on stderr, where TLS files cannot be used or memory is short.
 */
struct connection *connection_new(const struct place *place,
                                  const struct connection_handlers *handlers, void *context);

/*
 * Frees; NULL is fine. `clean` sends a DISCONNECT first, so that the broker forgets the last will;
 * publish what is to be known, and wait for its acknowledgement, before.
 */
void connection_free(struct connection *connection, bool clean);

bool connection_is_up(const struct connection *connection);

/* Was it ever connected? */
bool connection_was_up(const struct connection *connection);

/* For poll(2): fd (-1: none) and events; ask again before each poll. */
int connection_fd(const struct connection *connection);
short connection_events(const struct connection *connection);

/* When connection_dispatch() is to be called at the latest, in monotonic milliseconds. */
int64_t connection_deadline(const struct connection *connection);

/* Reads, writes, connects: what poll(2) said, and what is due. */
void connection_dispatch(struct connection *connection, short revents, int64_t now);

/* The last will of the next connection, QoS 1. False: it cannot be one. */
bool connection_set_will(struct connection *connection, const char *topic, const char *payload,
                         bool retain);

/*
 * Publishes at QoS 1; an empty payload with `retain` deletes what is retained. Only while connected.
 * Returns the number that `acknowledged` will name, or -1 where libmosquitto refuses the message.
 * It is kept over reconnections until it is acknowledged.
 */
int connection_publish(struct connection *connection, const char *topic, const void *payload,
                       size_t length, bool retain);

#define CONNECTION_SUBSCRIPTIONS_MAX 8

/* Adds a topic filter (copied), QoS 1, for this connection and all later ones. False: one too many,
 * or no memory. */
bool connection_subscribe(struct connection *connection, const char *filter);

/* The words for an MQTT 5 reason code, such as "Not authorized". */
const char *connection_reason_text(int reason);

#endif
