/* SPDX-License-Identifier: MIT */
/*
 * What the files of the connection share: connection.c makes it, loses it and makes it again,
 * connection_attempt.c begins to make it, with one of the broker's addresses,
 * connection_messages.c sends and receives over it, connection_setup.c begins and ends all that.
 */
#ifndef CLIENT_CONNECTION_INSIDE_H
#define CLIENT_CONNECTION_INSIDE_H

#include <mosquitto.h>

#include "connection.h"
#include "lookup.h"

enum connection_state {
    CONNECTION_WAITING,
    CONNECTION_LOOKING_UP,
    CONNECTION_CONNECTING,
    CONNECTION_CONNECTED,
};

struct connection {
    struct mosquitto *mosquitto;
    const struct place *place;
    struct connection_handlers handlers;
    void *context;
    enum connection_state state;
    int64_t deadline;
    int64_t back_off;
    int question;                   /* to lookup.h, while looking up; else -1 */
    struct lookup_answer addresses; /* of the broker */
    unsigned address;               /* which of them is tried */
    char *filters[CONNECTION_SUBSCRIPTIONS_MAX];
    size_t filter_count;
    int round_trip;  /* number of the UNSUBSCRIBE that is under way; 0: none is */
    bool heard;      /* a message came since it was sent */
    bool settled;    /* to be told */
    bool connack;    /* accepted within the loop call under way */
    bool was_up;     /* ever */
    bool complained; /* the last that was said is that there is no connection */
    bool unsteady;   /* one was lost, and none has lasted since */
    int64_t good_at; /* when this connection is one that lasts */
    bool abandoned;  /* the caller has given up */
};

#define CONNECTION_BACK_OFF_MS 100

/* connection.c: the broker's answer to CONNECT. */
void connection_on_connect(struct mosquitto *mosquitto, void *userdata, int reason, int flags,
                           const mosquitto_property *properties);

/* It is not made, or made no more: `code` is libmosquitto's, `error` the errno to it. */
void connection_attempt_failed(struct connection *connection,
                               const struct connection_failure *failure);
void connection_broken(struct connection *connection, int code, int error);

/* connection_attempt.c: looks up the name, or connects. */
void connection_start_attempt(struct connection *connection, int64_t now);

/* The answer is there; connects. */
void connection_take_addresses(struct connection *connection, int64_t now);

/* Which of the addresses is to be tried after this one; their count: none. */
unsigned connection_next_address(const struct connection *connection);

/* What went wrong in libmosquitto. */
const char *connection_error_text(int code, int error);

/* connection_messages.c: has libmosquitto tell what comes. */
void connection_hear(struct mosquitto *mosquitto);

/* Right behind CONNACK. */
void connection_send_subscriptions(struct connection *connection);

/* What was under way is not any more. */
void connection_forget_messages(struct connection *connection);

#endif
