/* SPDX-License-Identifier: MIT */
/*
 * What is the same for every program of the container's side on its connection to the broker: MQTT 5, the
 * place, subscriptions that are sent again at each connection, when all that is retained has come, and
 * diagnostics. The connection itself is `mqtt`, for mqtt.h. One thread.
 *
 * A line on stderr, once each, reports that the connection was lost and that it is back; and that a first
 * connection cannot be made, if it is to be tried again. Of connections that are lost at once, one after
 * the other, no more is reported.
 */
#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker_place.h"
#include "mqtt.h"

#define CONNECTION_SUBSCRIPTIONS_MAX 8

/* What happens; as in struct mqtt_handlers, but for: */
struct connection_handlers {
    /* Connected, each time; all subscriptions are on their way already. */
    void (*connected)(void *context);
    /*
     * All that was retained for the subscriptions has come. Once a connection, and once more after each
     * later connection_subscribe().
     */
    void (*settled)(void *context);
    void (*lost)(void *context);
    bool (*failed)(void *context, const struct mqtt_failure *failure);
    void (*message)(void *context, const struct mqtt_message *message);
    void (*acknowledged)(void *context, int number, int reason);
    void (*subscription_refused)(void *context, int reason);
};

struct connection {
    struct mqtt *mqtt;
    const struct broker_place *place;
    struct connection_handlers handlers;
    void *context;
    char *filters[CONNECTION_SUBSCRIPTIONS_MAX];
    size_t filter_count;
    uint32_t round_trip; /* all has come if no message comes before its answer; 0: none */
    bool message_came;   /* since that round trip began */
    bool was_connected;  /* ever */
    bool reported_down;  /* the last diagnostic is that there is no connection */
};

/*
 * Prepares; nothing is sent before mqtt_dispatch(). The place is borrowed. NULL, with a line on stderr, where
 * TLS files cannot be used or memory is short.
 */
struct connection *connection_new(const struct broker_place *place,
                                  const struct connection_handlers *handlers, void *context);

/* Frees; NULL is fine. `clean` as in mqtt_free(): publish what is to be known, and wait for its
 * acknowledgement, before. */
void connection_free(struct connection *connection, bool clean);

/*
 * Adds a topic filter (copied), QoS 1, for this connection and all later ones. False: one too many, or no
 * memory.
 */
bool connection_subscribe(struct connection *connection, const char *filter);

#endif
